// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The smallest guest that measures or is measured. Its command line says what it does:
 *
 *	idle	sleeps for ever
 *	spin	computes for ever; after some seconds it writes a line to its console on when it did not run
 */
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/io/console.h>
#include <xen/sched.h>

#define NS 1
#define MS (1000000ul * NS)
#define SECOND (1000 * MS)
#define PAGE 4096ul
#define MAX_GAPS 4096

extern char hypercall_page[];

static char shared_page[PAGE] __attribute__((aligned(PAGE)));
static struct shared_info *const shared = (void *)shared_page;
static struct xencons_interface *console;
static evtchn_port_t console_port;
static uint32_t gaps[MAX_GAPS];	/* microseconds */

static long hypercall3(unsigned nr, unsigned long a, unsigned long b, unsigned long c)
{
	register unsigned long rdi asm("rdi") = a, rsi asm("rsi") = b, rdx asm("rdx") = c;
	long rax;

	asm volatile("call *%[target]"
		     : "=a"(rax), "+r"(rdi), "+r"(rsi), "+r"(rdx)
		     : [target] "r"(hypercall_page + 32 * nr)
		     : "rcx", "r8", "r9", "r10", "r11", "memory");
	return rax;
}

static uint64_t now(void)
{
	const volatile struct vcpu_time_info *t = &shared->vcpu_info[0].time;
	uint32_t version, low, high;
	uint64_t delta, result;

	do {
		version = t->version;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high));
		delta = ((uint64_t)high << 32 | low) - t->tsc_timestamp;
		delta = t->tsc_shift < 0 ? delta >> -t->tsc_shift : delta << t->tsc_shift;
		result = t->system_time + (uint64_t)(((unsigned __int128)delta * t->tsc_to_system_mul) >> 32);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
	} while ((version & 1) || version != t->version);
	return result;
}

static void notify(evtchn_port_t port)
{
	struct evtchn_send send = { .port = port };

	hypercall3(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (unsigned long)&send, 0);
}

static void put(const char *text)
{
	for (; *text; text++) {
		while (console->out_prod - console->out_cons >= sizeof(console->out))
			hypercall3(__HYPERVISOR_sched_op, SCHEDOP_yield, 0, 0);
		console->out[MASK_XENCONS_IDX(console->out_prod, console->out)] = *text;
		__atomic_store_n(&console->out_prod, console->out_prod + 1, __ATOMIC_RELEASE);
	}
	notify(console_port);
}

static void put_number(const char *before, uint64_t x)
{
	char text[24], *p = text + sizeof(text) - 1;

	*p = 0;
	do
		*--p = '0' + x % 10;
	while (x /= 10);
	put(before);
	put(p);
}

static void __attribute__((noreturn)) sleep_for_ever(void)
{
	struct sched_poll poll = { .nr_ports = 1 };

	for (;;) {
		struct sched_poll p = poll;

		set_xen_guest_handle(p.ports, &console_port);
		shared->evtchn_pending[console_port / 64] &= ~(1ul << console_port % 64);
		hypercall3(__HYPERVISOR_sched_op, SCHEDOP_poll, (unsigned long)&p, 0);
	}
}

static void sort(uint32_t *p, unsigned n)
{
	for (unsigned step = n / 2; step; step /= 2)
		for (unsigned i = step; i < n; i++)
			for (unsigned j = i; j >= step && p[j - step] > p[j]; j -= step) {
				uint32_t x = p[j];

				p[j] = p[j - step];
				p[j - step] = x;
			}
}

/* A turn of the loop takes less than a microsecond: half a millisecond without one is another's turn. */
static void __attribute__((noreturn)) spin(void)
{
	uint64_t start = now() + 2 * SECOND, end = start + 10 * SECOND, last = start, lost = 0, t;
	unsigned n = 0;

	while (now() < start)
		;
	last = now();
	while ((t = now()) < end) {
		if (t - last > MS / 2 && n < MAX_GAPS) {
			gaps[n++] = (t - last) / 1000;
			lost += t - last;
		}
		last = t;
	}
	sort(gaps, n);
	put_number("{\"gaps\": ", n);
	put_number(", \"median_us\": ", n ? gaps[n / 2] : 0);
	put_number(", \"p99_us\": ", n ? gaps[n * 99 / 100] : 0);
	put_number(", \"max_us\": ", n ? gaps[n - 1] : 0);
	put_number(", \"lost_us\": ", lost / 1000);
	put("}\n");
	for (;;)
		now();
}

void kernel_main(struct start_info *si)
{
	const uint64_t *m2p = (const uint64_t *)HYPERVISOR_VIRT_START;

	hypercall3(__HYPERVISOR_update_va_mapping, (unsigned long)shared_page, si->shared_info | 3, UVMF_INVLPG);
	console = (void *)(VIRT_BASE + m2p[si->console.domU.mfn] * PAGE);
	console_port = si->console.domU.evtchn;
	put("anel-bench: started\n");
	if (si->cmd_line[0] == 's')
		spin();
	sleep_for_ever();
}
