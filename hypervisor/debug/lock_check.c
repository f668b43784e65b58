/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finds locks that are taken in two orders before two CPUs do so at once. Locks of one name are one class; while a lock of class
 * A is held, taking one of class B says "A before B". Taking A when B before ... before A has been seen is reported with
 * both names and a call trace, once. A lock that an interrupt takes counts as taken under what was interrupted, which is
 * right: it can happen at any lock that is held with interrupts on. Locks of one class within each other are their owner's to
 * order (by domain id, say).
 *
 * And how long each class was held at the most, which is how long a CPU may have to wait for another: XEN_SYSCTL_perfc_op tells.
 */
#include "lib/atomic.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "x86/current.h"
#include "x86/traps.h"

const bool lock_check_on = true;

#define CLASSES_MAX 256u
#define HELD_MAX 16u

struct held { unsigned n; spinlock_t *lock[HELD_MAX]; uint64_t since[HELD_MAX]; };
static DEFINE_PER_CPU(struct held, held);

static const char *class_name[CLASSES_MAX];
static unsigned nr_classes = 1;		/* 0 is no class */
static uint32_t before[CLASSES_MAX][CLASSES_MAX / 32];	/* bit b of before[a]: a was held when b was taken */
static uint32_t reported[CLASSES_MAX][CLASSES_MAX / 32];
static uint64_t longest[CLASSES_MAX];	/* TSC ticks, from before it was waited for; of two CPUs at once one may be lost */
static volatile uint32_t classes_busy;	/* a lock that does not check itself */

static unsigned class_of(spinlock_t *l)
{
	unsigned c = READ_ONCE(l->class);

	if (likely(c) || !l->name)
		return c;
	unsigned long f = irq_save();

	while (xchg(&classes_busy, 1))
		__builtin_ia32_pause();
	for (c = 1; c < nr_classes && strcmp(class_name[c], l->name); c++)
		;
	if (c == nr_classes && c < CLASSES_MAX) {
		class_name[c] = l->name;
		nr_classes++;
	}
	__atomic_store_n(&classes_busy, 0, __ATOMIC_RELEASE);
	irq_restore(f);
	if (c == CLASSES_MAX)
		return 0;
	WRITE_ONCE(l->class, c);
	return c;
}

/* Has 'from' been seen before 'to', directly or through others? */
static bool leads_to(unsigned from, unsigned to)
{
	uint32_t seen[CLASSES_MAX / 32] = { 0 };
	uint8_t todo[CLASSES_MAX];
	unsigned n = 0;

	todo[n++] = from;
	set_bit(from, seen);
	while (n) {
		unsigned c = todo[--n];

		if (test_bit(to, before[c]))
			return true;
		for (unsigned k = 1; k < nr_classes; k++)
			if (test_bit(k, before[c]) && !test_and_set_bit(k, seen))
				todo[n++] = k;
	}
	return false;
}

static void note_order(unsigned outer, unsigned inner)
{
	if (test_bit(inner, before[outer]))
		return;
	if (leads_to(inner, outer)) {
		if (test_and_set_bit(inner, reported[outer]))
			return;
		printk(LOG_ERR "Lock order: '%s' is taken while '%s' is held, and elsewhere the other way round\n",
		       class_name[inner], class_name[outer]);
		show_call_trace((uint64_t)__builtin_frame_address(0), 0);
		return;
	}
	set_bit(inner, before[outer]);
}

static void push(spinlock_t *l, bool waits)
{
	unsigned long f = irq_save();
	struct held *h = &this_cpu(held);
	unsigned c = class_of(l);

	for (unsigned i = 0; waits && c && i < MIN(h->n, HELD_MAX); i++) {
		unsigned outer = class_of(h->lock[i]);

		if (h->lock[i] == l)
			panic("Lock '%s' is taken by the CPU that holds it", l->name);
		if (outer && outer != c)
			note_order(outer, c);
	}
	if (h->n < HELD_MAX) {
		h->lock[h->n] = l;
		h->since[h->n] = __builtin_ia32_rdtsc();
	}
	h->n++;
	irq_restore(f);
}

void lock_check_acquire(spinlock_t *l)
{
	if (l->name)
		push(l, true);
}

void lock_check_acquired(spinlock_t *l)
{
	if (l->name)
		push(l, false);
}

static void note_time(const spinlock_t *l, uint64_t since)
{
	uint64_t t = __builtin_ia32_rdtsc() - since;

	if (t > longest[l->class])
		longest[l->class] = t;
}

void lock_check_release(spinlock_t *l)
{
	unsigned long f;
	struct held *h;
	unsigned i;

	if (!l->name)
		return;
	f = irq_save();
	h = &this_cpu(held);
	for (i = MIN(h->n, HELD_MAX); i && h->lock[i - 1] != l; i--)
		;
	if (i) {
		note_time(l, h->since[i - 1]);
		for (; i < MIN(h->n, HELD_MAX); i++) {
			h->lock[i - 1] = h->lock[i];
			h->since[i - 1] = h->since[i];
		}
		h->n--;
	} else if (h->n > HELD_MAX) {
		h->n--;
	} else {
		panic("Lock '%s' is released by a CPU that does not hold it", l->name);
	}
	irq_restore(f);
}

void lock_check_none_held(void)
{
	struct held *h = &this_cpu(held);

	if (h->n)
		panic("Lock '%s' was not released", h->lock[0]->name);
}

const char *lock_check_longest(unsigned i, uint64_t *ticks)
{
	if (i + 1 >= nr_classes)
		return NULL;
	*ticks = longest[i + 1];
	return class_name[i + 1];
}

void lock_check_forget(void)
{
	memset(longest, 0, sizeof(longest));
}
