/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bitmaps of unsigned long, and sets of CPUs. Not atomic unless said. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H
#include "lib/atomic.h"

#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, 64)
/* First set (clear) bit at or after 'from', or 'size' if there is none. */
unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long bitmap_weight(const unsigned long *map, unsigned long size);

typedef struct { unsigned long bits[BITS_TO_LONGS(NR_CPUS)]; } cpumask_t;
static inline void cpumask_clear(cpumask_t *m) { *m = (cpumask_t){ { 0 } }; }
static inline void cpumask_setall(cpumask_t *m) { for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) m->bits[i] = ~0ul; }
static inline void cpumask_set_cpu(unsigned c, cpumask_t *m) { set_bit(c, m->bits); }	/* atomic */
static inline void cpumask_clear_cpu(unsigned c, cpumask_t *m) { clear_bit(c, m->bits); }	/* atomic */
static inline bool cpumask_test_cpu(unsigned c, const cpumask_t *m) { return test_bit(c, m->bits); }
static inline bool cpumask_empty(const cpumask_t *m)
{
	unsigned long o = 0;
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) o |= m->bits[i];
	return !o;
}
static inline void cpumask_and(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) d->bits[i] = a->bits[i] & b->bits[i];
}
static inline void cpumask_or(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) d->bits[i] = a->bits[i] | b->bits[i];
}
static inline void cpumask_andnot(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) d->bits[i] = a->bits[i] & ~b->bits[i];
}
static inline bool cpumask_intersects(const cpumask_t *a, const cpumask_t *b)
{
	cpumask_t t; cpumask_and(&t, a, b); return !cpumask_empty(&t);
}
static inline bool cpumask_equal(const cpumask_t *a, const cpumask_t *b)
{
	unsigned long o = 0;
	for (unsigned i = 0; i < BITS_TO_LONGS(NR_CPUS); i++) o |= a->bits[i] ^ b->bits[i];
	return !o;
}
static inline unsigned cpumask_first(const cpumask_t *m) { return find_next_bit(m->bits, NR_CPUS, 0); }
static inline unsigned cpumask_next(unsigned c, const cpumask_t *m) { return find_next_bit(m->bits, NR_CPUS, c + 1ul); }
static inline unsigned cpumask_weight(const cpumask_t *m) { return bitmap_weight(m->bits, NR_CPUS); }
#define for_each_cpu(c, m) for ((c) = cpumask_first(m); (c) < NR_CPUS; (c) = cpumask_next(c, m))
#endif
