// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one door for a guest's kernel: a number in rax, up to six arguments, one table, one call.
 *
 * ABI of a 64-bit PV guest (xen/arch-x86/xen-x86_64.h): number in rax, arguments in rdi rsi rdx r10 r8 r9,
 * result in rax. A long operation is cut: its handler changes its own arguments to what is left and the
 * `syscall` instruction of the hypercall page (2 bytes) runs again, after the exit path has served softirqs
 * and events.
 */
#include "hypercall/absent.h"
#include "hypercall/hypfs.h"
#include "hypercall/console_io.h"
#include "hypercall/hvm_op.h"
#include "hypercall/mca.h"
#include "hypercall/multicall.h"
#include "hypercall/platform.h"
#include "hypercall/sched_op.h"
#include "hypercall/version.h"
#include "hypercall/domctl.h"
#include "hypercall/memory.h"
#include "hypercall/sysctl.h"
#include "hypercall/vcpu_op.h"
#include "pv/cpu_policy.h"
#include "hypercall/hypercall.h"
#include "hypercall/dispatch.h"
#include "pv/mm.h"

#define SYSCALL_INSN_BYTES 2

#define ROW(nr, n, w) [__HYPERVISOR_##nr] = { (n), (w), #nr, hc_##nr }
const struct hypercall_row hypercall_table[64] = {
	ROW(set_trap_table, 1, HC_ANYONE),
	ROW(mmu_update, 4, HC_ANYONE),
	ROW(set_gdt, 2, HC_ANYONE),
	ROW(stack_switch, 2, HC_ANYONE),
	ROW(set_callbacks, 3, HC_ANYONE),
	ROW(fpu_taskswitch, 1, HC_ANYONE),
	ROW(sched_op_compat, 2, HC_ANYONE),
	ROW(platform_op, 1, HC_CONTROL),
	ROW(set_debugreg, 2, HC_ANYONE),
	ROW(get_debugreg, 1, HC_ANYONE),
	ROW(update_descriptor, 2, HC_ANYONE),
	ROW(memory_op, 2, HC_ANYONE),
	ROW(multicall, 2, HC_ANYONE),
	ROW(update_va_mapping, 3, HC_ANYONE),
	ROW(set_timer_op, 1, HC_ANYONE),
	ROW(event_channel_op_compat, 1, HC_ANYONE),
	ROW(xen_version, 2, HC_ANYONE),
	ROW(console_io, 3, HC_ANYONE),
	ROW(physdev_op_compat, 1, HC_ANYONE),
	ROW(grant_table_op, 3, HC_ANYONE),
	ROW(vm_assist, 2, HC_ANYONE),
	ROW(update_va_mapping_otherdomain, 4, HC_ANYONE),
	ROW(iret, 0, HC_ANYONE),
	ROW(vcpu_op, 3, HC_ANYONE),
	ROW(set_segment_base, 2, HC_ANYONE),
	ROW(mmuext_op, 4, HC_ANYONE),
	ROW(xsm_op, 1, HC_ANYONE),
	ROW(nmi_op, 2, HC_ANYONE),
	ROW(sched_op, 2, HC_ANYONE),
	ROW(callback_op, 2, HC_ANYONE),
	ROW(xenoprof_op, 2, HC_ANYONE),
	ROW(event_channel_op, 2, HC_ANYONE),
	ROW(physdev_op, 2, HC_ANYONE),
	ROW(hvm_op, 2, HC_ANYONE),
	ROW(sysctl, 1, HC_CONTROL),
	ROW(domctl, 1, HC_ANYONE),	/* who: per operation, hypercall/domctl.c */
	ROW(kexec_op, 2, HC_CONTROL),
	ROW(tmem_op, 1, HC_ANYONE),
	ROW(argo_op, 5, HC_ANYONE),
	ROW(xenpmu_op, 2, HC_ANYONE),
	ROW(dm_op, 3, HC_ANYONE),
	ROW(hypfs_op, 5, HC_CONTROL),
	[__HYPERVISOR_arch_0] = { 1, HC_CONTROL, "mca", hc_mca },
};

__hot bool caller_may(enum hc_who who)
{
	const struct domain *d = current->domain;

	switch (who) {
	case HC_ANYONE:
		return true;
	case HC_CONTROL:
		return d->is_control;
	case HC_HARDWARE:
		return d->is_hardware;
	}
	return false;
}

__hot long hypercall_invoke(struct hypercall *h)
{
	const struct hypercall_row *row;

	if (h->op >= ARRAY_SIZE(hypercall_table))
		return -ENOSYS;
	row = &hypercall_table[h->op];
	if (!row->fn)
		return -ENOSYS;
	if (!caller_may(row->who))
		return -EPERM;
	return row->fn(h);
}

__hot void hypercall_entry(struct cpu_user_regs *regs)
{
	struct hypercall h = {
		.op = regs->rax,
		.a = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 },
	};
	long ret = hypercall_invoke(&h);

	if (h.again) {
		regs->rax = h.op;
		regs->rdi = h.a[0];
		regs->rsi = h.a[1];
		regs->rdx = h.a[2];
		regs->r10 = h.a[3];
		regs->r8 = h.a[4];
		regs->r9 = h.a[5];
		regs->rip -= SYSCALL_INSN_BYTES;
		return;
	}
	if (likely(h.op != __HYPERVISOR_iret))	/* of a multicall: it has loaded rax */
		regs->rax = ret;
}

void hypercall_init(void)
{
	cpu_policy_init();
	console_io_init();
	vcpu_info_release_hook = vcpu_info_release;
}
