/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel's root and its user's have alike, and what not: each sees its own, whatever either saw before. */
#include "pt.h"

#define DATA (USER_BASE + 0x1000)
#define UPPER 0xffff960000000000ul	/* slot 300 */
#define NOTHING (~0ul)

/* mov ADDRESS, %rax; ud2 */
static void put_reader(u8 *p, u64 address)
{
	p[0] = 0x48;
	p[1] = 0xa1;
	memcpy(p + 2, &address, 8);
	p[10] = 0x0f;
	p[11] = 0x0b;
}

static u64 user_sees(unsigned reader)
{
	struct frame f;
	int vec;

	user_frame(&f, USER_BASE + reader * 16);
	vec = user_run(&f);
	return vec == X_UD ? this_cpu()->last.rax : vec == X_PF ? NOTHING : (u64)vec;
}

static u64 kernel_sees(u64 address)
{
	static volatile u64 v;

	return CATCH(v = *(volatile u64 *)address) < 0 ? v : NOTHING;
}

static u64 secret = 0x5ec;

struct side { u64 *t[4], *code, *data; };

/* Tables whose region at va has programs that read DATA, a kernel's variable and UPPER; and a word that is read. */
static bool make(struct side *s, u64 va, u64 word)
{
	u64 *l1;

	for (int i = 0; i < 4; i++)
		s->t[i] = page_alloc();
	s->code = page_alloc();
	s->data = page_alloc();
	put_reader((u8 *)s->code, DATA);
	put_reader((u8 *)s->code + 16, (u64)&secret);
	put_reader((u8 *)s->code + 32, UPPER);
	s->data[0] = word;
	for (int i = 1; i < 3; i++)
		s->t[i][va >> (39 - 9 * i) & 511] = mfn_of(s->t[i + 1]) << PAGE_SHIFT | PTE_RW;
	l1 = s->t[3] + (va >> PAGE_SHIFT & 511);
	l1[0] = mfn_of(va == USER_BASE ? s->code : s->data) << PAGE_SHIFT | PTE_RW;
	l1[1] = mfn_of(s->data) << PAGE_SHIFT | PTE_RW;
	for (int i = 1; i < 4; i++)
		if (page_ro(s->t[i]))
			return false;
	return true;
}

static void unmake(struct side *s)
{
	for (int i = 1; i < 4; i++)
		EXPECT_RC(page_rw(s->t[i]), 0);
	for (int i = 0; i < 4; i++)
		page_free(s->t[i]);
	page_free(s->code);
	page_free(s->data);
}

static u64 link(const struct side *s) { return s ? mfn_of(s->t[1]) << PAGE_SHIFT | PTE_RW : 0; }

/* The entries of both roots' first slot, by one hypercall or with the kernel looking in between. */
static void set_roots(const struct side *kernel, const struct side *user, bool look)
{
	EXPECT_RC(set_pte(pte_ptr((void *)USER_BASE, 4), link(kernel)), 0);
	if (look) {
		EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
		EXPECT_HEX(kernel_sees(DATA), kernel ? kernel->data[0] : NOTHING);
	}
	EXPECT_RC(set_pte(user_l4_mfn() << PAGE_SHIFT, link(user)), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
}

static void see(const struct side *kernel, const struct side *user)
{
	for (int i = 0; i < 3; i++) {
		EXPECT_HEX(user_sees(0), user->data[0]);
		EXPECT_HEX(user_sees(1), NOTHING);
		EXPECT_HEX(kernel_sees(DATA), kernel ? kernel->data[0] : NOTHING);
	}
}

CASE(joint_lower, "the user's half alike in both roots, then not, then alike again: kernel and user see each its own")
{
	u64 old = mfn_of((void *)start_info->pt_base), first;
	struct side a, b;

	NEED(user_init());
	first = *pte_va((void *)USER_BASE, 4);
	NEED(make(&a, USER_BASE, 0xaaaa) && make(&b, USER_BASE, 0xbbbb));
	for (int round = 0; round < 8; round++) {
		bool again = round & 1, look = round & 2;

		set_roots(&a, &a, look);
		if (again)
			REQUIRE_RC(ext_op(MMUEXT_NEW_BASEPTR, old, 0), 0);
		see(&a, &a);
		set_roots(&b, &a, look);
		see(&b, &a);
		set_roots(NULL, &a, look);
		see(NULL, &a);
		set_roots(&a, &b, look);
		see(&a, &b);
		set_roots(&b, &b, look);
		if (again)
			REQUIRE_RC(ext_op(MMUEXT_NEW_BASEPTR, old, 0), 0);
		see(&b, &b);
	}
	EXPECT_RC(set_pte(pte_ptr((void *)USER_BASE, 4), first), 0);
	EXPECT_RC(set_pte(user_l4_mfn() << PAGE_SHIFT, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	unmake(&a);
	unmake(&b);
	user_relink();
}

CASE(joint_upper, "the kernel's half: what comes and goes there is the kernel's to see, never its user's")
{
	u64 first, *upper;
	struct side u, a, b;

	NEED(user_init());
	first = *pte_va((void *)USER_BASE, 4);
	NEED(make(&u, USER_BASE, 0xcccc) && make(&a, UPPER, 0xaaaa) && make(&b, UPPER, 0xbbbb));
	upper = (u64 *)pte_ptr((void *)UPPER, 4);
	set_roots(&u, &u, false);
	EXPECT_RC(ext_op(MMUEXT_NEW_BASEPTR, mfn_of((void *)start_info->pt_base), 0), 0);
	for (int round = 0; round < 8; round++) {
		const struct side *now = round % 3 == 0 ? &a : round % 3 == 1 ? &b : NULL;

		EXPECT_RC(set_pte((u64)upper, link(now)), 0);
		EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
		for (int i = 0; i < 3; i++) {
			if (round & 1)
				EXPECT_HEX(user_sees(2), NOTHING);
			EXPECT_HEX(kernel_sees(UPPER), now ? now->data[0] : NOTHING);
			EXPECT_HEX(user_sees(2), NOTHING);
			EXPECT_HEX(user_sees(0), 0xcccc);
		}
	}
	/* In the user's root alone, and in both. */
	EXPECT_RC(set_pte((u64)upper, 0), 0);
	EXPECT_RC(set_pte(user_l4_mfn() << PAGE_SHIFT | (UPPER >> 39 & 511) * 8, link(&a)), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT_HEX(user_sees(2), 0xaaaa);
	EXPECT_HEX(kernel_sees(UPPER), NOTHING);
	EXPECT_RC(set_pte((u64)upper, link(&b)), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	EXPECT_HEX(kernel_sees(UPPER), 0xbbbb);
	EXPECT_HEX(user_sees(2), 0xaaaa);
	EXPECT_HEX(kernel_sees(UPPER), 0xbbbb);
	EXPECT_RC(set_pte((u64)upper, 0), 0);
	EXPECT_RC(set_pte(user_l4_mfn() << PAGE_SHIFT | (UPPER >> 39 & 511) * 8, 0), 0);
	EXPECT_RC(set_pte(pte_ptr((void *)USER_BASE, 4), first), 0);
	EXPECT_RC(set_pte(user_l4_mfn() << PAGE_SHIFT, 0), 0);
	EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
	unmake(&u);
	unmake(&a);
	unmake(&b);
	user_relink();
}
