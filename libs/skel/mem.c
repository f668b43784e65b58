// SPDX-License-Identifier: GPL-2.0-or-later
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
	if (!p) {
		fputs("<2>out of memory\n", stderr);
		abort();
	}
	return p;
}

void *mem_alloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
	/* calloc() does not look among what this thread has freed (glibc's tcache, which ends here). */
	return size <= 1032 ? memset(mem_alloc(size), 0, size) : checked(calloc(1, size));
}

void *mem_realloc(void *old, size_t size)
{
	return checked(realloc(old, size ? size : 1));
}

char *mem_strdup(const char *text)
{
	return checked(strdup(text));
}
