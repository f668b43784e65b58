// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handing control to the guest's kernel: exceptions, events, system calls and the failsafe callback all arrive by a frame on
 * the kernel's stack, as the hardware would push it, with rcx and r11 below (xen/arch-x86/xen-x86_64.h).
 */
#include "pv/toggle.h"
#include "pv/offsets.h"
#include "x86/io.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "gmem/guest_words.h"

#define EFL_TF		(1u << 8)
#define EFL_IF		(1u << 9)
#define EFL_IOPL	(3u << 12)
#define EFL_NT		(1u << 14)
#define EFL_RF		(1u << 16)
#define EFL_VM		(1u << 17)
#define EFL_AC		(1u << 18)

/* The part that every frame shares, from the lowest address up. */
struct frame_tail { uint64_t rip, cs, rflags, rsp, ss; };

__hot static inline void frame_tail(const struct vcpu *v, const struct cpu_user_regs *regs, bool kernel, uint8_t mask,
				    struct frame_tail *t)
{
	t->rip = regs->rip;
	/* The kernel tells its own frames from its user's by RPL: its own show ring 0. */
	t->cs = (kernel ? regs->cs & ~3u : regs->cs) | (uint64_t)mask << 32;
	t->rflags = (regs->rflags & ~(uint64_t)(EFL_IF | EFL_IOPL)) | (mask ? 0 : EFL_IF);
	if (v->pv->shows_iopl)
		t->rflags |= (uint64_t)v->pv->iopl << 12;
	t->rsp = regs->rsp;
	t->ss = regs->ss;
}

__hot static inline void enter_kernel(struct vcpu *v, struct cpu_user_regs *regs, uint64_t rsp, uint64_t eip)
{
	regs->rsp = rsp;
	regs->rip = eip;
	regs->ss = SEL_DS32;
	regs->cs = SEL_CS64;
	regs->rflags &= ~(uint64_t)(EFL_AC | EFL_VM | EFL_RF | EFL_NT | EFL_TF);
	/* rcx and r11 are in the frame, so sysret may destroy them. */
	regs->entry_vector |= TRAP_SYSCALL;
}

/*
 * The copy faulted. A stack page that is not yet writable in the shadow tables is made so with interrupts on only. Every way
 * here goes on to ret_to_guest, which looks again at what an interrupt may bring. False: domain crashed.
 */
static bool push_again(struct vcpu *v, uint64_t rsp, const void *frame, size_t n)
{
	unsigned long flags = irq_save();
	size_t left = n;

	if (v->domain->pv->log_dirty && !(flags & EFL_IF)) {
		irq_enable();
		left = guest_copy_out((void *)rsp, frame, n);
	}
	irq_restore(flags);
	if (left)
		domain_crash(v->domain, "d%uv%u: cannot write a trap frame at %lx", v->domain->id, v->id, (unsigned long)rsp);
	return !left;
}

/* rcx and r11, with the error code above them or, without one, from the second word on. */
struct trap_frame { uint64_t head[3]; struct frame_tail t; };

/* A copy, so that the frame itself need not be in memory. */
static __attribute__((noinline)) bool push_frame_again(struct vcpu *v, uint64_t rsp, struct trap_frame f, bool has_code)
{
	return push_again(v, rsp, &f.head[!has_code], sizeof(f) - 8 * !has_code);
}

__hot void pv_bounce(struct cpu_user_regs *regs, uint64_t eip, unsigned flags, uint32_t error_code)
{
	struct vcpu *v = current;
	bool kernel = guest_kernel_mode(v);
	uint64_t rsp = kernel ? regs->rsp : v->pv->kernel_sp;
	struct trap_frame f;

	if (unlikely(!eip)) {
		domain_crash(v->domain, "d%uv%u: no handler registered for a trap or event (vector %u, rip %lx)",
			     v->domain->id, v->id, regs->entry_vector & 0xff, (unsigned long)regs->rip);
		return;
	}
	if (!kernel) {
		irq_disable();	/* until the guest runs again */
		pv_toggle_mode(v);
	}
	frame_tail(v, regs, kernel, READ_ONCE(v->info->evtchn_upcall_mask), &f.t);
	rsp = (rsp & ~15ull) - sizeof(f);
	if (flags & TBF_ERRCODE) {
		f.head[0] = regs->rcx;
		f.head[1] = regs->r11;
		f.head[2] = error_code;
		if (unlikely(!guest_words_out(rsp, (uint64_t *)&f, 8)) && !push_frame_again(v, rsp, f, true))
			return;
	} else {
		f.head[0] = 0;
		f.head[1] = regs->rcx;
		f.head[2] = regs->r11;
		rsp += 8;
		if (unlikely(!guest_words_out(rsp, (uint64_t *)&f + 1, 7)) && !push_frame_again(v, rsp, f, false))
			return;
	}
	if (flags & TBF_INTERRUPT)
		v->info->evtchn_upcall_mask = 1;
	enter_kernel(v, regs, rsp, eip);
}

__hot void pv_bounce_syscall(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	pv_bounce(regs, v->pv->syscall_callback_eip, v->pv->syscall_disables_events ? TBF_INTERRUPT : 0, 0);
}

/* A kernel without a callback gives its user #GP, as a CPU does whose SYSENTER_CS is null. */
void pv_bounce_sysenter(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (!v->pv->sysenter_callback_eip || guest_kernel_mode(v)) {
		pv_inject_exception(TRAP_GP, 0);
		return;
	}
	pv_bounce(regs, v->pv->sysenter_callback_eip, v->pv->sysenter_disables_events ? TBF_INTERRUPT : 0, 0);
}

/* From compatibility mode; a kernel without a callback for it gives its user an invalid opcode. */
void pv_bounce_syscall32(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (!v->pv->syscall32_callback_eip || guest_kernel_mode(v)) {
		regs->rip -= 2;
		pv_inject_exception(TRAP_UD, 0);
		return;
	}
	pv_bounce(regs, v->pv->syscall32_callback_eip, v->pv->syscall32_disables_events ? TBF_INTERRUPT : 0, 0);
}

static void read_selectors(struct cpu_user_regs *regs)
{
	__asm__ volatile("mov %%ds, %0" : "=m"(regs->ds));
	__asm__ volatile("mov %%es, %0" : "=m"(regs->es));
	__asm__ volatile("mov %%fs, %0" : "=m"(regs->fs));
	__asm__ volatile("mov %%gs, %0" : "=m"(regs->gs));
}

void pv_bounce_failsafe(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	struct { uint64_t rcx, r11, ds, es, fs, gs; struct frame_tail t; } f;
	bool kernel = guest_kernel_mode(v);
	uint64_t rsp = kernel ? regs->rsp : v->pv->kernel_sp;

	if (!v->pv->failsafe_callback_eip) {
		domain_crash(v->domain, "d%uv%u: bad return state and no failsafe callback", v->domain->id, v->id);
		return;
	}
	read_selectors(regs);
	f.rcx = regs->rcx;
	f.r11 = regs->r11;
	f.ds = regs->ds;
	f.es = regs->es;
	f.fs = regs->fs;
	f.gs = regs->gs;
	frame_tail(v, regs, kernel, READ_ONCE(v->info->evtchn_upcall_mask), &f.t);
	if (!kernel) {
		irq_disable();	/* until the guest runs again */
		pv_toggle_mode(v);
	}
	rsp = (rsp & ~15ull) - sizeof(f);
	if (guest_copy_out((void *)rsp, &f, sizeof(f)) && !push_again(v, rsp, &f, sizeof(f)))
		return;
	if (v->pv->failsafe_disables_events)
		v->info->evtchn_upcall_mask = 1;
	enter_kernel(v, regs, rsp, v->pv->failsafe_callback_eip);
}

/* iret refused what the guest asked for (selectors, rip): the fault is the guest's, as if it had happened after the iret. */
void pv_bad_iret(struct cpu_user_regs *regs)
{
	uint64_t fault = cpu_info()->scratch[1];	/* x86/traps.c: vector << 32 | error code */

	regs->entry_vector = fault >> 32;
	regs->error_code = fault;
	__asm__ volatile("sti");
	pv_inject_exception(regs->entry_vector, regs->error_code);
}

__hot int pv_deliver_pending(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;

	if (v->pv->failsafe_pending) {
		v->pv->failsafe_pending = false;
		pv_bounce_failsafe(regs);
		v->mce_pending = false;
		return 1;
	}
	v->mce_pending = false;
	if (v->nmi_pending && !v->in_nmi) {
		v->nmi_pending = false;
		if (v->pv->trap_table[TRAP_NMI].address) {
			v->in_nmi = 1;
			regs->entry_vector = TRAP_NMI;
			pv_bounce(regs, v->pv->trap_table[TRAP_NMI].address, TBF_INTERRUPT, 0);
			return 1;
		}
	}
	if (vcpu_event_pending(v)) {
		pv_bounce(regs, v->pv->event_callback_eip, TBF_INTERRUPT, 0);
		return 1;
	}
	return 0;
}
