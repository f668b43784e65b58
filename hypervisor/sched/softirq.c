/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/softirq.h"
#include "lib/panic.h"
#include "x86/cpu.h"

static void (*handlers[SOFTIRQ_NR])(void);

void softirq_open(unsigned nr, void (*fn)(void))
{
	ASSERT(nr < SOFTIRQ_NR);
	handlers[nr] = fn;
}

void softirq_raise(unsigned nr)
{
	set_bit(nr, &cpu_info()->softirq_pending);
}

void softirq_raise_cpu(unsigned cpu, unsigned nr)
{
	volatile uint32_t *pending = &per_cpu(info, cpu)->softirq_pending;

	if (test_and_set_bit(nr, pending) || cpu == smp_processor_id())
		return;
	/* One that polls sees the bit: it looks once more after it has said that it polls no longer. */
	if (!(*pending & SOFTIRQ_POLLED))
		smp_send_event_check(cpu);
}

/* Runs what is pending and not in 'not_now', lowest number first, looking again after each. */
static void run_pending(uint32_t not_now)
{
	for (;;) {
		uint32_t pending = cpu_info()->softirq_pending & ~not_now;
		unsigned nr;

		if (!pending)
			return;
		nr = (unsigned)__builtin_ctz(pending);
		clear_bit(nr, &cpu_info()->softirq_pending);
		if (handlers[nr])
			handlers[nr]();
	}
}

void do_softirq(void)
{
	run_pending(0);
}

void softirq_process_some(void)
{
	run_pending(1u << SOFTIRQ_SCHEDULE | 1u << SOFTIRQ_RCU | 1u << SOFTIRQ_TASKLET | 1u << SOFTIRQ_CHECK);
}
