/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page types and page tables of PV guests ("direct paging"): the guest's own tables hold machine addresses and are read-only
 * to it; every change is checked here, so that no table ever maps what its owner may not touch.
 *
 * A frame has at most one type at a time (mem/frame.h); L1..L4 tables are validated when the first reference of that type is
 * taken, and taken apart when the last goes. Each present entry holds one page reference and, where it is writable or a
 * lower table, one type reference on what it maps. Root tables carry the hypervisor's slots.
 * Grant mappings' entries carry PTE_GRANT and hold nothing: the grant's own handle does (hypercall/gnttab*.c).
 * Locks: FTYPE_BUSY is the lock of one frame, held while its type changes and while a table is written; taken downwards only.
 */
#ifndef PV_MM_H
#define PV_MM_H
#include "pv/pv.h"
#define PTE_GRANT (1ull << 62)		/* software bit; refused in what a guest writes */
/* Takes one reference of 'type' on f (caller holds a page reference). May validate: -EAGAIN_HYPERCALL when preempted and
 * 'preemptible' (partial state stays on the frame), -EINVAL, -EBUSY (other type in use) */
int pv_type_get(struct frame *f, uint64_t type, struct domain *d, bool preemptible);
void pv_type_put(struct frame *f);		/* not preemptible */
/* Drops the reference in any case. -EAGAIN_HYPERCALL: the table is only half taken apart; pv_type_settle goes on. */
int pv_type_put_preemptible(struct frame *f);
/* Takes apart what a preempted operation left of a table without type references. Caller holds a page reference. */
int pv_type_settle(struct frame *f, bool preemptible);
/*
 * The same for what writes to d's memory besides d's own page tables: other domains' mappings, pages that the hypervisor keeps.
 * They are counted, for no write of theirs shows: such a frame is dirty as long as it lasts.
 */
bool pv_writer_get(struct frame *f, struct domain *d);
void pv_writer_put(struct frame *f);
static inline bool pv_get_writable(struct frame *f, struct domain *d) { return pv_type_get(f, FTYPE_WRITABLE, d, false) == 0; }

/* Roots */
int pv_set_guest_table(struct vcpu *v, mfn_t root, bool user, bool preemptible);	/* takes references, drops the old's */
int pv_pin_initial_root(struct domain *d, mfn_t root);	/* domain builder: validates and pins an L4; -EINVAL */
void pv_drop_guest_tables(struct vcpu *v);
void pv_fill_root_slots(struct domain *d, uint64_t *l4);	/* the hypervisor's 16 slots */
/* Loads the root that v's mode asks for into CR3. v is current. */
void pv_load_root(struct vcpu *v);
void pv_enter_roots(struct vcpu *v);	/* v is about to be current: its roots and their tags come to this CPU. Interrupts off */
/* Page-fault side: a guest's write to a page table of its own through a read-only mapping (emulated); true: done */
bool pv_ptwr_fault(struct vcpu *v, uint64_t addr, struct cpu_user_regs *regs);
bool pv_ro_mmio_fault(struct vcpu *v, uint64_t addr, struct cpu_user_regs *regs);	/* dom0: MMCFG and MSI-X tables */
/* Walk of the running guest's tables (by direct map): the L1 entry (or 2 MiB entry) for addr, 0 where none */
uint64_t pv_walk(struct vcpu *v, uint64_t addr, mfn_t *l1_table);

/* Grant mappings (hypercall/gnttab_map.c): host_addr is a linear address, or with GNTMAP_contains_pte the machine address of an
 * entry in an L1 table of current's domain. The frame's references are the caller's. GNTST_* */
int pv_grant_map(uint64_t host_addr, mfn_t mfn, unsigned gntmap_flags, unsigned cache_flags);
/* Removes or (new_addr != 0, GNTTABOP_unmap_and_replace) replaces; the entry must map mfn, writable as gntmap_flags say */
int pv_grant_unmap(uint64_t host_addr, mfn_t mfn, unsigned gntmap_flags, uint64_t new_addr);

void pv_l1tf_init(bool check_dom0, bool check_domu);	/* boot CPU: whose entries that are not present are checked */

/* Relinquish on death: drops roots, pins, types of all frames; -EAGAIN_HYPERCALL */
int pv_relinquish_memory(struct domain *d);
hypercall_fn hc_mmu_update, hc_mmuext_op, hc_update_va_mapping, hc_update_va_mapping_otherdomain;
#endif
