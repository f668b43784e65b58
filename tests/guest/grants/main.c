/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grants, version 1, of a domain to itself. (Between two domains: the suite "domains".)
 *
 * What could be wrong: a grant lets another domain touch a page; the host alone checks who may, counts the uses in the
 * entry's flags, and must take every reference back.
 * How it is provoked: pages are granted, mapped in every way, copied, transferred, and asked for wrongly; after each the page
 * must be ordinary memory and the entry must be idle.
 * A wrong host: maps writable what was granted read-only, forgets the reading or writing bit, leaks a reference.
 */
#include "grants.h"

CASE(query_size, "query_size: a version 1 table of at least a frame to come, of oneself and of nobody else")
{
	struct gnttab_query_size q = { .dom = DOMID_SELF, .status = 99 };

	self = own_domid();
	EXPECT_RC(grant_op(GNTTABOP_query_size, &q, 1), 0);
	EXPECT_RC(q.status, GNTST_okay);
	EXPECT(q.max_nr_frames >= 4 && q.nr_frames <= q.max_nr_frames);
	q.dom = 4321;
	EXPECT_RC(grant_op(GNTTABOP_query_size, &q, 1), 0);
	EXPECT_RC(q.status, GNTST_bad_domain);
	EXPECT_RC(grant_op(GNTTABOP_query_size, &q, 2), -XEN_EINVAL);
	EXPECT_RC(grant_op(GNTTABOP_query_size, BAD_PTR, 1), -XEN_EFAULT);
}

CASE(setup, "setup_table gives frames that can be mapped writable; more than the limit, too many arguments are refused")
{
	xen_pfn_t frames[4] = { 0 };
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 4, .status = 99 };

	set_xen_guest_handle(s.frame_list, frames);
	REQUIRE_RC(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	REQUIRE_RC(s.status, GNTST_okay);
	for (int i = 0; i < 4; i++)
		EXPECT_RC(map_page(window(100 + i), frames[i] << 12 | PTE_RW), 0);
	v1 = window(100);
	for (int i = 8; i < 2048; i++)
		if (v1[i].flags || v1[i].domid || v1[i].frame) {
			fail_at(__FILE__, __LINE__, "entry %d is not empty", i);
			break;
		}
	s.nr_frames = 100000;
	EXPECT_RC(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_general_error);
	s.nr_frames = 1;
	s.dom = 4321;
	EXPECT_RC(grant_op(GNTTABOP_setup_table, &s, 1), 0);
	EXPECT_RC(s.status, GNTST_bad_domain);
	EXPECT_RC(grant_op(GNTTABOP_setup_table, &s, 2), -XEN_EINVAL);
}

CASE(map, "a granted page is mapped at an address, shares its data, and the entry says reading and writing meanwhile")
{
	u64 *a = page_alloc(), *w = window(10);
	struct gnttab_map_grant_ref m;

	NEED(v1);
	grant_v1(20, a, 0);
	a[0] = 5;
	REQUIRE_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 20), GNTST_okay);
	EXPECT_HEX(v1[20].flags, GTF_permit_access | GTF_reading | GTF_writing);
	EXPECT_HEX(m.dev_bus_addr, mfn_of(a) << 12);
	EXPECT_RC(w[0], 5);
	w[1] = 6;
	EXPECT_RC(a[1], 6);
	EXPECT_RC(unmap_handle(m.handle, (u64)w), GNTST_okay);
	EXPECT_HEX(v1[20].flags, GTF_permit_access);
	EXPECT_RC(CATCH((void)*(volatile u64 *)w), X_PF);
	EXPECT_RC(unmap_handle(m.handle, (u64)w), GNTST_bad_handle);
	v1[20].flags = 0;
	page_free(a);
}

CASE(map_readonly, "a read-only grant maps read-only; asked for writable it is refused")
{
	u64 *a = page_alloc(), *w = window(10);
	struct gnttab_map_grant_ref m;

	NEED(v1);
	grant_v1(21, a, GTF_readonly);
	EXPECT_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 21), GNTST_general_error);
	EXPECT_HEX(v1[21].flags, GTF_permit_access | GTF_readonly);
	REQUIRE_RC(map_ref(&m, (u64)w, GNTMAP_host_map | GNTMAP_readonly, 21), GNTST_okay);
	EXPECT_HEX(v1[21].flags, GTF_permit_access | GTF_readonly | GTF_reading);
	EXPECT_RC(CATCH(*(volatile u64 *)w = 1), X_PF);
	EXPECT_RC(unmap_handle(m.handle, (u64)w), GNTST_okay);
	EXPECT_HEX(v1[21].flags, GTF_permit_access | GTF_readonly);
	v1[21].flags = 0;
	page_free(a);
}

CASE(map_twice, "two mappings of one grant are counted; the bits go with the last")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m, n;

	NEED(v1);
	grant_v1(22, a, 0);
	REQUIRE_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map, 22), GNTST_okay);
	REQUIRE_RC(map_ref(&n, (u64)window(11), GNTMAP_host_map | GNTMAP_readonly, 22), GNTST_okay);
	EXPECT(m.handle != n.handle);
	EXPECT_HEX(v1[22].flags, GTF_permit_access | GTF_reading | GTF_writing);
	EXPECT_RC(unmap_handle(m.handle, (u64)window(10)), GNTST_okay);
	EXPECT_HEX(v1[22].flags, GTF_permit_access | GTF_reading);
	EXPECT_RC(unmap_handle(n.handle, (u64)window(11)), GNTST_okay);
	EXPECT_HEX(v1[22].flags, GTF_permit_access);
	v1[22].flags = 0;
	page_free(a);
}

CASE(map_pte, "GNTMAP_contains_pte: the entry to write is named by its machine address")
{
	u64 *a = page_alloc(), *w = window(12), pte = pte_ptr(w, 1);
	struct gnttab_map_grant_ref m;

	NEED(v1);
	grant_v1(23, a, 0);
	a[0] = 9;
	REQUIRE_RC(map_ref(&m, pte, GNTMAP_host_map | GNTMAP_contains_pte, 23), GNTST_okay);
	EXPECT_RC(w[0], 9);
	EXPECT_RC(unmap_handle(m.handle, pte), GNTST_okay);
	EXPECT_HEX(pte_read(w, 1), 0);
	EXPECT_RC(map_ref(&m, pte + 3, GNTMAP_host_map | GNTMAP_contains_pte, 23), GNTST_general_error);
	EXPECT_RC(map_ref(&m, mfn_of(a) << 12, GNTMAP_host_map | GNTMAP_contains_pte, 23), GNTST_general_error);
	EXPECT_HEX(v1[23].flags, GTF_permit_access);
	v1[23].flags = 0;
	page_free(a);
}

CASE(map_errors, "map: references that are idle, another's, beyond the table; domains and addresses that are not there; flags")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m = { 0 };
	u64 w = (u64)window(10);

	NEED(v1);
	grant_v1(24, a, 0);
	EXPECT_RC(map_ref(&m, w, GNTMAP_host_map, 25), GNTST_general_error);	/* idle */
	EXPECT_RC(map_ref(&m, w, GNTMAP_host_map, 1 << 24), GNTST_bad_gntref);
	EXPECT_RC(map_ref(&m, w, 0, 24), GNTST_bad_gntref);
	EXPECT_RC(map_ref(&m, w, GNTMAP_readonly, 24), GNTST_bad_gntref);
	EXPECT_RC(map_ref(&m, (u64)UNMAPPED_PTR, GNTMAP_host_map, 24), GNTST_general_error);
	EXPECT_RC(map_ref(&m, (u64)BAD_PTR, GNTMAP_host_map, 24), GNTST_general_error);
	EXPECT_HEX(v1[24].flags, GTF_permit_access);
	v1[24].domid = 4321;
	EXPECT_RC(map_ref(&m, w, GNTMAP_host_map, 24), GNTST_general_error);
	v1[24].domid = self;
	v1[24].frame = 0xfffffff;
	EXPECT_RC(map_ref(&m, w, GNTMAP_host_map, 24), GNTST_bad_page);
	EXPECT_HEX(v1[24].flags, GTF_permit_access);
	m = (struct gnttab_map_grant_ref){ .host_addr = w, .flags = GNTMAP_host_map, .ref = 24, .dom = 4321 };
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	EXPECT_RC(m.status, GNTST_bad_domain);
	m.dom = DOMID_SELF;
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, &m, 1), 0);
	EXPECT_RC(m.status, GNTST_bad_domain);
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, BAD_PTR, 1), -XEN_EFAULT);
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, &m, 0), 0);
	v1[24].flags = 0;
	page_free(a);
}

CASE(unmap_errors, "unmap: handles never given, an address that holds something else; the mapping stays")
{
	u64 *a = page_alloc(), *w = window(10);
	struct gnttab_map_grant_ref m;

	NEED(v1);
	grant_v1(26, a, 0);
	REQUIRE_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 26), GNTST_okay);
	EXPECT_RC(unmap_handle(m.handle + 1, (u64)w), GNTST_bad_handle);
	EXPECT_RC(unmap_handle(0xffffffff, (u64)w), GNTST_bad_handle);
	EXPECT_RC(unmap_handle(m.handle, (u64)window(13)), GNTST_general_error);
	EXPECT_RC(unmap_handle(m.handle, (u64)UNMAPPED_PTR), GNTST_general_error);
	EXPECT_HEX(v1[26].flags & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	EXPECT_RC(unmap_handle(m.handle, (u64)w), GNTST_okay);
	EXPECT_HEX(v1[26].flags, GTF_permit_access);
	v1[26].flags = 0;
	page_free(a);
}

CASE(table_granted, "a page-table page cannot be granted writable, and a granted writable page cannot become one")
{
	u64 *l1 = page_alloc(), *w = window(10);
	struct gnttab_map_grant_ref m;

	NEED(v1 && !page_ro(l1) && !ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0));
	grant_v1(27, l1, 0);
	EXPECT_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 27), GNTST_general_error);
	EXPECT_HEX(v1[27].flags, GTF_permit_access);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	REQUIRE_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 27), GNTST_okay);
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), -XEN_EINVAL);
	EXPECT_RC(unmap_handle(m.handle, (u64)w), GNTST_okay);
	EXPECT_RC(ext_op(MMUEXT_PIN_L1_TABLE, mfn_of(l1), 0), 0);
	EXPECT_RC(ext_op(MMUEXT_UNPIN_TABLE, mfn_of(l1), 0), 0);
	v1[27].flags = 0;
	EXPECT_RC(page_rw(l1), 0);
	page_free(l1);
}

CASE(batch, "one call maps several; each has its own status")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m[3] = { 0 };
	struct gnttab_unmap_grant_ref u[2] = { 0 };

	NEED(v1);
	grant_v1(28, a, 0);
	for (int i = 0; i < 3; i++)
		m[i] = (struct gnttab_map_grant_ref){ (u64)window(10 + i), GNTMAP_host_map, i == 1 ? 29 : 28, self, 99, 0, 0 };
	EXPECT_RC(grant_op(GNTTABOP_map_grant_ref, m, 3), 0);
	EXPECT_RC(m[0].status, GNTST_okay);
	EXPECT_RC(m[1].status, GNTST_general_error);
	EXPECT_RC(m[2].status, GNTST_okay);
	u[0] = (struct gnttab_unmap_grant_ref){ (u64)window(10), 0, m[0].handle, 99 };
	u[1] = (struct gnttab_unmap_grant_ref){ (u64)window(12), 0, m[2].handle, 99 };
	EXPECT_RC(grant_op(GNTTABOP_unmap_grant_ref, u, 2), 0);
	EXPECT_RC(u[0].status, GNTST_okay);
	EXPECT_RC(u[1].status, GNTST_okay);
	EXPECT_HEX(v1[28].flags, GTF_permit_access);
	v1[28].flags = 0;
	page_free(a);
}

CASE(unmap_and_replace, "the mapping moves away and another one takes its place at once")
{
	u64 *a = page_alloc(), *b = page_alloc(), *w = window(14), *spare = window(15);
	struct gnttab_map_grant_ref m;
	struct gnttab_unmap_and_replace r = { .host_addr = (u64)w, .new_addr = (u64)spare, .status = 99 };

	NEED(v1);
	grant_v1(30, a, 0);
	b[0] = 0xb;
	NEED(!map_page(spare, mfn_of(b) << 12 | PTE_RW));
	REQUIRE_RC(map_ref(&m, (u64)w, GNTMAP_host_map, 30), GNTST_okay);
	r.handle = m.handle;
	EXPECT_RC(grant_op(GNTTABOP_unmap_and_replace, &r, 1), 0);
	EXPECT_RC(r.status, GNTST_okay);
	EXPECT_HEX(w[0], 0xb);
	EXPECT_HEX(pte_read(spare, 1), 0);
	EXPECT_HEX(v1[30].flags, GTF_permit_access);
	EXPECT_RC(map_page(w, 0), 0);
	v1[30].flags = 0;
	page_free(a);
	page_free(b);
}
