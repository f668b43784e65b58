/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV guests, 64-bit: the guest's kernel and its user both run in ring 3, on two root page tables (guest_table,
 * guest_table_user). The state here is what a native CPU would hold and a PV vCPU has virtually.
 */
#ifndef PV_PV_H
#define PV_PV_H
#include "domain/domain.h"
#include "sched/preempt.h"
#include <xen/arch-x86/xen.h>

#define GDT_GUEST_FRAMES FIRST_RESERVED_GDT_PAGE		/* 14 */
#define TBF_EXCEPTION	1u
#define TBF_ERRCODE	2u
#define TBF_INTERRUPT	8u	/* deliver with event delivery masked */

struct pv_vcpu {
	/* what every entry and exit touches: one cache line, and one page with the rest */
	bool kernel_mode;		/* which of the two roots, and of the two GS bases, is in force */
	bool syscall_disables_events, failsafe_disables_events, sysenter_disables_events, syscall32_disables_events;
	uint8_t iopl;
	bool dr_loaded;			/* DR7 with breakpoints is in the CPU */
	bool failsafe_pending;		/* a segment selector could not be loaded on entry */
	uint64_t syscall_callback_eip, event_callback_eip, kernel_sp, kernel_ss;
	/* Page tables: mfn of the roots, each with a L4 type reference and a page reference while set; 0: none */
	uint64_t guest_table, guest_table_user;
	struct trap_info *trap_table;	/* 256, a page of their own */

	uint64_t gdt_mfn[GDT_GUEST_FRAMES]; unsigned gdt_ents;	/* each frame holds a FTYPE_SEGDESC reference */
	uint64_t ldt_base; unsigned ldt_ents;	/* mapped on first use: shadow window after the GDT's */
	unsigned shadow_ldt_count; spinlock_t shadow_ldt_lock;
	uint64_t failsafe_callback_eip, sysenter_callback_eip, syscall32_callback_eip, nmi_callback_eip;
	uint16_t sysenter_callback_cs, syscall32_callback_cs;
	uint64_t fs_base, gs_base_kernel, gs_base_user;	/* while not on a CPU */
	uint64_t cr0_guest, cr4_guest;	/* what the guest believes */
	uint64_t dr[8];
	uint64_t iobmp; unsigned iobmp_limit;	/* guest virtual address of its I/O bitmap */
	uint32_t cf8;
	struct frame *old_table;	/* half taken apart, with a page reference: goes on at the next MMU hypercall (mm_types.c) */
	uint64_t *l1_window;		/* the 32 PTEs of this vCPU's GDT and LDT window in the per-domain area */
};
struct pv_domain {
	mfn_t perdomain_l3;		/* linked at PERDOMAIN_SLOT of each root of the domain */
	void *perdomain_tables;		/* pv/perdomain.c */
	spinlock_t pt_lock;		/* writes to the domain's page tables, and type changes of its frames */
	uint64_t relinquish_cursor; unsigned relinquish_step;
};
extern const struct guest_ops pv_guest_ops;
void pv_init(void);			/* boot CPU: trap table of the host, stubs */
void pv_cpu_init(unsigned cpu);		/* each CPU, on itself: SYSCALL MSRs and its stub */

/* pv/perdomain.c */
int pv_perdomain_create(struct domain *d);
void pv_perdomain_destroy(struct domain *d);
void pv_perdomain_init(void);			/* boot CPU */
uint64_t pv_empty_gdt_entry(void);	/* maps a page of zeroes: selectors there fault as a CPU's would, with #GP */
int pv_perdomain_vcpu(struct vcpu *v);		/* creates the window of v; -ENOMEM */
static inline uint64_t pv_gdt_virt(const struct vcpu *v) { return PERDOMAIN_VIRT_START + ((uint64_t)v->id << PERDOMAIN_VCPU_SHIFT); }
static inline uint64_t pv_ldt_virt(const struct vcpu *v) { return pv_gdt_virt(v) + 16 * PAGE_SIZE; }

/* pv/desc.c: descriptor tables */
int pv_set_gdt(struct vcpu *v, const uint64_t *mfns, unsigned ents);	/* of v's domain; -EINVAL */
void pv_destroy_gdt(struct vcpu *v);
bool pv_invalidate_ldt(struct vcpu *v);		/* drops the shadow LDT mappings; true if there were any */
bool pv_map_ldt_page(struct vcpu *v, unsigned page);	/* fault in the window: maps it, false if the guest is to get the fault */
bool pv_fix_descriptor(uint64_t *desc);		/* makes it safe (DPL, type); false if it cannot be */
hypercall_fn hc_set_gdt, hc_update_descriptor;

/* pv/syscall.c */
void pv_bounce_syscall(struct cpu_user_regs *regs);	/* a SYSCALL of the guest's user */
void pv_bounce_syscall32(struct cpu_user_regs *regs);
void pv_bounce_sysenter(struct cpu_user_regs *regs);
/* pv/bounce.c: builds the frame of a trap or event on the guest kernel's stack and sends the vCPU to b->eip. error code if
 * TBF_ERRCODE. A frame that cannot be written ends the domain. Only for current, on its way back to the guest. */
void pv_bounce(struct cpu_user_regs *regs, uint64_t eip, unsigned flags, uint32_t error_code);
void pv_bounce_failsafe(struct cpu_user_regs *regs);
int pv_deliver_pending(struct cpu_user_regs *regs);	/* exit path: NMI, MCE, events; non-zero: look again */
void pv_bad_iret(struct cpu_user_regs *regs);
static inline bool guest_kernel_mode(const struct vcpu *v) { return v->pv->kernel_mode; }

/* pv/traps.c, pv/callback.c, pv/misc.c */
void pv_inject_exception(uint8_t vector, uint32_t error_code);		/* into current, by its trap table; may crash the domain */
void pv_inject_page_fault(uint32_t error_code, uint64_t addr);
void pv_toggle_mode(struct vcpu *v);		/* kernel <-> user: root, GS */
hypercall_fn hc_set_trap_table, hc_set_callbacks, hc_callback_op, hc_stack_switch, hc_fpu_taskswitch, hc_set_segment_base,
	hc_set_debugreg, hc_get_debugreg, hc_iret, hc_nmi_op, hc_vm_assist;
int pv_register_nmi(uint64_t eip);
int pv_set_debugreg(struct vcpu *v, unsigned reg, uint64_t value);	/* -EPERM, -EINVAL */
void pv_load_debugregs(struct vcpu *v);
/* pv/emulate*.c: privileged instructions of ring 3. true: done (or an exception injected); false: give it #GP/#UD */
bool pv_emulate_privileged(struct cpu_user_regs *regs);
bool pv_emulate_invalid_op(struct cpu_user_regs *regs);	/* XEN_CPUID prefix, rdtscp ... */
/* pv/cpuid.c */
void pv_guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4]);

/* The upper layer (hypercall/dispatch.c) provides: the one door. regs: the guest's, on this CPU's stack. */
void hypercall_entry(struct cpu_user_regs *regs);
/* Fills a page with the 32-byte stubs: mov eax,n; syscall; ret (iret's differs). (hypercall/page.c) */
void hypercall_page_init(void *page);
#endif
