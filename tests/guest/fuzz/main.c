/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer inside.
 *
 * What could be wrong: what the host believes of frames, events and grants holds only while vCPUs take turns, or while nobody
 * hurries.
 * How it is provoked: two children of two vCPUs each, on two CPUs, do at once whatever their seed says: hypercalls with arguments
 * that mean something, stores into their page tables, instructions made of random bytes, scribbling in shared_info and in their
 * grant table, mapping of each other's grants; for as long as "seconds" says, with child after child. Meanwhile a debug build
 * of the host checks itself every few milliseconds (self_check= on its command line).
 * A wrong host: panics, stops, loses pages, or keeps a domain. What a child comes to is its own affair.
 *
 * The seed is printed; "seed=N" repeats it, as far as two vCPUs repeat.
 */
#include "child.h"

#define KIDS 2
#define ROUNDS 200000
#define PATIENCE 20	/* looks of 50 ms without any progress: it hangs by its own doing */

static struct child kid[KIDS];
static long seen[KIDS], idle[KIDS];
static bool up[KIDS];
static unsigned children, rounds;

static u64 rng(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* ---- in the child: arg[0] seed, [1] first of the extra pages (address), [2] the other child's id, [3] its own pages,
 * [4] the pfn of [1] ---- */

static u64 own_frame(struct comm *c, u64 r)
{
	/* Mostly pages that it can do without. */
	return ((u64 *)start_info->mfn_list)[r & 31 ? c->arg[4] + 2 + (r >> 5) % 6 : 256 + (r >> 5) % c->arg[3]];
}

static u64 any_pte(struct comm *c, u64 *s)
{
	static const u64 flags[] = { PTE_RW, PTE_RO, PTE_P, PTE_P | PTE_W, 0, PTE_RW | PTE_NX, PTE_RW | PTE_PSE, PTE_RO | PTE_G };
	u64 r = rng(s);

	return (r % 16 ? own_frame(c, r >> 8) : r >> 40) << PAGE_SHIFT | flags[r >> 4 & 7];
}

static u64 any(struct comm *c, u64 *s)
{
	static const u64 odd[] = { 0xffff, 0x7ff0, 0x7ff1, 0x7ff2, 0x80000000, 0xffffffff, ~0UL, 0xffff800000000000,
		0xffff830000000000, 0xfee00, 0x8000000000000000 };
	u64 r = rng(s);

	switch (r % 16) {
	case 0 ... 4: return (r >> 8) % 40;
	case 5: return odd[(r >> 8) % ARRAY_SIZE(odd)];
	case 6 ... 8: return c->arg[1] + (r >> 8) % 4096;
	case 9 ... 10: return own_frame(c, r >> 8);
	case 11: return own_frame(c, r >> 8) << PAGE_SHIFT | (r >> 50 & 0xff8);
	case 12: return c->arg[2];
	case 13: return any_pte(c, s);
	case 14: return c->arg[1] + PAGE_SIZE * (2 + (r >> 8) % 6);
	default: return r >> 8;
	}
}

static void call(struct comm *c, u64 *s)
{
	static const u8 nr[] = {
		__HYPERVISOR_mmu_update, __HYPERVISOR_mmu_update, __HYPERVISOR_mmuext_op, __HYPERVISOR_mmuext_op,
		__HYPERVISOR_update_va_mapping, __HYPERVISOR_grant_table_op, __HYPERVISOR_grant_table_op, __HYPERVISOR_memory_op,
		__HYPERVISOR_event_channel_op, __HYPERVISOR_event_channel_op, __HYPERVISOR_vcpu_op, __HYPERVISOR_set_gdt,
		__HYPERVISOR_update_descriptor, __HYPERVISOR_physdev_op, __HYPERVISOR_multicall, __HYPERVISOR_set_debugreg,
	};
	u64 *p = (u64 *)c->arg[1], r = rng(s);
	unsigned n = nr[r % ARRAY_SIZE(nr)];

	if (n == __HYPERVISOR_multicall && r >> 58)
		n = __HYPERVISOR_mmu_update;	/* seldom: it mostly empties the trap table */
	for (int i = 0; i < 12; i++)
		p[i] = r >> (8 + i) & 1 ? any(c, s) : (any(c, s) & 0xffffffff) | any(c, s) << 32;
	if (r >> 32 & 15)
		hypercall(n, r >> 36 & 1 ? (u64)p : any(c, s) % 32, r >> 36 & 1 ? 1 + (r >> 37 & 3) : (u64)p,
			  r >> 40 & 1 ? 0 : 1 + (r >> 41 & 3), r >> 44 & 7 ? DOMID_SELF : any(c, s), 0);
	else
		hypercall(r >> 48 & 63 ? n : 55, any(c, s), any(c, s), any(c, s), any(c, s), any(c, s));
}

/* Entries of page tables that are mapped read-only: the host emulates the store. */
static void store_entry(struct comm *c, u64 *s)
{
	u64 r = rng(s), va = c->arg[1] + PAGE_SIZE * (2 + r % 6), *e;

	e = pte_va((void *)va, r >> 8 & 7 ? 1 : 2);
	if (e)
		(void)CATCH(*e = any_pte(c, s));
}

static void execute(struct comm *c, u64 *s, unsigned vcpu)
{
	static const char second[] = "\x00\x01\x20\x21\x22\x23\x30\x32\x06\x08\x09\x31\x33\xa2\x0b\xae";
	u8 *code = (u8 *)c->arg[1] + PAGE_SIZE + 64 * vcpu;

	for (int j = 0; j < 64; j += 8)
		*(u64 *)(code + j) = rng(s);
	code[0] = 0x0f;
	code[1] = second[rng(s) % 16];
	code[3] = code[4] = code[5] = 0xc3;	/* mostly back at once */
	(void)CATCH(((void (*)(void))code)());
}

static void scribble(struct comm *c, u64 *s)
{
	u64 r = rng(s);
	u32 *page = (u32 *)(r & 1 && shared ? (u64)shared : c->arg[1] + PAGE_SIZE * (2 + (r >> 1) % 6));

	(void)CATCH(page[r >> 8 & 1023] = r & 2 ? any(c, s) : 0);
}

/* A grant table of its own, at the last of the extra pages, and what is in it. */
static void grant(struct comm *c, u64 *s)
{
	grant_entry_v1_t *gt = (void *)(c->arg[1] + 7 * PAGE_SIZE);
	u64 r = rng(s);

	(void)CATCH(gt[8 + r % 24] = ((grant_entry_v1_t){ .flags = r >> 8 & 3 ? GTF_permit_access : r >> 10,
		.domid = r >> 32 & 7 ? c->arg[2] : 0, .frame = own_frame(c, r >> 40) }));
}

static void map_grant(struct comm *c, u64 *s)
{
	struct gnttab_map_grant_ref *m = (void *)c->arg[1];
	struct gnttab_unmap_grant_ref *u = (void *)c->arg[1];
	u64 r = rng(s), va = c->arg[1] + PAGE_SIZE * (2 + r % 5);

	if (r >> 8 & 1) {
		*m = (struct gnttab_map_grant_ref){ .host_addr = va, .flags = r >> 9 & 31, .ref = 8 + (r >> 16) % 24,
			.dom = c->arg[2] };
		grant_op(GNTTABOP_map_grant_ref, m, 1);
	} else {
		*u = (struct gnttab_unmap_grant_ref){ .host_addr = va, .handle = (r >> 16) % 16 };
		grant_op(GNTTABOP_unmap_grant_ref, u, 1);
	}
}

static void storm(struct comm *c, unsigned vcpu)
{
	u64 s = c->arg[0] * (vcpu * 2 + 1) | 1;

	for (long i = 0; i < ROUNDS; i++) {
		switch (rng(&s) >> 20 & 15) {
		case 0:
			if (rng(&s) >> 61) {
				scribble(c, &s);
				break;
			}
			execute(c, &s, vcpu);	/* many of its instructions end the child */
			break;
		case 1 ... 2: scribble(c, &s); break;
		case 3 ... 4: store_entry(c, &s); break;
		case 5 ... 6: grant(c, &s); break;
		case 7 ... 9: map_grant(c, &s); break;
		default: call(c, &s);
		}
		c->res[vcpu]++;
	}
}

static void second(void *arg)
{
	storm(arg, 1);
	for (;;)
		sched_op(SCHEDOP_yield, NULL);
}

static void begin(struct comm *c)
{
	struct gnttab_setup_table t = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t frame = 0;

	set_xen_guest_handle(t.frame_list, &frame);
	if (!grant_op(GNTTABOP_setup_table, &t, 1) && !t.status)
		map_page((void *)(c->arg[1] + 7 * PAGE_SIZE), frame << PAGE_SHIFT | PTE_RW);
	c->res[2] = vcpu_start(1, second, c);
	storm(c, 0);
}

/* ---- in dom0 ---- */

static bool raise_child(unsigned k, u64 seed)
{
	if (!child_up(&kid[k], k)) {
		say("child with seed %lx", seed);
		return false;
	}
	up[k] = true;
	seen[k] = idle[k] = 0;
	children++;
	kid[k].comm->arg[0] = seed;
	kid[k].comm->arg[1] = (u64)child_va(kid[k].extra);
	kid[k].comm->arg[2] = kid[1 - k].id;
	kid[k].comm->arg[4] = kid[k].extra;
	kid[k].comm->arg[3] = kid[k].total > 300 ? kid[k].total - 256 : 40;
	kid[k].comm->fn = begin;
	return true;
}

static void end_child(unsigned k)
{
	rounds += kid[k].comm->res[0] + kid[k].comm->res[1];
	EXPECT_RC(child_destroy(&kid[k]), 0);
	EXPECT(child_gone(kid[k].id));
	up[k] = false;
}

/* Is it dead, done, or stuck? */
static bool over(unsigned k)
{
	struct xen_domctl_getdomaininfo info;
	long now = kid[k].comm->res[0] + kid[k].comm->res[1];

	if (child_info(kid[k].id, &info) || info.flags & XEN_DOMINF_shutdown || !kid[k].comm->fn)
		return true;
	idle[k] = now == seen[k] ? idle[k] + 1 : 0;
	seen[k] = now;
	return idle[k] > PATIENCE;
}

static u64 number(const char *name, u64 otherwise)
{
	char buf[24];
	const char *p = cmdline_get(name, buf, sizeof(buf));
	u64 v = 0;

	for (; p && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + *p - '0';
	return v ? v : otherwise;
}

CASE(storm, "two children of two vCPUs each do what a seed says, child after child, while the host checks itself")
{
	u64 seed = number("seed", rdtsc() % 1000000007), s = seed * 0x9e3779b97f4a7c15, end, before;

	say("seed=%lu", seed);
	if (!raise_child(0, 1))		/* fills the host's caches */
		return;
	end_child(0);
	before = free_settled();
	end = time_ns() + number("seconds", 20) * SEC;
	/* On a slow machine longer, for there is something to be seen first. */
	while ((time_ns() < end || (rounds <= 1000 && time_ns() < end + 600 * SEC)) && !case_bad()) {
		for (unsigned k = 0; k < KIDS; k++) {
			if (up[k] && over(k))
				end_child(k);
			if (!up[k] && !raise_child(k, rng(&s)))
				return;
		}
		WAIT_FOR(false, 50 * MS);
	}
	for (unsigned k = 0; k < KIDS; k++)
		if (up[k])
			end_child(k);
	say("%u children, %u rounds", children, rounds);
	EXPECT(rounds > 1000);
	nothing_lost_but(before, 12);
}
