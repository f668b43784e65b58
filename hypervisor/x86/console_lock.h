/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The locks of the console and its devices. An NMI that interrupts a holder may print (what a CPU ran): it does not wait for
 * itself, and the text may be garbled. In a panic nobody waits.
 */
#ifndef X86_CONSOLE_LOCK_H
#define X86_CONSOLE_LOCK_H
#include "lib/spinlock.h"
#include "x86/current.h"

#define CONSOLE_SPIN_MAX 2000000000u	/* many seconds: the holder is lost, a message must not be the next victim */

struct console_lock { spinlock_t lock; volatile uint32_t owner; };	/* owner: CPU + 1; 0: none */
#define CONSOLE_LOCK_UNLOCKED { SPIN_LOCK_UNLOCKED, 0 }
extern volatile bool console_broken;	/* panic */
struct console_locked { unsigned long flags; bool nested; };

static inline struct console_locked console_lock(struct console_lock *l)
{
	struct console_locked k = { irq_save(), false };
	uint32_t me = smp_processor_id() + 1, spins = 0;

	while (!spin_trylock(&l->lock)) {
		if (l->owner == me || console_broken || ++spins == CONSOLE_SPIN_MAX) {
			k.nested = true;
			return k;
		}
		__builtin_ia32_pause();
	}
	l->owner = me;
	return k;
}

static inline void console_unlock(struct console_lock *l, struct console_locked k)
{
	if (!k.nested) {
		l->owner = 0;
		spin_unlock(&l->lock);
	}
	irq_restore(k.flags);
}
#endif
