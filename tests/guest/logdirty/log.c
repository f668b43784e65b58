/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log.h"

char arena[ARENA][PAGE_SIZE] __attribute__((aligned(STACK_SIZE)));
struct child kid;
u8 dirty[CHILD_PFNS / 8], want[CHILD_PFNS];
struct xen_domctl_shadow_op_stats stats;
static u8 idle_writes[CHILD_PFNS];
static u64 free_before;
u64 slack = 2;

long shadow_op(domid_t id, u32 op, void *bitmap, u64 pages)
{
	struct xen_domctl d = { 0 };
	long rc;

	d.u.shadow_op.op = op;
	d.u.shadow_op.dirty_bitmap.p = bitmap;
	d.u.shadow_op.pages = pages;
	rc = domctl(XEN_DOMCTL_shadow_op, id, &d);
	stats = d.u.shadow_op.stats;
	if (!rc && (op == XEN_DOMCTL_SHADOW_OP_CLEAN || op == XEN_DOMCTL_SHADOW_OP_PEEK))
		EXPECT_RC(d.u.shadow_op.pages, pages);
	return rc;
}

long log_read(bool clean)
{
	memset(dirty, 0xa5, sizeof(dirty));
	return shadow_op(kid.id, clean ? XEN_DOMCTL_SHADOW_OP_CLEAN : XEN_DOMCTL_SHADOW_OP_PEEK, dirty, CHILD_PFNS);
}

bool is_dirty(unsigned pfn) { return dirty[pfn / 8] >> pfn % 8 & 1; }

long kid_pause(bool on)
{
	struct xen_domctl d = { 0 };

	return domctl(on ? XEN_DOMCTL_pausedomain : XEN_DOMCTL_unpausedomain, kid.id, &d);
}

void kid_idle(void)
{
	u64 from = kid.comm->alive;

	EXPECT(WAIT_FOR(kid.comm->alive > from + 3, 5 * SEC));
}

/* What the child writes in its loop: all that is dirty after a round that a round before it had already made dirty. */
static bool learn_idle(void)
{
	for (unsigned i = 0; i < 3; i++) {
		if (log_read(true))
			return false;
		kid_idle();
	}
	if (log_read(true))
		return false;
	for (unsigned pfn = 0; pfn < CHILD_PFNS; pfn++)
		idle_writes[pfn] = is_dirty(pfn);
	return idle_writes[kid.comm_pfn];
}

bool log_up(void)
{
	free_before = free_settled();
	if (!child_up(&kid, 0))
		return false;
	if (!EXPECT_RC(shadow_op(kid.id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0), 0))
		return false;
	return EXPECT(learn_idle());
}

void log_down(void)
{
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(child_gone(kid.id));
	nothing_lost_but(free_before, slack);
}

void want_none(void)
{
	for (unsigned pfn = 0; pfn < CHILD_PFNS; pfn++)
		want[pfn] = idle_writes[pfn] ? MAY : NEVER;
}

void want_page(const void *va, u8 how) { want[pfn_of(va)] = how; }

void check_log(const char *what)
{
	unsigned n = 0;

	EXPECT_RC(kid_pause(true), 0);
	EXPECT_RC(log_read(true), 0);
	for (unsigned pfn = 0; pfn < CHILD_PFNS; pfn++) {
		if (want[pfn] == MUST && !is_dirty(pfn))
			fail_at(__FILE__, __LINE__, "%s: page %x is not in the bitmap", what, pfn);
		if (want[pfn] == NEVER && is_dirty(pfn))
			fail_at(__FILE__, __LINE__, "%s: page %x is in the bitmap (tables %x..%x, arena %lx)", what, pfn,
				kid.l4, kid.l1 + 1, pfn_of(arena));
		n += is_dirty(pfn);
	}
	EXPECT_RC(stats.dirty_count, n);
	EXPECT_RC(kid_pause(false), 0);
}

void check_run(const char *what, void (*fn)(struct comm *c))
{
	EXPECT_RC(log_read(true), 0);
	if (!EXPECT(child_run(&kid, fn)))
		return;
	check_log(what);
}
