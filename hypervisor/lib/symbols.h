/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The names of the hypervisor's functions, for stack traces.
 *
 * tools/symtab.py makes the table from the first link of the image. Functions are sorted by address; names are
 * NUL-terminated strings in the same order, and every SYMTAB_GROUP-th has its place in `groups`.
 */
#ifndef LIB_SYMBOLS_H
#define LIB_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#define SYMTAB_GROUP 16u

struct symtab {
	uint64_t base;          /* address that the offsets count from */
	uint64_t end;           /* first address after the last function */
	uint32_t count;         /* functions */
	const uint32_t *offset; /* [count], ascending */
	const uint32_t *groups; /* [(count + SYMTAB_GROUP - 1) / SYMTAB_GROUP], offsets into names */
	const char *names;
};

struct symbol {
	const char *name;
	uint64_t offset; /* bytes from the function's start to the address asked for */
	uint64_t size;   /* bytes to the next function's start */
};

/* Generated: the table of this very image. */
extern const struct symtab symtab;

/* Finds the function of `t` that holds addr. False, with *out untouched, if addr is in none. Takes no lock. */
bool symtab_find(const struct symtab *t, uint64_t addr, struct symbol *out);

/* The same in this image's own table. */
static inline bool symbols_lookup(uint64_t addr, struct symbol *out)
{
	return symtab_find(&symtab, addr, out);
}

#endif
