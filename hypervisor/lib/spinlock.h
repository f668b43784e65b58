/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Spinlocks (ticket). Plain spin_lock is for locks never taken in interrupt context; use the _irqsave forms where an
 * interrupt handler may take the lock too. Order: docs/locking.md. Debug builds check it (debug/lock_check.c).
 */
#ifndef LIB_SPINLOCK_H
#define LIB_SPINLOCK_H
#include "lib/atomic.h"

struct spinlock {
	union { uint32_t both; struct { uint16_t head, tail; }; };
	uint16_t class;		/* number that lock_check gave to the name; 0: none yet */
	const char *name;	/* locks of one name are one class; NULL: not checked */
};
typedef struct spinlock spinlock_t;
#define LOCK_STR_(x) #x
#define LOCK_STR(x) LOCK_STR_(x)
#define LOCK_NAME(n) __FILE__ ":" LOCK_STR(__LINE__) " " n
#define SPIN_LOCK_UNLOCKED { .name = NULL }
#define DEFINE_SPINLOCK(n) spinlock_t n = { .name = LOCK_NAME(#n) }
#define spin_lock_init(l) (*(l) = (spinlock_t){ .name = LOCK_NAME(#l) })

/*
 * Provided by debug/lock_check.c, and by release/lock_check.c as nothing, which says so by lock_check_on: to load a word costs less
 * than to save for a call what it may change. acquire: before waiting for l; acquired: after an attempt
 * that succeeded without waiting.
 */
extern const bool lock_check_on;
void lock_check_acquire(spinlock_t *l);
void lock_check_acquired(spinlock_t *l);
void lock_check_release(spinlock_t *l);
void lock_check_none_held(void);	/* at points that no lock may be carried across */

/* Of the i-th class that has been used its name, and how long one was held at the most since lock_check_forget; NULL: no more. */
const char *lock_check_longest(unsigned i, uint64_t *ticks);
void lock_check_forget(void);

static inline void spin_lock(spinlock_t *l)
{
	if (unlikely(lock_check_on))
		lock_check_acquire(l);
	uint16_t me = __atomic_fetch_add(&l->tail, 1, __ATOMIC_ACQUIRE);

	while (unlikely(__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != me))
		__builtin_ia32_pause();
}
static inline bool spin_trylock(spinlock_t *l)
{
	struct spinlock o, n;

	o.both = __atomic_load_n(&l->both, __ATOMIC_RELAXED);
	if (o.head != o.tail)
		return false;
	n.both = o.both;
	n.tail++;
	if (!__atomic_compare_exchange_n(&l->both, &o.both, n.both, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	if (unlikely(lock_check_on))
		lock_check_acquired(l);
	return true;
}
static inline void spin_unlock(spinlock_t *l)
{
	if (unlikely(lock_check_on))
		lock_check_release(l);
	__atomic_store_n(&l->head, (uint16_t)(l->head + 1), __ATOMIC_RELEASE);
}
static inline bool spin_is_locked(const spinlock_t *l) { return l->head != l->tail; }

static inline unsigned long irq_save(void)
{
	unsigned long f;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(f) :: "memory");
	return f;
}
static inline void irq_restore(unsigned long f) { __asm__ volatile("pushq %0; popfq" :: "r"(f) : "memory", "cc"); }
static inline unsigned long spin_lock_irqsave(spinlock_t *l) { unsigned long f = irq_save(); spin_lock(l); return f; }
static inline void spin_unlock_irqrestore(spinlock_t *l, unsigned long f) { spin_unlock(l); irq_restore(f); }
#endif
