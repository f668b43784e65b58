/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Allocation that does not fail: a daemon without memory ends, and is started again from its saved state. */
#ifndef SKEL_MEM_H
#define SKEL_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);
void *mem_zalloc(size_t size);
void *mem_realloc(void *old, size_t size);
char *mem_strdup(const char *text);

#endif
