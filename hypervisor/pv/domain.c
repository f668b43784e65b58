// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PV kind of guest: what a domain and a vCPU of it are made of, and how its vCPU's private state enters and leaves a CPU.
 */
#include "pv/mm.h"
#include "pv/mm_joint.h"
#include "pv/offsets.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/spec_ctrl.h"
#include "x86/traps.h"
#include "lib/string.h"

#define EFL_FIXED_ON	0x202ul
#define EFL_KEPT	0x254dd5ul
#define EFL_IOPL	0x3000ul
#define FXSAVE_BYTES	512
#define TRAP_TABLE_BYTES (256 * sizeof(struct trap_info))

/* Written in entry.S: to the guest by the frame on this CPU's stack. */
void ret_to_guest(void) __noreturn;

static int pv_domain_create(struct domain *d)
{
	int rc;

	d->pv = new_object(struct pv_domain);
	if (!d->pv)
		return -ENOMEM;
	d->pv->pcid = tlb_tags_for(false);
	rc = pv_perdomain_create(d);
	if (rc) {
		heap_free(d->pv);
		d->pv = NULL;
	}
	return rc;
}

static void pv_domain_destroy(struct domain *d)
{
	if (!d->pv)
		return;
	pv_perdomain_destroy(d);
	heap_free(d->pv->shadow);
	heap_free(d->pv);
	d->pv = NULL;
}

/* PGE, UMIP, LA57, PCIDE, SMEP, SMAP, PKE: what CPUID does not offer to a PV guest (pv/cpu_features.c) */
#define CR4_HIDDEN (1ul << 7 | 1ul << 11 | 1ul << 12 | 1ul << 17 | 1ul << 20 | 1ul << 21 | 1ul << 22)

static void pv_reset_state(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;

	memset(pv->trap_table, 0, TRAP_TABLE_BYTES);
	pv->dr[6] = 0xffff0ff0;
	pv->dr[7] = 0x400;
	pv->cr0_guest = 0x80050033;	/* PG, AM, WP, NE, ET, MP, PE */
	pv->cr4_guest = read_cr4() & ~CR4_HIDDEN;
	pv->kernel_mode = true;
	pv->spec_ctrl = 0;
	v->xcr0 = v->xcr0_accum = 1;
	xstate_reset(v->xstate);
}

static bool shows_iopl(const struct domain *d)
{
	return READ_ONCE(d->vm_assist) & (1ul << VMASST_TYPE_architectural_iopl);
}

void pv_assist_changed(struct domain *d)
{
	struct vcpu *v;

	for_each_vcpu (d, v)
		WRITE_ONCE(v->pv->shows_iopl, shows_iopl(d));
}

static int pv_vcpu_create(struct vcpu *v)
{
	int rc = -ENOMEM;

	v->pv = new_object(struct pv_vcpu);
	if (!v->pv)
		return -ENOMEM;
	spin_lock_init(&v->pv->shadow_ldt_lock);
	v->pv->trap_table = heap_zalloc(TRAP_TABLE_BYTES);
	if (!v->pv->trap_table)
		goto free_pv;
	v->pv->gdt_mfn = new_array(uint64_t, GDT_GUEST_FRAMES);
	if (!v->pv->gdt_mfn)
		goto free_traps;
	v->xstate = xstate_alloc();
	if (!v->xstate)
		goto free_gdt;
	rc = pv_joint_create(v);
	if (rc)
		goto free_xstate;
	rc = pv_perdomain_vcpu(v);
	if (rc)
		goto free_joint;
	v->pv->shows_iopl = shows_iopl(v->domain);
	pv_reset_state(v);
	return 0;

free_joint:
	pv_joint_destroy(v);
free_xstate:
	xstate_free(v->xstate);
	v->xstate = NULL;
free_gdt:
	heap_free(v->pv->gdt_mfn);
free_traps:
	heap_free(v->pv->trap_table);
free_pv:
	heap_free(v->pv);
	v->pv = NULL;
	return rc;
}

static void pv_vcpu_destroy(struct vcpu *v)
{
	if (v->xstate)
		xstate_free(v->xstate);
	v->xstate = NULL;
	pv_joint_destroy(v);
	heap_free(v->pv->gdt_mfn);
	heap_free(v->pv->trap_table);
	heap_free(v->pv);
	v->pv = NULL;
}

/* Death: tables of the vCPUs first (paused for good), then what is left of types, pins and references. */
static int pv_relinquish(struct domain *d)
{
	struct vcpu *v;

	if (!d->pv)
		return 0;
	for_each_vcpu(d, v) {
		if (!v->pv)
			continue;
		pv_invalidate_ldt(v);
		pv_destroy_gdt(v);
		v->pv->ldt_ents = 0;
	}
	return pv_relinquish_memory(d);
}

static void pv_vcpu_reset(struct vcpu *v)
{
	pv_invalidate_ldt(v);
	pv_destroy_gdt(v);
	pv_drop_guest_tables(v);
	pv_reset_state(v);
	v->is_initialised = false;
	__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);	/* it has no tables to run on */
}

/* --- context switch --- */

#define save_selector(r, field) __asm__ volatile("mov %%" #field ", %0" : "=m"((r)->field))

static void pv_leave(struct vcpu *v)
{
	struct pv_vcpu *pv = v->pv;
	uint64_t gs = read_gs_base(), other = rdmsr(MSR_KERNEL_GS_BASE);

	save_selector(&v->regs, ds);
	save_selector(&v->regs, es);
	save_selector(&v->regs, fs);
	save_selector(&v->regs, gs);
	pv->fs_base = read_fs_base();
	pv->gs_base_kernel = pv->kernel_mode ? gs : other;
	pv->gs_base_user = pv->kernel_mode ? other : gs;
	if (pv->dr_loaded) {
		__asm__ volatile("mov %0, %%db7" :: "r"(0x400ul));
		pv->dr_loaded = false;
	}
	__asm__ volatile("clts");
	xstate_save(v->xstate);
	/* dirty_cpus is the scheduler's to clear: the root table is in force still. */
}

#define load_selector(sel, field, failed) \
	__asm__ volatile("1: movl %k1, %%" #field "\n2:\n" \
			 ".section .text.fixup,\"ax\"\n3: movl $1, %0; xorl %k1, %k1; movl %k1, %%" #field "; jmp 2b\n.previous\n" \
			 EX_TABLE(1b, 3b) : "+r"(failed), "+r"((uint32_t){ sel }))

static void load_selectors(struct vcpu *v)
{
	const struct cpu_user_regs *r = &v->regs;
	int failed = 0;

	load_selector(r->ds, ds, failed);
	load_selector(r->es, es, failed);
	load_selector(r->fs, fs, failed);
	load_selector(r->gs, gs, failed);
	if (failed) {
		v->pv->failsafe_pending = true;
		v->mce_pending = true;	/* makes the exit path look */
	}
}

/* Interrupts off. */
void pv_load_cr4(const struct vcpu *v)
{
	uint32_t want = v->domain->tsc_emulated ? CR4_GUEST_TSD : v->pv->cr4_guest & CR4_GUEST_TSD;

	if (likely(want == cpu_info()->cr4_guest))
		return;
	cpu_info()->cr4_guest = want;
	write_cr4((read_cr4() & ~CR4_GUEST_TSD) | want);
}

static void pv_enter(struct vcpu *v)
{
	unsigned cpu = smp_processor_id();
	struct pv_vcpu *pv = v->pv;
	uint64_t reserved = pte_make(cpu_gdt_mfn(cpu), MAP_RW & ~PTE_G);

	cpumask_set_cpu(cpu, &v->domain->dirty_cpus);
	if (pv->l1_window[FIRST_RESERVED_GDT_PAGE] != reserved)
		WRITE_ONCE(pv->l1_window[FIRST_RESERVED_GDT_PAGE], reserved);
	pv_load_cr4(v);
	spec_switch_domain(v->domain->id);
	spec_set_guest(pv->spec_ctrl);
	pv_enter_roots(v);
	cpu_set_gdt(pv_gdt_virt(v), (FIRST_RESERVED_GDT_PAGE + 1) * PAGE_SIZE - 1);
	cpu_load_ldt(pv_ldt_virt(v), pv->ldt_ents);
	load_selectors(v);
	write_fs_base(pv->fs_base);
	write_gs_base(pv->kernel_mode ? pv->gs_base_kernel : pv->gs_base_user);
	wrmsr(MSR_KERNEL_GS_BASE, pv->kernel_mode ? pv->gs_base_user : pv->gs_base_kernel);
	if (host_cpu.rdtscp)
		wrmsr(MSR_TSC_AUX, pv->tsc_aux);
	pv_load_debugregs(v);
	xstate_restore(v->xstate, v->xcr0);
	if (pv->cr0_guest & 8)
		write_cr0(read_cr0() | 8);
}

/* --- the context that tools and VCPUOP_initialise hand over (xen/arch-x86/xen.h, struct vcpu_guest_context) --- */

static bool canonical(uint64_t a) { return ((int64_t)(a << 16) >> 16) == (int64_t)a; }

static bool context_ok(const struct vcpu_guest_context *c)
{
	if (!canonical(c->user_regs.rip) || !canonical(c->fs_base) || !canonical(c->gs_base_kernel) || !canonical(c->gs_base_user))
		return false;
	if (!canonical(c->kernel_sp) || !canonical(c->event_callback_eip) || !canonical(c->failsafe_callback_eip) ||
	    !canonical(c->syscall_callback_eip))
		return false;
	if (c->ldt_ents > 8192 || (c->ldt_ents && (!guest_addr_ok(c->ldt_base, c->ldt_ents * 8) || (c->ldt_base & ~PAGE_MASK))))
		return false;
	for (unsigned i = 0; i < 256; i++)
		if (c->trap_ctxt[i].address && (!canonical(c->trap_ctxt[i].address) || !guest_addr_ok(c->trap_ctxt[i].address, 1)))
			return false;
	/* Without tables of its own user mode would run on the hypervisor's, which have no window for its GDT (XSA-1). */
	if (!(c->flags & VGCF_in_kernel) && !(c->ctrlreg[1] >> PAGE_SHIFT))
		return false;
	return c->gdt_ents <= FIRST_RESERVED_GDT_ENTRY;
}

static void set_plain_state(struct vcpu *v, const struct vcpu_guest_context *c)
{
	struct pv_vcpu *pv = v->pv;

	v->regs = c->user_regs;
	v->regs.cs |= 3;
	v->regs.ss |= 3;
	v->regs.entry_vector = 0;
	pv->iopl = (c->user_regs.rflags & EFL_IOPL) >> 12;
	v->regs.rflags = (c->user_regs.rflags & EFL_KEPT) | EFL_FIXED_ON;
	pv->kernel_mode = c->flags & VGCF_in_kernel;
	for (unsigned i = 0; i < 256; i++) {
		pv->trap_table[i] = c->trap_ctxt[i];
		pv->trap_table[i].vector = i;
		pv->trap_table[i].cs |= 3;
	}
	pv->kernel_ss = c->kernel_ss | 3;
	pv->kernel_sp = c->kernel_sp;
	pv->ldt_base = c->ldt_base;
	pv->ldt_ents = c->ldt_ents;
	pv->event_callback_eip = c->event_callback_eip;
	pv->failsafe_callback_eip = c->failsafe_callback_eip;
	pv->failsafe_disables_events = c->flags & VGCF_failsafe_disables_events;
	pv->syscall_callback_eip = c->syscall_callback_eip;
	pv->syscall_disables_events = c->flags & VGCF_syscall_disables_events;
	pv->fs_base = c->fs_base;
	pv->gs_base_kernel = c->gs_base_kernel;
	pv->gs_base_user = c->gs_base_user;
	pv->cr0_guest = (pv->cr0_guest & ~8ul) | (c->ctrlreg[0] & 8);
	for (unsigned i = 0; i < 8; i++)
		pv_set_debugreg(v, i, c->debugreg[i]);
	xstate_reset(v->xstate);
	if (c->flags & VGCF_i387_valid)
		xstate_set_legacy(v->xstate, &c->fpu_ctxt);
}

static int pv_set_context(struct vcpu *v, const void *native_ctxt)
{
	const struct vcpu_guest_context *c = native_ctxt;
	struct domain *d = v->domain;
	uint64_t root = c->ctrlreg[3] >> PAGE_SHIFT, user_root = c->ctrlreg[1] >> PAGE_SHIFT;
	int rc;

	if (!context_ok(c))
		return -EINVAL;
	rc = pv_set_gdt(v, (const uint64_t *)c->gdt_frames, c->gdt_ents);
	if (!rc)
		rc = pv_set_guest_table(v, MFN(root), false, true);
	if (!rc)
		rc = pv_set_guest_table(v, MFN(user_root), true, true);
	if (rc)
		return rc;
	pv_invalidate_ldt(v);
	set_plain_state(v, c);
	if (v->id == 0) {
		d->vm_assist = c->vm_assist & (1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_architectural_iopl |
					       1ul << VMASST_TYPE_runstate_update_flag | 1ul << VMASST_TYPE_m2p_strict |
					       1ul << VMASST_TYPE_pae_extended_cr3);
		pv_assist_changed(d);
	}
	v->is_initialised = true;
	if (c->flags & VGCF_online)
		__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_or(&v->pause_flags, VPF_DOWN, __ATOMIC_SEQ_CST);
	return 0;
}

static void pv_get_context(struct vcpu *v, void *native_ctxt)
{
	struct vcpu_guest_context *c = native_ctxt;
	struct pv_vcpu *pv = v->pv;

	memset(c, 0, sizeof(*c));
	c->flags = VGCF_i387_valid | (pv->kernel_mode ? VGCF_in_kernel : 0) | (v->pause_flags & VPF_DOWN ? 0 : VGCF_online) |
		(pv->failsafe_disables_events ? VGCF_failsafe_disables_events : 0) |
		(pv->syscall_disables_events ? VGCF_syscall_disables_events : 0);
	c->user_regs = v->regs;
	c->user_regs.error_code = c->user_regs.entry_vector = 0;
	c->user_regs.rflags = (v->regs.rflags & ~EFL_IOPL) | (uint64_t)pv->iopl << 12;
	memcpy(c->trap_ctxt, pv->trap_table, TRAP_TABLE_BYTES);
	memcpy(c->gdt_frames, pv->gdt_mfn, GDT_GUEST_FRAMES * sizeof(*pv->gdt_mfn));
	c->gdt_ents = pv->gdt_ents;
	c->ldt_base = pv->ldt_base;
	c->ldt_ents = pv->ldt_ents;
	c->kernel_ss = pv->kernel_ss;
	c->kernel_sp = pv->kernel_sp;
	c->ctrlreg[0] = pv->cr0_guest;
	c->ctrlreg[1] = pv->guest_table_user << PAGE_SHIFT;
	c->ctrlreg[3] = pv->guest_table << PAGE_SHIFT;
	c->ctrlreg[4] = pv->cr4_guest;
	memcpy(c->debugreg, pv->dr, sizeof(c->debugreg));
	c->event_callback_eip = pv->event_callback_eip;
	c->failsafe_callback_eip = pv->failsafe_callback_eip;
	c->syscall_callback_eip = pv->syscall_callback_eip;
	c->vm_assist = v->domain->vm_assist;
	c->fs_base = pv->fs_base;
	c->gs_base_kernel = pv->gs_base_kernel;
	c->gs_base_user = pv->gs_base_user;
	BUILD_ASSERT(sizeof(c->fpu_ctxt) == FXSAVE_BYTES);
	memcpy(&c->fpu_ctxt, v->xstate, sizeof(c->fpu_ctxt));
}

const struct guest_ops pv_guest_ops = {
	.name = "PV",
	.domain_create = pv_domain_create,
	.domain_destroy = pv_domain_destroy,
	.relinquish = pv_relinquish,
	.vcpu_create = pv_vcpu_create,
	.vcpu_destroy = pv_vcpu_destroy,
	.set_context = pv_set_context,
	.get_context = pv_get_context,
	.leave = pv_leave,
	.enter = pv_enter,
	.resume = ret_to_guest,
	.vcpu_reset = pv_vcpu_reset,
};
