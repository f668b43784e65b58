/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hcall/hcall_save.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/memory.h>
#include "hcall/hcall_priv.h"

#define M2P_EXTENT_FRAMES 512ull	/* 2 MiB of the table */
#define M2P_PER_FRAME	  512ull

int hcall_vcpu_online(struct hcall *h, domid_t id, unsigned vcpu, bool *online)
{
	struct xen_domctl op = { .u.getvcpuinfo.vcpu = vcpu };
	int rc = hcall_domctl(h, XEN_DOMCTL_getvcpuinfo, id, &op);

	*online = !rc && op.u.getvcpuinfo.online;
	return rc;
}

int hcall_vcpu_context_get(struct hcall *h, domid_t id, unsigned vcpu, vcpu_guest_context_t *context)
{
	struct xen_domctl op = { .u.vcpucontext.vcpu = vcpu };
	int rc;

	memset(h->data, 0, sizeof(*context));
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)h->data);
	rc = hcall_domctl(h, XEN_DOMCTL_getvcpucontext, id, &op);
	memcpy(context, h->data, sizeof(*context));
	return rc;
}

int hcall_vcpu_extended_get(struct hcall *h, domid_t id, unsigned vcpu, struct xen_domctl_ext_vcpucontext *e)
{
	struct xen_domctl op = { .u.ext_vcpucontext.vcpu = vcpu };
	int rc = hcall_domctl(h, XEN_DOMCTL_get_ext_vcpucontext, id, &op);

	*e = op.u.ext_vcpucontext;
	return rc;
}

int hcall_vcpu_extended_set(struct hcall *h, domid_t id, unsigned vcpu, const struct xen_domctl_ext_vcpucontext *e)
{
	struct xen_domctl op = { .u.ext_vcpucontext = *e };

	op.u.ext_vcpucontext.vcpu = vcpu;
	return hcall_domctl(h, XEN_DOMCTL_set_ext_vcpucontext, id, &op);
}

int hcall_vcpu_xstate_get(struct hcall *h, domid_t id, unsigned vcpu, void *data, size_t *size)
{
	struct xen_domctl op = { .u.vcpuextstate.vcpu = vcpu };
	int rc = hcall_domctl(h, XEN_DOMCTL_getvcpuextstate, id, &op);

	if (rc)
		return rc;
	if (op.u.vcpuextstate.size > *size || op.u.vcpuextstate.size > HCALL_DATA_SIZE)
		return -ENOBUFS;
	*size = op.u.vcpuextstate.size;
	if (!*size)
		return 0;
	memset(h->data, 0, *size);
	set_xen_guest_handle(op.u.vcpuextstate.buffer, (uint64_t *)h->data);
	rc = hcall_domctl(h, XEN_DOMCTL_getvcpuextstate, id, &op);
	if (rc)
		return rc;
	if (op.u.vcpuextstate.size > *size)
		return -EIO;
	*size = op.u.vcpuextstate.size;
	memcpy(data, h->data, *size);
	return 0;
}

int hcall_vcpu_xstate_set(struct hcall *h, domid_t id, unsigned vcpu, const void *data, size_t size)
{
	struct xen_domctl op = { .u.vcpuextstate = { .vcpu = vcpu, .size = size } };

	if (size > HCALL_DATA_SIZE)
		return -E2BIG;
	memcpy(h->data, data, size);
	set_xen_guest_handle(op.u.vcpuextstate.buffer, (uint64_t *)h->data);
	return hcall_domctl(h, XEN_DOMCTL_setvcpuextstate, id, &op);
}

int hcall_vcpu_msrs_get(struct hcall *h, domid_t id, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs, uint32_t *n)
{
	struct xen_domctl op = { .u.vcpu_msrs = { .vcpu = vcpu, .msr_count = *n } };
	int rc;

	if (*n > HCALL_DATA_SIZE / sizeof(*msrs))
		return -E2BIG;
	memset(h->data, 0, *n * sizeof(*msrs));
	set_xen_guest_handle(op.u.vcpu_msrs.msrs, (xen_domctl_vcpu_msr_t *)h->data);
	rc = hcall_domctl(h, XEN_DOMCTL_get_vcpu_msrs, id, &op);
	if (rc)
		return rc;
	if (op.u.vcpu_msrs.msr_count > *n)
		return -EIO;
	*n = op.u.vcpu_msrs.msr_count;
	memcpy(msrs, h->data, *n * sizeof(*msrs));
	return 0;
}

int hcall_vcpu_msrs_set(struct hcall *h, domid_t id, unsigned vcpu, const xen_domctl_vcpu_msr_t *msrs, uint32_t n)
{
	struct xen_domctl op = { .u.vcpu_msrs = { .vcpu = vcpu, .msr_count = n } };

	if (n > HCALL_DATA_SIZE / sizeof(*msrs))
		return -E2BIG;
	memcpy(h->data, msrs, n * sizeof(*msrs));
	set_xen_guest_handle(op.u.vcpu_msrs.msrs, (xen_domctl_vcpu_msr_t *)h->data);
	return hcall_domctl(h, XEN_DOMCTL_set_vcpu_msrs, id, &op);
}

int hcall_tsc_get(struct hcall *h, domid_t id, struct xen_domctl_tsc_info *tsc)
{
	struct xen_domctl op = { 0 };
	int rc = hcall_domctl(h, XEN_DOMCTL_gettscinfo, id, &op);

	*tsc = op.u.tsc_info;
	return rc;
}

int hcall_tsc_set(struct hcall *h, domid_t id, const struct xen_domctl_tsc_info *tsc)
{
	struct xen_domctl op = { .u.tsc_info = *tsc };

	return hcall_domctl(h, XEN_DOMCTL_settscinfo, id, &op);
}

int hcall_domain_policy(struct hcall *h, domid_t id, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves, xen_msr_entry_t *msrs,
			uint32_t *nr_msrs)
{
	size_t at = *nr_leaves * sizeof(*leaves);
	xen_msr_entry_t *buffer = (void *)((char *)h->data + at);
	struct xen_domctl op = { .u.cpu_policy = { .nr_leaves = *nr_leaves, .nr_msrs = *nr_msrs } };
	int rc;

	if (at > HCALL_DATA_SIZE || *nr_msrs * sizeof(*msrs) > HCALL_DATA_SIZE - at)
		return -E2BIG;
	set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)h->data);
	set_xen_guest_handle(op.u.cpu_policy.msrs, buffer);
	rc = hcall_domctl(h, XEN_DOMCTL_get_cpu_policy, id, &op);
	if (rc)
		return rc;
	if (op.u.cpu_policy.nr_leaves > *nr_leaves || op.u.cpu_policy.nr_msrs > *nr_msrs)
		return -EIO;
	*nr_leaves = op.u.cpu_policy.nr_leaves;
	*nr_msrs = op.u.cpu_policy.nr_msrs;
	memcpy(leaves, h->data, *nr_leaves * sizeof(*leaves));
	memcpy(msrs, buffer, *nr_msrs * sizeof(*msrs));
	return 0;
}

int hcall_domain_resume(struct hcall *h, domid_t id)
{
	struct xen_domctl op = { 0 };

	return hcall_domctl(h, XEN_DOMCTL_resumedomain, id, &op);
}

int hcall_frame_types(struct hcall *h, domid_t id, unsigned n, xen_pfn_t *frames)
{
	struct xen_domctl op = { .u.getpageframeinfo3.num = n };
	int rc;

	if (n > HCALL_FRAME_TYPES_MAX)
		return -E2BIG;
	memcpy(h->data, frames, n * sizeof(*frames));
	set_xen_guest_handle(op.u.getpageframeinfo3.array, (xen_pfn_t *)h->data);
	rc = hcall_domctl(h, XEN_DOMCTL_getpageframeinfo3, id, &op);
	for (unsigned i = 0; i < n && !rc; i++)
		frames[i] = ((xen_pfn_t *)h->data)[i] & XEN_DOMCTL_PFINFO_LTAB_MASK;
	return rc;
}

void *hcall_map_read(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames, int *errors)
{
	return hcall_open_memory(h) ? xenforeignmemory_map(h->memory, id, PROT_READ, n, frames, errors) : NULL;
}

/* The first frames of the table's extents, each followed by the frames behind it. */
static int m2p_frames(struct hcall *h, uint64_t extents, xen_pfn_t *frames)
{
	struct xen_machphys_mfn_list *op = h->buffer;
	const xen_pfn_t *first = h->data;
	xen_pfn_t at = 0;

	if (extents > HCALL_DATA_SIZE / sizeof(*first))
		return -E2BIG;
	memset(op, 0, sizeof(*op));
	op->max_extents = extents;
	set_xen_guest_handle(op->extent_start, (xen_pfn_t *)h->data);
	if (xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_machphys_mfn_list, (uintptr_t)op) < 0)
		return -errno;
	if (op->nr_extents < extents)
		return -EIO;
	for (uint64_t i = 0; i < extents; i++) {
		/* A gap is zero. What is mapped there instead is checked as everything in the table is. */
		at = first[i] ? first[i] : at;
		if (!at)
			return -EIO;
		for (uint64_t k = 0; k < M2P_EXTENT_FRAMES; k++)
			frames[i * M2P_EXTENT_FRAMES + k] = at + k;
	}
	return 0;
}

static uint64_t m2p_extents(uint64_t nr)
{
	const uint64_t each = M2P_EXTENT_FRAMES * M2P_PER_FRAME;

	return (nr + each - 1) / each;
}

const uint64_t *hcall_map_m2p(struct hcall *h, uint64_t *nr)
{
	long last = xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_maximum_ram_page, 0);
	uint64_t extents = m2p_extents(last + 1);
	xen_pfn_t *frames;
	void *m2p = NULL;
	int rc;

	if (last < 0)
		return NULL;
	frames = malloc(extents * M2P_EXTENT_FRAMES * sizeof(*frames));
	rc = frames ? m2p_frames(h, extents, frames) : -ENOMEM;
	if (!rc && hcall_open_memory(h))
		m2p = xenforeignmemory_map(h->memory, DOMID_XEN, PROT_READ, extents * M2P_EXTENT_FRAMES, frames, NULL);
	free(frames);
	if (rc)
		errno = -rc;
	*nr = last + 1;
	return m2p;
}

void hcall_unmap_m2p(struct hcall *h, const uint64_t *m2p, uint64_t nr)
{
	hcall_unmap(h, (void *)m2p, m2p_extents(nr) * M2P_EXTENT_FRAMES);
}

unsigned hcall_pin_tables(struct hcall *h, domid_t id, const struct hcall_pin *pins, unsigned n, int *rc)
{
	static const unsigned commands[] = { MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE };
	const unsigned at_once = HCALL_DATA_SIZE / sizeof(struct mmuext_op);
	struct mmuext_op *op = h->data;
	unsigned *done = h->buffer, now, all = 0;

	for (*rc = 0; all < n && !*rc; all += *done) {
		now = n - all < at_once ? n - all : at_once;
		for (unsigned i = 0; i < now; i++)
			op[i] = (struct mmuext_op){ .cmd = commands[(pins[all + i].level - 1) & 3],
						    .arg1.mfn = pins[all + i].frame };
		*done = 0;
		if (xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)op, now, (uintptr_t)done, id) < 0)
			*rc = -errno;
		else
			*done = now;
	}
	return all;
}

int hcall_unpin_tables(struct hcall *h, domid_t id, const xen_pfn_t *frames, unsigned n)
{
	const unsigned at_once = HCALL_DATA_SIZE / sizeof(struct mmuext_op);
	struct mmuext_op *op = h->data;
	unsigned now;

	for (; n; n -= now, frames += now) {
		now = n < at_once ? n : at_once;
		for (unsigned i = 0; i < now; i++)
			op[i] = (struct mmuext_op){ .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = frames[i] };
		if (xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)op, now, 0, id) < 0)
			return -errno;
	}
	return 0;
}

int hcall_release_frames(struct hcall *h, domid_t id, unsigned n, const xen_pfn_t *frames)
{
	const unsigned at_once = HCALL_DATA_SIZE / sizeof(*frames);
	struct xen_memory_reservation *op = h->buffer;
	unsigned now;
	long rc;

	for (; n; n -= now, frames += now) {
		now = n < at_once ? n : at_once;
		memset(op, 0, sizeof(*op));
		memcpy(h->data, frames, now * sizeof(*frames));
		set_xen_guest_handle(op->extent_start, (xen_pfn_t *)h->data);
		op->nr_extents = now;
		op->domid = id;
		rc = xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_decrease_reservation, (uintptr_t)op);
		if (rc != (long)now)
			return rc < 0 ? -errno : -EBUSY;
	}
	return 0;
}

int hcall_log_dirty(struct hcall *h, domid_t id, bool on)
{
	struct xen_domctl op = { 0 };

	op.u.shadow_op.op = on ? XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY : XEN_DOMCTL_SHADOW_OP_OFF;
	return hcall_domctl(h, XEN_DOMCTL_shadow_op, id, &op);
}

int hcall_log_dirty_take(struct hcall *h, domid_t id, bool final, uint64_t frames, uint8_t *bitmap, uint64_t *dirty)
{
	struct xen_domctl op = { 0 };
	size_t size = (frames + 63) / 64 * 8;
	uint8_t *buffer = xencall_alloc_buffer(h->call, size);
	int rc;

	if (!buffer)
		return -ENOMEM;
	memset(buffer, 0, size);
	/* Of a guest that does not run nothing need be taken away again. */
	op.u.shadow_op.op = final ? XEN_DOMCTL_SHADOW_OP_PEEK : XEN_DOMCTL_SHADOW_OP_CLEAN;
	op.u.shadow_op.mode = final ? XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL : 0;
	op.u.shadow_op.pages = frames;
	set_xen_guest_handle(op.u.shadow_op.dirty_bitmap, buffer);
	rc = hcall_domctl(h, XEN_DOMCTL_shadow_op, id, &op);
	if (!rc)
		memcpy(bitmap, buffer, (frames + 7) / 8);
	*dirty = op.u.shadow_op.stats.dirty_count;
	xencall_free_buffer(h->call, buffer);
	return rc;
}
