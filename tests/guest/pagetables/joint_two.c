// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Roots that one vCPU changes while another is in user mode on them. vCPU 1 runs a program that reads two words for ever, one
 * of the user's half and one of the kernel's, and calls its kernel, which reads the same and more. vCPU 0 changes the roots, and
 * frames that were tables become plain pages that name a secret. When it has flushed, each of the other's modes sees what its
 * root says; and whether it has or not, nobody sees the secret. A word is one bit, so that all that was ever seen is an OR.
 */
#include "pt.h"

#define LOWER  0x8000000000ul		/* slot 1 */
#define UPPER  300u			/* and the slots after it: more than a hypervisor may have at once */
#define UPPERS 12u
#define REPORT (USER_BASE + 0x1000)

enum { A = 1, B = 2, NONE = 4, SECRET = 8 };

static struct report { u64 seen[2], ever[2], rounds, stop, talk; } *report;	/* of the program; 0: LOWER, 1: UPPER */
static u64 kernel_lower, kernel_upper[UPPERS], kernel_ever, kernel_rounds, new_user, new_kernel;
static bool is_back;
static int back_by;

/* rdi: report, rsi: LOWER, rdx: UPPER. */
__asm__(".text; joint_program: mov (%rsi), %rax; mov %rax, (%rdi); or %rax, 16(%rdi); cmpq $0, 48(%rdi); je 1f\n"
	"joint_program_upper: mov (%rdx), %rax; mov %rax, 8(%rdi); or %rax, 24(%rdi); syscall\n"
	"1: incq 32(%rdi); cmpq $0, 40(%rdi); je joint_program; ud2\njoint_program_end:\n"
	"joint_peek: mov (%rdi), %rax; ret");
extern char joint_program[], joint_program_upper[], joint_program_end[];
extern u64 joint_peek(u64 address);

static u64 upper_address(unsigned i) { return 0xffffull << 48 | (u64)(UPPER + i) << 39; }

/* ---- vCPU 1 ---- */

/* The three loads read NONE where nothing is mapped. */
static bool on_fault(struct frame *f)
{
	u64 offset = f->rip - USER_BASE;
	bool user = (f->cs & 3) == 3;

	if (user ? offset && offset != (u64)(joint_program_upper - joint_program) : f->rip != (u64)joint_peek)
		return false;
	f->rax = NONE;
	f->rip += 3;
	return true;
}

static bool on_syscall(struct frame *f)
{
	u64 root;

	(void)f;
	root = __atomic_exchange_n(&new_user, 0, __ATOMIC_SEQ_CST);
	if (root)
		EXPECT_RC(ext_op(MMUEXT_NEW_USER_BASEPTR, root, 0), 0);
	root = __atomic_exchange_n(&new_kernel, 0, __ATOMIC_SEQ_CST);
	if (root)
		EXPECT_RC(ext_op(MMUEXT_NEW_BASEPTR, root, 0), 0);
	kernel_lower = joint_peek(LOWER);
	kernel_ever |= kernel_lower;
	for (unsigned i = 0; i < UPPERS; i++) {
		kernel_upper[i] = joint_peek(upper_address(i));
		kernel_ever |= kernel_upper[i];
	}
	__atomic_fetch_add(&kernel_rounds, 1, __ATOMIC_SEQ_CST);
	return true;
}

static void run_program(void *arg)
{
	struct cpu *c = this_cpu();
	struct frame f;

	(void)arg;
	c->hook[X_PF] = on_fault;
	c->hook[VEC_SYSCALL] = on_syscall;
	user_frame(&f, USER_BASE);
	f.rdi = REPORT;
	f.rsi = LOWER;
	f.rdx = upper_address(0);
	back_by = user_init() ? user_run(&f) : -2;
	c->hook[X_PF] = c->hook[VEC_SYSCALL] = NULL;
	__atomic_store_n(&is_back, true, __ATOMIC_SEQ_CST);
}

/* ---- vCPU 0 ---- */

struct tree { u64 *t[4], *data; };	/* of levels 3, 2, 1 from t[1]; the word at offset 0 of the slot */
static struct tree tree[2];
static u64 *secret, kernel_first, program_entry;
static u8 *program;

static u64 to_page(const void *page) { return mfn_of(page) << PAGE_SHIFT | PTE_RW; }
static u64 link(int which) { return which ? to_page(tree[which - 1].t[1]) : 0; }
static u64 word(int which) { return which ? (u64)which : NONE; }
static u64 kernel_entry(u64 address) { return pte_ptr((void *)address, 4); }
static u64 user_entry(u64 address) { return user_l4_mfn() << PAGE_SHIFT | (address >> 39 & 511) * 8; }

static void flush(void) { EXPECT_RC(ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0), 0); }

static bool tables_ro(struct tree *tr)
{
	for (int i = 1; i < 4; i++)
		tr->t[i][0] = to_page(i < 3 ? tr->t[i + 1] : tr->data);
	return !page_ro(tr->t[1]) && !page_ro(tr->t[2]) && !page_ro(tr->t[3]);
}

/* A tree that is linked nowhere: its tables become pages that say what a guest likes. */
static void tables_plain(struct tree *tr)
{
	for (int i = 1; i < 4; i++) {
		REQUIRE_RC(page_rw(tr->t[i]), 0);
		tr->t[i][0] = to_page(i < 3 ? tr->t[i + 1] : secret);
	}
}

/* vCPU 1 in its program, on joint roots if there are such: both roots have its region. */
static bool begin(void)
{
	if (!user_init())
		return false;
	program = page_alloc();
	report = page_alloc();
	secret = page_alloc();
	*secret = SECRET;
	memcpy(program, joint_program, joint_program_end - joint_program);
	user_map(USER_BASE, to_page(program));
	user_map(REPORT, to_page(report));
	for (int i = 0; i < 2; i++) {
		for (int j = 1; j < 4; j++)
			tree[i].t[j] = page_alloc();
		tree[i].data = page_alloc();
		*tree[i].data = i ? B : A;
		if (!tables_ro(&tree[i]))
			return false;
	}
	kernel_first = *pte_va((void *)USER_BASE, 4);
	program_entry = *((u64 *)va_of_mfn(user_l4_mfn()) + (USER_BASE >> 39));
	if (set_pte(kernel_entry(USER_BASE), program_entry))
		return false;
	flush();
	kernel_rounds = kernel_ever = 0;
	is_back = false;
	return !vcpu_start(1, run_program, NULL);
}

static void end(void)
{
	report->stop = 1;
	REQUIRE(WAIT_FOR(READ_ONCE(is_back) && !vcpu_op(VCPUOP_is_up, 1, NULL), 20 * SEC));
	EXPECT_RC(back_by, X_UD);
	EXPECT_HEX((report->ever[0] | report->ever[1] | kernel_ever) & SECRET, 0);
	EXPECT_RC(set_pte(kernel_entry(USER_BASE), kernel_first), 0);
	user_map(USER_BASE, 0);
	user_map(REPORT, 0);
	flush();
	for (int i = 0; i < 2; i++) {
		tables_plain(&tree[i]);
		for (int j = 1; j < 4; j++)
			page_free(tree[i].t[j]);
		page_free(tree[i].data);
	}
	page_free(program);
	page_free(report);
	page_free(secret);
}

static void wait_rounds(unsigned n)
{
	u64 r = READ_ONCE(report->rounds), k = READ_ONCE(kernel_rounds);

	if (!case_bad())
		EXPECT(WAIT_FOR(READ_ONCE(report->rounds) >= r + n && (!report->talk || READ_ONCE(kernel_rounds) >= k + n),
				20 * SEC));
}

/* All is flushed: what vCPU 1 sees of LOWER in its modes, its kernel of the slots from UPPER, and its user of the first of them. */
static void sees(int user, int kernel, const int *upper, int upper_user)
{
	bool talks = report->talk;

	wait_rounds(2);
	EXPECT_HEX(report->seen[0], word(user));
	report->talk = 1;
	wait_rounds(2);
	EXPECT_HEX(report->seen[0], word(user));
	EXPECT_HEX(report->seen[1], word(upper_user));
	EXPECT_HEX(kernel_lower, word(kernel));
	for (unsigned i = 0; i < UPPERS; i++)
		EXPECT_HEX(kernel_upper[i], word(upper[i]));
	report->talk = talks;
	wait_rounds(2);
}

static const int nothing[UPPERS];

/* vCPU 1 takes it at its next call of the kernel: rounds that begin after that are on it. */
static void change_root(u64 *root, u64 mfn)
{
	__atomic_store_n(root, mfn, __ATOMIC_SEQ_CST);
	EXPECT(WAIT_FOR(!READ_ONCE(*root), 20 * SEC));
}

static void link_lower(int kernel, int user, bool user_first)
{
	for (int i = 0; i < 2; i++)
		if ((i == 0) == user_first)
			EXPECT_RC(set_pte(user_entry(LOWER), link(user)), 0);
		else
			EXPECT_RC(set_pte(kernel_entry(LOWER), link(kernel)), 0);
}

static void link_upper(unsigned i, int which) { EXPECT_RC(set_pte(kernel_entry(upper_address(i)), link(which)), 0); }

CASE(joint_two_vcpus_lower, "the user's half of both roots is changed while another vCPU's user and kernel read there")
{
	static const u8 step[][2] = {
		{1, 1}, {2, 2}, {2, 1}, {0, 1}, {1, 1}, {1, 0}, {0, 0}, {2, 2}, {1, 2}, {1, 1}, {0, 2}, {2, 0}, {2, 2},
	};

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(begin());
	for (unsigned n = 0; n < 4 * ARRAY_SIZE(step) && !case_bad(); n++) {
		const u8 *s = step[n % ARRAY_SIZE(step)];
		unsigned way = n / ARRAY_SIZE(step);

		report->talk = way & 1;
		link_lower(s[0], s[1], way & 2);
		flush();
		for (int i = 0; i < 2; i++)
			if (s[0] != i + 1 && s[1] != i + 1)
				tables_plain(&tree[i]);
		sees(s[1], s[0], nothing, 0);
		for (int i = 0; i < 2; i++)
			if (s[0] != i + 1 && s[1] != i + 1)
				NEED(tables_ro(&tree[i]));
	}
	link_lower(0, 0, false);
	flush();
	end();
}

CASE(joint_two_vcpus_below, "tables below the roots are changed, by hypercall and by stores, under another vCPU's user")
{
	u64 **t = tree[0].t;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(begin());
	link_lower(1, 1, false);
	for (int n = 0; n < 8 && !case_bad(); n++) {
		int which = 1 + (n / 2 & 1);
		u64 *data = tree[which - 1].data;

		report->talk = n & 1;
		*(volatile u64 *)t[3] = to_page(data);
		EXPECT_RC(ext_op(MMUEXT_INVLPG_ALL, LOWER, 0), 0);
		sees(which, which, nothing, 0);
		for (int level = 1; level < 4; level++) {
			EXPECT_RC(set_pte(mfn_of(t[level]) << PAGE_SHIFT, 0), 0);
			flush();
			sees(0, 0, nothing, 0);
			EXPECT_RC(set_pte(mfn_of(t[level]) << PAGE_SHIFT, to_page(level < 3 ? t[level + 1] : data)), 0);
			flush();
			sees(which, which, nothing, 0);
		}
	}
	link_lower(0, 0, false);
	flush();
	end();
}

CASE(joint_two_vcpus_upper, "entries of the kernel's half come and go: another vCPU's kernel sees each, its user none")
{
	int now[UPPERS] = { 0 };

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(begin());
	link_lower(1, 1, false);
	flush();
	for (unsigned n = 0; n < 5 * UPPERS && !case_bad(); n++) {
		unsigned i = n * 5 % UPPERS;

		report->talk = n & 1;
		now[i] = (n / 5 + n) % 3;
		link_upper(i, now[i]);
		flush();
		sees(1, 1, now, 0);
	}
	EXPECT_HEX(report->ever[1], NONE);
	/* In the user's root, and in both. */
	for (int n = 0; n < 6 && !case_bad(); n++) {
		report->talk = n & 1;
		now[0] = n % 3;
		link_upper(0, now[0]);
		EXPECT_RC(set_pte(user_entry(upper_address(0)), link(2 - n % 2)), 0);
		flush();
		sees(1, 1, now, 2 - n % 2);
	}
	EXPECT_RC(set_pte(user_entry(upper_address(0)), 0), 0);
	flush();
	sees(1, 1, now, 0);
	for (unsigned i = 0; i < UPPERS; i++)
		link_upper(i, 0);
	link_lower(0, 0, false);
	flush();
	end();
}

CASE(joint_two_vcpus_roots, "roots are pinned, unpinned, changed and given back while another vCPU changes from one to the other")
{
	u64 *root[2] = { page_alloc(), page_alloc() }, *other = page_alloc();
	int upper[UPPERS] = { 0 };

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(begin());
	link_lower(1, 1, false);
	flush();
	report->talk = 1;
	for (int n = 0; n < 8 && !case_bad(); n++) {
		u64 *r = root[n & 1], *old = root[!(n & 1)];
		int which = 1 + n / 2 % 2;

		r[0] = program_entry;
		r[LOWER >> 39] = link(which);
		NEED(!page_ro(r));
		EXPECT_RC(ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(r), 0), 0);
		change_root(&new_user, mfn_of(r));
		sees(which, 1, nothing, 0);
		if (n)
			EXPECT_RC(page_rw(old), 0);
		memset(old, 0, PAGE_SIZE);
		/* It stays a root while the other runs on it. */
		EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(r), 0), 0);
		EXPECT_REFUSED(page_rw(r));
		sees(which, 1, nothing, 0);
		EXPECT_RC(set_pte(mfn_of(r) << PAGE_SHIFT | (LOWER >> 39) * 8, link(3 - which)), 0);
		flush();
		sees(3 - which, 1, nothing, 0);
	}
	change_root(&new_user, user_l4_mfn());
	sees(1, 1, nothing, 0);
	EXPECT_RC(page_rw(root[1]), 0);
	/* The same with a kernel's root. */
	memcpy(other, (void *)start_info->pt_base, PAGE_SIZE);
	memset(other + 256, 0, 16 * sizeof(*other));
	NEED(!page_ro(other) && !ext_op(MMUEXT_PIN_L4_TABLE, mfn_of(other), 0));
	for (int n = 0; n < 4 && !case_bad(); n++) {
		change_root(&new_kernel, mfn_of(other));
		sees(1, 1, upper, 0);
		upper[0] = upper[7] = 1 + n % 2;
		EXPECT_RC(set_pte(mfn_of(other) << PAGE_SHIFT | UPPER * 8, link(upper[0])), 0);
		EXPECT_RC(set_pte(mfn_of(other) << PAGE_SHIFT | (UPPER + 7) * 8, link(upper[0])), 0);
		link_upper(0, 3 - upper[0]);
		flush();
		sees(1, 1, upper, 0);
		change_root(&new_kernel, mfn_of((void *)start_info->pt_base));
		sees(1, 1, (int [UPPERS]){ 3 - upper[0] }, 0);
	}
	EXPECT_HEX(report->ever[1], NONE);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(other), 0), 0);
	EXPECT_RC(page_rw(other), 0);
	link_upper(0, 0);
	link_lower(0, 0, false);
	flush();
	end();
	page_free(other);
	page_free(root[0]);
	page_free(root[1]);
}

CASE(joint_two_vcpus_race, "roots are changed at any moment of another vCPU's changes of mode; tables become plain pages at once")
{
	u64 seed = 1, until = time_ns() + SEC / 2;
	unsigned slot = 0, steps = 0;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(begin());
	report->talk = 1;
	wait_rounds(2);
	for (; run_on(until, steps >= 200) && !case_bad(); steps++) {
		int which, kernel, user;
		unsigned dice;

		seed = seed * 6364136223846793005ul + 1442695040888963407ul;
		dice = seed >> 40;
		which = 1 + steps % 2;
		kernel = dice & 7 ? which : 0;
		user = dice & 0x70 ? which : 0;
		link_upper(slot, 0);
		slot = (dice >> 8) % UPPERS;
		link_upper(slot, which);
		link_lower(kernel, user, dice & 0x80);
		if (dice & 0x1000)
			flush();
		tables_plain(&tree[2 - which]);
		if (dice & 0x6000)
			wait_rounds(1);
		if (!(dice & 0xf0000)) {
			int upper[UPPERS] = { 0 };

			upper[slot] = which;
			flush();
			sees(user, kernel, upper, 0);
		}
		NEED(tables_ro(&tree[2 - which]));
	}
	EXPECT_HEX(report->ever[1], NONE);
	link_upper(slot, 0);
	link_lower(0, 0, false);
	flush();
	end();
}
