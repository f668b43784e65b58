// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * HYPERVISOR_iret: the kernel's return from a trap, to itself or to its user, from the frame at its stack pointer
 * (struct iret_context, xen/arch-x86/xen-x86_64.h).
 */
#include "pv/toggle.h"
#include "pv/offsets.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "gmem/guest_words.h"

#define EFL_FIXED	2u
#define EFL_IF		(1u << 9)
#define EFL_KEPT	0x254dd5ul	/* what a guest may choose: all but IOPL, IF, VM, VIF, VIP and the reserved */

/* As pv/bounce.c's push_again: tables that follow the guest's writes are filled with interrupts on only. False: domain crashed. */
static bool read_again(struct vcpu *v, uint64_t rsp, struct iret_context *c)
{
	unsigned long flags = irq_save();
	size_t left = sizeof(*c);

	if (v->domain->pv->log_dirty && !(flags & EFL_IF)) {
		irq_enable();
		left = guest_copy_in(c, (const void *)rsp, sizeof(*c));
	}
	irq_restore(flags);
	if (left)
		domain_crash(v->domain, "d%uv%u: cannot read an iret frame at %lx", v->domain->id, v->id, (unsigned long)rsp);
	return !left;
}

__hot void pv_iret(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	struct iret_context c;

	BUILD_ASSERT(sizeof(c) == 9 * 8);
	if (unlikely(!guest_words_in((uint64_t *)&c, regs->rsp, 9)) && !read_again(v, regs->rsp, &c))
		return;
	if ((c.cs & 3) == 3) {
		if (unlikely(!v->pv->guest_table_user)) {
			domain_crash(v->domain, "d%uv%u: iret to user mode without a user page table", v->domain->id, v->id);
			return;
		}
		irq_disable();
		pv_toggle_mode(v);
	}
	regs->rip = c.rip;
	regs->cs = c.cs | 3;
	regs->rflags = (c.rflags & EFL_KEPT) | EFL_IF | EFL_FIXED;
	regs->rsp = c.rsp;
	regs->ss = c.ss | 3;
	regs->rax = c.rax;
	if (c.flags & VGCF_in_syscall) {
		regs->entry_vector |= TRAP_SYSCALL;
	} else {
		regs->entry_vector &= ~(uint32_t)TRAP_SYSCALL;
		regs->r11 = c.r11;
		regs->rcx = c.rcx;
	}
	v->in_nmi = 0;
	v->info->evtchn_upcall_mask = !(c.rflags & EFL_IF);
}

long hc_iret(struct hypercall *h)
{
	pv_iret(guest_cpu_user_regs());
	irq_enable();	/* more may come, of a multicall */
	return 0;
}
