/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advisories on memory that two vCPUs at once are needed for. */
#include "xsa_memory.h"

static volatile u64 stop, rounds, faults;
static u64 *volatile page;
static u64 *volatile alias;

static bool second_down(void)
{
	stop = 1;
	return WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC);
}

static bool skip_store(struct frame *f)
{
	faults++;
	f->rip += 3;	/* movq %rax, (%rdi) */
	return true;
}

/* Stores even numbers, no present entry, through the alias all the time, whether it is mapped or not. */
static void write_always(void *arg)
{
	this_cpu()->hook[X_PF] = skip_store;
	while (!stop) {
		__asm__ volatile("movq %%rax, (%%rdi)" : : "a"(rounds * 4), "D"(alias) : "memory");
		rounds++;
	}
}

static bool changes(const volatile u64 *p)
{
	u64 was = *p;

	for (int i = 0; i < 2000; i++)
		if (*p != was)
			return true;
	return false;
}

/*
 * The writer's TLB still has the writable mapping when its entry goes, for nobody asked for a flush: the host must see to it
 * before the page is a table.
 */
CASE(xsa_241, "a page whose last writable mapping has just gone becomes a table: no stale TLB entry of "
	"another vCPU writes it")
{
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	page = page_alloc();
	alias = window(80);
	NEED(!page_ro(page));
	stop = rounds = faults = 0;
	REQUIRE_RC(vcpu_start(1, write_always, NULL), 0);
	for (end = time_ns() + 700 * MS; run_on(end, rounds > faults) && !case_bad(); ) {
		u64 seen;

		EXPECT_RC(update_va(alias, mfn_of(page) << PAGE_SHIFT | PTE_RW, UVMF_NONE), 0);
		seen = page[0];
		WAIT_FOR(page[0] != seen, 20 * MS);
		EXPECT_RC(update_va(alias, 0, UVMF_NONE), 0);
		if (!EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0), 0))
			break;
		EXPECT(!changes(page));
		EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page), 0), 0);
	}
	EXPECT(second_down());
	EXPECT(rounds > faults);
	EXPECT_RC(page_rw(page), 0);
	EXPECT(page_idle(page));
	page_free(page);
}

static evtchn_port_t wake;
static volatile unsigned stage;

static bool second_sleeps(void)
{
	struct vcpu_runstate_info info;

	return !vcpu_op(VCPUOP_get_runstate_info, 1, &info) && info.state == RUNSTATE_blocked;
}

/* Remembers a translation, sleeps, and uses it. */
static void sleep_and_write(void *arg)
{
	struct sched_poll p = { .nr_ports = 1 };

	set_xen_guest_handle(p.ports, &wake);
	this_cpu()->hook[X_PF] = skip_store;
	for (;;) {
		while (stage != 0 && !stop)
			sched_op(SCHEDOP_yield, NULL);
		if (stop)
			return;
		__asm__ volatile("movq %%rax, (%%rdi)" : : "a"(2ul), "D"(alias) : "memory");
		stage = 1;
		while (stage == 1)
			sched_op(SCHEDOP_poll, &p);
		port_clear(wake);
		__asm__ volatile("movq %%rax, (%%rdi)" : : "a"(4ul), "D"(alias) : "memory");
		stage = 3;
	}
}

static void write_when_awake(void)
{
	EXPECT_RC(update_va(alias, mfn_of(page) << PAGE_SHIFT | PTE_RW, UVMF_NONE), 0);
	stage = 0;
	EXPECT(WAIT_FOR(stage == 1 && second_sleeps(), 10 * SEC));
	EXPECT_RC(update_va(alias, 0, UVMF_NONE), 0);
	EXPECT_RC(page[0], 2);
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0), 0);
	stage = 2;
	EXPECT_RC(evtchn_op(EVTCHNOP_send, &(struct evtchn_send){ .port = wake }), 0);
	EXPECT(WAIT_FOR(stage == 3, 10 * SEC));
	EXPECT_RC(page[0], 2);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page), 0), 0);
}

/* An idle CPU may keep the page tables of who was on it last, and goes on with them. It must be flushed as if it were busy. */
CASE(xsa_241_asleep, "the same, of a vCPU that sleeps when the page becomes a table, and then goes on")
{
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	page = page_alloc();
	alias = window(80);
	NEED(!page_ro(page));
	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	port_mask(wake = ipi.port);
	stop = faults = 0;
	stage = 3;
	REQUIRE_RC(vcpu_start(1, sleep_and_write, NULL), 0);
	for (unsigned i = 1; i <= 20 && !case_bad(); i++) {
		write_when_awake();
		EXPECT_RC(faults, i);
	}
	EXPECT(second_down());
	port_close(wake);
	EXPECT_RC(page_rw(page), 0);
	EXPECT(page_idle(page));
	page_free(page);
}

static void map_and_write(void *arg)
{
	this_cpu()->hook[X_PF] = skip_store;
	while (!stop) {
		if (!update_va(alias, mfn_of(page) << PAGE_SHIFT | PTE_RW, UVMF_INVLPG | UVMF_LOCAL)) {
			for (int i = 0; i < 50; i++)
				__asm__ volatile("movq %%rax, (%%rdi)" : : "a"((u64)i * 4), "D"(alias) : "memory");
			update_va(alias, 0, UVMF_NONE);
			rounds++;
		}
	}
}

CASE(xsa_401, "one vCPU maps a page writable and lets go of it, another makes it a table: never both at "
	"once (also XSA-264)")
{
	unsigned pinned = 0;
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	page = page_alloc();
	alias = window(81);
	NEED(!page_ro(page));
	stop = rounds = 0;
	REQUIRE_RC(vcpu_start(1, map_and_write, NULL), 0);
	for (end = time_ns() + 700 * MS; run_on(end, pinned && rounds) && !case_bad(); ) {
		if (ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0))
			continue;
		pinned++;
		EXPECT(!changes(page));
		EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page), 0), 0);
	}
	EXPECT(second_down());
	EXPECT(pinned && rounds);
	update_va(alias, 0, UVMF_TLB_FLUSH | UVMF_ALL);
	EXPECT_RC(page_rw(page), 0);
	EXPECT(page_idle(page));
	page_free(page);
}

/* Maps the page and lets go of it, names it as a table, grants nothing: references come and go. */
static void hold_and_drop(void *arg)
{
	while (!stop) {
		u64 mfn = mfn_of(page);

		update_va(alias, mfn << PAGE_SHIFT | PTE_RO, UVMF_NONE);
		update_va(alias, 0, UVMF_NONE);
		ext_op(MMUEXT_CLEAR_PAGE, mfn, 0);
		set_pte(mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, pfn_of(page));
		rounds++;
	}
}

CASE(xsa_287, "a page is exchanged while another vCPU takes and drops references to it: it goes whole or "
	"not at all")
{
	u64 before = pages_now(), *list = (u64 *)start_info->mfn_list, end;
	unsigned done = 0, refused = 0;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	page = page_alloc();
	alias = window(82);
	EXPECT_RC(map_page(page, 0), 0);
	stop = rounds = 0;
	REQUIRE_RC(vcpu_start(1, hold_and_drop, NULL), 0);
	for (end = time_ns() + 700 * MS; run_on(end, done && rounds) && !case_bad(); ) {
		xen_pfn_t in = mfn_of(page), out = pfn_of(page);
		struct xen_memory_exchange x = {
			.in = { .nr_extents = 1, .domid = DOMID_SELF }, .out = { .nr_extents = 1, .domid = DOMID_SELF },
		};

		set_xen_guest_handle(x.in.extent_start, &in);
		set_xen_guest_handle(x.out.extent_start, &out);
		if (memory_op(XENMEM_exchange, &x)) {
			EXPECT_RC(x.nr_exchanged, 0);
			refused++;
		} else {
			list[pfn_of(page)] = out;
			done++;
		}
	}
	EXPECT(second_down());
	EXPECT(done && rounds);
	EXPECT_RC(pages_now(), before);
	EXPECT_RC(page_rw(page), 0);
	EXPECT(page_idle(page));
	page_free(page);
}

static void grow_and_shrink(void *arg)
{
	xen_pfn_t f[4];
	struct xen_memory_reservation r = { .nr_extents = 4, .domid = DOMID_SELF };

	while (!stop) {
		set_xen_guest_handle(r.extent_start, f);
		r.nr_extents = 4;
		r.nr_extents = memory_op(XENMEM_increase_reservation, &r);
		if (r.nr_extents)
			memory_op(XENMEM_decrease_reservation, &r);
		rounds++;
	}
}

CASE(xsa_385, "two vCPUs grow the domain at once, at its limit: it never has more than its limit")
{
	u64 most = memory_op(XENMEM_maximum_reservation, &(domid_t){ DOMID_SELF }), before = pages_now(), end;
	xen_pfn_t f[8];
	struct xen_memory_reservation r = { .nr_extents = 8, .domid = DOMID_SELF };
	long got;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	SKIP_IF(most > before + 8, "no limit near");
	set_xen_guest_handle(r.extent_start, f);
	stop = rounds = 0;
	REQUIRE_RC(vcpu_start(1, grow_and_shrink, NULL), 0);
	for (end = time_ns() + 400 * MS; run_on(end, rounds > 0) && !case_bad(); ) {
		r.nr_extents = 8;
		got = memory_op(XENMEM_increase_reservation, &r);
		EXPECT(pages_now() <= most);
		r.nr_extents = got;
		if (got)
			EXPECT_RC(memory_op(XENMEM_decrease_reservation, &r), got);
		r.nr_extents = 1;
		r.extent_order = 3;
		got = memory_op(XENMEM_increase_reservation, &r);
		EXPECT(pages_now() <= most);
		if (got)
			EXPECT_RC(memory_op(XENMEM_decrease_reservation, &r), 1);
		r.extent_order = 0;
	}
	EXPECT(second_down());
	EXPECT(rounds > 0);
	EXPECT_RC(pages_now(), before);
}

/* ---- a tree of tables that both vCPUs pin, link, unlink and take apart -------------------------------------------- */

static u64 *tree[5], *leaf;	/* L1, L1, L2, L3, L4 */
static const u8 tree_level[5] = { 1, 1, 2, 3, 4 };
static volatile u64 done_ops[2];

static void tree_op(u64 r)
{
	unsigned i = r >> 8 & 7, k = r >> 11 & 1, entry = (r >> 12 & 7) * 8 + 300 * 8;
	u64 mfn;

	if (i >= 5)
		return;
	mfn = mfn_of(tree[i]);
	switch (r & 7) {
	case 0:
		done_ops[0] += !ext_op(MMUEXT_PIN_L1_TABLE + tree_level[i] - 1, mfn, 0);
		return;
	case 1:
		ext_op(MMUEXT_UNPIN_TABLE, mfn, 0);
		return;
	case 2:		/* unlinks, or forgets the data */
		set_pte(mfn << PAGE_SHIFT | entry, 0);
		return;
	case 3:
	case 4:		/* links what is a level lower, or maps data or a table */
		if (i < 2)
			done_ops[1] += !set_pte(mfn << PAGE_SHIFT | entry, mfn_of(k ? leaf : tree[1 - i]) << PAGE_SHIFT | PTE_RW);
		else
			done_ops[1] += !set_pte(mfn << PAGE_SHIFT | entry,
						mfn_of(tree[i == 2 ? k : i - 1]) << PAGE_SHIFT | PTE_RW);
		return;
	case 5:
		set_pte(mfn << PAGE_SHIFT | entry, mfn_of(tree[k + 2]) << PAGE_SHIFT | PTE_RO);	/* of the wrong level, mostly */
		return;
	case 6:
		map_page(window(84 + i), mfn << PAGE_SHIFT | (k ? PTE_RW : PTE_RO));
		return;
	case 7:
		map_page(window(84 + i), 0);
	}
}

static u64 next_random(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s >> 16;
}

static void work_on_tree(void *arg)
{
	u64 s = 0x9e3779b97f4a7c15;

	while (!stop) {
		tree_op(next_random(&s));
		rounds++;
	}
}

CASE(xsa_310, "two vCPUs pin, link, unlink, unpin and map the tables of one tree at random: in the end "
	"nobody holds any of them")
{
	u64 s = 0x2545f4914f6cdd1d, end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	for (unsigned i = 0; i < 5; i++) {
		tree[i] = page_alloc();
		NEED(!page_ro(tree[i]));
	}
	leaf = page_alloc();
	stop = rounds = done_ops[0] = done_ops[1] = 0;
	REQUIRE_RC(vcpu_start(1, work_on_tree, NULL), 0);
	for (end = time_ns() + 1200 * MS; time_ns() < end || rounds < 1000; )
		tree_op(next_random(&s));
	EXPECT(second_down());
	EXPECT(done_ops[0] && done_ops[1]);
	for (int i = 4; i >= 0; i--)
		ext_op(MMUEXT_UNPIN_TABLE, mfn_of(tree[i]), 0);
	for (unsigned i = 0; i < 5; i++)
		map_page(window(84 + i), 0);
	ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0);
	for (int i = 4; i >= 0; i--) {
		EXPECT_RC(page_rw(tree[i]), 0);
		EXPECT(page_idle(tree[i]));
		page_free(tree[i]);
	}
	EXPECT(page_idle(leaf));
	page_free(leaf);
}

#define FREED 96	/* the host may keep the last few dozens aside, as they are */
static u64 *first_alias;

/* Stores into all of the aliases all the time, whether they are mapped or not. */
static void write_all(void *arg)
{
	this_cpu()->hook[X_PF] = skip_store;
	while (!stop) {
		for (unsigned i = 0; i < FREED; i++)
			__asm__ volatile("movq %%rax, (%%rdi)" : : "a"(0x5a5a00ul), "D"(first_alias + i * 512) : "memory");
		rounds++;
	}
}

static void sleep_until(u64 end)
{
	struct sched_poll p = { .timeout = end };

	while (time_ns() < end)
		sched_op(SCHEDOP_poll, &p);
}

/*
 * The writer's TLB has the pages still when they are free, for nobody asked for a flush. The host zeroes them when it is idle, and
 * must flush before, not after: else they come to their next owner with what was written in between.
 */
CASE(xsa_511, "pages given back while a TLB still has them come back zeroed, whoever has written to them meanwhile")
{
	u64 *list = (u64 *)start_info->mfn_list;
	unsigned again = 0;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	SKIP_IF(host_is_xen(), "Debian's Xen zeroes first, and flushes when the page is handed out");
	for (int tries = 0; tries < 40 && again < 5 && !case_bad(); tries++) {
		static u64 *mine[FREED];
		static xen_pfn_t old[FREED], frames[FREED];
		struct xen_memory_reservation r = { .nr_extents = FREED, .domid = DOMID_SELF };

		first_alias = window(100);
		stop = rounds = faults = 0;
		for (unsigned i = 0; i < FREED; i++) {
			mine[i] = page_alloc();
			frames[i] = old[i] = mfn_of(mine[i]);
			EXPECT_RC(map_page(window(100 + i), old[i] << PAGE_SHIFT | PTE_RW), 0);
		}
		REQUIRE_RC(vcpu_start(1, write_all, NULL), 0);
		EXPECT(WAIT_FOR(rounds > 2, 20 * SEC));
		for (unsigned i = 0; i < FREED; i++) {
			EXPECT_RC(update_va(window(100 + i), 0, UVMF_NONE), 0);
			EXPECT_RC(update_va(mine[i], 0, UVMF_NONE), 0);
		}
		set_xen_guest_handle(r.extent_start, frames);
		EXPECT_RC(memory_op(XENMEM_decrease_reservation, &r), FREED);
		sleep_until(time_ns() + 30 * MS);
		for (unsigned i = 0; i < FREED; i++)
			frames[i] = pfn_of(mine[i]);
		REQUIRE_RC(memory_op(XENMEM_populate_physmap, &r), FREED);
		EXPECT(second_down());
		for (unsigned i = 0; i < FREED; i++) {
			for (unsigned k = 0; k < FREED; k++)
				again += frames[i] == old[k];
			list[pfn_of(mine[i])] = frames[i];
			EXPECT_RC(page_rw(mine[i]), 0);
			for (unsigned k = 0; k < 512; k++)
				if (mine[i][k]) {
					fail_at(__FILE__, __LINE__, "frame %lx, word %u: %lx", frames[i], k, mine[i][k]);
					break;
				}
			page_free(mine[i]);
		}
	}
	EXPECT(again >= 5 || !is_dom0());	/* a domU's frames may go to others */
}
