// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Types of frames: get, put, validate, take apart.
 *
 * The word frame.type of a table goes through these states (refs as ftype_refs, "unused" is 0 or FTYPE_STAMPED):
 *
 *   unused           no reference, nothing held
 *   BUSY             one reference, the CPU that set it validates or takes apart
 *   VALIDATED        >= 1 reference; every present entry holds its references
 *   VALIDATED|BUSY   the same, and some CPU changes an entry
 *   PARTIAL, n       no type reference, one page reference of its own; entries [0, n) hold theirs, the others nothing
 *
 * PARTIAL is what a preempted operation leaves behind, in either direction. Nobody has to come back to it: a get of the same
 * type validates the rest, pv_type_settle (under no lock but of a table that may link it) takes the rest apart, and until then
 * the frame cannot be anything else. So no
 * entry is ever half-referenced, and no caller's mistake can lose or double a reference.
 *
 * TLBs: when the last reference goes the frame is stamped with the TLB clock. Before it gets another type, the CPUs that may
 * have used the old one and have not flushed since are flushed: first the flush, then the cmpxchg from the very word that was
 * stamped, so that whoever used the frame in between makes it fail.
 */
#include "pv/mm_priv.h"
#include "lib/panic.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define PARTIAL_MASK	(0x3ffull << FTYPE_PARTIAL_SHIFT)
#define partial_count(x) (((x) & PARTIAL_MASK) >> FTYPE_PARTIAL_SHIFT)

static inline void relax(void) { __builtin_ia32_pause(); }
static inline bool swap_type(struct frame *f, uint64_t from, uint64_t to) { return cmpxchg(&f->type, from, to) == from; }
static inline uint64_t stamped(uint64_t type) { return (type & FTYPE_MASK) | FTYPE_STAMPED | tlb_clock(); }

/* Changes flags of a word that nobody else may give or take the BUSY of. */
static void type_word(struct frame *f, uint64_t clear, uint64_t set)
{
	uint64_t x;

	do {
		x = READ_ONCE(f->type);
	} while (!swap_type(f, x, (x & ~clear) | set));
}

/* --- entries --- */

static int segdesc_validate(struct frame *f)
{
	uint64_t *desc = frame_va(f);

	for (unsigned i = 0; i < PTES_PER_TABLE; i++)
		if (!pv_fix_descriptor(&desc[i]))
			return -EINVAL;
	return 0;
}

static int entry_get(uint64_t *e, uint64_t type, struct frame *self, struct domain *d, bool preemptible)
{
	if (type == FTYPE_L1)
		return pv_l1e_get(e, d, d);
	return pv_upper_get(e, type, self, d, preemptible);
}

/* Tables are mostly empty: index of the first present entry at or after i, or 512. */
static unsigned next_present(const uint64_t *t, unsigned i)
{
	while (i < PTES_PER_TABLE) {
		const uint64_t *p = &t[i];

		if (!(i & 7) && !((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) & PTE_P)) {
			i += 8;
			continue;
		}
		if (*p & PTE_P)
			break;
		i++;
	}
	return i;
}

/* One past the last present entry before i, or 0. */
static unsigned last_present(const uint64_t *t, unsigned i)
{
	while (i) {
		const uint64_t *p = &t[i] - 8;

		if (!(i & 7) && !((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) & PTE_P)) {
			i -= 8;
			continue;
		}
		if (t[i - 1] & PTE_P)
			break;
		i--;
	}
	return i;
}

static bool absent_entries_ok(const uint64_t *t, uint64_t type, const struct domain *d)
{
	for (unsigned i = 0; i < PTES_PER_TABLE; i++)
		if (!(t[i] & PTE_P) && (type != FTYPE_L4 || slot_is_guests(i)) && pv_l1tf_entry_unsafe(d, t[i]))
			return false;
	return true;
}

/* Validates entries [*done, 512); *done says how far it came. */
static int table_build(struct frame *f, uint64_t type, unsigned *done, struct domain *d, bool preemptible)
{
	uint64_t *t = frame_va(f);

	if (unlikely(pv_l1tf_limit) && !absent_entries_ok(t, type, d))
		return -EINVAL;
	for (unsigned i = next_present(t, *done); i < PTES_PER_TABLE; i = next_present(t, i + 1)) {
		uint64_t e = READ_ONCE(t[i]);
		int rc = 0;

		*done = i;
		if (type == FTYPE_L4 && !slot_is_guests(i))
			continue;
		if (preemptible && type != FTYPE_L1 && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
		rc = entry_get(&e, type, f, d, preemptible);
		if (rc)
			return rc;
		if (e != t[i])
			WRITE_ONCE(t[i], e);
	}
	*done = PTES_PER_TABLE;
	if (type == FTYPE_L4)
		pv_fill_root_slots(d, t);
	return 0;
}

/* Takes apart entries [0, *left), from the top; *left says how far it came. d: the owner, for L1 tables' LDT pages. */
static int table_undo(struct frame *f, uint64_t type, unsigned *left, bool preemptible)
{
	uint64_t *t = frame_va(f);
	struct frame *low;
	int rc = 0;

	if (type == FTYPE_L1) {
		struct domain *d = domain_lookup_any(frame_owner(f));

		for (unsigned n = last_present(t, *left); n; n = last_present(t, n - 1))
			pv_l1e_put(t[n - 1], d);
		*left = 0;
		return 0;
	}
	/* The entry after the last that is held may link what was preempted in its turn. */
	if (*left < PTES_PER_TABLE && (type != FTYPE_L4 || slot_is_guests(*left))) {
		domid_t owner;

		low = pv_upper_frame(t[*left], f);
		if (low && frame_get_any(low, &owner)) {
			if (owner == frame_owner(f) && (READ_ONCE(low->type) & FTYPE_MASK) + FTYPE_L1 == type)
				rc = pv_type_settle(low, preemptible);
			frame_put(low);
		}
	}
	while (!rc && (*left = last_present(t, *left)) != 0) {
		unsigned i = *left - 1;

		if (preemptible && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
		*left = i;
		if (type != FTYPE_L4 || slot_is_guests(i))
			rc = pv_upper_put(t[i], type, f, preemptible);
	}
	return rc;
}

/* --- get --- */

/* CPUs that may hold a translation of d's frames; dom0 may have mapped them too. */
static void flush_stale(struct domain *d, uint64_t x)
{
	cpumask_t m;

	tlb_owe_stamp(&d->tlb_owed, x);
	if (dom0)
		tlb_owe_stamp(&dom0->tlb_owed, x);
	m = d->dirty_cpus;
	if (dom0)
		cpumask_or(&m, &m, &dom0->dirty_cpus);
	tlb_filter(&m, (uint32_t)x);
	if (!cpumask_empty(&m))
		flush_tlb_mask(&m, 0);
}

/* The caller has set BUSY with one reference. Ends with VALIDATED, or without references. */
static int validate(struct frame *f, uint64_t type, unsigned from, bool resumed, struct domain *d, bool preemptible)
{
	unsigned done = from;
	int rc;

	rc = type == FTYPE_SEGDESC ? segdesc_validate(f) : table_build(f, type, &done, d, preemptible);
	if (!rc) {
		frame_dirtied(f);
		type_word(f, FTYPE_BUSY, FTYPE_VALIDATED);
		if (resumed)
			frame_put(f);
		return 0;
	}
	if (rc != -EAGAIN_HYPERCALL && (type <= FTYPE_L1 || type == FTYPE_SEGDESC || !preemptible)) {
		if (type != FTYPE_SEGDESC)
			table_undo(f, type, &done, false);
		WRITE_ONCE(f->type, stamped(type));
		if (resumed)
			frame_put(f);
		return rc;
	}
	/* Preempted, or an error in a large table: stays as it is; errors are taken apart by whoever settles it. */
	if (!resumed)
		frame_ref(f);
	WRITE_ONCE(f->type, type | FTYPE_PARTIAL | (uint64_t)done << FTYPE_PARTIAL_SHIFT);
	return rc;
}

/*
 * d's devices write what d may write. Our one reference keeps the type until this is done; a table is not yet read, so that
 * nothing that a device wrote late is missed.
 */
static void devices_follow(struct frame *f, uint64_t last, uint64_t type, struct domain *d)
{
	if (type == FTYPE_WRITABLE)
		iommu_frame_writable(d->iommu, frame_mfn(f));
	else if (last == FTYPE_WRITABLE)
		iommu_frame_gone(d->iommu, frame_mfn(f));
}

/* No references: x is the word. 1: look again */
static int get_unused(struct frame *f, uint64_t x, uint64_t type, struct domain *d, bool preemptible)
{
	uint64_t last = x & FTYPE_MASK;
	bool simple = type == FTYPE_WRITABLE || type == FTYPE_NONE;

	if (x & FTYPE_PARTIAL) {
		/*
		 * Not taken apart here if it is of another type: the caller may hold the lock of a table that this one links.
		 * Whoever fails to get the frame takes it apart without locks (pv_put_failed).
		 */
		if (last != type)
			return -EBUSY;
		if (!swap_type(f, x, type | FTYPE_BUSY | 1))
			return 1;
		return validate(f, type, partial_count(x), true, d, preemptible);
	}
	if (last != type && last != FTYPE_NONE && (x & FTYPE_STAMPED))
		flush_stale(d, x);
	if (!swap_type(f, x, type | (simple ? 0 : FTYPE_BUSY) | 1))
		return 1;
	if (last != type && unlikely(d->iommu))
		devices_follow(f, last, type, d);
	return simple ? 0 : validate(f, type, 0, false, d, preemptible);
}

int pv_type_get(struct frame *f, uint64_t type, struct domain *d, bool preemptible)
{
	for (;;) {
		uint64_t x = READ_ONCE(f->type);
		uint64_t refs = ftype_refs(x);
		int rc;

		if (!refs) {
			rc = get_unused(f, x, type, d, preemptible);
			if (rc <= 0)
				return rc;
			relax();
			continue;
		}
		if ((x & FTYPE_MASK) != type)
			return -EINVAL;
		if (refs == FTYPE_COUNT_MASK)
			return -EBUSY;
		if (type == FTYPE_WRITABLE || (x & FTYPE_VALIDATED)) {
			if (swap_type(f, x, x + 1))
				return 0;
		} else if (type == FTYPE_NONE) {
			return -EINVAL;	/* a page of the hypervisor's that guests may only read */
		}
		relax();
	}
}

/* --- writers besides the owner's tables --- */

/* Each has a type reference, so that the count is gone when the type may change. One that has been full stays so till then. */
static void count_writers(struct frame *f, int by)
{
	for (;;) {
		uint64_t x = READ_ONCE(f->type);

		if (x >> FTYPE_WRITERS_SHIFT == FTYPE_WRITERS_MAX || (by < 0 && !(x >> FTYPE_WRITERS_SHIFT)))
			return;
		if (swap_type(f, x, x + ((uint64_t)by << FTYPE_WRITERS_SHIFT)))
			return;
		relax();
	}
}

bool pv_writer_get(struct frame *f, struct domain *d)
{
	if (!pv_get_writable(f, d))
		return false;
	count_writers(f, 1);
	return true;
}

void pv_writer_put(struct frame *f)
{
	count_writers(f, -1);
	frame_dirtied(f);
	pv_type_put(f);
}

/* --- put --- */

/* The caller has set BUSY with one reference and no VALIDATED; entries [0, n) hold references. Ends without references. */
static int take_apart(struct frame *f, uint64_t type, unsigned n, bool was_partial, bool preemptible)
{
	int rc = table_undo(f, type, &n, preemptible);

	if (rc) {
		if (!was_partial)
			frame_ref(f);
		WRITE_ONCE(f->type, type | FTYPE_PARTIAL | (uint64_t)n << FTYPE_PARTIAL_SHIFT);
		return rc;
	}
	WRITE_ONCE(f->type, stamped(type));
	if (was_partial)
		frame_put(f);
	return 0;
}

static int type_put(struct frame *f, bool preemptible)
{
	for (;;) {
		uint64_t x = READ_ONCE(f->type), type = x & FTYPE_MASK;
		uint64_t refs = ftype_refs(x);

		BUG_ON(!refs);
		if (refs > 1) {
			if (swap_type(f, x, x - 1))
				return 0;
		} else if (!ftype_is_table(x)) {
			if (swap_type(f, x, stamped(x)))
				return 0;
		} else if (!(x & FTYPE_BUSY)) {
			BUG_ON(!(x & FTYPE_VALIDATED) || (x & FTYPE_PINNED));
			if (swap_type(f, x, type | FTYPE_BUSY | 1)) {
				if (unlikely(READ_ONCE(frames_logged)))
					pv_log_table_gone(f);
				return take_apart(f, type, PTES_PER_TABLE, false, preemptible);
			}
		}
		relax();
	}
}

void pv_type_put(struct frame *f) { type_put(f, false); }
int pv_type_put_preemptible(struct frame *f) { return type_put(f, true); }

int pv_type_settle(struct frame *f, bool preemptible)
{
	for (;;) {
		uint64_t x = READ_ONCE(f->type), type = x & FTYPE_MASK;

		if (!(x & FTYPE_PARTIAL))
			return 0;
		if (swap_type(f, x, type | FTYPE_BUSY | 1))
			return take_apart(f, type, partial_count(x), true, preemptible);
		relax();
	}
}

/* --- the lock of a table, and work left over --- */

bool pv_table_lock(struct frame *f, uint64_t *type)
{
	for (;;) {
		uint64_t x = READ_ONCE(f->type);

		if (!ftype_refs(x) || !ftype_is_table(x))
			return false;
		if (!(x & FTYPE_BUSY) && swap_type(f, x, x | FTYPE_BUSY)) {
			*type = x & FTYPE_MASK;
			return true;
		}
		relax();
	}
}

void pv_table_unlock(struct frame *f) { __atomic_fetch_and(&f->type, ~FTYPE_BUSY, __ATOMIC_SEQ_CST); }

int pv_settle_old_table(struct vcpu *v)
{
	struct frame *f = v->pv->old_table;
	int rc = pv_type_settle(f, true);

	if (rc)
		return rc;
	v->pv->old_table = NULL;
	frame_put(f);
	return 0;
}

void pv_stash_old(struct frame *f)
{
	struct vcpu *v = current;

	/* One is kept; a second, which an operation that first settled cannot leave, is finished at once. */
	if (v->pv && !v->pv->old_table) {
		v->pv->old_table = f;
		return;
	}
	pv_type_settle(f, false);
	frame_put(f);
}

void pv_put_table_later(struct frame *f)
{
	if (type_put(f, true))
		pv_stash_old(f);
	else
		frame_put(f);
}

void pv_put_failed(struct frame *f)
{
	if (pv_type_settle(f, true))
		pv_stash_old(f);
	else
		frame_put(f);
}
