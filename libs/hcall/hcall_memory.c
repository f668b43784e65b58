/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/memory.h>
#include "hcall/hcall_priv.h"

#define FRAME_SIZE	  4096u
#define FEW_PAGES 8u	/* so few are left to the kernel */

long hcall_populate(struct hcall *h, domid_t id, unsigned order, unsigned long n, xen_pfn_t *frames)
{
	const unsigned long at_once = HCALL_DATA_SIZE / sizeof(*frames);
	struct xen_memory_reservation *op = h->buffer;
	unsigned long done = 0, want;
	long rc;

	while (done < n) {
		want = n - done < at_once ? n - done : at_once;
		memset(op, 0, sizeof(*op));
		memcpy(h->data, frames + done, want * sizeof(*frames));
		set_xen_guest_handle(op->extent_start, (xen_pfn_t *)h->data);
		op->nr_extents = want;
		op->extent_order = order;
		op->domid = id;
		rc = xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_populate_physmap, (uintptr_t)op);
		if (rc < 0)
			return done ? (long)done : -errno;
		if ((unsigned long)rc > want)
			return -EIO;
		memcpy(frames + done, h->data, rc * sizeof(*frames));
		done += rc;
		if ((unsigned long)rc < want)
			break;
	}
	return done;
}

int hcall_claim(struct hcall *h, domid_t id, uint64_t frames)
{
	struct xen_memory_reservation *op = h->buffer;

	memset(op, 0, sizeof(*op));
	op->nr_extents = frames;
	op->domid = id;
	return xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_claim_pages, (uintptr_t)op) < 0 ? -errno : 0;
}

bool hcall_open_memory(struct hcall *h)
{
	if (!h->memory) {
		h->memory = xenforeignmemory_open(NULL, 0);
		h->close_memory = xenforeignmemory_close;
	}
	return h->memory;
}

void *hcall_map(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames)
{
	if (!hcall_open_memory(h))
		return NULL;
	return xenforeignmemory_map(h->memory, id, PROT_READ | PROT_WRITE, n, frames, NULL);
}

/*
 * The kernel unmaps page by page, and to a PV kernel each is a store to a page table that faults. A list of hypercalls empties the
 * entries first: the kernel then finds nothing there, so the last of each list flushes the TLBs. What such a call does not do is
 * left to the kernel.
 */
static void empty_entries(struct hcall *h, char *address, size_t n)
{
	const size_t at_once = HCALL_DATA_SIZE / sizeof(multicall_entry_t);
	multicall_entry_t *list = h->data;
	size_t now;

	for (; n; n -= now, address += now * FRAME_SIZE) {
		now = n < at_once ? n : at_once;
		memset(list, 0, now * sizeof(*list));
		for (size_t i = 0; i < now; i++) {
			list[i].op = __HYPERVISOR_update_va_mapping;
			list[i].args[0] = (uintptr_t)address + i * FRAME_SIZE;
			list[i].args[2] = i + 1 < now ? UVMF_NONE : UVMF_TLB_FLUSH | UVMF_ALL;
		}
		if (xencall2(h->call, __HYPERVISOR_multicall, (uintptr_t)list, now) < 0)
			return;
	}
}

void hcall_unmap(struct hcall *h, void *address, size_t n)
{
	if (n >= FEW_PAGES)
		empty_entries(h, address, n);
	xenforeignmemory_unmap(h->memory, address, n);
}

int hcall_pin_l4(struct hcall *h, domid_t id, xen_pfn_t frame)
{
	struct mmuext_op *op = h->buffer;

	*op = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = frame };
	return xencall4(h->call, __HYPERVISOR_mmuext_op, (uintptr_t)op, 1, 0, id) < 0 ? -errno : 0;
}

int hcall_grant_seed(struct hcall *h, domid_t id, const struct hcall_grant *grants, unsigned n)
{
	xenforeignmemory_resource_handle *resource;
	void *address = NULL;

	if (!hcall_open_memory(h))
		return -errno;
	resource = xenforeignmemory_map_resource(h->memory, id, XENMEM_resource_grant_table,
						 XENMEM_resource_grant_table_id_shared, 0, 1, &address,
						 PROT_READ | PROT_WRITE, 0);
	if (!resource)
		return -errno;
	for (unsigned i = 0; i < n; i++) {
		volatile grant_entry_v1_t *entry = (grant_entry_v1_t *)address + grants[i].n;

		entry->frame = grants[i].entry.frame;
		entry->domid = grants[i].entry.domid;
		entry->flags = grants[i].entry.flags;
	}
	return xenforeignmemory_unmap_resource(h->memory, resource) < 0 ? -errno : 0;
}

int hcall_memory_map(struct hcall *h, domid_t id, uint64_t kib)
{
	struct __attribute__((packed)) {
		uint64_t address, size;
		uint32_t type;	/* as in E820: 1 is RAM */
	} ram = { 0, kib << 10, 1 };
	struct xen_foreign_memory_map *op = h->buffer;

	memset(op, 0, sizeof(*op));
	memcpy(h->data, &ram, sizeof(ram));
	op->domid = id;
	op->map.nr_entries = 1;
	set_xen_guest_handle(op->map.buffer, h->data);
	return xencall2L(h->call, __HYPERVISOR_memory_op, XENMEM_set_memory_map, (uintptr_t)op) < 0 ? -errno : 0;
}
