/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published advisories on grant tables (docs/advisories.md), one case each, named for it. The domain grants to itself.
 *
 * What could be wrong: counts of pins, page and type references that go apart on a path that is seldom taken or taken by two
 * vCPUs at once; indexes and sizes that are the guest's word.
 * How it is provoked: as each advisory tells. After each the entry must be idle, and the page as free as before: it is made a
 * page table, which a writable reference that is left over would bar.
 * A wrong host: stops, or leaves a writable mapping of a frame that it no longer counts.
 */
#include "grants.h"

bool grants_up(void)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t frame;

	if (v1)
		return true;
	self = own_domid();
	set_xen_guest_handle(s.frame_list, &frame);
	if (grant_op(GNTTABOP_setup_table, &s, 1) || s.status)
		return false;
	v1 = window(0);
	return !map_page(v1, frame << PAGE_SHIFT | PTE_RW);
}

/* Is the page held by nobody but its mapping here? Then it can be a page table. */
bool page_idle(void *page)
{
	memset(page, 0, PAGE_SIZE);
	if (page_ro(page) || ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(page), 0))
		return false;
	return !ext_op(MMUEXT_UNPIN_TABLE, mfn_of(page), 0) && !page_rw(page);
}

void expect_idle(grant_ref_t ref, void *page)
{
	EXPECT_HEX(v1[ref].flags & (GTF_reading | GTF_writing), 0);
	v1[ref].flags = 0;
	EXPECT(page_idle(page));
	page_free(page);
}

CASE(xsa_18, "swap_grant_ref: references beyond the table are refused")
{
	static const grant_ref_t bad[] = { 0x10000, 0x7fffffff, 0x80000000, 0xffffffff };

	NEED(grants_up());
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		struct gnttab_swap_grant_ref s = { .ref_a = 20, .ref_b = bad[i], .status = 99 };

		EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
		EXPECT_RC(s.status, GNTST_bad_gntref);
		s.ref_a = bad[i];
		s.ref_b = 20;
		EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
		EXPECT_RC(s.status, GNTST_bad_gntref);
	}
}

CASE(xsa_24, "counts that are negative, or whose array would wrap: an error at once, no endless loop")
{
	static struct gnttab_map_grant_ref m;

	NEED(grants_up());
	for (unsigned op = 0; op < 13; op++) {
		EXPECT_REFUSED(grant_op(op, &m, 0x80000000));
		EXPECT_REFUSED(grant_op(op, &m, 0xffffffff));
		EXPECT_REFUSED(grant_op(op, (void *)~0xfffUL, 0x7fffffff));
	}
}

CASE(xsa_26, "the version is switched to and fro: the table is whole each time, and grants work after")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	for (int i = 0; i < 20; i++) {
		struct gnttab_set_version s = { .version = i & 1 ? 1 : 2 };

		EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), 0);
		EXPECT_RC(s.version, i & 1 ? 1 : 2);
	}
	grant_v1(20, a, 0);
	EXPECT_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map, 20), GNTST_okay);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), 0), GNTST_okay);
	expect_idle(20, a);
}

CASE(xsa_50, "a mapping that fails at each of its steps gives back all that it took (also XSA-316: an "
	"error is never a success)")
{
	u64 *a = page_alloc(), *table = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	grant_v1(21, a, 0);
	for (int i = 0; i < 50; i++) {
		EXPECT(map_ref(&m, (u64)UNMAPPED_PTR, GNTMAP_host_map, 21) < 0);
		EXPECT(map_ref(&m, (u64)BAD_PTR, GNTMAP_host_map, 21) < 0);
		EXPECT(map_ref(&m, (u64)NONCANON_PTR, GNTMAP_host_map, 21) < 0);
		EXPECT(map_ref(&m, mfn_of(a) << PAGE_SHIFT, GNTMAP_host_map | GNTMAP_contains_pte, 21) < 0);
		EXPECT(map_ref(&m, 0xfffffffff000, GNTMAP_host_map | GNTMAP_contains_pte, 21) < 0);
	}
	expect_idle(21, a);
	EXPECT_RC(page_ro(table), 0);
	NEED(!ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(table), 0));
	grant_v1(22, table, 0);
	EXPECT(map_ref(&m, (u64)window(10), GNTMAP_host_map, 22) < 0);
	EXPECT(map_ref(&m, (u64)window(10), GNTMAP_device_map, 22) < 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(table), 0), 0);
	EXPECT_RC(page_rw(table), 0);
	expect_idle(22, table);
}

CASE(xsa_134, "swap_grant_ref: entries in use are not swapped, and an entry with itself is nothing")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;
	struct gnttab_swap_grant_ref s = { .ref_a = 23, .ref_b = 24, .status = 99 };

	NEED(grants_up());
	grant_v1(23, a, 0);
	v1[24].flags = 0;
	NEED(!map_ref(&m, (u64)window(10), GNTMAP_host_map, 23));
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_eagain);
	s.ref_a = 24;
	s.ref_b = 23;
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_eagain);
	EXPECT_HEX(v1[24].flags, 0);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), 0), GNTST_okay);
	s.ref_a = s.ref_b = 23;
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_HEX(v1[23].flags, GTF_permit_access);
	EXPECT_HEX(v1[23].frame, mfn_of(a));
	expect_idle(23, a);
}

CASE(xsa_214, "transfer: a page that is mapped, a page table, granted, pinned is not given away (also "
	"XSA-217, XSA-284)")
{
	u64 *a = page_alloc(), *table = page_alloc();
	struct gnttab_transfer t = { .mfn = mfn_of(a), .domid = self, .ref = 25, .status = 99 };
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	t.domid = self;
	v1[25].domid = self;
	v1[25].frame = 5;
	v1[25].flags = GTF_accept_transfer;
	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT_RC(t.status, GNTST_bad_page);
	NEED(!page_ro(table) && !ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(table), 0));
	t.mfn = mfn_of(table);
	map_page(table, 0);
	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT_RC(t.status, GNTST_bad_page);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(table), 0), 0);
	EXPECT_RC(page_rw(table), 0);
	grant_v1(26, a, 0);
	NEED(!map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_readonly, 26));
	map_page(a, 0);
	t.mfn = mfn_of(a);
	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT_RC(t.status, GNTST_bad_page);
	EXPECT_RC(page_rw(a), 0);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), 0), GNTST_okay);
	t.mfn = start_info->shared_info >> PAGE_SHIFT;
	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT_RC(t.status, GNTST_bad_page);
	EXPECT_HEX(v1[25].flags, GTF_accept_transfer);
	v1[25].flags = 0;
	expect_idle(26, a);
	page_free(table);
}

CASE(xsa_224, "a mapping for host and device is unmapped by halves: what is left still holds the page; "
	"neither half goes twice")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	grant_v1(27, a, 0);
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_device_map, 27), GNTST_okay);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), 0), GNTST_okay);
	EXPECT_HEX(v1[27].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(page_ro(a), 0);
	EXPECT_REFUSED(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(a), 0));	/* the device may write it still */
	EXPECT_RC(page_rw(a), 0);
	unmap_parts(m.handle, (u64)window(10), 0);
	EXPECT_HEX(v1[27].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(unmap_parts(m.handle, 0, m.dev_bus_addr), GNTST_okay);
	EXPECT_HEX(v1[27].flags & (GTF_reading | GTF_writing), 0);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), m.dev_bus_addr), GNTST_bad_handle);
	expect_idle(27, a);
}

CASE(xsa_394, "the halves the other way round, both at once, neither, and a wrong bus address")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	grant_v1(28, a, 0);
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_device_map, 28), GNTST_okay);
	EXPECT(unmap_parts(m.handle, 0, m.dev_bus_addr + PAGE_SIZE) < 0);
	EXPECT_RC(unmap_parts(m.handle, 0, m.dev_bus_addr), GNTST_okay);
	EXPECT_HEX(v1[28].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	unmap_parts(m.handle, 0, m.dev_bus_addr);
	unmap_parts(m.handle, 0, 0);
	EXPECT_HEX(v1[28].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), 0), GNTST_okay);
	EXPECT_HEX(v1[28].flags & (GTF_reading | GTF_writing), 0);
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly, 28), GNTST_okay);
	EXPECT_HEX(v1[28].flags & (GTF_reading | GTF_writing), GTF_reading);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(10), m.dev_bus_addr), GNTST_okay);
	expect_idle(28, a);
}

CASE(xsa_227, "a page-table entry to write must be aligned: an address within an entry is refused, and "
	"nothing written")
{
	u64 *a = page_alloc(), ptr, was[2];
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	map_page(window(11), 0);
	ptr = pte_ptr(window(10), 1);
	was[0] = pte_read(window(10), 1);
	was[1] = pte_read(window(11), 1);
	grant_v1(29, a, 0);
	for (u64 off = 1; off < 8; off++) {
		EXPECT(map_ref(&m, ptr + off, GNTMAP_host_map | GNTMAP_contains_pte, 29) < 0);
		EXPECT_HEX(pte_read(window(10), 1), was[0]);
		EXPECT_HEX(pte_read(window(11), 1), was[1]);
	}
	REQUIRE_RC(map_ref(&m, ptr, GNTMAP_host_map | GNTMAP_contains_pte, 29), GNTST_okay);
	for (u64 off = 1; off < 8; off++)
		EXPECT(unmap_parts(m.handle, ptr + off, 0) < 0);
	EXPECT_RC(unmap_parts(m.handle, ptr, 0), GNTST_okay);
	expect_idle(29, a);
}

CASE(xsa_230, "the reading and writing bits stay as long as somebody reads or writes, whatever ends in "
	"between")
{
	u64 *a = page_alloc(), *b = page_alloc();
	struct gnttab_map_grant_ref rw, ro;
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = 8, .source.u.ref = 30, .dest.domid = DOMID_SELF };

	NEED(grants_up());
	grant_v1(30, a, 0);
	c.source.domid = self;
	c.dest.u.gmfn = mfn_of(b);
	REQUIRE_RC(map_ref(&rw, (u64)window(10), GNTMAP_host_map, 30), GNTST_okay);
	REQUIRE_RC(map_ref(&ro, (u64)window(11), GNTMAP_host_map | GNTMAP_readonly, 30), GNTST_okay);
	EXPECT_RC(grant_op(GNTTABOP_copy, &c, 1), 0);
	EXPECT_RC(c.status, GNTST_okay);
	EXPECT_HEX(v1[30].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(unmap_parts(ro.handle, (u64)window(11), 0), GNTST_okay);
	EXPECT_HEX(v1[30].flags & GTF_writing, GTF_writing);
	REQUIRE_RC(map_ref(&ro, (u64)window(11), GNTMAP_host_map | GNTMAP_readonly, 30), GNTST_okay);
	EXPECT_RC(unmap_parts(rw.handle, (u64)window(10), 0), GNTST_okay);
	EXPECT_HEX(v1[30].flags & (GTF_reading | GTF_writing), GTF_reading);
	EXPECT_RC(grant_op(GNTTABOP_copy, &c, 1), 0);
	EXPECT_HEX(v1[30].flags & (GTF_reading | GTF_writing), GTF_reading);
	EXPECT_RC(unmap_parts(ro.handle, (u64)window(11), 0), GNTST_okay);
	expect_idle(30, a);
	page_free(b);
}

CASE(xsa_232, "cache_flush of frames that no domain with a grant table owns: an error")
{
	static const u64 frame[] = { 0, 1, 0x200, 0xa0, 0xfee00, 0xfffff, 0x7ffffffff, 0xfffffffffffff };

	for (unsigned i = 0; i < ARRAY_SIZE(frame); i++) {
		struct gnttab_cache_flush c = { .a.dev_bus_addr = frame[i] << PAGE_SHIFT, .length = 8,
						.op = GNTTAB_CACHE_CLEAN | GNTTAB_CACHE_INVAL };

		EXPECT_REFUSED(grant_op(GNTTABOP_cache_flush, &c, 1));
	}
}

/*
 * The frame is mapped writable at A and read-only at B. If a handle could be given back by the other's address, the writable
 * entry would stay behind with nobody counting it.
 */
CASE(xsa_234, "a mapping is unmapped by an entry of its own kind only: not a writable one by a read-only "
	"entry, nor by none")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref rw, ro;

	NEED(grants_up());
	grant_v1(31, a, 0);
	REQUIRE_RC(map_ref(&rw, (u64)window(10), GNTMAP_host_map, 31), GNTST_okay);
	REQUIRE_RC(map_ref(&ro, (u64)window(11), GNTMAP_host_map | GNTMAP_readonly, 31), GNTST_okay);
	EXPECT_RC(unmap_parts(rw.handle, (u64)window(11), 0), GNTST_general_error);
	EXPECT_RC(unmap_parts(rw.handle, pte_ptr(window(11), 1), 0), GNTST_general_error);
	EXPECT(pte_read(window(11), 1) & PTE_P);
	EXPECT_RC(unmap_parts(ro.handle, (u64)window(10), 0), GNTST_general_error);
	EXPECT(pte_read(window(10), 1) & PTE_W);
	EXPECT_HEX(v1[31].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(page_ro(a), 0);
	EXPECT_REFUSED(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(a), 0));
	EXPECT_RC(page_rw(a), 0);
	EXPECT_RC(unmap_parts(rw.handle, (u64)window(10), 0), GNTST_okay);
	EXPECT_RC(unmap_parts(ro.handle, (u64)window(10), 0), GNTST_general_error);	/* not there any more */
	EXPECT_RC(unmap_parts(ro.handle, (u64)window(11), 0), GNTST_okay);
	expect_idle(31, a);
}

CASE(xsa_318, "a thousand copies in one call, preempted or not: all done, and the call's result is 0")
{
	static struct gnttab_copy c[1000];
	u64 *a = page_alloc(), *b = page_alloc();
	unsigned bad = 0;

	NEED(grants_up());
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = (struct gnttab_copy){
			.source = { .u.gmfn = mfn_of(a), .domid = DOMID_SELF, .offset = i % 512 * 8 },
			.dest = { .u.gmfn = mfn_of(b), .domid = DOMID_SELF, .offset = i % 512 * 8 },
			.len = 8, .status = 99,
		};
	for (unsigned i = 0; i < 512; i++)
		a[i] = i + 1;
	EXPECT_RC(grant_op(GNTTABOP_copy, c, ARRAY_SIZE(c)), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		bad += c[i].status != GNTST_okay;
	EXPECT_RC(bad, 0);
	EXPECT_RC(memcmp(a, b, PAGE_SIZE), 0);
	page_free(a);
	page_free(b);
}

static int copy_8(bool from_ref, grant_ref_t ref, void *other)
{
	struct gnttab_copy c = { .flags = from_ref ? GNTCOPY_source_gref : GNTCOPY_dest_gref, .len = 8, .status = 99 };
	struct gnttab_copy_ptr *granted = from_ref ? (void *)&c.source : (void *)&c.dest;
	struct gnttab_copy_ptr *mine = from_ref ? (void *)&c.dest : (void *)&c.source;

	granted->u.ref = ref;
	granted->domid = self;
	mine->u.gmfn = mfn_of(other);
	mine->domid = DOMID_SELF;
	return grant_op(GNTTABOP_copy, &c, 1) ? 98 : c.status;
}

/* While the grant is in use the entry names another frame, which the granter might not even own: what was checked must be used. */
CASE(xsa_500, "copies by a grant that is mapped, whose entry names another frame by now: the mapped frame's contents, or an error")
{
	u64 *a = page_alloc(), *b = page_alloc(), *l4 = (u64 *)start_info->pt_base, was = l4[0];
	u64 other[] = { mfn_of(b), mfn_of(l4), PTE_MFN(pte_read(v1, 1)), 0, 0xfee00, 0xffffffff };
	struct gnttab_map_grant_ref m;

	NEED(grants_up());
	a[0] = 0x1111;
	grant_v1(70, a, GTF_readonly);
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_readonly, 70), GNTST_okay);
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
		v1[70].frame = other[i];
		b[0] = 0x2222;
		EXPECT_RC(copy_8(true, 70, b), GNTST_okay);
		EXPECT_HEX(b[0], 0x1111);
		EXPECT(copy_8(false, 70, b) < 0);
		EXPECT_HEX(a[0], 0x1111);
		EXPECT_HEX(l4[0], was);
	}
	/* Writable by now: but then the frame that is mapped. */
	v1[70].flags &= ~GTF_readonly;
	for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
		v1[70].frame = other[i];
		b[0] = 0x3333 + i;
		a[0] = 0x1111;
		if (copy_8(false, 70, b) == GNTST_okay)
			EXPECT_HEX(a[0], 0x3333 + i);
		else
			EXPECT_HEX(a[0], 0x1111);
		EXPECT_HEX(b[0], 0x3333 + i);
		EXPECT_HEX(l4[0], was);
	}
	EXPECT_RC(unmap_handle(m.handle, (u64)window(10)), GNTST_okay);
	EXPECT(page_idle(b));
	page_free(b);
	expect_idle(70, a);
}
