// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Starting, stopping and reading the log.
 *
 * A reading goes in three steps, between which and within which the guest runs: the bitmap is emptied; each
 * frame's flag is reported, and cleared; the right to write is taken out of all shadows and the TLBs are
 * flushed. What is written after its flag has been cleared and before the last step is in pages that have been
 * reported, which the reader copies after this returns.
 */
#include "pv/mm_log.h"
#include "pv/mm_priv.h"
#include "gmem/guest_access.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "sched/sched.h"
#include "x86/cpu.h"

#define CHECK_EVERY 256u
#define PAGES_MAX (1ull << 40)

/*
 * A bound to the memory: eight times what page tables of all of d's memory take; and what its vCPUs need at once, whose roots
 * are never given up.
 */
static unsigned shadows_for(const struct domain *d)
{
	return MIN(d->tot_pages / 64, 1ul << 20) + 64 + 64 * d->max_vcpus;
}

static void nothing(void *unused) { }

/* d's vCPUs go over to the shadows, or back to the guest's own tables; they are paused. */
static void switch_tables(struct domain *d, bool on)
{
	struct vcpu *v;

	domain_flush_lazy(d);
	WRITE_ONCE(d->pv->log_dirty, on);
	for_each_vcpu(d, v) {
		if (!v->pv)
			continue;
		tlb_forget(&v->pv->tlb);
		if (on)
			pv_shadow_roots(v);
		else
			v->pv->shadow_root[0] = v->pv->shadow_root[1] = NULL;
	}
}

/* --- start --- */

static int clear_frame(struct domain *d, struct frame *f)
{
	struct log_scan *scan = &d->pv->shadow->scan;

	if (++scan->since_check % CHECK_EVERY == 0 && hypercall_preempt_check())
		return -EAGAIN_HYPERCALL;
	frame_take_dirty(f);
	return 0;
}

static int begin(struct domain *d)
{
	struct pv_shadow *s = d->pv->shadow;
	int rc;

	if (!s) {
		s = new_object(struct pv_shadow);
		if (!s)
			return -ENOMEM;
		spin_lock_init(&s->lock);
		d->pv->shadow = s;
	}
	rc = pv_shadow_describe(s, shadows_for(d));
	if (rc)
		return rc;
	memset(&s->scan, 0, sizeof(s->scan));
	s->cursor = 0;
	s->everything = false;
	s->state = LOG_STARTING;
	__atomic_fetch_add(&frames_logged, 1, __ATOMIC_SEQ_CST);
	/*
	 * Another domain's change of d's tables may be under way that has seen no log: after this its entry can
	 * be seen by all, and all later changes know.
	 */
	on_selected_cpus(&cpu_online_map, nothing, NULL, true);
	return 0;
}

int pv_log_dirty_start(struct domain *d)
{
	struct pv_shadow *s = d->pv->shadow;
	int rc;

	if (d == current->domain || d->is_hardware || d->iommu || d->state >= DOM_DYING || (s && s->state == LOG_ON))
		return -EINVAL;
	if (s && s->state == LOG_STOPPING) {
		rc = pv_log_dirty_stop(d);
		if (rc)
			return rc;
	}
	if (!s || s->state == LOG_OFF) {
		rc = begin(d);
		if (rc)
			return rc;
		s = d->pv->shadow;
	}
	while (s->state == LOG_STARTING) {
		if (s->nr_made == s->nr) {
			s->state = LOG_CLEARING;
			break;
		}
		if (!pv_shadow_add_page(s))
			return pv_log_dirty_stop(d) ?: -ENOMEM;
		if (s->nr_made % 16 == 0 && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	}
	rc = domain_for_each_frame(d, &s->cursor, clear_frame);
	if (rc)
		return rc;
	domain_pause(d);
	switch_tables(d, true);
	domain_unpause(d);
	s->state = LOG_ON;
	return 0;
}

/* --- stop --- */

static int stop(struct domain *d)
{
	struct pv_shadow *s = d->pv->shadow;

	if (s->state != LOG_STOPPING) {
		switch_tables(d, false);
		pv_shadow_forget(s);
		__atomic_fetch_sub(&frames_logged, 1, __ATOMIC_SEQ_CST);
		s->state = LOG_STOPPING;
	}
	while (pv_shadow_take_page(s))
		if (s->nr_made % 64 == 0 && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	s->state = LOG_OFF;
	return 0;
}

int pv_log_dirty_end(struct domain *d)
{
	return d->pv->shadow && d->pv->shadow->state != LOG_OFF ? stop(d) : 0;
}

int pv_log_dirty_stop(struct domain *d)
{
	int rc;

	if (d == current->domain)
		return -EINVAL;
	domain_pause(d);
	rc = pv_log_dirty_end(d);
	domain_unpause(d);
	return rc;
}

/* --- read --- */

/* The bits gathered of one word go to the reader's bitmap, whose last word may be short. */
static int put_word(struct log_scan *scan)
{
	uint64_t bytes = DIV_ROUND_UP(scan->pages, 8) - scan->word * 8, n = MIN(bytes, 8ul), have = 0;
	uint8_t *at = scan->bitmap + scan->word * 8;

	if (!scan->bits)
		return 0;
	if (guest_copy_in(&have, at, n))
		return -EFAULT;
	have |= scan->bits;
	scan->bits = 0;
	return guest_copy_out(at, &have, n) ? -EFAULT : 0;
}

static int scan_frame(struct domain *d, struct frame *f)
{
	struct log_scan *scan = &d->pv->shadow->scan;
	uint64_t pfn;
	int rc;

	if (++scan->since_check % CHECK_EVERY == 0 && hypercall_preempt_check())
		return -EAGAIN_HYPERCALL;
	if (!(READ_ONCE(f->count) & FRAME_LOGGED) && !(READ_ONCE(f->type) >> FTYPE_WRITERS_SHIFT) &&
	    !d->pv->shadow->everything)
		return 0;
	/* What has no number in the bitmap stays dirty: heap pages, and what the guest gives numbers beyond the reader's. */
	pfn = m2p_get(frame_mfn(f));
	if (pfn >= scan->pages)
		return 0;
	if (scan->bitmap && scan->word != pfn / 64) {
		rc = put_word(scan);
		if (rc)
			return rc;
		scan->word = pfn / 64;
	}
	if (scan->bitmap)
		scan->bits |= 1ull << pfn % 64;
	scan->count++;
	if (scan->clean)
		frame_take_dirty(f);
	return 0;
}

static int zero_bitmap(struct log_scan *scan)
{
	uint64_t bytes = DIV_ROUND_UP(scan->pages, 8);

	while (scan->bitmap && scan->cursor < bytes) {
		uint64_t n = MIN(bytes - scan->cursor, PAGE_SIZE);

		if (hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
		if (guest_zero(scan->bitmap + scan->cursor, n))
			return -EFAULT;
		scan->cursor += n;
	}
	return 0;
}

static int scan_frames(struct domain *d, struct log_scan *scan)
{
	int rc = domain_for_each_frame(d, &scan->cursor, scan_frame), last = scan->bitmap ? put_word(scan) : 0;

	return last ?: rc;
}

static int protect(struct domain *d, struct log_scan *scan)
{
	struct pv_shadow *s = d->pv->shadow;

	for (; scan->clean && scan->cursor < s->nr_made; scan->cursor++) {
		if (hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
		scan->flush |= pv_shadow_protect(s, scan->cursor);
	}
	if (scan->flush)
		domain_flush_tlb(d);
	return 0;
}

/* The step that the scan is at, and the next ones. */
static int go_on(struct domain *d, struct log_scan *scan)
{
	int rc = 0;

	while (!rc) {
		switch (scan->phase) {
		case LOG_ZERO:
			rc = zero_bitmap(scan);
			break;
		case LOG_SCAN:
			rc = scan_frames(d, scan);
			break;
		case LOG_PROTECT:
			return protect(d, scan);
		}
		if (!rc) {
			scan->phase++;
			scan->cursor = 0;
		}
	}
	return rc;
}

int pv_log_dirty_read(struct domain *d, bool clean, uint8_t *bitmap, uint64_t pages, uint32_t *count, uint32_t *faults)
{
	struct pv_shadow *s = d->pv->shadow;
	struct log_scan *scan;
	int rc;

	if (d == current->domain || !s || s->state != LOG_ON || pages > PAGES_MAX)
		return -EINVAL;
	scan = &s->scan;
	if (!bitmap)
		pages = M2P_INVALID;
	if (!scan->active) {
		*scan = (struct log_scan){
			.active = true, .clean = clean, .reader = current->domain->id, .bitmap = bitmap, .pages = pages,
		};
	} else if (scan->clean != clean || scan->bitmap != bitmap || scan->pages != pages ||
		   scan->reader != current->domain->id) {
		return -EBUSY;
	}
	rc = go_on(d, scan);
	if (rc == -EAGAIN_HYPERCALL)
		return rc;
	scan->active = false;
	/* A reading that failed may have cleared flags that its reader does not know of. */
	if (clean && scan->phase > LOG_ZERO)
		s->everything = rc;
	if (rc)
		return rc;
	*count = scan->count;
	*faults = s->faults;
	if (clean)
		s->faults = 0;
	return 0;
}

bool pv_log_dirty_is_on(const struct domain *d)
{
	return d->pv->shadow && d->pv->shadow->state != LOG_OFF;
}

uint64_t pv_log_dirty_memory(const struct domain *d)
{
	return d->pv->shadow ? READ_ONCE(d->pv->shadow->nr_made) : 0;
}
