/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain has of memory: counts, claims, and where its frames lie.
 *
 * Frames are not linked: a domain counts its frames per section of the frame table (128 MiB), and whoever wants
 * them all looks through the blocks of those sections that have had any. A domain with at least one frame, its
 * heap pages included, holds a reference on itself.
 *
 * Locks: page_lock of the domain, then claim_lock. Neither is taken in interrupt context.
 */
#include "domain/domain.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

/* A section of 32768 frames is 64 blocks of 512: a domain's frames are few or many, but seldom everywhere. */
#define BLOCK_SHIFT (SECTION_SHIFT - 6)
#define BLOCK_FRAMES (1ul << BLOCK_SHIFT)
struct domain_sections {
	unsigned nr;
	struct section_use {
		uint64_t blocks;	/* bit per block: has had frames since the section last had none */
		uint32_t frames;
	} use[];
};

#define UNOWNED ((uint64_t)DOMID_NONE << FRAME_OWNER_SHIFT)

static DEFINE_SPINLOCK(claim_lock);
static uint64_t claimed;	/* sum of all outstanding_pages */

int domain_pages_create(struct domain *d)
{
	unsigned nr = (unsigned)((max_mfn + SECTION_FRAMES - 1) >> SECTION_SHIFT);

	d->sections = heap_zalloc(sizeof(*d->sections) + nr * sizeof(d->sections->use[0]));
	if (!d->sections)
		return -ENOMEM;
	d->sections->nr = nr;
	return 0;
}

void domain_pages_destroy(struct domain *d)
{
	heap_free(d->sections);
}

/* Under page_lock: one frame more. */
static void count_in(struct domain *d, const struct frame *f)
{
	struct section_use *u = &d->sections->use[frame_mfn(f).n >> SECTION_SHIFT];

	if (!u->frames++)
		u->blocks = 0;
	u->blocks |= 1ull << (frame_mfn(f).n >> BLOCK_SHIFT & 63);
}

static struct domain *owner_domain(domid_t owner)
{
	switch (owner) {
	case DOMID_XEN:
		return dom_xen;
	case DOMID_IO:
		return dom_io;
	default:
		return domain_of_id(owner);
	}
}

/* Under page_lock: n frames come to d, which had none if true is returned: then it needs its reference. */
static bool had_none(const struct domain *d)
{
	return !d->tot_pages && !d->xenheap_pages && !d->is_system;
}

static void claim_use(struct domain *d, uint64_t n)
{
	uint64_t use = MIN(n, d->outstanding_pages);

	if (!use)
		return;
	spin_lock(&claim_lock);
	d->outstanding_pages -= use;
	claimed -= use;
	spin_unlock(&claim_lock);
}

int domain_assign_frames(struct domain *d, struct frame *f, unsigned order)
{
	uint64_t n = 1ull << order;
	int err = 0;

	if (!m2p_back(frame_mfn(f), n))
		return -ENOMEM;
	spin_lock(&d->page_lock);
	if (d->state >= DOM_DYING) {
		err = -EINVAL;
	} else if (d->tot_pages + n > d->max_pages) {
		err = -E2BIG;
	} else {
		if (had_none(d))
			atomic_inc(&d->refs);
		d->tot_pages += n;
		for (uint64_t i = 0; i < n; i++) {
			count_in(d, f + i);
			frame_set_owner(f + i, d->id);
			frame_dirtied(f + i);
		}
		claim_use(d, n);
	}
	spin_unlock(&d->page_lock);
	return err;
}

struct frame *domain_alloc_frames(struct domain *d, unsigned order, unsigned flags)
{
	uint64_t n = 1ull << order, others;
	struct frame *f;

	if (d->tot_pages + n > d->max_pages)
		return NULL;
	/* What others have claimed is not for d. Unlocked: a claim is a promise about the sum, not about this moment. */
	others = READ_ONCE(claimed);
	others -= MIN(others, READ_ONCE(d->outstanding_pages));
	if (others && frames_free_count(NODE_ANY) < n + others)
		return NULL;
	f = frames_alloc(order, flags);
	if (!f)
		return NULL;
	if (domain_assign_frames(d, f, order)) {
		frames_free(f, order, flags & ALLOC_NO_SCRUB);
		return NULL;
	}
	return f;
}

/* Under page_lock: one frame less. */
static void uncount(struct domain *d, const struct frame *f, uint64_t *counter)
{
	(*counter)--;
	d->sections->use[frame_mfn(f).n >> SECTION_SHIFT].frames--;
}

static void free_run(struct domain *d)
{
	unsigned order;

	for (; d->run_frames; d->run_frames -= 1u << order, d->run += 1u << order) {
		order = MIN((unsigned)__builtin_ctzl(frame_mfn(d->run).n | BLOCK_FRAMES),
			    31 - (unsigned)__builtin_clz(d->run_frames));
		frames_free(d->run, order, true);
	}
}

/* A run is within one block of a section and one node. */
static void free_frame(struct domain *d, struct frame *f)
{
	if (READ_ONCE(d->run_cpu) != smp_processor_id() + 1) {
		frames_free(f, 0, true);
		return;
	}
	if (d->run + d->run_frames != f || !(frame_mfn(f).n & (BLOCK_FRAMES - 1)) ||
	    mfn_to_node(frame_mfn(f)) != mfn_to_node(frame_mfn(d->run)))
		free_run(d);
	if (!d->run_frames)
		d->run = f;
	d->run_frames++;
}

void domain_frame_released(struct frame *f, domid_t owner)
{
	struct domain *d = owner_domain(owner);
	bool heap = READ_ONCE(f->count) & FRAME_XENHEAP, last;

	BUG_ON(!d);
	if (unlikely(d->iommu) && !heap)
		iommu_frame_gone(d->iommu, frame_mfn(f));
	/* What TLBs remember of it is the allocator's to flush before it is handed out again. */
	if (!heap)
		m2p_set(frame_mfn(f), M2P_INVALID);
	spin_lock(&d->page_lock);
	uncount(d, f, heap ? &d->xenheap_pages : &d->tot_pages);
	last = had_none(d);
	WRITE_ONCE(f->type, 0);
	WRITE_ONCE(f->count, UNOWNED);
	spin_unlock(&d->page_lock);
	if (!heap)
		free_frame(d, f);
	if (last)
		domain_put(d);
}

bool frame_drop_dom_ref(struct frame *f)
{
	uint64_t was = __atomic_fetch_and(&f->count, ~FRAME_DOM_REF, __ATOMIC_SEQ_CST);

	if (!(was & FRAME_DOM_REF))
		return false;
	frame_put(f);
	return true;
}

int domain_steal_frame(struct domain *d, struct frame *f)
{
	uint64_t c;
	bool last;

	if (!frame_get(f, d->id))
		return -EINVAL;
	c = READ_ONCE(f->count);
	if (c & FRAME_XENHEAP) {
		frame_put(f);
		return -EINVAL;
	}
	do {
		/* Ours and the owner's are the only references: then nobody maps it, and nobody can begin to. */
		if ((c & FRAME_REF_MASK) != 2 || !(c & FRAME_DOM_REF) || ftype_refs(READ_ONCE(f->type))) {
			frame_put(f);
			return -EBUSY;
		}
	} while (!__atomic_compare_exchange_n(&f->count, &c, UNOWNED, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	spin_lock(&d->page_lock);
	uncount(d, f, &d->tot_pages);
	last = had_none(d);
	spin_unlock(&d->page_lock);
	if (unlikely(d->iommu))
		iommu_frame_gone(d->iommu, frame_mfn(f));
	WRITE_ONCE(f->type, 0);
	domain_flush_tlb(d);
	if (last)
		domain_put(d);
	return 0;
}

void share_heap_page(void *va, struct domain *d, bool writable)
{
	struct frame *f = frame_of(va_to_mfn(va));

	m2p_set(frame_mfn(f), M2P_INVALID);
	spin_lock(&d->page_lock);
	if (had_none(d))
		atomic_inc(&d->refs);
	d->xenheap_pages++;
	count_in(d, f);
	/* The one type reference is for good: a page shared read-only can have no type by which it could be written. */
	WRITE_ONCE(f->type, (writable ? FTYPE_WRITABLE : FTYPE_NONE) | FTYPE_VALIDATED | 1);
	__atomic_store_n(&f->count, (uint64_t)d->id << FRAME_OWNER_SHIFT | FRAME_ALLOCATED | FRAME_XENHEAP | FRAME_DOM_REF | 1,
			 __ATOMIC_RELEASE);
	spin_unlock(&d->page_lock);
}

void unshare_heap_page(void *va)
{
	frame_drop_dom_ref(frame_of(va_to_mfn(va)));
}

uint64_t total_claimed(void)
{
	return READ_ONCE(claimed);
}

int domain_set_claim(struct domain *d, uint64_t pages)
{
	uint64_t need, available;
	int err = 0;

	spin_lock(&d->page_lock);
	spin_lock(&claim_lock);
	if (!pages) {
		claimed -= d->outstanding_pages;
		d->outstanding_pages = 0;
		goto out;
	}
	/* One claim at a time, and for more than the domain has. */
	err = -EINVAL;
	if (d->outstanding_pages || pages <= d->tot_pages || pages > d->max_pages || d->state >= DOM_DYING)
		goto out;
	need = pages - d->tot_pages;
	available = frames_free_count(NODE_ANY);
	err = -ENOMEM;
	if (need > available || claimed + need + m2p_cost(claimed + need) > available)
		goto out;
	d->outstanding_pages = need;
	claimed += need;
	err = 0;
out:
	spin_unlock(&claim_lock);
	spin_unlock(&d->page_lock);
	return err;
}

/* The frames of one block, from *cursor on. */
static int for_block(struct domain *d, uint64_t *cursor, uint64_t end, int (*fn)(struct domain *d, struct frame *f))
{
	const uint64_t mask = FRAME_ALLOCATED | FRAME_OWNER_MASK;
	const uint64_t owned = FRAME_ALLOCATED | (uint64_t)d->id << FRAME_OWNER_SHIFT;

	for (uint64_t m = *cursor; m < end; m++) {
		int err;

		if ((READ_ONCE(frame_of(MFN(m))->count) & mask) != owned)
			continue;
		err = fn(d, frame_of(MFN(m)));
		if (err) {
			*cursor = m;
			return err;
		}
	}
	*cursor = end;
	return 0;
}

int domain_for_each_frame(struct domain *d, uint64_t *cursor, int (*fn)(struct domain *d, struct frame *f))
{
	while (*cursor >> SECTION_SHIFT < d->sections->nr) {
		const struct section_use *u = &d->sections->use[*cursor >> SECTION_SHIFT];
		uint64_t end = (*cursor | (BLOCK_FRAMES - 1)) + 1;
		int err;

		if (!READ_ONCE(u->frames)) {
			*cursor = (*cursor | (SECTION_FRAMES - 1)) + 1;
			continue;
		}
		/* A section of which somebody has a frame is open: its records are there. */
		if (!(READ_ONCE(u->blocks) & 1ull << (*cursor >> BLOCK_SHIFT & 63))) {
			*cursor = end;
			continue;
		}
		err = for_block(d, cursor, end, fn);
		if (err)
			return err;
	}
	return 0;
}

int domain_give_back(struct domain *d, uint64_t *cursor, int (*fn)(struct domain *d, struct frame *f))
{
	int err;

	WRITE_ONCE(d->run_cpu, smp_processor_id() + 1);
	err = domain_for_each_frame(d, cursor, fn);
	WRITE_ONCE(d->run_cpu, 0);
	free_run(d);
	return err;
}
