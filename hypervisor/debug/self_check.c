/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When and how: by a debug key or a timer, at a moment when no CPU is in the midst of anything. One leads, in a softirq, and asks
 * the others into theirs, where they wait with interrupts on; a CPU that does not come soon may wait for one that waits here, so
 * that the leader gives up and tries again later. What is checked stands in self_check_frames.c, self_check_shadow.c and
 * self_check_lists.c.
 */
#include "debug/self_check.h"
#include "boot/cmdline.h"
#include "init_self_check.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "x86/cpu.h"
#include "x86/keyhandler.h"
#include "x86/time.h"

#define NS_PER_MS	1000000ll
#define PATIENCE	(20 * NS_PER_MS)
#define AGAIN		(5 * NS_PER_MS)

static uint64_t period_ms;
static struct timer timer;
static volatile bool wanted;		/* by the timer or the key; the leader takes it */
static bool wanted_by_key;
static volatile uint32_t round;		/* odd: the leader waits for the others, or checks */
static atomic_t arrived;
static uint64_t runs;
struct self_check *checked;		/* made at the first run, and kept */

static void parse_period(const char *value)
{
	period_ms = strtoul(value, NULL, 10);
}
BOOT_PARAM(self_check, "self_check", parse_period, "milliseconds between two checks of the hypervisor's own consistency");

static struct self_check *make(void)
{
	struct self_check *c = new_object(struct self_check);
	unsigned order = 0;

	while (c && (PAGE_SIZE << order) < max_mfn * sizeof(c->want[0]) && order < MAX_ORDER)
		order++;
	if (c)
		c->want = heap_pages(order);
	if (c && c->want)
		return c;
	heap_free(c);
	return NULL;
}

void self_check_all(void)
{
	if (!checked)
		checked = make();
	if (!checked) {
		printk(LOG_WARN "Self-check: no memory for its counts\n");
		return;
	}
	self_check_frames(checked);
	self_check_shadows();
	self_check_lists(checked);
	runs++;
}

static bool all_here(uint32_t others)
{
	s_time_t end = now() + PATIENCE;

	while ((uint32_t)atomic_read(&arrived) < others) {
		if (now() > end)
			return false;
		__builtin_ia32_pause();
	}
	return true;
}

static void lead(void)
{
	unsigned cpu, me = smp_processor_id();
	bool done;

	atomic_set(&arrived, 0);
	__atomic_fetch_add(&round, 1, __ATOMIC_SEQ_CST);
	for_each_cpu(cpu, &cpu_online_map)
		if (cpu != me)
			softirq_raise_cpu(cpu, SOFTIRQ_CHECK);
	done = all_here(nr_cpus_online - 1);
	if (done)
		self_check_all();
	__atomic_fetch_add(&round, 1, __ATOMIC_SEQ_CST);
	if (done && wanted_by_key) {
		wanted_by_key = false;
		printk("Self-check: %lu runs, nothing found\n", (unsigned long)runs);
	}
	if (!done)
		wanted = true;
	if (!done || period_ms)
		timer_set(&timer, now() + (done ? (s_time_t)period_ms * NS_PER_MS : AGAIN));
}

static void softirq(void)
{
	uint32_t r = READ_ONCE(round);

	if (r & 1) {
		atomic_inc(&arrived);
		while (READ_ONCE(round) == r)
			__builtin_ia32_pause();
	} else if (xchg(&wanted, false)) {
		lead();
	}
}

static void when_due(void *unused)
{
	wanted = true;
	softirq_raise_cpu(0, SOFTIRQ_CHECK);	/* always the same leader: two could wait for each other */
}

static void on_key(char key)
{
	wanted_by_key = true;
	when_due(NULL);
}

void self_check_init(void)
{
	softirq_open(SOFTIRQ_CHECK, softirq);
	timer_setup(&timer, when_due, NULL, 0);
	keyhandler_register('V', on_key, "look for lies among counts, types and lists (debug builds)");
	if (period_ms)
		timer_set(&timer, now() + (s_time_t)period_ms * NS_PER_MS);
}
