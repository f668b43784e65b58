/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions in the guest's kernel mode.
 *
 * What could be wrong: every exception of a PV guest is taken by the host, judged, and bounced to an address of the guest's
 * with a frame written on the guest's stack; the error code, cr2, rip, the event mask and the selectors in it are all made up.
 * How it is provoked: each exception is raised on purpose and the frame is compared.
 * A wrong host: swallows the exception, delivers another, leaks the user bit or a wrong rip, loses the event mask.
 */
#include "guest.h"

/* Runs setup and then instruction; the vector, with the instruction's addresses in before_rip and after_rip. */
#define TRAP_HERE(setup, instruction)                                                              \
	CATCH(__asm__ volatile("leaq 1f(%%rip), %0; movq %0, %1; leaq 2f(%%rip), %0; movq %0, %2\n" \
			       setup "\n1: " instruction "\n2:"                                     \
			       : "=&r"(scratch), "=m"(before_rip), "=m"(after_rip)                   \
			       : : "memory", "rax", "rcx", "rdx", "cc"))
static u64 scratch, before_rip, after_rip;

static void fault_at(int vec, int want, u64 error)
{
	struct frame *f = &this_cpu()->last;

	if (!EXPECT_RC(vec, want))
		return;
	EXPECT_HEX(f->rip, before_rip);
	EXPECT_HEX(f->error, error);
}

static void trap_after(int vec, int want)
{
	if (!EXPECT_RC(vec, want))
		return;
	EXPECT_HEX(this_cpu()->last.rip, after_rip);
}

CASE(divide, "#DE: a fault, rip at the division")
{
	fault_at(TRAP_HERE("xorl %%ecx, %%ecx", "divl %%ecx"), X_DE, 0);
}

CASE(undefined, "#UD: a fault, rip at ud2")
{
	fault_at(TRAP_HERE("", "ud2"), X_UD, 0);
}

CASE(breakpoint, "#BP: a trap, rip after int3")
{
	trap_after(TRAP_HERE("", "int3"), X_BP);
}

CASE(overflow, "#OF by int $4 through a gate of DPL 3: a trap, rip after")
{
	trap_after(TRAP_HERE("", "int $4"), X_OF);
}

CASE(int80, "int $0x80 through the guest's gate: a trap, rip after")
{
	trap_after(TRAP_HERE("", "int $0x80"), 0x80);
}

/* QEMU 7.2 puts vector * 16 + 2 where a CPU puts vector * 8 + 2; the host can only pass on what it got. */
static void int_refused(int vec, unsigned vector)
{
	if (vec == X_GP && this_cpu()->last.error == vector * 16 + 2)
		fault_at(vec, X_GP, vector * 16 + 2);
	else
		fault_at(vec, X_GP, vector * 8 + 2);
}

CASE(int_dpl0, "int to a gate of DPL 0, even from guest kernel mode: #GP at the instruction")
{
	int_refused(TRAP_HERE("", "int $6"), 6);
}

CASE(int_no_gate, "int to a vector without a gate: #GP with vector*8+2")
{
	int_refused(TRAP_HERE("", "int $0x50"), 0x50);
}

CASE(gp_noncanonical, "a read of a non-canonical address: #GP(0)")
{
	fault_at(TRAP_HERE("movabs $0x8000000000000000, %%rax", "movq (%%rax), %%rax"), X_GP, 0);
}

CASE(gp_selector, "loading a selector beyond the table: #GP with the selector")
{
	fault_at(TRAP_HERE("movl $0x1230, %%eax", "movl %%eax, %%es"), X_GP, 0x1230);
}

static void page_fault(u64 addr, bool write, bool fetch, u64 error)
{
	int v;

	if (fetch)
		v = CATCH(((void (*)(void))addr)());
	else if (write)
		v = CATCH(*(volatile u64 *)addr = 1);
	else
		v = CATCH((void)*(volatile u64 *)addr);
	if (!EXPECT_RC(v, X_PF))
		return;
	EXPECT_HEX(this_cpu()->last_cr2, addr);
	EXPECT_HEX(this_cpu()->last.error, error);
	if (fetch)
		EXPECT_HEX(this_cpu()->last.rip, addr);
}

CASE(page_fault, "#PF: cr2 in vcpu_info, the error code's bits, never the user bit in kernel mode")
{
	void *p = page_alloc();

	page_fault((u64)UNMAPPED_PTR + 0x123, false, false, 0);
	page_fault((u64)UNMAPPED_PTR + 0x128, true, false, 2);
	page_fault((u64)UNMAPPED_PTR, false, true, 0x10);
	EXPECT_RC(page_ro(p), 0);
	page_fault((u64)p + 8, true, false, 3);
	EXPECT_RC(map_page(p, mfn_of(p) << PAGE_SHIFT | PTE_RW | PTE_NX), 0);
	page_fault((u64)p, false, true, 0x11);
	EXPECT_RC(page_rw(p), 0);
	page_free(p);
}

CASE(xen_memory, "the host's own addresses: #PF, without saying what is mapped there")
{
	static const u64 addr[] = { 0xffff804000000000, 0xffff828000000000, 0xffff82d040200000, 0xffff830000000000 };

	for (unsigned i = 0; i < ARRAY_SIZE(addr); i++) {
		int v = CATCH((void)*(volatile u64 *)addr[i]);

		EXPECT_RC(v, X_PF);
		EXPECT_HEX(this_cpu()->last_cr2, addr[i]);
		EXPECT_HEX(this_cpu()->last.error & ~1UL, 0);
		v = CATCH(*(volatile u64 *)addr[i] = 0);
		EXPECT_RC(v, X_PF);
		EXPECT_HEX(this_cpu()->last.error & ~1UL, 2);
	}
}

CASE(masking, "a gate with flag 4 enters with events masked, another as before; rflags.IF tells how it was")
{
	vcpu_info()->evtchn_upcall_mask = 0;
	EXPECT_RC(CATCH(__asm__ volatile("ud2")), X_UD);
	EXPECT(!this_cpu()->last_masked);
	EXPECT_HEX(this_cpu()->last.rflags & 0x200, 0x200);
	EXPECT_RC(CATCH((void)*(volatile char *)UNMAPPED_PTR), X_PF);
	EXPECT(this_cpu()->last_masked);
	EXPECT_HEX(this_cpu()->last.rflags & 0x200, 0x200);
	vcpu_info()->evtchn_upcall_mask = 1;
	EXPECT_RC(CATCH(__asm__ volatile("ud2")), X_UD);
	EXPECT(this_cpu()->last_masked);
	EXPECT_HEX(this_cpu()->last.rflags & 0x200, 0);
}

CASE(frame_selectors, "in a frame from kernel mode cs has RPL 0 and the saved mask in its upper half; ss is flat")
{
	vcpu_info()->evtchn_upcall_mask = 1;
	EXPECT_RC(CATCH(__asm__ volatile("ud2")), X_UD);
	EXPECT_HEX(this_cpu()->last.cs, (1UL << 32) | (FLAT_KERNEL_CS & ~3));
	EXPECT_HEX(this_cpu()->last.ss & 0xffff, FLAT_KERNEL_SS);
	vcpu_info()->evtchn_upcall_mask = 0;
	EXPECT_RC(CATCH(__asm__ volatile("ud2")), X_UD);
	EXPECT_HEX(this_cpu()->last.cs, FLAT_KERNEL_CS & ~3);
}

static bool skip_two(struct frame *f)
{
	f->rip += 2;
	f->rflags |= 0x200;
	f->rax = 0x1234567890abcdef;
	f->rcx = 0x1111;
	f->r11 = 0x2222;
	return true;
}

CASE(iret_to_kernel, "the iret hypercall restores all registers and sets the event mask from rflags.IF")
{
	u64 rax, rcx, rdx = 7;
	register u64 r11 __asm__("r11");

	this_cpu()->hook[X_UD] = skip_two;
	vcpu_info()->evtchn_upcall_mask = 1;
	__asm__ volatile("ud2" : "=a"(rax), "=c"(rcx), "=r"(r11), "+d"(rdx));
	EXPECT_HEX(rax, 0x1234567890abcdef);
	EXPECT_HEX(rcx, 0x1111);
	EXPECT_HEX(r11, 0x2222);
	EXPECT_HEX(rdx, 7);
	EXPECT_RC(vcpu_info()->evtchn_upcall_mask, 0);
}

static int inner;
static bool fault_inside(struct frame *f)
{
	inner = CATCH((void)*(volatile char *)UNMAPPED_PTR);
	f->rip += 2;
	return true;
}

CASE(nested, "a fault inside a handler is delivered on the same stack, and both return")
{
	inner = -1;
	this_cpu()->hook[X_UD] = fault_inside;
	__asm__ volatile("ud2");
	EXPECT_RC(inner, X_PF);
}

static u64 steps, step_dr6;
static bool step_hook(struct frame *f)
{
	steps++;
	step_dr6 = HCALL1(__HYPERVISOR_get_debugreg, 6);
	if (steps == 3)
		f->rflags &= ~0x100UL;
	return true;
}

CASE(single_step, "TF: #DB after each instruction, DR6.BS set")
{
	steps = 0;
	this_cpu()->hook[X_DB] = step_hook;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop; nop; nop; nop" : : : "cc", "memory");
	EXPECT_RC(steps, 3);
	EXPECT_HEX(step_dr6 & 0x4000, 0x4000);
}

CASE(breakpoint_registers, "DR0 and DR7: execution and write breakpoints of the guest's own")
{
	static u64 watched;
	u64 here;

	__asm__ volatile("leaq 1f(%%rip), %0; jmp 2f; 1: nop; ret; 2:" : "=r"(here));
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 0, here), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0x1), 0);
	EXPECT_RC(CATCH(((void (*)(void))here)()), X_DB);
	EXPECT_HEX(this_cpu()->last.rip, here);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 6) & 0xf, 1);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 0), here);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 6, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 0, &watched), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0xd0001), 0);	/* 4 bytes, write */
	EXPECT_RC(CATCH(*(volatile u32 *)&watched = 5), X_DB);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 6) & 0xf, 1);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0), 0);
	EXPECT_RC(CATCH(*(volatile u32 *)&watched = 6), -1);
}

CASE(debugreg_errors, "debug registers: the host's addresses, protected bits and unknown registers are refused")
{
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 0, 0xffff82d040200000), -XEN_EPERM);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 8, 0), -XEN_ENODEV);
	EXPECT_RC(HCALL1(__HYPERVISOR_get_debugreg, 8), -XEN_ENODEV);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 1UL << 32), -XEN_EINVAL);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 1UL << 13), -XEN_EPERM);	/* GD */
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0x20001), -XEN_EPERM);	/* I/O breakpoint without CR4.DE */
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 7, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 0, 0), 0);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 7), 0x400);
	EXPECT_RC(HCALL2(__HYPERVISOR_set_debugreg, 6, 0), 0);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 6), 0xffff0ff0);
	EXPECT_HEX(HCALL1(__HYPERVISOR_get_debugreg, 4), 0xffff0ff0);	/* an alias without CR4.DE */
}

CASE(fpu_taskswitch, "TS makes the next FPU instruction #NM once: delivery clears it")
{
	EXPECT_RC(HCALL1(__HYPERVISOR_fpu_taskswitch, 1), 0);
	EXPECT_RC(CATCH(__asm__ volatile("fninit")), X_NM);
	EXPECT_RC(CATCH(__asm__ volatile("fninit")), -1);
	EXPECT_RC(HCALL1(__HYPERVISOR_fpu_taskswitch, 1), 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_fpu_taskswitch, 0), 0);
	EXPECT_RC(CATCH(__asm__ volatile("fninit")), -1);
}

CASE(fpu_state, "FPU and SSE state survive hypercalls and yields")
{
	u64 lo = 0x1122334455667788, out = 0;

	__asm__ volatile("movq %0, %%xmm5" : : "r"(lo));
	for (int i = 0; i < 5; i++)
		sched_op(SCHEDOP_yield, NULL);
	__asm__ volatile("movq %%xmm5, %0" : "=r"(out));
	EXPECT_HEX(out, lo);
}

CASE(trap_table_errors, "set_trap_table: bad pointers, non-canonical addresses; the old gates stay")
{
	static struct trap_info bad[2] = { { 3, 3, FLAT_KERNEL_CS, 0x8000000000000000 }, { 0 } };

	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, UNMAPPED_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, bad), -XEN_EINVAL);
	EXPECT_RC(CATCH(__asm__ volatile("int3")), X_BP);
}

CASE(trap_table_clear, "set_trap_table(NULL) empties the table: a vector without a gate is #GP then")
{
	static struct trap_info gp[3];

	for (struct trap_info *t = trap_table; t->address; t++)
		if (t->vector == X_GP)
			gp[0] = *t;
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, 0), 0);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, gp), 0);
	EXPECT_RC(CATCH(__asm__ volatile("int $0x80")), X_GP);
	EXPECT_HEX(this_cpu()->last.error, 0x80 * 8 + 2);
	EXPECT_RC(HCALL1(__HYPERVISOR_set_trap_table, trap_table), 0);
	EXPECT_RC(CATCH(__asm__ volatile("int $0x80")), 0x80);
}

