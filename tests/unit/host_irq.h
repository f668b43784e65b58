/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs whose local APICs the test makes up; interrupts come when it says so. */
#ifndef HOST_IRQ_H
#define HOST_IRQ_H
#include "host_tlb.h"
#include "x86/io.h"

#define irq_enable() ((void)0)
#define spin_lock_irqsave(l) ({ spin_lock(l); 0ul; })
#define spin_unlock_irqrestore(l, f) ({ (void)(f); spin_unlock(l); })
#endif
