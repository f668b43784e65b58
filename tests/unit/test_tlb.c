// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_tlb.h x86/tlb.c lib/string.c lib/bitmap.c
/*
 * Story: vCPUs of two domains move over three CPUs, change their page tables and roots and flush, all at random, and the CPUs
 * remember translations whenever they like. What would be wrong: a vCPU that uses a translation from before a flush that
 * was for it; one that uses another vCPU's, or an old root's; a frame that is handed out again while somebody remembers it;
 * or, with tags, a TLB that is emptied although nobody asked.
 *
 * The model: each entry of a page table has a number that grows when it is changed; the TLB remembers numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "x86/cpu.h"
#include "lib/panic.h"

#define CPUS 3u
#define DOMS 2u
#define PER_DOM 3u
#define VCPUS (DOMS * PER_DOM)
#define VAS 4u
#define TAGS 32u
#define HOST_ROOT 1u

unsigned host_cpu_nr;
char *host_percpu[CPUS];
struct cpu_info host_cpu_infos[CPUS];
DEFINE_PER_CPU(struct cpu_info *, info);
struct cpu_features host_cpu = { .pcid = true, .invpcid = true, .pge = true };
bool smap_on;
void printk(const char *fmt, ...) { (void)fmt; }
bool cmdline_bool(const char *value, bool *ok) { return false; }

struct entry { bool valid; unsigned number, root; };
static struct { uint64_t cr3; struct entry tlb[TAGS][VAS]; int vcpu; } cpus[CPUS];
static struct { unsigned table[VAS]; cpumask_t dirty; uint64_t owed; } doms[DOMS];
static struct {
	struct tlb_context tlb;
	unsigned root[2], need[VAS];	/* numbers of its roots; the oldest entry that it may still use */
	uint64_t cr3[2];
	bool kernel;
	int cpu;			/* -1: not loaded */
} vcpus[VCPUS];
static unsigned next_root = HOST_ROOT + 1, losses;

static unsigned chance(unsigned n) { return (unsigned)rand() % n; }

/* The page tables that CR3 names: of which vCPU, or -1. */
static int walker(uint64_t cr3)
{
	for (unsigned v = 0; v < VCPUS; v++)
		for (unsigned k = 0; k < 2; k++)
			if (vcpus[v].root[k] == (cr3 & PTE_ADDR) >> PAGE_SHIFT)
				return (int)v;
	return -1;
}

/* What a CPU may do at any time: remember something of the root that is in force. */
static void speculate(void)
{
	unsigned va = chance(VAS);
	struct entry *e = &cpus[host_cpu_nr].tlb[cpus[host_cpu_nr].cr3 & 0xfff][va];
	int v = walker(cpus[host_cpu_nr].cr3);

	if (v >= 0 && !e->valid && chance(2))
		*e = (struct entry){ true, doms[v / (int)PER_DOM].table[va],
				     (cpus[host_cpu_nr].cr3 & PTE_ADDR) >> PAGE_SHIFT };
}

static void empty(unsigned tag)
{
	for (unsigned va = 0; va < VAS; va++)
		cpus[host_cpu_nr].tlb[tag][va].valid = false;
}

uint64_t host_read_cr3(void) { speculate(); return cpus[host_cpu_nr].cr3; }
void host_write_cr3(uint64_t v)
{
	speculate();
	assert_true(pcid_on || !(v & (CR3_NOFLUSH | 0xfff)));
	if (!(v & CR3_NOFLUSH))
		empty(v & 0xfff);
	cpus[host_cpu_nr].cr3 = v & ~CR3_NOFLUSH;
	speculate();
}
void host_invpcid(uint64_t type, uint64_t tag, uint64_t va)
{
	assert_true(pcid_on && tag < TAGS);
	if (type == 0) {
		assert_true(va >> 47 == 0 || va >> 47 == 0x1ffff);
		cpus[host_cpu_nr].tlb[tag][va % VAS].valid = false;
	} else if (type == 1) {
		empty(tag);
	} else {
		for (unsigned t = 0; t < TAGS; t++)
			empty(t);
	}
	speculate();
}
void host_invlpg(const void *va) { cpus[host_cpu_nr].tlb[cpus[host_cpu_nr].cr3 & 0xfff][(uintptr_t)va % VAS].valid = false; }
void host_write_cr4(uint64_t v)
{
	for (unsigned t = 0; t < TAGS; t++)
		empty(t);
}

/* --- as sched/context_switch.c and pv/mm_root.c do it --- */

static unsigned dom_of(unsigned v) { return v / PER_DOM; }

static void compute(unsigned v)
{
	for (unsigned k = 0; k < 2; k++)
		vcpus[v].cr3[k] = (uint64_t)vcpus[v].root[k] << PAGE_SHIFT | tlb_tag(&vcpus[v].tlb, k);
}

static void unload(unsigned cpu)
{
	int v = cpus[cpu].vcpu;

	if (v < 0)
		return;
	host_cpu_nr = cpu;
	tlb_leave_guests(HOST_ROOT << PAGE_SHIFT);
	cpus[cpu].vcpu = vcpus[v].cpu = -1;
	cpumask_clear_cpu(cpu, &doms[dom_of(v)].dirty);
}

static void load(unsigned v, unsigned cpu)
{
	int old = cpus[cpu].vcpu;

	if (old == (int)v)
		return;
	if (vcpus[v].cpu >= 0)
		unload(vcpus[v].cpu);
	host_cpu_nr = cpu;
	cpumask_set_cpu(cpu, &doms[dom_of(v)].dirty);
	if (old < 0)
		tlb_enter_guests();
	if (pcid_on)
		tlb_enter(&vcpus[v].tlb, &doms[dom_of(v)].owed);
	compute(v);
	cpu_load_root(vcpus[v].cr3[vcpus[v].kernel]);
	cpus[cpu].vcpu = v;
	vcpus[v].cpu = cpu;
	if (old >= 0) {
		vcpus[old].cpu = -1;
		if (dom_of(old) != dom_of(v))
			cpumask_clear_cpu(cpu, &doms[dom_of(old)].dirty);
	}
}

static void flush_mask(cpumask_t m)
{
	for (unsigned c = 0; c < CPUS; c++)
		if (cpumask_test_cpu(c, &m)) {
			host_cpu_nr = c;
			flush_tlb_local(0);
		}
}

static void now_needed(unsigned d, const unsigned *table)
{
	for (unsigned v = d * PER_DOM; v < (d + 1) * PER_DOM; v++)
		for (unsigned va = 0; va < VAS; va++)
			vcpus[v].need[va] = MAX(vcpus[v].need[va], table[va]);
}

/* --- what happens --- */

/* The vCPU touches memory: by its TLB, or by a walk. */
static void use(unsigned v)
{
	unsigned va = chance(VAS), cpu = vcpus[v].cpu;
	struct entry *e = &cpus[cpu].tlb[cpus[cpu].cr3 & 0xfff][va];

	host_cpu_nr = cpu;
	if (!e->valid) {
		losses++;
		*e = (struct entry){ true, doms[dom_of(v)].table[va], vcpus[v].root[vcpus[v].kernel] };
	}
	assert_int_equal(e->root, vcpus[v].root[vcpus[v].kernel]);
	assert_true(e->number >= vcpus[v].need[va]);
}

static void change_root(unsigned v, bool user)
{
	vcpus[v].root[!user] = next_root++;
	if (vcpus[v].cpu < 0) {
		tlb_forget(&vcpus[v].tlb);
		return;
	}
	host_cpu_nr = vcpus[v].cpu;
	compute(v);
	if (vcpus[v].kernel != user)
		cpu_replace_root(vcpus[v].cr3[vcpus[v].kernel]);
	else
		tlb_drop_tag(vcpus[v].cr3[!user]);
}

/* An entry is taken out, the frame is stamped and, some time later, is to be used otherwise. */
static struct { bool set, everybody; unsigned dom, table[VAS]; uint32_t stamp; } pending;

static void frame_goes(unsigned d)
{
	doms[d].table[chance(VAS)]++;
	pending.set = true;
	pending.everybody = chance(2);
	pending.dom = d;
	for (unsigned va = 0; va < VAS; va++)
		pending.table[va] = doms[d].table[va];
	pending.stamp = tlb_clock();
}

static void frame_is_reused(void)
{
	cpumask_t m = { { (1u << CPUS) - 1 } };

	if (pending.everybody) {
		tlb_owe_stamp(&tlb_owed_by_all, pending.stamp);
	} else {
		tlb_owe_stamp(&doms[pending.dom].owed, pending.stamp);
		m = doms[pending.dom].dirty;
	}
	tlb_filter(&m, pending.stamp);
	for (unsigned c = 0; c < CPUS; c++) {
		assert_int_equal(tlb_host_only(c), cpus[c].vcpu < 0);
		assert_false(tlb_host_only(c) && cpumask_test_cpu(c, &m));
	}
	flush_mask(m);
	now_needed(pending.dom, pending.table);
	pending.set = false;
}

static void flush_domain(unsigned d)
{
	tlb_owe(&doms[d].owed);
	flush_mask(doms[d].dirty);
	now_needed(d, doms[d].table);
}

static void flush_self(unsigned v, bool one)
{
	unsigned va = chance(VAS);

	host_cpu_nr = vcpus[v].cpu;
	if (one) {
		flush_tlb_one_local(va);
		flush_tlb_one_local(va | 1ull << 60);
		vcpus[v].need[va] = doms[dom_of(v)].table[va];
		return;
	}
	flush_tlb_local(0);
	for (va = 0; va < VAS; va++)
		vcpus[v].need[va] = doms[dom_of(v)].table[va];
}

static void step(void)
{
	unsigned v = chance(VCPUS);

	if (chance(4) == 0)
		load(v, chance(CPUS));
	if (chance(40) == 0)
		unload(chance(CPUS));
	if (chance(30) == 0)
		change_root(v, chance(2));
	if (chance(20) == 0)
		doms[dom_of(v)].table[chance(VAS)]++;
	if (chance(100) == 0)
		flush_domain(chance(DOMS));
	if (!pending.set && chance(50) == 0)
		frame_goes(dom_of(v));
	else if (pending.set && chance(10) == 0)
		frame_is_reused();
	if (chance(1000) == 0) {
		host_cpu_nr = chance(CPUS);
		flush_tlb_local(FLUSH_GLOBAL);
	}
	if (vcpus[v].cpu < 0)
		return;
	host_cpu_nr = vcpus[v].cpu;
	if (chance(3) == 0) {
		vcpus[v].kernel = !vcpus[v].kernel;
		cpu_load_root(vcpus[v].cr3[vcpus[v].kernel]);
	}
	if (chance(20) == 0)
		flush_self(v, chance(2));
	use(v);
}

static void start(bool with_tags)
{
	size_t size = __stop_percpu - __start_percpu;

	pcid_on = with_tags;
	memset(vcpus, 0, sizeof(vcpus));
	memset(doms, 0, sizeof(doms));
	memset(cpus, 0, sizeof(cpus));
	for (unsigned c = 0; c < CPUS; c++) {
		free(host_percpu[c]);
		host_percpu[c] = calloc(1, size);
		host_cpu_infos[c] = (struct cpu_info){ 0 };
		per_cpu(info, c) = &host_cpu_infos[c];
		cpus[c].vcpu = -1;
		host_cpu_nr = c;
		tlb_leave_guests(HOST_ROOT << PAGE_SHIFT);
	}
	for (unsigned v = 0; v < VCPUS; v++) {
		vcpus[v].cpu = -1;
		vcpus[v].root[0] = next_root++;
		vcpus[v].root[1] = next_root++;
	}
	losses = 0;
	pending.set = false;
}

static void end(void)
{
	for (unsigned c = 0; c < CPUS; c++) {
		free(host_percpu[c]);
		host_percpu[c] = NULL;
	}
}

static void test_with_tags(void **state)
{
	start(true);
	for (unsigned i = 0; i < 1000000; i++)
		step();
	end();
}

static void test_without_tags(void **state)
{
	start(false);
	for (unsigned i = 0; i < 300000; i++)
		step();
	end();
}

/* Two vCPUs by turns, each with both its modes: after the first round nothing is walked again. */
static void test_nothing_is_lost(void **state)
{
	start(true);
	for (unsigned i = 0; i < 400; i++) {
		unsigned v = i % 2 * PER_DOM;

		load(v, 0);
		for (unsigned n = 0; n < 50; n++) {
			use(v);
			vcpus[v].kernel = !vcpus[v].kernel;
			cpu_load_root(vcpus[v].cr3[vcpus[v].kernel]);
		}
	}
	assert_true(losses <= 4 * VAS);
	end();
}

/* Another domain's flush is not this one's. */
static void test_flush_is_of_one_domain(void **state)
{
	start(true);
	load(0, 0);
	for (unsigned i = 0; i < 100; i++)
		use(0);
	load(PER_DOM, 0);
	flush_domain(1);
	load(0, 0);
	losses = 0;
	for (unsigned i = 0; i < 100; i++)
		use(0);
	assert_int_equal(losses, 0);
	load(PER_DOM, 0);
	flush_domain(0);
	load(0, 0);
	for (unsigned i = 0; i < 100; i++)
		use(0);
	assert_true(losses);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_with_tags),
		cmocka_unit_test(test_without_tags),
		cmocka_unit_test(test_nothing_is_lost),
		cmocka_unit_test(test_flush_is_of_one_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
