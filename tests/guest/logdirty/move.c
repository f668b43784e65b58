/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a mover does, against a child that churns: both its vCPUs write to the same pages, change their mappings
 * and have the host write for them, while the pages of each bitmap are copied. When it stops, the copies are
 * its memory to the last bit.
 */
#include "log.h"

#define CLEAN XEN_DOMCTL_SHADOW_OP_CLEAN
#define ENABLE XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY
#define OFF XEN_DOMCTL_SHADOW_OP_OFF
#define NEED_LOG() SKIP_IF(host_is_xen(), "this Xen logs no writes of PV guests")

static u8 *copy[CHILD_PFNS];
static volatile bool other_up, other_stop;

static u32 next_random(u64 *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 33;
}

/* Of four pages one is each vCPU's own, whose mapping it changes; two are of both, with words of its own for each. */
static void churn_once(u64 *seed, unsigned cpu, u64 *told)
{
	u32 r = next_random(seed), page = r % ARENA, op = r / ARENA % 16;
	u64 *word;

	if (page % 4 < 2 && page % 4 != cpu)
		page ^= 2;
	if (page % 4 != cpu && op > 11)
		op = 0;
	word = (u64 *)arena[page] + 2 * (next_random(seed) % 200) + cpu;
	switch (op) {
	case 12:
		page_ro(arena[page]);
		told[0] += CATCH(*(volatile u8 *)&arena[page][8 * 450] = r) == X_PF;
		page_rw(arena[page]);
		told[1]++;
		break;
	case 13:
		xen_version(XENVER_extraversion, &arena[page][8 * 460]);
		break;
	case 14:
		set_pte(pte_ptr(arena[page], 1), mfn_of(arena[page]) << PAGE_SHIFT | (PTE_RW & ~(PTE_A | PTE_D)));
		break;
	case 15:
		page_ro(arena[page]);
		ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0);
		*pte_va(arena[page], 1) = mfn_of(arena[page]) << PAGE_SHIFT | PTE_RW;
		break;
	default:
		*(volatile u64 *)word = r;
		told[2] += *(volatile u64 *)word != r;
	}
}

static void other_vcpu(void *arg)
{
	u64 seed = 77, told[3] = { 0 };

	while (!other_stop)
		for (unsigned i = 0; i < 50; i++)
			churn_once(&seed, 1, told);
	((struct comm *)arg)->res[10] = told[0] != told[1];
	((struct comm *)arg)->res[11] = told[2];
	other_up = false;
}

static void kid_churn(struct comm *c)
{
	u64 seed = 1, told[3] = { 0 };

	other_stop = false;
	other_up = true;
	c->res[5] = vcpu_start(1, other_vcpu, c);
	while (!c->arg[0]) {
		for (unsigned i = 0; i < 50; i++)
			churn_once(&seed, 0, told);
		c->res[0]++;
	}
	other_stop = true;
	while (!c->res[5] && other_up)
		sched_op(SCHEDOP_yield, NULL);
	c->res[6] = told[0] != told[1];
	c->res[7] = told[2];
}

static bool copy_dirty(unsigned *n)
{
	if (!EXPECT_RC(log_read(true), 0))
		return false;
	for (unsigned pfn = 0; pfn < CHILD_PFNS; pfn++) {
		if (!is_dirty(pfn) || !kid.mfn[pfn])
			continue;
		if (map_foreign(window(100), kid.mfn[pfn] << PAGE_SHIFT | PTE_RO, kid.id))
			return false;
		memcpy(copy[pfn], window(100), PAGE_SIZE);
		++*n;
	}
	return true;
}

static void compare_all(void)
{
	for (unsigned pfn = kid.first; pfn < kid.first + kid.total; pfn++) {
		if (map_foreign(window(100), kid.mfn[pfn] << PAGE_SHIFT | PTE_RO, kid.id)) {
			error_at(__FILE__, __LINE__, "pfn %x cannot be mapped", pfn);
			return;
		}
		if (pfn != kid.comm_pfn && memcmp(copy[pfn], window(100), PAGE_SIZE))
			fail_at(__FILE__, __LINE__, "page %x has changed since it was last in a bitmap (tables %x..%x, arena %lx)",
				pfn, kid.l4, kid.l1 + 1, pfn_of(arena));
	}
	map_page(window(100), 0);
}

static bool churn_up(void)
{
	if (!log_up())
		return false;
	kid.comm->arg[0] = 0;
	kid.comm->res[0] = 0;
	kid.comm->fn = kid_churn;
	return EXPECT(WAIT_FOR(kid.comm->res[0] > 0, 10 * SEC));
}

static void churn_over(void)
{
	kid.comm->arg[0] = 1;
	EXPECT(WAIT_FOR(!kid.comm->fn, 20 * SEC));
	EXPECT_RC(kid.comm->res[5], 0);
	for (unsigned i = 6; i < 12; i++)
		if (i < 8 || i > 9)
			EXPECT_RC(kid.comm->res[i], 0);
}

CASE(moved, "the pages of each bitmap are copied while two vCPUs churn; in the end the copies are the child's memory, tables too")
{
	unsigned n = 0, rounds = 0;
	u64 end;

	NEED_LOG();
	slack = 8;
	if (!churn_up())
		return;
	NEED(kid.total < 330);
	/* The first round is of everything. */
	for (unsigned pfn = kid.first; pfn < kid.first + kid.total; pfn++) {
		copy[pfn] = page_alloc();
		NEED(!map_foreign(window(100), kid.mfn[pfn] << PAGE_SHIFT | PTE_RO, kid.id));
		memcpy(copy[pfn], window(100), PAGE_SIZE);
	}
	end = time_ns() + 3 * SEC;
	while (run_on(end, rounds > 10)) {
		if (!copy_dirty(&n))
			break;
		rounds++;
		sched_op(SCHEDOP_yield, NULL);
	}
	EXPECT_RC(kid_pause(true), 0);
	EXPECT(copy_dirty(&n));
	compare_all();
	say("%u rounds, %u pages copied, %lu of the child's", rounds, n, kid.comm->res[0]);
	EXPECT_RC(kid_pause(false), 0);
	churn_over();
	for (unsigned pfn = kid.first; pfn < kid.first + kid.total; pfn++)
		page_free(copy[pfn]);
	log_down();
	slack = 2;
}

CASE(on_and_off, "the log goes on and off again and again while the child churns, which notices nothing")
{
	unsigned n = 0;
	u64 end = time_ns() + 2 * SEC;

	NEED_LOG();
	if (!churn_up())
		return;
	for (; run_on(end, n > 10); n++) {
		EXPECT_RC(shadow_op(kid.id, OFF, NULL, 0), 0);
		sched_op(SCHEDOP_yield, NULL);
		if (!EXPECT_RC(shadow_op(kid.id, ENABLE, NULL, 0), 0))
			break;
		sched_op(SCHEDOP_yield, NULL);
		EXPECT_RC(log_read(true), 0);
	}
	churn_over();
	log_down();
}

CASE(killed, "a child dies in the midst of it, its log on: all memory comes back")
{
	NEED_LOG();
	for (unsigned i = 0; i < 5; i++) {
		if (!churn_up())
			return;
		EXPECT_RC(log_read(true), 0);
		log_down();
	}
}
