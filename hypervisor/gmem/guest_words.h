/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A few words from and to the current guest's linear addresses, on the way of every trap and system call: by the rules of
 * guest_access.h, unrolled for a constant number of words. False: a fault, and some words may be copied.
 */
#ifndef GMEM_GUEST_WORDS_H
#define GMEM_GUEST_WORDS_H
#include "lib/types.h"
#include "x86/cpu.h"
#include "x86/layout.h"
#include "x86/traps.h"

#define WORDS static inline __attribute__((always_inline))

WORDS bool guest_words_in(uint64_t *words, uint64_t from, unsigned n)
{
	uint32_t bad = 0;	/* asm goto with outputs crashes gcc 12 */

	if (unlikely(!guest_addr_ok(from, n * 8)))
		return false;
	stac();
#pragma GCC unroll 16
	for (unsigned i = 0; i < n; i++)
		__asm__ volatile("1: movq %2, %0\n2:\n"
				 ".section .text.fixup,\"ax\"\n3: movl $1, %1\n jmp 2b\n.previous\n"
				 EX_TABLE(1b, 3b)
				 : "=&r"(words[i]), "+r"(bad) : "m"(((const volatile uint64_t *)from)[i]));
	clac();
	return !bad;
}

WORDS bool guest_words_out(uint64_t to, const uint64_t *words, unsigned n)
{
	if (unlikely(!guest_addr_ok(to, n * 8)))
		return false;
	stac();
#pragma GCC unroll 16
	for (unsigned i = 0; i < n; i++)
		__asm__ goto("1: movq %0, %1\n" EX_TABLE(1b, %l[fault])
			     : : "r"(words[i]), "m"(((uint64_t *)to)[i]) : "memory" : fault);
	clac();
	return true;
fault:
	clac();
	return false;
}
#endif
