/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memory_op.
 *
 * What could be wrong: frames enter and leave a domain by extents that the guest names; a count wrong by one is a frame that
 * belongs to two domains, or to none.
 * How it is provoked: frames are given back, taken again, exchanged, and named wrongly; the domain's own count and the
 * hypervisor's must agree after each.
 * A wrong host: frees a frame that is still mapped, gives a frame it did not clear, miscounts a half-done call.
 */
#include "guest.h"

static u64 pages_now(void)
{
	domid_t self = DOMID_SELF;

	return memory_op(XENMEM_current_reservation, &self);
}

static u64 max_pages(void)
{
	domid_t self = DOMID_SELF;

	return memory_op(XENMEM_maximum_reservation, &self);
}

static long reserve(int cmd, xen_pfn_t *list, u64 n, unsigned order, domid_t dom)
{
	struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order, .domid = dom };

	set_xen_guest_handle(r.extent_start, list);
	return memory_op(cmd, &r);
}

/* Takes a pool page away from its address and gives its frame back to the host. */
static long give(void *page, u64 mfn)
{
	xen_pfn_t list = mfn;

	map_page(page, 0);
	return reserve(XENMEM_decrease_reservation, &list, 1, 0, DOMID_SELF);
}

CASE(counts, "current and maximum reservation, of oneself; of nobody; maximum_ram_page")
{
	domid_t dom = 4321;

	EXPECT_RC(pages_now(), start_info->nr_pages);
	EXPECT(max_pages() >= pages_now());
	EXPECT_RC(memory_op(XENMEM_current_reservation, &dom), -XEN_ESRCH);
	EXPECT_RC(memory_op(XENMEM_maximum_reservation, &dom), -XEN_ESRCH);
	EXPECT_RC(memory_op(XENMEM_current_reservation, BAD_PTR), -XEN_EFAULT);
	EXPECT(memory_op(XENMEM_maximum_ram_page, NULL) > (long)pages_now());
	dom = DOMID_SELF;
	shared->arch.max_pfn = 1000;	/* what a PV guest says of itself */
	EXPECT_RC(memory_op(XENMEM_maximum_gpfn, &dom), 999);
	shared->arch.max_pfn = 0;
	EXPECT_RC(memory_op(XENMEM_maximum_gpfn, &dom), 0);
}

CASE(decrease_increase, "a frame given back and one taken: counts follow; M2P is the guest's to set")
{
	u64 *a = page_alloc(), mfn = mfn_of(a), before = pages_now(), *list = (u64 *)start_info->mfn_list;
	xen_pfn_t got = 0;

	memset(a, 0xff, PAGE_SIZE);
	REQUIRE_RC(give(a, mfn), 1);
	EXPECT_RC(pages_now(), before - 1);
	EXPECT_REFUSED(map_page(a, mfn << 12 | PTE_RW));
	REQUIRE_RC(reserve(XENMEM_increase_reservation, &got, 1, 0, DOMID_SELF), 1);
	EXPECT_RC(pages_now(), before);
	list[pfn_of(a)] = got;
	EXPECT_RC(set_pte(got << 12 | MMU_MACHPHYS_UPDATE, pfn_of(a)), 0);
	EXPECT_RC(page_rw(a), 0);
	page_free(a);
}

CASE(populate, "populate_physmap fills holes of the pseudo-physical map: writes the frames back and sets M2P")
{
	u64 *a = page_alloc(), before = pages_now(), *list = (u64 *)start_info->mfn_list;
	xen_pfn_t pfn = pfn_of(a);

	REQUIRE_RC(give(a, mfn_of(a)), 1);
	REQUIRE_RC(reserve(XENMEM_populate_physmap, &pfn, 1, 0, DOMID_SELF), 1);
	EXPECT_RC(pages_now(), before);
	EXPECT_HEX(machine_to_phys_mapping[pfn], pfn_of(a));
	list[pfn_of(a)] = pfn;
	EXPECT_RC(page_rw(a), 0);
	page_free(a);
}

CASE(still_mapped, "a frame given back while mapped is not free until the mapping goes")
{
	u64 *a = page_alloc(), mfn = mfn_of(a), before = pages_now(), *list = (u64 *)start_info->mfn_list;
	xen_pfn_t l = mfn, got;

	a[0] = 42;
	EXPECT_RC(reserve(XENMEM_decrease_reservation, &l, 1, 0, DOMID_SELF), 1);
	EXPECT_RC(READ_ONCE(a[0]), 42);
	EXPECT_RC(pages_now(), before);	/* counted as long as it is referenced */
	EXPECT_RC(map_page(a, 0), 0);
	EXPECT_RC(pages_now(), before - 1);
	REQUIRE_RC(reserve(XENMEM_increase_reservation, &got, 1, 0, DOMID_SELF), 1);
	list[pfn_of(a)] = got;
	set_pte(got << 12 | MMU_MACHPHYS_UPDATE, pfn_of(a));
	EXPECT_RC(page_rw(a), 0);
	page_free(a);
}

CASE(reserve_errors, "increase, decrease and populate answer what they did: for a mistake 0, never an errno")
{
	xen_pfn_t list[2] = { 0xfffffff, 1 };
	u64 before = pages_now();

	EXPECT_RC(reserve(XENMEM_decrease_reservation, list, 1, 0, DOMID_SELF), 0);
	EXPECT_RC(reserve(XENMEM_decrease_reservation, list + 1, 1, 0, DOMID_SELF), 0);
	EXPECT_RC(reserve(XENMEM_decrease_reservation, list, 0, 0, DOMID_SELF), 0);
	for (int cmd = 0; cmd <= 6; cmd++) {
		if (cmd != XENMEM_increase_reservation && cmd != XENMEM_decrease_reservation && cmd != XENMEM_populate_physmap)
			continue;
		EXPECT_RC(reserve(cmd, BAD_PTR, 1, 0, DOMID_SELF), 0);
		EXPECT_RC(reserve(cmd, list, 1, 0, 4321), 0);
		EXPECT_RC(reserve(cmd, list, 1, 63, DOMID_SELF), 0);
		EXPECT_RC(reserve(cmd, list, 1, 30, DOMID_SELF), 0);
		EXPECT_RC(memory_op(cmd, BAD_PTR), 0);
	}
	EXPECT_RC(reserve(XENMEM_decrease_reservation, UNMAPPED_PTR, 1, 0, DOMID_SELF), 0);
	EXPECT_RC(pages_now(), before);
}

CASE(increase_limit, "no more than the maximum: the call does what fits and says how much")
{
	static xen_pfn_t list[64];
	u64 room = max_pages() - pages_now();

	SKIP_IF(room > 60, "the domain has room for %lu pages", room);
	EXPECT_RC(reserve(XENMEM_increase_reservation, list, 64, 0, DOMID_SELF), room);
	EXPECT_RC(reserve(XENMEM_decrease_reservation, list, room, 0, DOMID_SELF), room);
}

CASE(exchange, "XENMEM_exchange: frames for as many others; nr_exchanged counts; what it refuses it leaves")
{
	u64 *a = page_alloc(), before = pages_now(), *list = (u64 *)start_info->mfn_list;
	xen_pfn_t in = mfn_of(a), out = pfn_of(a);
	struct xen_memory_exchange x = {
		.in = { .nr_extents = 1, .domid = DOMID_SELF }, .out = { .nr_extents = 1, .domid = DOMID_SELF },
	};

	set_xen_guest_handle(x.in.extent_start, &in);
	set_xen_guest_handle(x.out.extent_start, &out);
	map_page(a, 0);
	REQUIRE_RC(memory_op(XENMEM_exchange, &x), 0);
	EXPECT_RC(x.nr_exchanged, 1);
	EXPECT_RC(pages_now(), before);
	EXPECT_HEX(machine_to_phys_mapping[out], pfn_of(a));
	list[pfn_of(a)] = out;
	EXPECT_RC(page_rw(a), 0);
	/* Still mapped: the frame is not the caller's alone. */
	in = out;
	out = pfn_of(a);
	x.nr_exchanged = 0;
	EXPECT_RC(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	EXPECT_RC(x.nr_exchanged, 0);
	x.nr_exchanged = 5;
	EXPECT_RC(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	x.nr_exchanged = 0;
	x.out.nr_extents = 2;
	EXPECT_RC(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	x.out.nr_extents = 1;
	x.out.domid = 4321;
	EXPECT_RC(memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
	EXPECT_RC(memory_op(XENMEM_exchange, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(pages_now(), before);
	a[0] = 1;
	page_free(a);
}

CASE(machphys_list, "machphys_mfn_list: at most as many as asked for, 2 MiB of the table each; machphys_mapping: where it is")
{
	xen_pfn_t ext[4] = { 0 };
	struct xen_machphys_mfn_list l = { .max_extents = 4 };
	struct xen_machphys_mapping m = { 0 };

	set_xen_guest_handle(l.extent_start, ext);
	EXPECT_RC(memory_op(XENMEM_machphys_mfn_list, &l), 0);
	EXPECT(l.nr_extents >= 1 && l.nr_extents <= 4);
	EXPECT(ext[0] != 0);
	EXPECT_RC(memory_op(XENMEM_machphys_mfn_list, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(memory_op(XENMEM_machphys_mapping, &m), 0);
	EXPECT_HEX(m.v_start, MACH2PHYS_VIRT_START);
	EXPECT_HEX(m.v_end, MACH2PHYS_VIRT_END);
	if (is_dom0())
		EXPECT_HEX(m.max_mfn, memory_op(XENMEM_maximum_ram_page, NULL) - 1);
	else
		EXPECT_HEX(m.max_mfn, MACH2PHYS_NR_ENTRIES - 1);
	EXPECT_RC(memory_op(XENMEM_machphys_mapping, BAD_PTR), -XEN_EFAULT);
}

CASE(memory_map, "memory_map: dom0 has none of its own; machine_memory_map is the machine's, for dom0 only")
{
	static struct { u64 addr, size; u32 type; } __attribute__((packed)) e820[32];
	struct xen_memory_map m = { .nr_entries = 32 };
	u64 ram = 0;

	set_xen_guest_handle(m.buffer, (void *)e820);
	if (is_dom0()) {
		EXPECT_RC(memory_op(XENMEM_memory_map, &m), -XEN_ENOSYS);
	} else {
		EXPECT_RC(memory_op(XENMEM_memory_map, &m), 0);
		EXPECT_RC(m.nr_entries, 1);
		EXPECT_HEX(e820[0].size, start_info->nr_pages * PAGE_SIZE);
		m.nr_entries = 32;
		EXPECT_RC(memory_op(XENMEM_machine_memory_map, &m), -XEN_EPERM);
		return;
	}
	EXPECT_RC(memory_op(XENMEM_machine_memory_map, &m), 0);
	EXPECT(m.nr_entries >= 4 && m.nr_entries <= 32);
	for (unsigned i = 0; i < m.nr_entries; i++) {
		if (e820[i].type == 1)
			ram += e820[i].size;
		if (i)
			EXPECT(e820[i].addr >= e820[i - 1].addr + e820[i - 1].size);
	}
	EXPECT(ram > 200 << 20 && ram >> PAGE_SHIFT <= (u64)memory_op(XENMEM_maximum_ram_page, NULL));
	m.nr_entries = 1;
	EXPECT_RC(memory_op(XENMEM_machine_memory_map, &m), -XEN_EINVAL);
	EXPECT_RC(memory_op(XENMEM_machine_memory_map, BAD_PTR), -XEN_EFAULT);
}

CASE(physmap_ops, "the operations on translated domains' maps are refused to a PV domain")
{
	struct xen_add_to_physmap a = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .gpfn = 0x10 };
	struct xen_remove_from_physmap r = { .domid = DOMID_SELF, .gpfn = 0x10 };
	struct xen_add_to_physmap_batch b = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info, .size = 1 };
	xen_ulong_t idx = 0;
	xen_pfn_t gpfn = 0x10;
	int err = 9;

	set_xen_guest_handle(b.idxs, &idx);
	set_xen_guest_handle(b.gpfns, &gpfn);
	set_xen_guest_handle(b.errs, &err);
	EXPECT_RC(memory_op(XENMEM_add_to_physmap, &a), -XEN_EACCES);
	EXPECT_RC(memory_op(XENMEM_add_to_physmap_batch, &b), -XEN_EACCES);
	EXPECT_RC(err, 9);
	EXPECT_RC(memory_op(XENMEM_remove_from_physmap, &r), -XEN_EACCES);
	a.domid = 4321;
	EXPECT_RC(memory_op(XENMEM_add_to_physmap, &a), -XEN_ESRCH);
	EXPECT_RC(memory_op(XENMEM_add_to_physmap, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(memory_op(XENMEM_remove_from_physmap, BAD_PTR), -XEN_EFAULT);
}

CASE(claim, "claim_pages: dom0's, on a domain by number; more than there is, an order, no such domain")
{
	struct xen_memory_reservation r = { .nr_extents = pages_now() + 5, .domid = 0 };

	if (!is_dom0()) {
		EXPECT_REFUSED(memory_op(XENMEM_claim_pages, &r));
		return;
	}
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);	/* beyond its maximum */
	r.nr_extents = 1;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);	/* less than it has */
	r.nr_extents = 0;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), 0);
	r.nr_extents = 1UL << 40;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);
	r.nr_extents = 1;
	r.extent_order = 1;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);
	r.extent_order = 0;
	r.domid = 4321;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);
	r.domid = DOMID_SELF;
	EXPECT_RC(memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);
	EXPECT_RC(memory_op(XENMEM_claim_pages, BAD_PTR), -XEN_EFAULT);
}

CASE(acquire_errors, "acquire_resource: never of oneself, of nobody, with padding")
{
	struct xen_mem_acquire_resource r = { .domid = DOMID_SELF, .type = XENMEM_resource_grant_table };

	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_ESRCH);
	r.domid = 4321;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_ESRCH);
	r.pad = 1;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
	EXPECT_RC(memory_op(XENMEM_acquire_resource, BAD_PTR), -XEN_EFAULT);
}

CASE(unknown, "unknown sub-operations")
{
	u64 x[16] = { 0 };

	EXPECT_RC(memory_op(63, x), -XEN_ENOSYS);
	EXPECT_RC(memory_op(40, x), -XEN_ENOSYS);
}

CASE(many_frames, "two thousand frames go and come in two calls: the call is preempted, not cut short")
{
	static xen_pfn_t list[2000];
	u64 *p2m = (u64 *)start_info->mfn_list, before = pages_now(), first = start_info->nr_pages - 2000;

	NEED(first > pfn_of(_image_end) + 2048);
	for (int i = 0; i < 2000; i++)
		list[i] = p2m[first + i];
	EXPECT_RC(reserve(XENMEM_decrease_reservation, list, 2000, 0, DOMID_SELF), 2000);
	EXPECT_RC(pages_now(), before - 2000);
	for (int i = 0; i < 2000; i++)
		list[i] = first + i;
	EXPECT_RC(reserve(XENMEM_populate_physmap, list, 2000, 0, DOMID_SELF), 2000);
	EXPECT_RC(pages_now(), before);
	for (int i = 0; i < 2000; i++) {
		p2m[first + i] = list[i];
		if (machine_to_phys_mapping[list[i]] != first + i) {
			fail_at(__FILE__, __LINE__, "pfn %lx is mfn %lx, M2P says %lx", first + i, list[i],
				machine_to_phys_mapping[list[i]]);
			break;
		}
	}
}

CASE(large_extents, "an extent of 512 frames is given back, and one is populated: contiguous and aligned")
{
	u64 *p2m = (u64 *)start_info->mfn_list, before = pages_now(), first = (start_info->nr_pages - 600) & ~511UL;
	xen_pfn_t list[1] = { first };
	static xen_pfn_t frames[512];

	NEED(first > pfn_of(_image_end) + 2048);
	for (int i = 0; i < 512; i++)
		frames[i] = p2m[first + i];
	EXPECT_RC(reserve(XENMEM_decrease_reservation, frames, 512, 0, DOMID_SELF), 512);
	if (reserve(XENMEM_populate_physmap, list, 1, 9, DOMID_SELF) == 1) {
		EXPECT_HEX(list[0] & 511, 0);
		for (int i = 0; i < 512; i++) {
			p2m[first + i] = list[0] + i;
			if (machine_to_phys_mapping[list[0] + i] != first + i) {
				fail_at(__FILE__, __LINE__, "frame %d", i);
				break;
			}
		}
		EXPECT_RC(pages_now(), before);
	} else {
		fail_at(__FILE__, __LINE__, "no extent of 2 MiB");
	}
}
