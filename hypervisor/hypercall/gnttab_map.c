// SPDX-License-Identifier: GPL-2.0-or-later
/* GNTTABOP_map_grant_ref, unmap_grant_ref, unmap_and_replace, and the handles of mappings (maptrack). */
#include "hypercall/gnttab_map.h"
#include "hypercall/gnttab.h"
#include "hypercall/gnttab_entry.h"
#include "mem/heap.h"
#include "pv/mm.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define UNMAP_BATCH 32u

static struct maptrack *handle_entry(const struct grant_table *gt, grant_handle_t handle)
{
	return &gt->maptrack[handle / MAPTRACK_CHUNK][handle % MAPTRACK_CHUNK];
}

/* maptrack_lock held */
static bool add_handles(struct grant_table *gt)
{
	unsigned max = gt->max_maptrack_frames * MAPTRACK_PER_FRAME, first = gt->nr_handles;
	struct maptrack *chunk;

	if (first + MAPTRACK_CHUNK > max)
		return false;
	if (!gt->maptrack)
		gt->maptrack = heap_zalloc(max / MAPTRACK_CHUNK * sizeof(gt->maptrack[0]));
	if (!gt->maptrack)
		return false;
	chunk = new_array(struct maptrack, MAPTRACK_CHUNK);
	if (!chunk)
		return false;
	for (unsigned i = 0; i < MAPTRACK_CHUNK; i++)
		chunk[i].ref = i + 1 < MAPTRACK_CHUNK ? first + i + 1 : gt->free_handle;
	gt->maptrack[first / MAPTRACK_CHUNK] = chunk;
	gt->nr_handles = first + MAPTRACK_CHUNK;
	gt->free_handle = first;
	return true;
}

static grant_handle_t handle_get(struct grant_table *gt)
{
	grant_handle_t h = NO_HANDLE;

	spin_lock(&gt->maptrack_lock);
	if (gt->free_handle != NO_HANDLE || add_handles(gt)) {
		h = gt->free_handle;
		gt->free_handle = handle_entry(gt, h)->ref;
		gt->nr_mapped++;
	}
	spin_unlock(&gt->maptrack_lock);
	return h;
}

/* maptrack_lock held */
static void handle_put_locked(struct grant_table *gt, grant_handle_t h)
{
	struct maptrack *m = handle_entry(gt, h);

	m->flags = 0;
	m->rd = NULL;
	m->ref = gt->free_handle;
	gt->free_handle = h;
	gt->nr_mapped--;
}

static void handle_put(struct grant_table *gt, grant_handle_t h)
{
	spin_lock(&gt->maptrack_lock);
	handle_put_locked(gt, h);
	spin_unlock(&gt->maptrack_lock);
}

/* ---- map ---- */

/* The mapper's devices reach what it maps; its own frames they reach as their types allow. */
static bool devices_may(struct grant_pin *p)
{
	struct domain *d = current->domain;

	p->devices = unlikely(d->iommu) && p->rd != d;
	return likely(!p->devices) || !iommu_foreign_add(d->iommu, p->mfn, p->write);
}

static void devices_may_not(const struct grant_pin *p)
{
	struct domain *d = current->domain;

	if (unlikely(p->devices) && iommu_foreign_del(d->iommu, p->mfn, p->write))
		iommu_flush(d->iommu);
}

/* A mapper's own frame is written by way of its page tables alone, which are watched. */
static bool may_write(struct frame *f, struct domain *rd)
{
	return rd == current->domain ? pv_get_writable(f, rd) : pv_writer_get(f, rd);
}

static void may_not_write(struct frame *f, const struct domain *rd, const struct domain *mapper)
{
	if (rd == mapper)
		pv_type_put(f);
	else
		pv_writer_put(f);
}

/* p is pinned. Takes the type reference of a writable mapping and enters it into the caller's page table. */
static int establish(const struct gnttab_map_grant_ref *op, struct grant_pin *p)
{
	struct frame *f = frame_of(p->mfn);
	int rc;

	if (p->write && !may_write(f, p->rd))
		return GNTST_general_error;
	rc = devices_may(p) ? GNTST_okay : GNTST_general_error;
	if (!rc && (op->flags & GNTMAP_host_map)) {
		rc = pv_grant_map(op->host_addr, p->mfn, op->flags, p->cache_flags);
		if (rc)
			devices_may_not(p);
	}
	if (rc && p->write)
		may_not_write(f, p->rd, current->domain);
	return rc;
}

static int map_with_handle(struct gnttab_map_grant_ref *op, struct domain *rd, grant_handle_t handle)
{
	struct grant_table *gt = current->domain->grants;
	struct grant_pin p;
	struct maptrack *m;
	unsigned how = PIN_MAP | (op->flags & GNTMAP_readonly ? 0 : PIN_WRITE);
	int rc = grant_pin(rd, op->ref, current->domain->id, how, &p);

	if (rc)
		return rc;
	rc = establish(op, &p);
	if (rc) {
		grant_unpin(&p);
		return rc;
	}
	m = handle_entry(gt, handle);
	m->rd = rd;
	m->mfn = p.mfn;
	m->ref = op->ref;
	m->in_flight = 0;
	m->devices = p.devices;
	__atomic_store_n(&m->flags, (uint8_t)op->flags, __ATOMIC_RELEASE);
	op->dev_bus_addr = p.mfn.n << PAGE_SHIFT;
	op->handle = handle;
	return GNTST_okay;
}

static int map_one(struct gnttab_map_grant_ref *op)
{
	struct grant_table *gt = current->domain->grants;
	struct domain *rd;
	grant_handle_t handle;
	int rc;

	if (!(op->flags & (GNTMAP_device_map | GNTMAP_host_map)))
		return GNTST_bad_gntref;
	rd = domain_lookup(op->dom);
	if (!rd || !rd->grants || !domain_get(rd))
		return GNTST_bad_domain;
	rc = GNTST_no_space;
	handle = handle_get(gt);
	if (handle == NO_HANDLE)
		goto out;
	rc = map_with_handle(op, rd, handle);
	if (rc)
		handle_put(gt, handle);
out:
	if (rc)
		domain_put(rd);	/* a mapping keeps it */
	return rc;
}

long gnttab_map(struct gnttab_map_grant_ref *uop, unsigned count)
{
	struct gnttab_map_grant_ref op;

	for (unsigned i = 0; i < count; i++) {
		if (i && hypercall_preempt_check())
			return i;
		if (guest_copy_in(&op, &uop[i], sizeof(op)))
			return -EFAULT;
		op.status = map_one(&op);
		if (guest_copy_out(&uop[i], &op, sizeof(op)))
			return -EFAULT;
	}
	return count;
}

/* ---- unmap ---- */

struct unmap_op {
	uint64_t host_addr, dev_bus_addr, new_addr;
	grant_handle_t handle;
	uint8_t taken;		/* GNTMAP_host_map, GNTMAP_device_map: what this operation takes away */
	struct grant_pin gone;	/* rd not NULL: the handle's last half went, this is to be given back */
};

/*
 * Takes from the handle the halves that op names, so that no other vCPU can: gives a copy of the entry.
 * GNTST_*
 */
static int claim(struct grant_table *gt, struct unmap_op *op, struct maptrack *copy)
{
	struct maptrack *m;
	int rc = GNTST_bad_handle;

	spin_lock(&gt->maptrack_lock);
	if (op->handle >= gt->nr_handles)
		goto out;
	m = handle_entry(gt, op->handle);
	if (!(m->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		goto out;
	rc = GNTST_general_error;
	if (op->dev_bus_addr && (m->flags & GNTMAP_device_map) && op->dev_bus_addr != m->mfn.n << PAGE_SHIFT)
		goto out;
	*copy = *m;
	if (op->host_addr)
		op->taken |= m->flags & GNTMAP_host_map;
	if (op->dev_bus_addr)
		op->taken |= m->flags & GNTMAP_device_map;
	m->flags &= ~op->taken;
	if (op->taken)
		m->in_flight++;
	rc = GNTST_okay;
out:
	spin_unlock(&gt->maptrack_lock);
	return rc;
}

/*
 * The end of a claim; 'give_back': the halves are still mapped. With the last one of a handle *gone says what is to be given
 * back.
 */
static void complete(struct grant_table *gt, grant_handle_t handle, uint8_t give_back, struct grant_pin *gone)
{
	struct maptrack *m;

	gone->rd = NULL;
	spin_lock(&gt->maptrack_lock);
	m = handle_entry(gt, handle);
	m->flags |= give_back;
	m->in_flight--;
	if (!m->in_flight && !(m->flags & (GNTMAP_host_map | GNTMAP_device_map))) {
		*gone = (struct grant_pin){
			.rd = m->rd, .ref = m->ref, .mfn = m->mfn, .write = !(m->flags & GNTMAP_readonly),
			.devices = m->devices,
		};
		handle_put_locked(gt, handle);
	}
	spin_unlock(&gt->maptrack_lock);
}

static void give_back_grant(struct grant_pin *gone, const struct domain *mapper)
{
	struct domain *rd = gone->rd;

	if (!rd)
		return;
	if (gone->write)
		may_not_write(frame_of(gone->mfn), rd, mapper);
	grant_unpin(gone);
	domain_put(rd);
}

/* First half: out of the page tables. op->taken says whether a flush and unmap_finish must follow. */
static int unmap_begin(struct unmap_op *op)
{
	struct grant_table *gt = current->domain->grants;
	struct maptrack m;
	int rc;

	op->taken = 0;
	rc = claim(gt, op, &m);
	if (rc || !(op->taken & GNTMAP_host_map))
		return rc;
	rc = pv_grant_unmap(op->host_addr, m.mfn, m.flags, op->new_addr);
	if (rc) {
		complete(gt, op->handle, op->taken, &op->gone);
		op->taken = 0;
	}
	return rc;
}

/* No TLB may remember the mappings once their pages can go; one flush a batch. */
static void unmap_finish(struct unmap_op *ops, unsigned n)
{
	struct domain *d = current->domain;
	bool host = false, devices = false;

	for (unsigned i = 0; i < n; i++)
		host |= ops[i].taken & GNTMAP_host_map;
	if (host)
		domain_flush_tlb(d);
	for (unsigned i = 0; i < n; i++) {
		if (!ops[i].taken)
			continue;
		complete(d->grants, ops[i].handle, 0, &ops[i].gone);
		if (unlikely(ops[i].gone.rd && ops[i].gone.devices))
			devices |= iommu_foreign_del(d->iommu, ops[i].gone.mfn, ops[i].gone.write);
	}
	if (devices)
		iommu_flush(d->iommu);
	for (unsigned i = 0; i < n; i++)
		if (ops[i].taken)
			give_back_grant(&ops[i].gone, d);
}

/* Elements of either operation: read, begun, status written; -EFAULT ends the batch. */
static long unmap_element(struct gnttab_unmap_grant_ref *u, struct unmap_op *op)
{
	struct gnttab_unmap_grant_ref k;

	op->taken = 0;
	if (guest_copy_in(&k, u, sizeof(k)))
		return -EFAULT;
	*op = (struct unmap_op){
		.host_addr = k.host_addr, .dev_bus_addr = k.dev_bus_addr, .handle = k.handle,
	};
	k.status = unmap_begin(op);
	return guest_copy_out(&u->status, &k.status, sizeof(k.status)) ? -EFAULT : 0;
}

static long replace_element(struct gnttab_unmap_and_replace *u, struct unmap_op *op)
{
	struct gnttab_unmap_and_replace k;

	op->taken = 0;
	if (guest_copy_in(&k, u, sizeof(k)))
		return -EFAULT;
	*op = (struct unmap_op){ .host_addr = k.host_addr, .new_addr = k.new_addr, .handle = k.handle };
	k.status = unmap_begin(op);
	return guest_copy_out(&u->status, &k.status, sizeof(k.status)) ? -EFAULT : 0;
}

static long unmap_batches(void *uop, unsigned count, bool replace)
{
	struct unmap_op ops[UNMAP_BATCH];
	struct gnttab_unmap_grant_ref *u = uop;
	struct gnttab_unmap_and_replace *r = uop;
	unsigned done = 0;

	while (done < count) {
		unsigned n = MIN(count - done, UNMAP_BATCH), i;
		long err = 0;

		for (i = 0; i < n && !err; i++)
			err = replace ? replace_element(&r[done + i], &ops[i]) :
					unmap_element(&u[done + i], &ops[i]);
		/* An element whose status could not be written is done all the same. */
		unmap_finish(ops, i);
		if (err)
			return err;
		done += n;
		if (done < count && hypercall_preempt_check())
			break;
	}
	return done;
}

long gnttab_unmap(struct gnttab_unmap_grant_ref *uop, unsigned count)
{
	return unmap_batches(uop, count, false);
}

long gnttab_unmap_and_replace(struct gnttab_unmap_and_replace *uop, unsigned count)
{
	return unmap_batches(uop, count, true);
}

/* ---- the mapper gets its first device ---- */

/* What is mapped and unmapped meanwhile says by itself whether it is in the space. */
int gnttab_devices_follow(struct domain *d)
{
	struct grant_table *gt = d->grants;
	int rc = 0;

	while (gt && gt->follow_cursor < READ_ONCE(gt->nr_handles)) {
		struct maptrack *m = handle_entry(gt, gt->follow_cursor);

		spin_lock(&gt->maptrack_lock);
		if (((m->flags & (GNTMAP_host_map | GNTMAP_device_map)) || m->in_flight) && m->rd != d && !m->devices) {
			rc = iommu_foreign_add(d->iommu, m->mfn, !(m->flags & GNTMAP_readonly));
			m->devices = !rc;
		}
		spin_unlock(&gt->maptrack_lock);
		if (rc)
			return rc;
		if (++gt->follow_cursor % MAPTRACK_CHUNK == 0 && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	}
	return 0;
}

/* ---- death of the mapper ---- */

int gnttab_release_mappings(struct domain *d)
{
	struct grant_table *gt = d->grants;

	if (!gt)
		return 0;
	/*
	 * Whoever grew d's table while it was alive is through after this: its frames are seen by who gives
	 * them back.
	 */
	spin_lock(&gt->lock);
	spin_unlock(&gt->lock);
	/*
	 * Nobody runs in d any more: its page tables and TLB entries are of no use to anyone, and no unmap
	 * is in flight.
	 */
	while (gt->release_cursor < gt->nr_handles) {
		grant_handle_t h = gt->release_cursor++;
		struct maptrack *m = handle_entry(gt, h);
		struct grant_pin gone;

		if (m->flags & (GNTMAP_host_map | GNTMAP_device_map)) {
			m->in_flight++;
			m->flags &= ~(GNTMAP_host_map | GNTMAP_device_map);
			complete(gt, h, 0, &gone);
			/* No device of d's is left that could use it (domain_kill): nothing to flush. */
			give_back_grant(&gone, d);
		}
		if (gt->release_cursor % MAPTRACK_CHUNK == 0 && hypercall_preempt_check())
			return -EAGAIN_HYPERCALL;
	}
	return 0;
}
