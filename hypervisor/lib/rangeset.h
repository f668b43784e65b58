/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of [start,end] ranges of unsigned long: I/O ports, I/O memory frames and interrupts that a domain may use. */
#ifndef LIB_RANGESET_H
#define LIB_RANGESET_H
#include "lib/types.h"
struct rangeset;
/* What this module needs of the one above: memory (mem/heap.c provides them). */
void *heap_zalloc(size_t size);
void heap_free(void *p);
struct rangeset *rangeset_new(const char *name);	/* NULL: no memory */
void rangeset_destroy(struct rangeset *r);		/* NULL is fine */
int rangeset_add(struct rangeset *r, unsigned long s, unsigned long e);	/* -ENOMEM */
int rangeset_remove(struct rangeset *r, unsigned long s, unsigned long e);	/* -ENOMEM: a range had to be split */
bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e);	/* all of [s,e] */
bool rangeset_overlaps(const struct rangeset *r, unsigned long s, unsigned long e);
/* Calls fn for each range in order until it returns non-zero, which is returned. */
int rangeset_for_each(const struct rangeset *r, int (*fn)(unsigned long s, unsigned long e, void *arg), void *arg);
#endif
