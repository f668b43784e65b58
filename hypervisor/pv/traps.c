// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Exceptions that a PV guest causes. Some are the hypervisor's to mend (a shadow LDT page not there yet, a write to the guest's
 * own page table, a privileged instruction); the others go to the guest's trap table as they came.
 */
#include "pv/mm.h"
#include "pv/mm_joint.h"
#include "pv/offsets.h"
#include "pv/mm_shadow.h"
#include "pv/syscall.h"
#include "domain/notify.h"
#include "x86/cpu.h"
#include "x86/quirks.h"
#include "x86/spec_ctrl.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "lib/panic.h"

static const uint32_t has_error_code = 1u << TRAP_DF | 1u << TRAP_TS | 1u << TRAP_NP | 1u << TRAP_SS | 1u << TRAP_GP |
	1u << TRAP_PF | 1u << TRAP_AC;

__hot void pv_inject_exception(uint8_t vector, uint32_t error_code)
{
	struct vcpu *v = current;
	struct cpu_user_regs *regs = guest_cpu_user_regs();
	const struct trap_info *ti = &v->pv->trap_table[vector];
	unsigned flags = 0;

	if (vector < 32 && (has_error_code >> vector) & 1)
		flags |= TBF_ERRCODE;
	if (ti->flags & 4)
		flags |= TBF_INTERRUPT;
	if (unlikely(!ti->address)) {
		domain_crash(v->domain, "d%uv%u: exception %u (error code %#x) at %04x:%lx, and no handler for it",
			     v->domain->id, v->id, vector, error_code, regs->cs, (unsigned long)regs->rip);
		return;
	}
	pv_bounce(regs, ti->address, flags, error_code);
}

/* For the log of a page fault that nobody handles: the entries that lead to the address. */
static void show_walk(const struct vcpu *v, uint64_t addr)
{
	uint64_t e = read_cr3();

	for (int level = 4; level; level--) {
		e = ((const uint64_t *)mfn_to_va(pte_mfn(e)))[(addr >> (3 + 9 * level)) & 511];
		printk(LOG_ERR "d%uv%u: L%d entry for %016lx: %016lx\n", v->domain->id, v->id, level, (unsigned long)addr,
		       (unsigned long)e);
		if ((e & (PTE_P | PTE_PS)) != PTE_P || !mfn_valid(pte_mfn(e)))
			return;
	}
}

__hot void pv_inject_page_fault(uint32_t error_code, uint64_t addr)
{
	struct vcpu *v = current;

	v->info->arch.cr2 = addr;
	if (guest_kernel_mode(v))
		error_code &= ~PFEC_U;
	if (unlikely(!v->pv->trap_table[TRAP_PF].address))
		show_walk(v, addr);
	pv_inject_exception(TRAP_PF, error_code);
}

/* A fault that the guest's own tables do not explain: mended, or to be tried again. */
__hot static inline bool not_by_guest(struct vcpu *v, uint64_t addr, uint32_t ec)
{
	if (ec & PFEC_P)
		return unlikely(!(ec & PFEC_U)) && quirk_smap_ring3(ec);
	return v->pv->joined && unlikely(!(v->pv->joint[l4_index(addr)] & PTE_P)) && pv_joint_fault(v, addr);
}

__hot static void page_fault(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint64_t addr = read_cr2();
	uint32_t ec = regs->error_code;

	__asm__ volatile("sti" ::: "memory");
	if (addr >= ANEL_VIRT_START && addr < ANEL_VIRT_END) {
		uint64_t ldt = pv_ldt_virt(v);

		/* The CPU reads a descriptor as supervisor: a miss in the LDT window comes without the user bit. */
		if (!(ec & (PFEC_U | PFEC_P)) && addr >= ldt && addr < ldt + v->pv->ldt_ents * 8ul) {
			if (pv_map_ldt_page(v, (addr - ldt) >> PAGE_SHIFT))
				return;
			addr = v->pv->ldt_base + (addr - ldt);
		}
	} else if (not_by_guest(v, addr, ec)) {
		return;
	} else if (unlikely(v->domain->pv->log_dirty) && pv_shadow_fault(v, addr, ec)) {
		return;
	} else if ((ec & (PFEC_P | PFEC_W)) == (PFEC_P | PFEC_W) && !(ec & PFEC_RSVD) && guest_kernel_mode(v)) {
		if (pv_ptwr_fault(v, addr, regs))
			return;
		if (v->domain->is_hardware && pv_ro_mmio_fault(v, addr, regs))
			return;
	}
	pv_inject_page_fault(ec, addr);
}

/* "int n" traps with the vector in the error code, for our gates have DPL 0: the guest's own DPL decides. */
static bool soft_int_gate(struct vcpu *v, struct cpu_user_regs *regs, unsigned vector)
{
	const struct trap_info *ti = &v->pv->trap_table[vector];
	unsigned dpl = ti->flags & 3;

	if (!ti->address || dpl < (guest_kernel_mode(v) ? 1u : 3u))
		return false;
	regs->rip += 2;
	pv_bounce(regs, ti->address, ti->flags & 4 ? TBF_INTERRUPT : 0, 0);
	return true;
}

static void general_protection(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint32_t ec = regs->error_code;

	if ((ec & 3) == 2 && soft_int_gate(v, regs, (ec >> 3) & 0xff))
		return;
	if (!ec && pv_emulate_privileged(regs))
		return;
	pv_inject_exception(TRAP_GP, ec);
}

/* The guest's kernel under a debugger: it stops here, its registers as the exception left them, and dom0 is told. */
static bool stop_for_debugger(struct vcpu *v, uint8_t vector)
{
	if (likely(!READ_ONCE(v->domain->debugged)) || !guest_kernel_mode(v) || domain_pause_by_controller(v->domain))
		return false;
	WRITE_ONCE(v->debugger_event, vector);
	notify->virq_global(dom0, VIRQ_DEBUGGER);
	return true;
}

static void debug_trap(struct vcpu *v, struct cpu_user_regs *regs)
{
	uint64_t dr6;

	__asm__ volatile("mov %%db6, %0" : "=r"(dr6));
	__asm__ volatile("mov %0, %%db6" :: "r"(0xffff0ff0ul));
	__asm__ volatile("sti" ::: "memory");
	v->pv->dr[6] = (v->pv->dr[6] & ~0xful) | (dr6 & 0xe00ful) | 0xffff0ff0ul;
	if (!stop_for_debugger(v, TRAP_DB))
		pv_inject_exception(TRAP_DB, 0);
}

static void device_not_available(struct vcpu *v)
{
	__asm__ volatile("clts");
	v->pv->cr0_guest &= ~8ul;
	pv_inject_exception(TRAP_NM, 0);
}

__hot static void pv_exception(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	unsigned vector = regs->entry_vector & 0xff;

	switch (vector) {
	case TRAP_PF:
		page_fault(v, regs);
		return;
	case TRAP_DB:
		debug_trap(v, regs);
		return;
	}
	__asm__ volatile("sti" ::: "memory");
	switch (vector) {
	case TRAP_GP:
		general_protection(v, regs);
		break;
	case TRAP_UD:
		if (!pv_emulate_invalid_op(regs))
			pv_inject_exception(TRAP_UD, 0);
		break;
	case TRAP_NM:
		device_not_available(v);
		break;
	case TRAP_BP:
		if (!stop_for_debugger(v, TRAP_BP))
			pv_inject_exception(TRAP_BP, 0);
		break;
	default:
		pv_inject_exception(vector, regs->error_code);
	}
}

/* int $0x80 has a gate that ring 3 may use. */
static void pv_soft_int(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	unsigned vector = regs->entry_vector & 0xff;

	__asm__ volatile("sti" ::: "memory");
	regs->rip -= 2;
	if (!soft_int_gate(v, regs, vector))
		pv_inject_exception(TRAP_GP, vector << 3 | 2);
}

/*
 * The hypervisor touched an LDT page (by loading a guest's selector) that has no shadow yet, or memory of a guest whose page
 * tables' shadows are not filled there. The latter may take a while: not where interrupts are off, which then must try again.
 */
static bool pv_hypervisor_fault(struct cpu_user_regs *regs, uint64_t addr)
{
	struct vcpu *v = current;
	uint64_t ldt;

	if (!v || !v->pv)
		return false;
	if (addr < ANEL_VIRT_START || addr >= ANEL_VIRT_END) {
		if (!(regs->error_code & PFEC_P) && pv_joint_fault(v, addr))
			return true;
		return unlikely(v->domain->pv->log_dirty) && (regs->rflags & (1u << 9)) &&
		       pv_shadow_fault(v, addr, regs->error_code);
	}
	if (regs->error_code & PFEC_P)
		return false;
	ldt = pv_ldt_virt(v);
	if (addr < ldt || addr >= ldt + v->pv->ldt_ents * 8ul || !(regs->rflags & (1u << 9)))
		return false;
	return pv_map_ldt_page(v, (addr - ldt) >> PAGE_SHIFT);
}

static const struct guest_trap_ops pv_trap_ops = {
	.exception = pv_exception,
	.hypervisor_fault = pv_hypervisor_fault,
	.soft_int = pv_soft_int,
};

void pv_init(void)
{
	pv_perdomain_init();
	pv_l1tf_init(spec.l1tf_dom0, spec.l1tf_domu);
	guest_traps = &pv_trap_ops;
	x86_cpu_guest_setup = pv_cpu_init;
	pv_cpu_init(smp_processor_id());
}
