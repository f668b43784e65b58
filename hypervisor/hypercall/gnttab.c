// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Grant tables: their life and size, and the table of GNTTABOP_* (xen/grant_table.h).
 *
 * A domain's table has no frames until somebody asks for them; frames that it has are heap pages shared
 * with it, and stay until it goes. Its active entries and maptrack are made in chunks when first used.
 */
#include "hypercall/gnttab_entry.h"
#include "hypercall/gnttab_map.h"
#include "hypercall/gnttab_copy.h"
#include "hypercall/gnttab_transfer.h"
#include "hypercall/gnttab_misc.h"
#include "boot/cmdline.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "x86/console.h"

#define MAX_VERSION 2
#define FRAMES_LIMIT 65536u	/* of either parameter: the arrays that a domain could ask for stay small */

/* What a domain may have, and has where its creator does not say. */
static unsigned max_frames = DEFAULT_GRANT_FRAMES, max_maptrack = DEFAULT_MAPTRACK_FRAMES;
static unsigned max_version = MAX_VERSION;

__init static unsigned parse_frames(const char *v, unsigned old)
{
	const char *end;
	unsigned long n = strtoul(v, &end, 0);

	if (*end || !n || n > FRAMES_LIMIT) {
		printk(LOG_WARN "grant tables: '%s' is no number of frames from 1 to %u\n", v, FRAMES_LIMIT);
		return old;
	}
	return n;
}

__init static void parse_max_frames(const char *v) { max_frames = parse_frames(v, max_frames); }
__init static void parse_max_maptrack(const char *v) { max_maptrack = parse_frames(v, max_maptrack); }

__init static void parse_gnttab(const char *v)
{
	if (!strcmp(v, "max-ver:1") || !strcmp(v, "max_ver:1"))
		max_version = 1;
	else if (strcmp(v, "max-ver:2") && strcmp(v, "max_ver:2"))
		printk(LOG_WARN "gnttab: '%s' is not known, max-ver:1 and max-ver:2 are\n", v);
}
BOOT_PARAM(gnttab_frames, "gnttab_max_frames", parse_max_frames,
	   "<n>: frames of a domain's grant table (64)");
BOOT_PARAM(gnttab_maptrack, "gnttab_max_maptrack_frames", parse_max_maptrack,
	   "<n>: pages of 256 handles for what a domain maps of others (1024)");
BOOT_PARAM(gnttab, "gnttab", parse_gnttab, "max-ver:<1|2>: newest version of grant tables (2)");

static void drop_table(struct grant_table *gt)
{
	for (unsigned i = 0; gt->shared && i < gt->nr_frames; i++)
		heap_pages_free(gt->shared[i], 0);
	for (unsigned i = 0; gt->status && i < gt->nr_status_frames; i++)
		heap_pages_free(gt->status[i], 0);
	for (unsigned i = 0; gt->active && i < gt->max_frames * V1_PER_FRAME / ACTIVE_CHUNK; i++)
		heap_free(gt->active[i]);
	for (unsigned i = 0; gt->maptrack && i < gt->nr_handles / MAPTRACK_CHUNK; i++)
		heap_free(gt->maptrack[i]);
	heap_free(gt->shared);
	heap_free(gt->status);
	heap_free(gt->active);
	heap_free(gt->maptrack);
	heap_free(gt);
}

int gnttab_domain_create(struct domain *d, int grant_frames, int maptrack_frames, unsigned version)
{
	unsigned frames = grant_frames < 0 ? max_frames : (unsigned)grant_frames;
	unsigned tracks = maptrack_frames < 0 ? max_maptrack : (unsigned)maptrack_frames;
	struct grant_table *gt;

	if (!frames || frames > max_frames || tracks > max_maptrack || version > max_version)
		return -EINVAL;
	gt = new_object(struct grant_table);
	if (!gt)
		return -ENOMEM;
	spin_lock_init(&gt->lock);
	spin_lock_init(&gt->maptrack_lock);
	gt->version = 1;
	gt->max_version = version ? version : max_version;
	gt->max_frames = frames;
	gt->max_maptrack_frames = tracks;
	gt->free_handle = NO_HANDLE;
	gt->shared = heap_zalloc(frames * sizeof(gt->shared[0]));
	gt->status = heap_zalloc(gnttab_status_frames_for(frames) * sizeof(gt->status[0]));
	gt->active = heap_zalloc(frames * V1_PER_FRAME / ACTIVE_CHUNK * sizeof(gt->active[0]));
	if (!gt->shared || !gt->status || !gt->active) {
		drop_table(gt);
		return -ENOMEM;
	}
	d->grants = gt;
	return 0;
}

void gnttab_domain_destroy(struct domain *d)
{
	if (d->grants)
		drop_table(d->grants);
	d->grants = NULL;
}

/* ---- size ---- */

static void *new_shared_page(struct domain *d)
{
	void *page = heap_pages(0);

	if (page)
		share_heap_page(page, d, true);
	return page;
}

int gnttab_grow_status(struct domain *d, unsigned grant_frames)
{
	struct grant_table *gt = d->grants;

	if (d->state >= DOM_DYING)
		return -EINVAL;
	while (gt->nr_status_frames < gnttab_status_frames_for(grant_frames)) {
		void *page = new_shared_page(d);

		if (!page)
			return -ENOMEM;
		gt->status[gt->nr_status_frames++] = page;
	}
	return 0;
}

int gnttab_grow(struct domain *d, unsigned frames)
{
	struct grant_table *gt = d->grants;

	/* DYING is set before the killer takes our lock once: what grows after that is never given back. */
	if (frames > gt->max_frames || d->state >= DOM_DYING)
		return -EINVAL;
	/*
	 * Before the entries that need them: what is shared once cannot be taken back, the guest may map
	 * it.
	 */
	if (gt->version == 2 && gnttab_grow_status(d, frames))
		return -ENOMEM;
	while (gt->nr_frames < frames) {
		void *page = new_shared_page(d);

		if (!page)
			return -ENOMEM;
		gt->shared[gt->nr_frames] = page;
		wmb();
		gt->nr_frames++;
	}
	return 0;
}

int gnttab_set_limits(struct domain *d, unsigned grant_frames, unsigned maptrack_frames)
{
	struct grant_table *gt = d->grants;
	int err = 0;

	if (!gt)
		return -ENOENT;
	if (!grant_frames || grant_frames > max_frames || maptrack_frames > max_maptrack)
		return -EINVAL;
	spin_lock(&gt->lock);
	/*
	 * The arrays have their sizes from the first limit on: only less is possible, and not less than is
	 * used.
	 */
	if (grant_frames > gt->max_frames || grant_frames < gt->nr_frames ||
	    maptrack_frames > gt->max_maptrack_frames)
		err = -EBUSY;
	spin_unlock(&gt->lock);
	return err;
}

/* id 0: shared frames, 1: status frames */
unsigned gnttab_resource_max(struct domain *d, unsigned id)
{
	if (!d->grants || id > 1)
		return 0;
	return id ? gnttab_status_frames_for(d->grants->max_frames) : d->grants->max_frames;
}

static int resource_locked(struct domain *d, unsigned id, unsigned frame, unsigned nr, mfn_t *out)
{
	struct grant_table *gt = d->grants;
	unsigned need = id ? (frame + nr) * (STATUS_PER_FRAME / V2_PER_FRAME) : frame + nr;
	int err;

	if (id && gt->version != 2)
		return -EINVAL;
	if (id)
		need = MIN(need, gt->max_frames);
	if (need > gt->nr_frames) {
		err = gnttab_grow(d, need);
		if (err)
			return err;
	}
	for (unsigned i = 0; i < nr; i++)
		out[i] = va_to_mfn(id ? (void *)gt->status[frame + i] : gt->shared[frame + i]);
	return 0;
}

int gnttab_resource_frames(struct domain *d, unsigned id, unsigned frame, unsigned nr, mfn_t *out)
{
	unsigned max = gnttab_resource_max(d, id);
	int err;

	if (!nr || frame >= max || nr > max - frame)
		return -EINVAL;
	spin_lock(&d->grants->lock);
	err = resource_locked(d, id, frame, nr, out);
	spin_unlock(&d->grants->lock);
	return err;
}

/* ---- dispatch ---- */

struct domain *gnttab_target(domid_t id, int16_t *status)
{
	struct domain *d = domain_resolve(id);

	*status = GNTST_bad_domain;
	if (!d)
		return NULL;
	if (!d->grants || (d != current->domain && !domain_may_control(current->domain, d))) {
		domain_put(d);
		*status = GNTST_permission_denied;
		return NULL;
	}
	*status = GNTST_okay;
	return d;
}

/* One row an operation: size of an element, and what works on the array. */
#define ROW(op, type, f) \
	[GNTTABOP_##op] = { sizeof(struct type), f }
#define HANDLER(name, type, f) \
	static long name(void *uop, unsigned count) { return f((struct type *)uop, count); }
HANDLER(op_map, gnttab_map_grant_ref, gnttab_map)
HANDLER(op_unmap, gnttab_unmap_grant_ref, gnttab_unmap)
HANDLER(op_replace, gnttab_unmap_and_replace, gnttab_unmap_and_replace)
HANDLER(op_setup, gnttab_setup_table, gnttab_setup_table)
HANDLER(op_transfer, gnttab_transfer, gnttab_transfer)
HANDLER(op_copy, gnttab_copy, gnttab_copy)
HANDLER(op_query, gnttab_query_size, gnttab_query_size)
HANDLER(op_set_version, gnttab_set_version, gnttab_set_version)
HANDLER(op_get_version, gnttab_get_version, gnttab_get_version)
HANDLER(op_status_frames, gnttab_get_status_frames, gnttab_get_status_frames)
HANDLER(op_swap, gnttab_swap_grant_ref, gnttab_swap)
HANDLER(op_cache_flush, gnttab_cache_flush, gnttab_cache_flush)

static const struct {
	uint16_t size;
	long (*fn)(void *uop, unsigned count);
} gnttab_ops[] = {
	ROW(map_grant_ref, gnttab_map_grant_ref, op_map),
	ROW(unmap_grant_ref, gnttab_unmap_grant_ref, op_unmap),
	ROW(setup_table, gnttab_setup_table, op_setup),
	ROW(transfer, gnttab_transfer, op_transfer),
	ROW(copy, gnttab_copy, op_copy),
	ROW(query_size, gnttab_query_size, op_query),
	ROW(unmap_and_replace, gnttab_unmap_and_replace, op_replace),
	ROW(set_version, gnttab_set_version, op_set_version),
	ROW(get_status_frames, gnttab_get_status_frames, op_status_frames),
	ROW(get_version, gnttab_get_version, op_get_version),
	ROW(swap_grant_ref, gnttab_swap_grant_ref, op_swap),
	ROW(cache_flush, gnttab_cache_flush, op_cache_flush),
};

long hc_grant_table_op(struct hypercall *h)
{
	unsigned cmd = h->a[0], count = h->a[2];
	long done;

	if ((int)count < 0)
		return -EINVAL;
	if (cmd >= ARRAY_SIZE(gnttab_ops) || !gnttab_ops[cmd].fn)
		return -ENOSYS;
	if (!guest_addr_ok(h->a[1], (uint64_t)count * gnttab_ops[cmd].size))
		return -EFAULT;
	done = gnttab_ops[cmd].fn((void *)h->a[1], count);
	if (done < 0)
		return done;
	if (done == count)
		return 0;
	h->a[1] += done * gnttab_ops[cmd].size;
	h->a[2] = count - done;
	return hypercall_again(h);
}

/* ---- debug key g ---- */

void gnttab_dump(struct domain *d)
{
	struct grant_table *gt = d->grants;
	bool first = true;

	if (!gt)
		return;
	spin_lock(&gt->lock);
	printk("grant-table for remote d%d (v%u)\n  %u frames (%u max), %u maptrack frames (%u max)\n", d->id,
	       gt->version, gt->nr_frames, gt->max_frames, gt->nr_handles / MAPTRACK_PER_FRAME,
	       gt->max_maptrack_frames);
	for (grant_ref_t ref = 0; ref < gnttab_nr_entries(gt); ref++) {
		const struct active_grant *a = gnttab_active(gt, ref);

		if (!a || !(a->readers || a->writers))
			continue;
		if (first)
			printk("[ref] localdom mfn      readers writers flags\n");
		first = false;
		printk("[%3u]  %5d 0x%06llx %7u %7u 0x%02x\n", ref, a->domid, (unsigned long long)a->mfn.n,
		       a->readers, a->writers, *gnttab_header(gt, ref) & 0xffff);
	}
	if (first)
		printk("no active grant table entries\n");
	spin_unlock(&gt->lock);
}

static void key_gnttab(char key)
{
	struct domain *d;

	for_each_domain(d)
		gnttab_dump(d);
}

void gnttab_init(void)
{
	keyhandler_register('g', key_gnttab, "print grant table usage");
}
