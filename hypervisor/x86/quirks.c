// SPDX-License-Identifier: GPL-2.0-or-later
#include "x86/quirks.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/page.h"
#include "lib/panic.h"
#include "lib/spinlock.h"

#define CR4_SMAP (1ul << 21)

static void clear_smap(void *unused)
{
	write_cr4(read_cr4() & ~CR4_SMAP);
}

bool quirk_smap_ring3(uint32_t error_code)
{
	if ((error_code & (PFEC_P | PFEC_U | PFEC_RSVD)) != PFEC_P || !(host_cr4 & CR4_SMAP))
		return false;
	printk(LOG_WARN "SMAP: off, for this CPU applies it to far returns of ring 3 (a fault of QEMU before version 10)\n");
	smap_on = false;
	host_cr4 &= ~CR4_SMAP;
	on_selected_cpus(&cpu_online_map, clear_smap, NULL, true);
	return true;
}

static DEFINE_SPINLOCK(still_lock);	/* one holder at a time; waited for with interrupts on */
static uint32_t still;	/* counts begins and ends: odd while the others are held */

/* Only while the hold that asked is on: one that comes late must not wait for the next, whose holder waits for it. */
static void hold_still(void *hold)
{
	while (READ_ONCE(still) == (uintptr_t)hold)
		cpu_relax();
}

static bool is_tcg(void)
{
	struct cpuid_leaf l;

	if (!(cpuid(1, 0).c & (1u << 31)))
		return false;
	l = cpuid(0x40000000, 0);
	return l.b == 0x54474354 && l.c == 0x43544743 && l.d == 0x47435447;	/* "TCGTCGTCGTCG" */
}

bool quirk_hold_others(void)
{
	static int tcg = -1;
	cpumask_t others = cpu_online_map;

	if (tcg < 0)
		tcg = is_tcg();
	if (!tcg || cpumask_weight(&others) == 1)
		return false;
	spin_lock(&still_lock);
	WRITE_ONCE(still, still + 1);
	others.bits[smp_processor_id() / 64] &= ~(1ul << smp_processor_id() % 64);
	on_selected_cpus(&others, hold_still, (void *)(uintptr_t)still, false);	/* returns when all have begun it */
	return true;
}

void quirk_release_others(void)
{
	WRITE_ONCE(still, still + 1);
	spin_unlock(&still_lock);
}
