/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PV guests, 64-bit: the guest's kernel and its user both run in ring 3, on two root page tables (guest_table,
 * guest_table_user). The state here is what a native CPU would hold and a PV vCPU has virtually.
 */
#ifndef PV_PV_H
#define PV_PV_H
#include "domain/domain.h"
#include "sched/preempt.h"
#include "pv/bounce.h"
#include "pv/callback.h"
#include "pv/cpuid.h"
#include "pv/desc.h"
#include "pv/domain.h"
#include "pv/iret.h"
#include "pv/misc.h"
#include "pv/perdomain.h"
#include "pv/syscall.h"
#include "pv/traps.h"
#include <xen/arch-x86/xen.h>

#define GDT_GUEST_FRAMES FIRST_RESERVED_GDT_PAGE		/* 14 */

struct pv_vcpu {
	/* what every entry and exit touches: one cache line, and one page with the rest */
	bool kernel_mode;		/* which of the two roots, and of the two GS bases, is in force */
	bool syscall_disables_events, failsafe_disables_events, sysenter_disables_events, syscall32_disables_events;
	uint8_t iopl;
	bool shows_iopl;		/* the domain's VMASST_TYPE_architectural_iopl */
	bool dr_loaded;			/* DR7 with breakpoints is in the CPU */
	bool failsafe_pending;		/* a segment selector could not be loaded on entry */
	/* pv/mm_joint.c */
	bool joined;			/* both modes run on the joint root, */
	volatile bool joint_stale;	/* which another may have had to forget (behind joined: pv/toggle.h looks at both) */
	bool may_join;			/* at the next way to the user */
	uint8_t next_slot;
	uint64_t syscall_callback_eip, event_callback_eip, kernel_sp;
	uint64_t cr3[2];		/* while loaded: what CR3 is to hold in the user's mode and in the kernel's */
	struct trap_info *trap_table;	/* 256, a page of their own */
	uint64_t kernel_entry[8], *joint;	/* what the kernel has more than its user; the table */
	uint8_t user_slot[8];
	uint64_t kernel_ss;

	/* Page tables: mfn of the roots, each with a L4 type reference and a page reference while set; 0: none */
	uint64_t guest_table, guest_table_user;
	struct shadow_page *shadow_root[2];	/* of the user's root and of the kernel's, while log_dirty */
	struct tlb_context tlb;

	uint64_t *gdt_mfn; unsigned gdt_ents;	/* GDT_GUEST_FRAMES of them; each frame holds a FTYPE_SEGDESC reference */
	uint64_t ldt_base; unsigned ldt_ents;	/* mapped on first use: shadow window after the GDT's */
	unsigned shadow_ldt_count; spinlock_t shadow_ldt_lock;
	uint64_t failsafe_callback_eip, sysenter_callback_eip, syscall32_callback_eip;
	uint16_t sysenter_callback_cs, syscall32_callback_cs;
	uint64_t fs_base, gs_base_kernel, gs_base_user;	/* while not on a CPU */
	uint64_t cr0_guest, cr4_guest;	/* what the guest believes */
	uint64_t dr[8];
	uint64_t iobmp; unsigned iobmp_limit;	/* guest virtual address of its I/O bitmap */
	uint32_t cf8;
	uint32_t tsc_aux;		/* MSR_TSC_AUX, where the CPU has RDTSCP */
	uint32_t spec_ctrl;		/* its IA32_SPEC_CTRL */
	struct frame *old_table;	/* half taken apart, with a page reference: goes on at the next MMU hypercall */
	uint64_t *l1_window;		/* the 32 PTEs of this vCPU's GDT and LDT window in the per-domain area */
};
struct pv_domain {
	mfn_t perdomain_l3;		/* linked at PERDOMAIN_SLOT of each root of the domain */
	void *perdomain_tables;		/* pv/perdomain.c */
	uint64_t relinquish_cursor; unsigned relinquish_step;
	bool pcid;			/* its vCPUs' roots are loaded under tags (x86/tlb.h) */
	bool log_dirty;			/* its vCPUs run on shadows (pv/mm_shadow.h); changes while it is nowhere loaded */
	struct pv_shadow *shadow;	/* made when first wanted, freed with the domain */
};

static inline bool guest_kernel_mode(const struct vcpu *v) { return v->pv->kernel_mode; }

/* pv/emulate*.c: privileged instructions of ring 3. true: done (or an exception injected); false: give it #GP/#UD */
bool pv_emulate_privileged(struct cpu_user_regs *regs);
bool pv_emulate_invalid_op(struct cpu_user_regs *regs);	/* XEN_CPUID prefix, rdtscp ... */

/* The upper layer (hypercall/dispatch.c) provides: the one door. regs: the guest's, on this CPU's stack. */
void hypercall_entry(struct cpu_user_regs *regs);
/* Fills a page with the 32-byte stubs: mov eax,n; syscall; ret (iret's differs). (hypercall/page.c) */
void hypercall_page_init(void *page);
#endif
