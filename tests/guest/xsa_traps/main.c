/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published advisories on traps, emulation and vCPU state (docs/advisories.md), one case each, named for it.
 *
 * What could be wrong: the way back to the guest and the way in from it are the few instructions where the guest's values are in
 * the CPU's registers while the host runs: addresses that are not canonical, flags, breakpoints, stacks.
 * How it is provoked: as each advisory tells, from kernel mode and from user mode.
 * A wrong host: faults in ring 0 on the guest's values, or loops with interrupts off.
 */
#include "guest.h"
#include <xen/physdev.h>

#define XSTR(x) #x
#define STR(x) XSTR(x)
#define USER_PROGRAM(name, text)                                                          \
	extern char user_##name[], user_##name##_end[];                                   \
	__asm__(".pushsection .rodata; user_" #name ": " text "; user_" #name "_end: .popsection")
#define RUN(name, f) user_code(user_##name, user_##name##_end - user_##name, f)

USER_PROGRAM(syscall, "movl $0x1234, %eax; syscall; ud2");
USER_PROGRAM(nt_syscall, "pushfq; orq $0x4000, (%rsp); popfq; syscall; ud2");
USER_PROGRAM(nt_sysenter, "pushfq; orq $0x4000, (%rsp); popfq; sysenter; ud2");
USER_PROGRAM(tf_syscall, "pushfq; orq $0x100, (%rsp); popfq; syscall; ud2");
USER_PROGRAM(tf_sysenter, "pushfq; orq $0x100, (%rsp); popfq; sysenter; ud2");
USER_PROGRAM(ud, "ud2");
USER_PROGRAM(int80, "int $0x80; nop");
USER_PROGRAM(icebp, ".byte 0xf1; ud2");
USER_PROGRAM(ss_syscall, "movw (%rbx), %ss; syscall; ud2");
USER_PROGRAM(ss_int3, "movw (%rbx), %ss; int3; ud2");
USER_PROGRAM(ss_int80, "movw (%rbx), %ss; int $0x80; ud2");
USER_PROGRAM(ss_icebp, "movw (%rbx), %ss; .byte 0xf1; ud2");
USER_PROGRAM(ss_sysenter, "movw (%rbx), %ss; sysenter; ud2");
USER_PROGRAM(ss_hlt, "movw (%rbx), %ss; hlt; ud2");
USER_PROGRAM(ac, "pushfq; orq $0x40000, (%rsp); popfq; movl 1(%rsp), %eax; syscall; ud2");

/* A stack to return to, or for entries from user mode; its lowest word says that it is vCPU 0's. */
static char other_stack[STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
#define KERNEL_CS (FLAT_KERNEL_CS & ~3UL)	/* in an iret frame RPL 0 says kernel mode */
#define OTHER_TOP ((u64)other_stack + STACK_SIZE - 64)

static void idle(void *arg)
{
}

CASE(xsa_1, "a vCPU whose context says user mode, without a user's page table: refused, or its own fault "
	"alone")
{
	static struct vcpu_guest_context ctx;
	long rc;

	SKIP_IF(vcpu_total() < 3, "a vCPU to spoil is missing");
	vcpu_context(2, &ctx, idle, NULL);
	ctx.flags = 0;
	ctx.user_regs.cs = FLAT_USER_CS64;
	ctx.user_regs.ss = FLAT_USER_SS64;
	ctx.ctrlreg[1] = 0;
	rc = vcpu_op(VCPUOP_initialise, 2, &ctx);
	EXPECT_REFUSED(rc);
	if (!rc) {
		vcpu_op(VCPUOP_up, 2, NULL);
		WAIT_FOR(false, 100 * MS);
		vcpu_op(VCPUOP_down, 2, NULL);
	}
}

/* ---- addresses that are not canonical ---------------------------------------------------------------------------- */

/* The last page below the hole, in the kernel's own tables. */
static u64 *top_table[3], *top_page;

static bool top_up(void)
{
	u64 l4 = mfn_of((void *)start_info->pt_base) << PAGE_SHIFT;

	top_page = page_alloc();
	for (int i = 0; i < 3; i++)
		top_table[i] = page_alloc();
	top_table[0][511] = mfn_of(top_table[1]) << PAGE_SHIFT | PTE_RW;
	top_table[1][511] = mfn_of(top_table[2]) << PAGE_SHIFT | PTE_RW;
	top_table[2][511] = mfn_of(top_page) << PAGE_SHIFT | PTE_RW;
	for (int i = 0; i < 3; i++)
		if (page_ro(top_table[i]))
			return false;
	return !set_pte(l4 + 255 * 8, mfn_of(top_table[0]) << PAGE_SHIFT | PTE_RW);
}

static void top_down(void)
{
	set_pte((mfn_of((void *)start_info->pt_base) << PAGE_SHIFT) + 255 * 8, 0);
	ext_op(MMUEXT_TLB_FLUSH_ALL, 0, 0);
	for (int i = 0; i < 3; i++) {
		EXPECT_RC(page_rw(top_table[i]), 0);
		page_free(top_table[i]);
	}
	page_free(top_page);
}

/* The iret hypercall with a frame of one's own. */
static void __attribute__((noreturn)) iret_raw(u64 flags, u64 rip, u64 cs, u64 rflags, u64 rsp, u64 ss)
{
	u64 frame[9] = { 0, 0, 0, flags, rip, cs, rflags, rsp, ss };

	/* Not by the hypercall page, whose entry pushes the first three itself. */
	__asm__ volatile("movq %0, %%rsp; syscall" : : "r"(frame), "a"((u64)__HYPERVISOR_iret) : "memory");
	__builtin_unreachable();
}

CASE(xsa_7, "SYSCALL as the last instruction below the hole: the way back would be to a non-canonical "
	"address: the guest's #GP")
{
	u8 *code;

	NEED(top_up());
	code = (u8 *)top_page + 0xffe;
	code[0] = 0x0f;
	code[1] = 0x05;
	EXPECT_RC(CATCH(__asm__ volatile("movl $17, %%eax; xorl %%edi, %%edi; xorl %%esi, %%esi; call *%0"
					 : : "r"(0x7ffffffffffeUL)
					 : "rax", "rcx", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory")), X_GP);
	EXPECT_HEX(this_cpu()->last.rip, 0x800000000000);
	top_down();
	EXPECT_RC(CATCH(iret_raw(VGCF_in_syscall, 0x800000000000, KERNEL_CS, 0x202, OTHER_TOP, FLAT_KERNEL_SS)), X_GP);
	NEED(user_init());
	EXPECT_RC(CATCH(iret_raw(VGCF_in_syscall, 0x8000000000000000, FLAT_USER_CS64 | 3, 0x202, 0x1000, FLAT_USER_SS64)), X_GP);
	EXPECT_RC(CATCH(iret_raw(0, 0xffff7fffffffffff, FLAT_USER_CS64 | 3, 0x202, 0x1000, FLAT_USER_SS64)), X_GP);
}

CASE(xsa_213, "iret within a multicall: what follows it in the list is not done in the user's address space")
{
	static struct multicall_entry call[3];
	static u64 frame[9];
	u64 *code = page_alloc(), *data = window(60), *page = page_alloc();

	NEED(user_init());
	EXPECT_RC(map_page(data, mfn_of(page) << PAGE_SHIFT | PTE_RW), 0);
	memcpy(code, user_syscall, user_syscall_end - user_syscall);
	NEED(!user_map(USER_BASE, mfn_of(code) << PAGE_SHIFT | PTE_RW));
	memcpy(frame, (u64[9]){ 0, 0, 0, 0, USER_BASE, FLAT_USER_CS64 | 3, 0x202, USER_BASE + 0xff0, FLAT_USER_SS64 }, 72);
	memset(call, 0, sizeof(call));
	call[0].op = __HYPERVISOR_iret;
	call[1].op = __HYPERVISOR_update_va_mapping;
	call[1].args[0] = (u64)data;
	call[2].op = __HYPERVISOR_mmuext_op;
	call[2].args[0] = (u64)&(struct mmuext_op){ .cmd = MMUEXT_NEW_USER_BASEPTR };
	call[2].args[1] = 1;
	call[2].args[3] = DOMID_SELF;
	EXPECT_RC(CATCH(__asm__ volatile("movq %0, %%rsp; syscall"
					 : : "r"(frame), "a"(13UL), "D"(call), "S"(3UL) : "memory")), VEC_SYSCALL);
	EXPECT_HEX(this_cpu()->last.rax, 0x1234);
	EXPECT(pte_read(data, 1) & PTE_P);
	EXPECT_RC(page_ro((void *)((u64)va_of_mfn(user_l4_mfn()))), 0);
	map_page(data, 0);
	user_map(USER_BASE, 0);
	ext_op(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
	page_free(code);
	page_free(page);
}

/* ---- flags -------------------------------------------------------------------------------------------------------- */

CASE(xsa_44, "SYSENTER and SYSCALL with NT or TF set: the kernel's entry or the user's fault, never the "
	"host's (also XSA-339, XSA-204)")
{
	struct frame f;

	NEED(user_init());
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(nt_syscall, &f), VEC_SYSCALL);
	user_frame(&f, USER_BASE);
	EXPECT(RUN(nt_sysenter, &f) >= 0);
	user_frame(&f, USER_BASE);
	EXPECT(RUN(tf_syscall, &f) >= 0);
	user_frame(&f, USER_BASE);
	EXPECT(RUN(tf_sysenter, &f) >= 0);
	user_frame(&f, USER_BASE);
	f.rflags = 0x247fd7;	/* all but IF, IOPL, VM */
	EXPECT(RUN(syscall, &f) >= 0);
	user_frame(&f, USER_BASE);
	f.rflags = ~0x100UL;
	EXPECT_RC(RUN(syscall, &f), VEC_SYSCALL);
	EXPECT_HEX(this_cpu()->last.rflags & 0x23200, 0x200);	/* no VM, no IOPL, but IF */
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(syscall, &f), VEC_SYSCALL);
}

static u64 real_flags;

static void __attribute__((used)) after_iret(void)
{
	__asm__ volatile("pushfq; popq %0" : "=r"(real_flags));
	__asm__ volatile("ud2");
}

CASE(xsa_202, "a guest cannot mask the real interrupts: after every way back IF is set, whatever its frame "
	"said")
{
	u64 fl;

	real_flags = 0;
	EXPECT_RC(CATCH(iret_raw(0, (u64)after_iret, KERNEL_CS, 0x2, OTHER_TOP, FLAT_KERNEL_SS)), X_UD);
	EXPECT_HEX(real_flags & 0x3200, 0x200);
	real_flags = 0;
	EXPECT_RC(CATCH(iret_raw(VGCF_in_syscall, (u64)after_iret, KERNEL_CS, 0x3002, OTHER_TOP, FLAT_KERNEL_SS)), X_UD);
	EXPECT_HEX(real_flags & 0x3200, 0x200);
	__asm__ volatile("pushq $0x3002; popfq; movl $17, %%eax; xorl %%edi, %%edi; syscall; pushfq; popq %0; cld"
			 : "=r"(fl) : : "rax", "rcx", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	EXPECT_HEX(fl & 0x3200, 0x200);
	vcpu_info()->evtchn_upcall_mask = 1;
}

static unsigned steps;

static bool count_step(struct frame *f)
{
	if (++steps > 200)
		f->rflags &= ~0x100UL;
	return true;
}

CASE(xsa_308, "single steps through a hypercall: a #DB after each of the guest's instructions, none of the "
	"host's")
{
	long rc;

	steps = 0;
	this_cpu()->hook[X_DB] = count_step;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq;"
			 "movl $17, %%eax; xorl %%edi, %%edi; syscall; nop; nop;"
			 "pushfq; andq $~0x100, (%%rsp); popfq"
			 : "=a"(rc) : : "rcx", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	EXPECT_HEX(rc, 4 << 16 | 17);
	EXPECT(steps >= 5 && steps < 20);
}

/* ---- breakpoints -------------------------------------------------------------------------------------------------- */

static void watch(u64 addr, u64 dr7)
{
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 0, addr), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, dr7), 0);
}

static void unwatch(void)
{
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 6, 0), 0);
}

CASE(xsa_12, "no reserved bit of a debug register gets into the CPU: the upper half of DR7 and DR6")
{
	for (volatile int i = 32; i < 64; i++) {
		EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 1UL << i), -XEN_EINVAL);
		HCALL2(__HYPERVISOR_set_debugreg, 6, 1UL << i);
		HCALL2(__HYPERVISOR_set_debugreg, 4, 1UL << i);
		HCALL2(__HYPERVISOR_set_debugreg, 5, 1UL << i);
		EXPECT(CATCH(__asm__ volatile("mov %0, %%dr7" : : "r"(1UL << i))) == X_GP);
	}
	EXPECT_HEX((u64)HCALL1(__HYPERVISOR_get_debugreg, 6) >> 32, 0);
	unwatch();
}

static void mov_ss(const void *code, size_t size)
{
	struct frame f;

	watch(USER_BASE + 0x3f00, 0xf0001);	/* 4 bytes, read or write */
	user_frame(&f, USER_BASE);
	f.rbx = USER_BASE + 0x3f00;
	EXPECT(user_code(code, size, &f) >= 0);
	unwatch();
}

CASE(xsa_260, "MOV SS that hits a breakpoint, before each way into the host: the #DB strikes there and "
	"harms nobody (also XSA-265)")
{
	static u16 ss = FLAT_KERNEL_SS;
	struct frame f;
	long rc;

	NEED(user_init());
	mov_ss(user_ss_syscall, user_ss_syscall_end - user_ss_syscall);
	mov_ss(user_ss_int3, user_ss_int3_end - user_ss_int3);
	mov_ss(user_ss_int80, user_ss_int80_end - user_ss_int80);
	mov_ss(user_ss_icebp, user_ss_icebp_end - user_ss_icebp);
	mov_ss(user_ss_sysenter, user_ss_sysenter_end - user_ss_sysenter);
	mov_ss(user_ss_hlt, user_ss_hlt_end - user_ss_hlt);
	user_frame(&f, USER_BASE);
	EXPECT(RUN(icebp, &f) >= 0);	/* #DB; QEMU does not know the instruction */
	steps = 0;
	this_cpu()->hook[X_DB] = count_step;
	watch((u64)&ss, 0xf0001);
	__asm__ volatile("movl $17, %%eax; xorl %%edi, %%edi; movw %1, %%ss; syscall"
			 : "=a"(rc) : "m"(ss) : "rcx", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	unwatch();
	EXPECT_HEX(rc, 4 << 16 | 17);
	EXPECT(steps < 5);
}

CASE(xsa_156, "a breakpoint on the kernel stack where the host writes a trap frame, and #AC in user mode: "
	"delivered once, no loop")
{
	struct frame f;

	NEED(user_init());
	NEED(!HCALL2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, other_stack + STACK_SIZE));
	for (u64 off = 8; off <= 64; off += 8) {
		watch((u64)other_stack + STACK_SIZE - off, 0xf0001);
		user_frame(&f, USER_BASE);
		steps = 0;
		this_cpu()->hook[X_DB] = count_step;
		EXPECT_RC(RUN(ud, &f), X_UD);
		this_cpu()->hook[X_DB] = NULL;
		EXPECT(steps < 20);
		unwatch();
	}
	user_frame(&f, USER_BASE);
	EXPECT(RUN(ac, &f) >= 0);
	EXPECT(user_init());
}

CASE(xsa_259, "int $0x80 of a user whose kernel has no gate for it: #GP for that user")
{
	static struct trap_info table[40];
	unsigned n = 0;
	struct frame f;

	NEED(user_init());
	for (struct trap_info *t = trap_table; t->address; t++)
		if (t->vector != 0x80)
			table[n++] = *t;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, NULL), 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, table), 0);
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(int80, &f), X_GP);
	EXPECT_HEX(this_cpu()->last.error, 0x80 * 8 + 2);
	traps_init();
	user_frame(&f, USER_BASE);
	EXPECT_RC(RUN(int80, &f), 0x80);
}

/* ---- emulation ---------------------------------------------------------------------------------------------------- */

static long set_iopl(u32 iopl)
{
	struct physdev_set_iopl s = { .iopl = iopl };

	return HCALL2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, &s);
}

CASE(xsa_67, "outs and ins at addresses that cannot be read or written: the guest's fault, nothing of the "
	"host's goes out (also XSA-63)")
{
	static void *const at[] = { UNMAPPED_PTR, BAD_PTR };

	NEED(!set_iopl(1));
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++) {
		EXPECT(CATCH(__asm__ volatile("outsb" : : "S"(at[i]), "d"(0x80))) >= X_GP);
		EXPECT(CATCH(__asm__ volatile("insb" : : "D"(at[i]), "d"(0x80) : "memory")) >= X_GP);
		EXPECT(CATCH(__asm__ volatile("rep outsl" : : "S"(at[i]), "d"(0x80), "c"(3))) >= X_GP);
		EXPECT(CATCH(__asm__ volatile("rep insl" : : "D"(at[i]), "d"(0x80), "c"(3) : "memory")) >= X_GP);
	}
	EXPECT_RC(set_iopl(0), 0);
}

/* btsq with a bit number far from its operand, on page-table entries. */
static int bts(volatile u64 *p, long bit)
{
	return CATCH(__asm__ volatile("btsq %1, %0" : "+m"(*p) : "r"(bit) : "memory", "cc"));
}

CASE(xsa_195, "bts on a page table with a bit number beyond its operand, both ways: that entry or the "
	"fault, no other memory")
{
	u64 *l1 = page_alloc(), *data = page_alloc(), e = mfn_of(data) << PAGE_SHIFT | PTE_RO;

	HCALL2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables);
	for (int i = 0; i < 512; i++)
		l1[i] = e;
	l1[31] = mfn_of(l1) << PAGE_SHIFT | PTE_RO;
	NEED(!page_ro(l1) && !ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0));
	EXPECT_RC(bts(&l1[8], 5 * 64 + 9), -1);
	EXPECT_HEX(PTE_SAME(l1[13]) & 0x200, 0x200);
	EXPECT_RC(bts(&l1[20], -5L * 64 + 9), -1);
	EXPECT_HEX(PTE_SAME(l1[15]) & 0x200, 0x200);
	EXPECT_RC(bts(&l1[30], 64 + 1), X_PF);	/* writable, of a table */
	for (int i = 0; i < 512; i++)
		if (i != 13 && i != 15 && (l1[i] & 0x202)) {
			fail_at(__FILE__, __LINE__, "entry %d became %lx", i, l1[i]);
			break;
		}
	EXPECT(bts((u64 *)data, -(1L << 40)) >= X_GP);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
	page_free(data);
}

CASE(xsa_123, "segment prefixes before instructions that name no memory: the register is moved, no memory "
	"of the host's is touched")
{
	static u64 cr0, with, base;
	static u32 a, d;

	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0xffff830000000000), 0);
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	EXPECT_RC(CATCH(__asm__ volatile(".byte 0x65; mov %%cr0, %%rax" : "=a"(with))), -1);
	EXPECT_HEX(with, cr0);
	EXPECT_RC(CATCH(__asm__ volatile(".byte 0x2e, 0x64; mov %%cr0, %%rax" : "=a"(with))), -1);
	EXPECT_HEX(with, cr0);
	EXPECT_RC(CATCH(__asm__ volatile(".byte 0x65; rdmsr" : "=a"(a), "=d"(d) : "c"(0xc0000101))), -1);
	base = a | (u64)d << 32;
	EXPECT_HEX(base, 0xffff830000000000);
	EXPECT(CATCH(__asm__ volatile("movq %%rax, %%gs:0x1000" : : "a"(0) : "memory")) >= X_GP);
	EXPECT(CATCH(__asm__ volatile(".byte 0x65; lock xchgq %%rax, 0x2000" : : "a"(0) : "memory")) >= X_GP);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0), 0);
}

static int wrmsr(u32 msr, u64 v)
{
	return CATCH(__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32))));
}

static int rdmsr(u32 msr, u64 *v)
{
	u32 a = 0, d = 0;
	int vec = CATCH(__asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msr)));

	*v = a | (u64)d << 32;
	return vec;
}

CASE(xsa_333, "MSR_MISC_ENABLE: every value is taken or #GP, and reads the same after")
{
	u64 before, v;

	EXPECT_RC(rdmsr(0x1a0, &before), -1);
	for (int i = 0; i < 64; i++)
		wrmsr(0x1a0, before ^ 1UL << i);
	wrmsr(0x1a0, ~0UL);
	EXPECT_RC(rdmsr(0x1a0, &v), -1);
	EXPECT_HEX(v, before);
}

CASE(xsa_351, "what the energy meters say is not for guests; nor branch traces, and no debug masks are "
	"left set (XSA-269, XSA-444)")
{
	static const u32 meters[] = { 0x606, 0x611, 0x613, 0x614, 0x619, 0x61b, 0x639, 0x641, 0x64d, 0xc001029a, 0xc001029b };
	u64 v;

	for (unsigned i = 0; i < ARRAY_SIZE(meters); i++)
		EXPECT_RC(rdmsr(meters[i], &v), X_GP);
	EXPECT_RC(wrmsr(0x1d9, 0x43), X_GP);
	for (u32 msr = 0xc0011019; msr <= 0xc001101b; msr++)
		if (wrmsr(msr, 0xfff) == -1)
			EXPECT_RC(wrmsr(msr, 0), -1);
	if (wrmsr(0xc0011027, 0xfff) == -1)
		EXPECT_RC(wrmsr(0xc0011027, 0), -1);
}

CASE(xsa_54, "xsetbv with every single bit, and none: the CPU's or #GP; XCR0 is the old one after (also "
	"XSA-53: xrstor of nonsense)")
{
	static u8 area[4096] __attribute__((aligned(64)));
	u32 a, d, c;

	__asm__ volatile("cpuid" : "=c"(c) : "a"(1), "c"(0) : "rbx", "rdx");
	SKIP_IF(!(c >> 26 & 1), "no XSAVE");
	__asm__ volatile("mov %%cr4, %0" : "=r"(*(u64 *)area));
	__asm__ volatile("mov %0, %%cr4" : : "r"(*(u64 *)area | 1 << 18));
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	for (int i = -1; i < 64; i++) {
		u64 v = i < 0 ? 0 : 1UL << i;
		int vec = CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)v), "d"((u32)(v >> 32))));

		EXPECT(vec == X_GP || (vec == -1 && i == 0));
		EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"((u32)v | 0x1f8), "d"(~0U))), X_GP);
	}
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(1), "a"(1), "d"(0))), X_GP);
	EXPECT_RC(CATCH(__asm__ volatile("xsetbv" : : "c"(0), "a"(a), "d"(d))), -1);
	memset(area, 0xff, sizeof(area));
	EXPECT_RC(CATCH(__asm__ volatile("xrstor %0" : : "m"(area), "a"(~0U), "d"(~0U))), X_GP);
	for (int i = 0; i < 5; i++)
		sched_op(SCHEDOP_yield, NULL);
	__asm__ volatile("fninit; pushq $0x1f80; ldmxcsr (%%rsp); popq %%rax" : : : "rax", "memory");
}
