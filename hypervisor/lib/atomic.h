/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Atomic operations and bit operations on shared words; all full barriers unless said. */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H
#include "lib/types.h"

typedef struct { int v; } atomic_t;
static inline int atomic_read(const atomic_t *a) { return READ_ONCE(a->v); }
static inline void atomic_set(atomic_t *a, int v) { WRITE_ONCE(a->v, v); }
static inline void atomic_inc(atomic_t *a) { __atomic_fetch_add(&a->v, 1, __ATOMIC_SEQ_CST); }
static inline void atomic_dec(atomic_t *a) { __atomic_fetch_sub(&a->v, 1, __ATOMIC_SEQ_CST); }
static inline int atomic_add_return(atomic_t *a, int n) { return __atomic_add_fetch(&a->v, n, __ATOMIC_SEQ_CST); }
static inline bool atomic_dec_and_test(atomic_t *a) { return atomic_add_return(a, -1) == 0; }

#define cmpxchg(p, o, n) ({ __typeof__(((void)0, *(p))) o__ = (o); \
	__atomic_compare_exchange_n((p), &o__, (n), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); o__; })
#define xchg(p, n) __atomic_exchange_n((p), (n), __ATOMIC_SEQ_CST)

/*
 * Bit operations on arrays of any 4- or 8-byte words, numbered from the lowest address. They compile to lock-prefixed
 * instructions on 32 bits, so they are safe on 4-byte aligned guest memory (event words) too.
 */
static inline bool test_bit(unsigned long nr, const volatile void *p)
{
	return (((const volatile uint32_t *)p)[nr >> 5] >> (nr & 31)) & 1;
}
static inline void set_bit(unsigned long nr, volatile void *p)
{
	__atomic_fetch_or(&((volatile uint32_t *)p)[nr >> 5], 1u << (nr & 31), __ATOMIC_SEQ_CST);
}
static inline void clear_bit(unsigned long nr, volatile void *p)
{
	__atomic_fetch_and(&((volatile uint32_t *)p)[nr >> 5], ~(1u << (nr & 31)), __ATOMIC_SEQ_CST);
}
static inline bool test_and_set_bit(unsigned long nr, volatile void *p)
{
	uint32_t m = 1u << (nr & 31);
	return __atomic_fetch_or(&((volatile uint32_t *)p)[nr >> 5], m, __ATOMIC_SEQ_CST) & m;
}
static inline bool test_and_clear_bit(unsigned long nr, volatile void *p)
{
	uint32_t m = 1u << (nr & 31);
	return __atomic_fetch_and(&((volatile uint32_t *)p)[nr >> 5], ~m, __ATOMIC_SEQ_CST) & m;
}
#define mb()	__asm__ volatile("mfence" ::: "memory")
#define rmb()	barrier()	/* x86 keeps the order of loads, and of stores */
#define wmb()	barrier()
#define smp_mb() __asm__ volatile("lock; addl $0,-4(%%rsp)" ::: "memory", "cc")
#endif
