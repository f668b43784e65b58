/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a CPU does that has nobody to run: softirqs, then memory that is to be zeroed, then it waits.
 *
 * Work often comes soon after a CPU has fallen idle: an answer, the next request. To look for it for a while then costs less than
 * to halt and be woken, which takes an IPI and, where the CPU is itself somebody's guest, a way through that hypervisor and its
 * scheduler. While a CPU looks, SOFTIRQ_POLLED tells others that a bit in its softirqs is enough. It does so only after waits that
 * were short, so that one that has little to do sleeps.
 */
#include "sched/private.h"
#include "sched/hotplug.h"
#include "boot/cmdline.h"
#include "lib/string.h"
#include "mem/alloc.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/time.h"

#define POLL_VIRTUAL	200000ll	/* ns, unless the command line says otherwise; on bare metal 0 */
#define LOOKS		256u		/* between two pauses: under QEMU's emulation a pause takes a lock that all CPUs share */

static s_time_t poll_max = -1;
static DEFINE_PER_CPU(s_time_t, poll_time);	/* how long this CPU would look */

static void parse_idle_poll(const char *v)
{
	poll_max = (s_time_t)MIN(strtoul(v, NULL, 10), 1000000ul) * 1000;
}
BOOT_PARAM(idle_poll, "idle_poll", parse_idle_poll, "microseconds that an idle CPU looks for work before it halts");

void idle_init(void)
{
	if (poll_max < 0)
		poll_max = cpuid(1, 0).c >> 31 ? POLL_VIRTUAL : 0;	/* CPUID's word that there is a hypervisor below */
}

static void look_for_work(s_time_t end)
{
	volatile uint32_t *pending = &cpu_info()->softirq_pending;

	__atomic_fetch_or(pending, SOFTIRQ_POLLED, __ATOMIC_SEQ_CST);
	do {
		for (unsigned i = 0; i < LOOKS && *pending == SOFTIRQ_POLLED; i++)
			barrier();
		cpu_relax();
	} while (*pending == SOFTIRQ_POLLED && now() < end);
	__atomic_fetch_and(pending, ~SOFTIRQ_POLLED, __ATOMIC_SEQ_CST);
}

static void halt(void)
{
	__asm__ volatile("cli" ::: "memory");
	if (softirq_is_pending())
		__asm__ volatile("sti" ::: "memory");
	else
		__asm__ volatile("sti; hlt" ::: "memory");
}

static void wait_for_work(void)
{
	s_time_t *mine = &this_cpu(poll_time), begun;

	if (!poll_max || nr_cpus_online == 1) {
		halt();
		return;
	}
	begun = now();
	if (*mine)
		look_for_work(begun + *mine);
	if (!softirq_is_pending())
		halt();
	if (now() - begun < poll_max)
		*mine = poll_max;
	else
		*mine = *mine > poll_max / 8 ? *mine / 2 : 0;
}

void idle_loop(void)
{
	for (;;) {
		do_softirq();
		rcu_quiescent();
		if (unlikely(cpu_to_stop == smp_processor_id())) {
			cpu_stop_work();
			continue;
		}
		if (softirq_is_pending() || scrub_some())
			continue;
		wait_for_work();
	}
}
