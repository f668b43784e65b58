/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hostile guests.
 *
 * What could be wrong: somewhere in the host a value of the guest's is trusted.
 * How it is provoked: children make hypercalls with numbers, pointers, frames and domains picked from those that are
 * interesting, thousands of times, from seeds that are printed; then two at once, with their memory shared by dom0.
 * A wrong host: stops, lets dom0 down, loses pages, or keeps a domain for ever. What the child itself comes to is its own affair.
 */
#include "child.h"

static struct child kid, kid2;
static u64 secret[512] __attribute__((aligned(4096)));	/* dom0's, offered as a target */

static u64 calls_made;

static u64 rng(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

/* A value that has been somebody's undoing before. arg[1]: dom0's frame, arg[2]: Xen's, arg[3]: the scratch page. */
static u64 pick(struct comm *c, u64 *s)
{
	static const u64 odd[] = {
		0, 1, 2, 3, 7, 8, 63, 64, 511, 512, 4095, 4096, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7ffffff0, 0x7ff1, 0x7ff2,
		0x7ff4, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0UL, ~4095UL,
		0xffff800000000000, 0xffff82d040200000, 0xffff830000000000, 0xffff87fffffffff8, 0xffff880000000000,
		0x7fffffffffff, 0x800000000000, 0xfee00, 0xfec00, 0xb8, 0xfffffff,
	};
	u64 r = rng(s);

	switch (r >> 60) {
	case 0 ... 4:
		return r % 40;
	case 5 ... 8:
		return odd[r % ARRAY_SIZE(odd)];
	case 9 ... 11:
		return c->arg[3] + (r % 8 ? 0 : r % 4096);
	case 12:
		return ((u64 *)start_info->mfn_list)[256 + r % 800];
	case 13:
		return c->arg[1 + r % 2];
	case 14:
		return ((u64 *)start_info->mfn_list)[256 + r % 800] << 12 | (r >> 20 & 0xfff);
	default:
		return r;
	}
}

static void scribble(struct comm *c, u64 *s)
{
	u64 *p = (u64 *)c->arg[3];

	for (int i = 0; i < 16; i++) {
		u64 r = rng(s);

		p[i] = r & 1 ? pick(c, s) : (pick(c, s) & 0xffffffff) | pick(c, s) << 32;
	}
}

static void storm(struct comm *c)
{
	static const u8 calls[] = {
		__HYPERVISOR_mmu_update, __HYPERVISOR_mmuext_op, __HYPERVISOR_update_va_mapping, __HYPERVISOR_grant_table_op,
		__HYPERVISOR_memory_op, __HYPERVISOR_event_channel_op, __HYPERVISOR_vcpu_op, __HYPERVISOR_set_gdt,
		__HYPERVISOR_update_descriptor, __HYPERVISOR_physdev_op, __HYPERVISOR_multicall, __HYPERVISOR_xen_version,
		__HYPERVISOR_set_segment_base, __HYPERVISOR_set_debugreg, __HYPERVISOR_vm_assist, __HYPERVISOR_callback_op,
		__HYPERVISOR_update_va_mapping_otherdomain, __HYPERVISOR_stack_switch, __HYPERVISOR_hvm_op,
		__HYPERVISOR_console_io, __HYPERVISOR_domctl, __HYPERVISOR_sysctl, __HYPERVISOR_platform_op, __HYPERVISOR_nmi_op,
	};
	u64 s = c->arg[0];
	long only = c->arg[4];

	for (long i = 0; i < c->arg[5]; i++) {
		u64 r = rng(&s);
		unsigned nr = only >= 0 ? (unsigned)only : r % 8 ? calls[r / 8 % ARRAY_SIZE(calls)] : r / 8 % 56;

		scribble(c, &s);
		if (nr == __HYPERVISOR_sched_op || nr == __HYPERVISOR_iret || nr == __HYPERVISOR_sched_op_compat)
			continue;
		hypercall(nr, pick(c, &s), pick(c, &s), pick(c, &s), pick(c, &s), pick(c, &s));
		c->res[0] = i;
	}
	c->res[1] = 1;
}

static void prepare(struct child *c, u64 seed, long only, long rounds)
{
	c->comm->arg[0] = seed;
	c->comm->arg[1] = mfn_of(secret);
	c->comm->arg[2] = start_info->shared_info >> 12;
	c->comm->arg[3] = (u64)child_va(c->extra);
	c->comm->arg[4] = only;
	c->comm->arg[5] = rounds;
	c->comm->fn = storm;
}

/* Until the child has done its rounds, is dead, or hangs by its own doing. */
static void await(struct child *c)
{
	struct xen_domctl_getdomaininfo info;
	u64 last = ~0UL;

	while (c->comm->fn && c->comm->res[0] != (long)last) {
		last = c->comm->res[0];
		WAIT_FOR(!c->comm->fn || (!child_info(c->id, &info) && info.flags & XEN_DOMINF_shutdown), 200 * MS);
	}
}

static void attack(u64 seed, long only, long rounds)
{
	if (!child_up(&kid, 0))
		return;
	prepare(&kid, seed, only, rounds);
	await(&kid);
	calls_made += kid.comm->res[0];
	EXPECT_RC(child_destroy(&kid), 0);
	if (!EXPECT(child_gone(kid.id)))
		say("seed %lx, call %ld", seed, only);
}

static void check(u64 before)
{
	if (calls_made)
		say("%lu hypercalls were made", calls_made);
	calls_made = 0;
	for (unsigned i = 0; i < 512; i++)
		if (secret[i] != 0x5ec3e70000UL + i) {
			fail_at(__FILE__, __LINE__, "dom0's page was changed at %u: %lx", i, secret[i]);
			break;
		}
	nothing_lost_but(before, 12);	/* a page a child would be more */
}

static void arm(void)
{
	for (unsigned i = 0; i < 512; i++)
		secret[i] = 0x5ec3e70000 + i;
}

CASE(warm, "a first child, so that the host's caches are filled")
{
	attack(1, __HYPERVISOR_xen_version, 10);
}

CASE(each_call, "one child a hypercall, a thousand times each with hostile arguments")
{
	u64 before = free_settled();

	arm();
	for (int nr = 0; nr <= 42; nr++)
		if (nr != __HYPERVISOR_iret && nr != __HYPERVISOR_sched_op)
			attack(0x1234567 + nr, nr, 1000);
	check(before);
}

CASE(mixed, "twenty children, three thousand hypercalls of all kinds each")
{
	u64 before = free_settled();

	arm();
	for (u64 seed = 100; seed < 120; seed++)
		attack(seed * 0x9e3779b97f4a7c15, -1, 3000);
	check(before);
}

CASE(tables, "ten children with only page-table calls: mmu_update, mmuext_op, update_va_mapping")
{
	static const u8 nr[] = { __HYPERVISOR_mmu_update, __HYPERVISOR_mmuext_op, __HYPERVISOR_update_va_mapping,
				 __HYPERVISOR_memory_op, __HYPERVISOR_grant_table_op };
	u64 before = free_settled();

	arm();
	for (u64 seed = 1; seed <= 10; seed++)
		attack(seed * 0xbf58476d1ce4e5b9, nr[seed % ARRAY_SIZE(nr)], 5000);
	check(before);
}

CASE(two_at_once, "two children storm at once on two CPUs, and are destroyed in the middle of it")
{
	u64 before = free_settled();

	arm();
	for (u64 seed = 1; seed <= 16; seed++) {
		if (!child_up(&kid, 0) || !child_up(&kid2, 1))
			return;
		prepare(&kid, seed * 77777777, -1, 1000000);
		prepare(&kid2, seed * 99999999, -1, 1000000);
		WAIT_FOR(false, 30 * MS);
		EXPECT_RC(child_destroy(&kid), 0);
		EXPECT_RC(child_destroy(&kid2), 0);
		EXPECT(child_gone(kid.id));
		EXPECT(child_gone(kid2.id));
	}
	check(before);
}

static void wild(struct comm *c)
{
	u64 s = c->arg[0];
	u8 *code = (u8 *)c->arg[3] + PAGE_SIZE;

	for (volatile long i = 0; i < c->arg[5]; i++) {
		for (int j = 0; j < 64; j += 8)
			*(u64 *)(code + j) = rng(&s);
		/* Privileged and two-byte opcodes are what the host emulates. */
		if (i & 1) {
			code[0] = 0x0f;
			code[1] = "\x00\x01\x20\x21\x22\x23\x30\x32\x06\x08\x09\x31\x33\xa2\x0b\xae"[rng(&s) % 16];
		}
		(void)CATCH(((void (*)(void))code)());
		c->res[0] = i;
	}
}

CASE(random_code, "children that execute random bytes in kernel mode")
{
	u64 before = free_settled();

	arm();
	for (u64 seed = 1; seed <= 15; seed++) {
		if (!child_up(&kid, 0))
			return;
		prepare(&kid, seed * 0x2545f4914f6cdd1d, -1, 2000);
		kid.comm->fn = wild;
		await(&kid);
		EXPECT_RC(child_destroy(&kid), 0);
		EXPECT(child_gone(kid.id));
	}
	check(before);
}
