/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of page types share (pv/mm_*.c). The public side is pv/mm.h.
 *
 * Locks: a table's FTYPE_BUSY is its lock; it is taken downwards only (L4, L3, L2, L1), for a table maps lower types only,
 * and never waited for where the type does not match. Who waits has interrupts on, for the owner may wait for a TLB flush.
 */
#ifndef PV_MM_PRIV_H
#define PV_MM_PRIV_H
#include "pv/mm.h"
#include "pv/mm_shadow.h"
#include "mem/section.h"
#include "x86/cpu.h"

#define PTE_GUEST_KERNEL (1ull << 52)	/* the guest wrote the entry without U: its kernel's, which runs in ring 3 too */
#define PTE_CACHE	(PTE_PAT | PTE_PCD | PTE_PWT)

static inline bool ftype_is_table(uint64_t t)
{
	return (t & FTYPE_MASK) >= FTYPE_L1 && (t & FTYPE_MASK) <= FTYPE_L4;
}
/* RAM, whose mappings are counted: everything else is device memory, which io_mem guards. */
static inline bool mfn_counted(mfn_t m)
{
	return section_is_open(m.n) && !(READ_ONCE(frame_of(m)->count) & FRAME_IO);	/* mfn_valid, inline */
}
static inline bool slot_is_guests(unsigned slot) { return slot < ANEL_FIRST_SLOT || slot > ANEL_LAST_SLOT; }

/*
 * mm_entry.c: one entry of a table of domain d that lies in frame 'self'. Getting takes the references that a present entry
 * holds and makes the entry what the hardware is to see; -EINVAL bits that it may not have, -EBUSY the frame is another's
 * or of another type, -EPERM device memory that d may not use, -EAGAIN_HYPERCALL. Putting drops them.
 */
int pv_l1e_get(uint64_t *e, struct domain *d, struct domain *frame_owner);
void pv_l1e_put(uint64_t e, struct domain *d);
/* Drops the type reference of a writable entry of a table of d's (NULL: not known). */
void pv_l1e_drop_write(struct frame *f, const struct domain *d);
int pv_upper_get(uint64_t *e, uint64_t table_type, struct frame *self, struct domain *d, bool preemptible);
/* -EAGAIN_HYPERCALL: as pv_type_put_preemptible */
int pv_upper_put(uint64_t e, uint64_t table_type, struct frame *self, bool preemptible);
/* The frame that a present upper entry links, or NULL. */
struct frame *pv_upper_frame(uint64_t e, const struct frame *self);
/* Bits that may change in an L1 entry (in an upper one) without any reference changing. */
#define L1E_FREE_BITS	(PTE_A | PTE_D | PTE_AVAIL | PTE_NX | PTE_U | PTE_G | (0x3ffull << 52))
#define UPPER_FREE_BITS	(PTE_A | PTE_D | PTE_AVAIL | PTE_NX | PTE_U | PTE_W | (0x7ffull << 52))
/* The entry with the bits that the hardware is to see; -EINVAL: it has bits that d may not set. */
bool pv_owns_devices(const struct domain *d);
static inline int pv_l1e_adjust(uint64_t *e, const struct domain *d)
{
	uint64_t x = *e;

	if (unlikely(x & (PTE_GRANT | PTE_CACHE | PTE_NX))) {
		if ((x & PTE_GRANT) || ((x & PTE_NX) && !host_cpu.nx))
			return -EINVAL;
		if ((x & PTE_CACHE) && !pv_owns_devices(d))
			return -EINVAL;
	}
	if (!(x & PTE_U))
		x |= PTE_U | PTE_GUEST_KERNEL;
	*e = x & ~PTE_G;
	return 0;
}
int pv_upper_adjust(uint64_t *e);
/*
 * L1TF: on some CPUs an entry that is not present is used all the same by what is executed speculatively, and brings up what the L1
 * cache has of the frame that it names. True: d may not have e, which is not present and names RAM.
 */
extern uint64_t pv_l1tf_limit;		/* one past the last byte of RAM; 0: nobody is checked */
bool pv_l1tf_entry_unsafe(const struct domain *d, uint64_t e);
static inline bool pv_l1tf_unsafe(const struct domain *d, uint64_t e)
{
	return unlikely(pv_l1tf_limit) && pv_l1tf_entry_unsafe(d, e);
}

/* mm_types.c. Locks a table for changes of its entries: false if f is no validated table. *type is set. */
bool pv_table_lock(struct frame *f, uint64_t *type);
void pv_table_unlock(struct frame *f);
/* Goes on with what v's last hypercall left; -EAGAIN_HYPERCALL */
int pv_settle_old_table(struct vcpu *v);
static inline int pv_settle_old(struct vcpu *v) { return likely(!v->pv->old_table) ? 0 : pv_settle_old_table(v); }
/* Drops a type and a page reference; what is left of the work, if preempted, waits in current's old_table. */
void pv_put_table_later(struct frame *f);
void pv_stash_old(struct frame *f);	/* f: half taken apart; the page reference becomes current's old_table's */
/* After a failed pv_type_get: what was validated before the error is taken apart later. Drops the page reference. */
void pv_put_failed(struct frame *f);

/*
 * What every change of a table does, after it and before references are given back: the table's frame is dirty, and
 * its shadows, if d has any (pv/mm_shadow.h), follow.
 */
static inline void pv_entry_changed(struct domain *d, struct frame *table, unsigned idx)
{
	if (unlikely(READ_ONCE(frames_logged)))
		pv_log_entry(d, table, idx);
}

/* mm_update.c. How an entry is written: */
enum pt_write { PT_SET, PT_KEEP_AD, PT_CMPXCHG };
struct pt_update {
	struct domain *d;		/* the table's owner */
	struct domain *frame_owner;	/* whose frames the entry may map */
	enum pt_write how;
	uint64_t expected;		/* PT_CMPXCHG; the value found is written here */
	bool l1_only;
};
/*
 * Changes entry idx of table f (page reference held). 0; 1: PT_CMPXCHG found another value; -EINVAL, -EBUSY, -EPERM,
 * -EAGAIN_HYPERCALL; -ENOENT: f is no table (l1_only: no L1).
 */
int pv_table_update(struct frame *f, unsigned idx, uint64_t val, struct pt_update *u);
/* Exchanges an L1 entry as a grant mapping needs it: no references for 'val'; the old entry is returned in *old, its own
 * references with it. 'match' (may be NULL) is asked under the lock. -ENOENT, -EINVAL (no match) */
int pv_l1e_exchange(struct frame *l1, unsigned idx, uint64_t val, bool (*match)(uint64_t e, const void *arg), const void *arg,
		    uint64_t *old);
/* In the count of a batch issued again: *pdone holds what was done before (as Xen does; the guest never sees it). */
#define MMU_UPDATE_PREEMPTED (1u << 31)
void pv_done_out(uint32_t *guest, uint32_t done);	/* a pointer that cannot be written is not worth an error */

/* mm_root.c. Domain that a hypercall names as owner of frames; NULL with *err -ESRCH, -EPERM. Valid as domain_lookup's. */
struct domain *pv_frame_owner(domid_t id, int *err);
/* The frame of m with a page reference if d owns it, or NULL. */
static inline struct frame *pv_frame_get(mfn_t m, const struct domain *d)
{
	struct frame *f = section_is_open(m.n) ? frame_of(m) : NULL;

	return f && frame_get(f, d->id) ? f : NULL;
}
/* The L1 table that maps addr in v's current tables, with a page reference; NULL: none. */
struct frame *pv_l1_of(struct vcpu *v, uint64_t addr);
#endif
