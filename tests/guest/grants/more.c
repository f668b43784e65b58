/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant copies, swaps, transfers and version 2.
 *
 * What could be wrong: a copy has two ends, each a frame or a grant, with offsets that may run over; version 2 moves the use
 * bits into frames of their own and adds grants of a part of a page.
 * How it is provoked: both ends in all kinds, lengths at and over the edge, the switch between the versions and back.
 * A wrong host: writes through a read-only grant, copies past the end, keeps stale status bits over the switch.
 */
#include "grants.h"

static int copy(struct gnttab_copy *c)
{
	c->status = 99;
	return grant_op(GNTTABOP_copy, c, 1) ? 98 : c->status;
}

static struct gnttab_copy plain(const void *from, u16 from_off, const void *to, u16 to_off, u16 len)
{
	struct gnttab_copy c = { 0 };

	c.source.domid = c.dest.domid = DOMID_SELF;
	c.source.u.gmfn = mfn_of(from);
	c.source.offset = from_off;
	c.dest.u.gmfn = mfn_of(to);
	c.dest.offset = to_off;
	c.len = len;
	return c;
}

CASE(copy_frames, "copy between two frames of one's own, with offsets, up to the page's end and not beyond")
{
	u8 *a = page_alloc(), *b = page_alloc();
	struct gnttab_copy c;

	memset(a, 0xa5, PAGE_SIZE);
	c = plain(a, 100, b, 200, 50);
	EXPECT_RC(copy(&c), GNTST_okay);
	EXPECT_HEX(b[199], 0);
	EXPECT_HEX(b[200], 0xa5);
	EXPECT_HEX(b[249], 0xa5);
	EXPECT_HEX(b[250], 0);
	c = plain(a, 0, b, 0, PAGE_SIZE);
	EXPECT_RC(copy(&c), GNTST_okay);
	EXPECT_HEX(b[4095], 0xa5);
	c = plain(a, 1, b, 0, PAGE_SIZE);
	EXPECT_RC(copy(&c), GNTST_bad_copy_arg);
	c = plain(a, 0, b, 4096, 1);
	EXPECT_RC(copy(&c), GNTST_bad_copy_arg);
	c = plain(a, 0, b, 0, 0);
	EXPECT_RC(copy(&c), GNTST_okay);
	c = plain(a, 0, b, 0, 8);
	c.dest.u.gmfn = 0xfffffff;
	EXPECT_RC(copy(&c), GNTST_bad_page);
	c = plain(a, 0, b, 0, 8);
	c.source.domid = self;	/* a frame may be named by DOMID_SELF only */
	EXPECT_RC(copy(&c), GNTST_permission_denied);
	c.source.domid = 4321;
	c.flags = GNTCOPY_source_gref;
	c.source.u.ref = 40;
	EXPECT_RC(copy(&c), GNTST_bad_domain);
	EXPECT_RC(grant_op(GNTTABOP_copy, BAD_PTR, 1), -XEN_EFAULT);
	page_free(a);
	page_free(b);
}

CASE(copy_within_a_frame, "source and destination that overlap, either way: as if by way of a third page")
{
	u8 *a = page_alloc();
	struct gnttab_copy c;
	unsigned wrong = 0;

	SKIP_IF(host_is_xen(), "Xen copies upwards, and nobody promised more");
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		a[i] = i % 251;
	c = plain(a, 9, a, 0, 2388);
	EXPECT_RC(copy(&c), GNTST_okay);
	for (unsigned i = 0; i < 2388; i++)
		wrong += a[i] != (i + 9) % 251;
	EXPECT_HEX(wrong, 0);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		a[i] = i % 251;
	c = plain(a, 0, a, 169, 2388);
	EXPECT_RC(copy(&c), GNTST_okay);
	for (unsigned i = 0; i < 2388; i++)
		wrong += a[i + 169] != i % 251;
	EXPECT_HEX(wrong, 0);
	page_free(a);
}

CASE(copy_grants, "copy from and to grants: read-only ones only from, idle ones not at all; the bits come back")
{
	u64 *a = page_alloc(), *b = page_alloc();
	struct gnttab_copy c;

	NEED(v1);
	a[0] = 0x1234;
	grant_v1(40, a, GTF_readonly);
	grant_v1(41, b, 0);
	c = plain(a, 0, b, 8, 8);
	c.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
	c.source.domid = c.dest.domid = self;
	c.source.u.ref = 40;
	c.dest.u.ref = 41;
	EXPECT_RC(copy(&c), GNTST_okay);
	EXPECT_HEX(b[1], 0x1234);
	EXPECT_HEX(v1[40].flags, GTF_permit_access | GTF_readonly);
	EXPECT_HEX(v1[41].flags, GTF_permit_access);
	c.source.u.ref = 41;
	c.dest.u.ref = 40;
	EXPECT_RC(copy(&c), GNTST_general_error);
	c.dest.u.ref = 42;
	EXPECT_RC(copy(&c), GNTST_general_error);
	c.dest.u.ref = 1 << 24;
	EXPECT_RC(copy(&c), GNTST_bad_gntref);
	EXPECT_HEX(v1[41].flags, GTF_permit_access);
	v1[40].flags = v1[41].flags = 0;
	page_free(a);
	page_free(b);
}

CASE(copy_batch, "several copies in one call, the failed one alone has its status")
{
	u64 *a = page_alloc(), *b = page_alloc();
	struct gnttab_copy c[3];

	a[0] = 7;
	for (int i = 0; i < 3; i++)
		c[i] = plain(a, 0, b, i * 8, i == 1 ? 5000 : 8);
	EXPECT_RC(grant_op(GNTTABOP_copy, c, 3), 0);
	EXPECT_RC(c[0].status, GNTST_okay);
	EXPECT_RC(c[1].status, GNTST_bad_copy_arg);
	EXPECT_RC(c[2].status, GNTST_okay);
	EXPECT_RC(b[0] + b[1] + b[2], 14);
	page_free(a);
	page_free(b);
}

CASE(swap, "swap_grant_ref exchanges two idle entries")
{
	u64 *a = page_alloc(), *b = page_alloc();
	struct gnttab_swap_grant_ref s = { .ref_a = 50, .ref_b = 51, .status = 99 };
	struct gnttab_map_grant_ref m;

	NEED(v1);
	grant_v1(50, a, GTF_readonly);
	grant_v1(51, b, 0);
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_okay);
	EXPECT_HEX(v1[50].frame, mfn_of(b));
	EXPECT_HEX(v1[51].flags, GTF_permit_access | GTF_readonly);
	s.ref_b = 1 << 24;
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_bad_gntref);
	NEED(map_ref(&m, (u64)window(10), GNTMAP_host_map, 50) == GNTST_okay);
	s.ref_b = 51;
	EXPECT_RC(grant_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_eagain);
	EXPECT_RC(unmap_handle(m.handle, (u64)window(10)), GNTST_okay);
	v1[50].flags = v1[51].flags = 0;
	page_free(a);
	page_free(b);
}

CASE(cache_flush, "cache_flush: of one's own frame, with bad ranges and operations")
{
	u64 *a = page_alloc();
	struct gnttab_cache_flush f = { .a.dev_bus_addr = mfn_of(a) << 12, .offset = 0, .length = 64,
					.op = GNTTAB_CACHE_CLEAN };

	EXPECT_RC(grant_op(GNTTABOP_cache_flush, &f, 1), 0);
	f.length = 0;
	EXPECT_RC(grant_op(GNTTABOP_cache_flush, &f, 1), 0);
	f.length = 64;
	f.offset = 4090;
	EXPECT_RC(grant_op(GNTTABOP_cache_flush, &f, 1), -XEN_EINVAL);
	f.offset = 0;
	f.op = 4;
	EXPECT_RC(grant_op(GNTTABOP_cache_flush, &f, 1), -XEN_EINVAL);
	f.op = GNTTAB_CACHE_CLEAN;
	f.a.dev_bus_addr = 0xffffffff000UL;
	EXPECT_REFUSED(grant_op(GNTTABOP_cache_flush, &f, 1));
	page_free(a);
}

CASE(op_errors, "unknown operations; get_version of domains that are not there; set_version of versions that are not")
{
	struct gnttab_get_version g = { .dom = DOMID_SELF };
	struct gnttab_set_version s = { .version = 3 };

	EXPECT_RC(grant_op(99, &g, 1), -XEN_ENOSYS);
	EXPECT_RC(grant_op(GNTTABOP_get_version, &g, 1), 0);
	EXPECT_RC(g.version, 1);
	g.dom = 4321;
	EXPECT_RC(grant_op(GNTTABOP_get_version, &g, 1), -XEN_ESRCH);
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), -XEN_EINVAL);
	EXPECT_RC(grant_op(GNTTABOP_set_version, BAD_PTR, 1), -XEN_EFAULT);
	EXPECT_RC(grant_op(GNTTABOP_copy, &g, 0x80000000), -XEN_EINVAL);
}

CASE(transfer, "transfer of a page to a domain that is not ready for it is refused and changes nothing")
{
	u64 *a = page_alloc();
	struct gnttab_transfer t = { .mfn = mfn_of(a), .domid = 4321, .ref = 60, .status = 99 };

	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT(t.status < 0 && t.status != 99);
	t.mfn = 0xfffffff;
	EXPECT_RC(grant_op(GNTTABOP_transfer, &t, 1), 0);
	EXPECT_RC(t.status, GNTST_bad_page);
	a[0] = 1;
	page_free(a);
}

CASE(version2, "version 2: the table is empty, status frames hold the use bits, a part of a page can be granted for copies")
{
	struct gnttab_set_version s = { .version = 2 };
	u64 frames[4] = { 0 }, *a = page_alloc(), *b = page_alloc();
	struct gnttab_get_status_frames f = { .nr_frames = 1, .dom = DOMID_SELF, .status = 99 };
	union grant_entry_v2 *v2 = window(100);
	volatile grant_status_t *status = window(110);
	struct gnttab_map_grant_ref m;
	struct gnttab_copy c;

	NEED(v1);
	REQUIRE_RC(grant_op(GNTTABOP_set_version, &s, 1), 0);
	EXPECT_RC(s.version, 2);
	set_xen_guest_handle(f.frame_list, frames);
	EXPECT_RC(grant_op(GNTTABOP_get_status_frames, &f, 1), 0);
	REQUIRE_RC(f.status, GNTST_okay);
	REQUIRE_RC(map_page((void *)status, frames[0] << 12 | PTE_RW), 0);
	v2[20].full_page.hdr.domid = self;
	v2[20].full_page.frame = mfn_of(a);
	barrier();
	v2[20].full_page.hdr.flags = GTF_permit_access;
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map, 20), GNTST_okay);
	EXPECT_HEX(v2[20].full_page.hdr.flags, GTF_permit_access);
	EXPECT_HEX(status[20], GTF_reading | GTF_writing);
	EXPECT_RC(unmap_handle(m.handle, (u64)window(10)), GNTST_okay);
	EXPECT_HEX(status[20], 0);
	v2[21].sub_page.hdr.domid = self;
	v2[21].sub_page.frame = mfn_of(a);
	v2[21].sub_page.page_off = 1024;
	v2[21].sub_page.length = 16;
	barrier();
	v2[21].sub_page.hdr.flags = GTF_permit_access | GTF_sub_page;
	a[128] = 0xfeed;
	c = plain(a, 1024, b, 0, 8);
	c.flags = GNTCOPY_source_gref;
	c.source.domid = self;
	c.source.u.ref = 21;
	EXPECT_RC(copy(&c), GNTST_okay);	/* offsets count from the page's start */
	EXPECT_HEX(b[0], 0xfeed);
	c.source.offset = 0;
	EXPECT_RC(copy(&c), GNTST_general_error);
	c.source.offset = 1036;
	EXPECT_RC(copy(&c), GNTST_general_error);
	EXPECT_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_readonly, 21), GNTST_general_error);
	v2[20].full_page.hdr.flags = v2[21].sub_page.hdr.flags = 0;
	f.nr_frames = 1000;
	EXPECT_RC(grant_op(GNTTABOP_get_status_frames, &f, 1), 0);
	EXPECT_RC(f.status, GNTST_general_error);
	page_free(a);
	page_free(b);
}

CASE(back_to_1, "back to version 1: refused while a status frame is mapped, then done, and the table works")
{
	struct gnttab_set_version s = { .version = 1 };
	struct gnttab_get_version g = { .dom = DOMID_SELF };
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(v1);
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), -XEN_EBUSY);
	EXPECT_RC(map_page(window(110), 0), 0);
	s.version = 1;
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), 0);
	EXPECT_RC(grant_op(GNTTABOP_get_version, &g, 1), 0);
	EXPECT_RC(g.version, 1);
	grant_v1(20, a, 0);
	EXPECT_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map, 20), GNTST_okay);
	s.version = 2;
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), -XEN_EBUSY);
	EXPECT_RC(unmap_handle(m.handle, (u64)window(10)), GNTST_okay);
	v1[20].flags = 0;
	page_free(a);
}
