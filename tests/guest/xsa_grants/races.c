/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advisories on grants that two vCPUs at once are needed for, and those on version 2. */
#include "grants.h"

static volatile u64 go, stop, spoiled;
static volatile int second_ok, second_bad;
static volatile grant_handle_t handle;
static volatile u64 handle_addr, handle_bus;

static bool second_down(void)
{
	stop = 1;
	return WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC);
}

/* For each go: unmaps the handle at the same moment as the other vCPU does. */
static void unmap_too(void *arg)
{
	u64 seen = 0;

	while (!stop) {
		int rc;

		if (go == seen)
			continue;
		seen = go;
		rc = unmap_parts(handle, handle_addr, handle_bus);
		if (rc == GNTST_okay)
			second_ok++;
		else
			second_bad++;
	}
}

CASE(xsa_218, "two vCPUs unmap one handle at the same moment: it is unmapped once, and the counts come out "
	"even")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;
	int ok = 0, i;
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(grants_up());
	grant_v1(40, a, 0);
	go = stop = second_ok = second_bad = 0;
	REQUIRE_RC(vcpu_start(1, unmap_too, NULL), 0);
	end = time_ns() + 700 * MS;
	for (i = 0; time_ns() < end && !case_bad(); i++) {
		if (!EXPECT_RC(map_ref(&m, (u64)window(10), GNTMAP_host_map | (i & 1 ? GNTMAP_device_map : 0), 40), GNTST_okay))
			break;
		handle = m.handle;
		handle_addr = (u64)window(10);
		handle_bus = i & 1 ? m.dev_bus_addr : 0;
		barrier();
		go++;
		for (volatile int n = i % 40; n; n--)
			;
		ok += unmap_parts(m.handle, handle_addr, handle_bus) == GNTST_okay;
		EXPECT(WAIT_FOR(second_ok + second_bad == i + 1, 2 * SEC));
	}
	EXPECT(second_down());
	EXPECT_RC(ok + second_ok, i);
	expect_idle(40, a);
}

static u64 *second_page;

/* Maps and unmaps a grant of its own all the time. */
static void map_too(void *arg)
{
	struct gnttab_map_grant_ref m;

	while (!stop) {
		if (map_ref(&m, (u64)window(12), GNTMAP_host_map, 42) || unmap_parts(m.handle, (u64)window(12), 0))
			spoiled = 1;
		second_ok++;
	}
}

CASE(xsa_228, "two vCPUs take and give back handles all the time: each handle is one's own (the free list "
	"holds)")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m[8];
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(grants_up());
	second_page = page_alloc();
	grant_v1(41, a, 0);
	grant_v1(42, second_page, 0);
	stop = spoiled = second_ok = 0;
	REQUIRE_RC(vcpu_start(1, map_too, NULL), 0);
	for (end = time_ns() + 700 * MS; run_on(end, second_ok > 0) && !case_bad(); ) {
		for (unsigned k = 0; k < 8; k++)
			EXPECT_RC(map_ref(&m[k], (u64)window(20 + k), GNTMAP_host_map, 41), GNTST_okay);
		for (unsigned k = 0; k < 8; k++)
			for (unsigned j = 0; j < k; j++)
				EXPECT(m[k].handle != m[j].handle);
		for (unsigned k = 0; k < 8; k++)
			EXPECT_RC(unmap_parts(m[k].handle, (u64)window(20 + k), 0), GNTST_okay);
	}
	EXPECT(second_down());
	EXPECT(!spoiled && second_ok > 0);
	expect_idle(41, a);
	expect_idle(42, second_page);
}

/* Changes the entry under the host's eyes: another page, read-only, idle. */
static void change_entry(void *arg)
{
	while (!stop) {
		v1[43].frame = mfn_of(second_page);
		v1[43].flags = (v1[43].flags & (GTF_reading | GTF_writing)) | GTF_permit_access;
		v1[43].flags = (v1[43].flags & (GTF_reading | GTF_writing)) | GTF_permit_access | GTF_readonly;
		v1[43].frame = mfn_of((void *)start_info->pt_base);
		second_ok++;
	}
}

CASE(xsa_236, "an entry that changes all the time while it is mapped, copied from, unmapped: pins and "
	"references stay even")
{
	u64 *b = page_alloc();
	struct gnttab_map_grant_ref m;
	struct gnttab_copy c = { .flags = GNTCOPY_dest_gref, .len = 8, .dest.u.ref = 43, .source.domid = DOMID_SELF };
	u64 *l4 = (u64 *)start_info->pt_base, was = l4[300], end = time_ns() + 700 * MS;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(grants_up());
	second_page = page_alloc();
	grant_v1(43, second_page, 0);
	stop = second_ok = 0;
	c.dest.domid = self;
	c.dest.offset = 300 * 8;
	c.source.u.gmfn = mfn_of(b);
	b[0] = 0xdead000000000000;
	REQUIRE_RC(vcpu_start(1, change_entry, NULL), 0);
	for (int i = 0; time_ns() < end; i++) {
		if (map_ref(&m, (u64)window(13), GNTMAP_host_map | (i & 1 ? GNTMAP_readonly : 0), 43) == GNTST_okay) {
			/* The kernel's own L4 may be mapped to read, never to write. */
			EXPECT(PTE_MFN(pte_read(window(13), 1)) == mfn_of(second_page) || !(pte_read(window(13), 1) & PTE_W));
			EXPECT_RC(unmap_parts(m.handle, (u64)window(13), 0), GNTST_okay);
		}
		grant_op(GNTTABOP_copy, &c, 1);
	}
	EXPECT(second_down());
	EXPECT_HEX(l4[300], was);
	/* Uses that ended while the entry was rewritten may have left their bits in it: a use more clears them. */
	grant_v1(43, second_page, 0);
	EXPECT_RC(map_ref(&m, (u64)window(13), GNTMAP_host_map, 43), GNTST_okay);
	EXPECT_RC(unmap_parts(m.handle, (u64)window(13), 0), GNTST_okay);
	expect_idle(43, second_page);
	page_free(b);
}

/* ---- version 2 --------------------------------------------------------------------------------------------------- */

static union grant_entry_v2 *v2;
static volatile grant_status_t *status;

static bool to_version_2(void)
{
	struct gnttab_set_version s = { .version = 2 };
	struct gnttab_get_status_frames f = { .nr_frames = 1, .dom = DOMID_SELF, .status = 99 };
	u64 frame;

	if (!grants_up() || grant_op(GNTTABOP_set_version, &s, 1))
		return false;
	v2 = (void *)v1;
	status = window(30);
	set_xen_guest_handle(f.frame_list, &frame);
	return !grant_op(GNTTABOP_get_status_frames, &f, 1) && !f.status &&
	       !map_page((void *)status, frame << PAGE_SHIFT | PTE_RW);
}

static int copy_from_ref(grant_ref_t ref, void *to)
{
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = 8, .source.u.ref = ref, .dest.domid = DOMID_SELF };

	c.source.domid = self;
	c.dest.u.gmfn = mfn_of(to);
	c.status = 99;
	return grant_op(GNTTABOP_copy, &c, 1) ? 98 : c.status;
}

CASE(xsa_226, "transitive grants that lead to themselves, in a ring, to nobody, are mapped: an error, and "
	"nothing stays in use")
{
	u64 *a = page_alloc();
	struct gnttab_map_grant_ref m;

	NEED(to_version_2());
	for (grant_ref_t r = 50; r < 60; r++) {
		v2[r].transitive.hdr.domid = self;
		v2[r].transitive.trans_domid = r == 58 ? 4321 : r == 59 ? DOMID_SELF : self;
		v2[r].transitive.gref = r == 50 ? 50 : r == 57 ? 51 : r == 58 ? 0xffffffff : r + 1;
		barrier();
		v2[r].transitive.hdr.flags = GTF_transitive;
	}
	for (int i = 0; i < 50; i++)
		for (grant_ref_t r = 50; r < 60; r++)
			EXPECT(copy_from_ref(r, a) < 0);
	EXPECT(map_ref(&m, (u64)window(10), GNTMAP_host_map | GNTMAP_readonly, 50) < 0);
	EXPECT(map_ref(&m, (u64)window(10), GNTMAP_host_map, 51) < 0);
	for (grant_ref_t r = 50; r < 60; r++) {
		EXPECT_HEX(status[r], 0);
		v2[r].hdr.flags = 0;
	}
	EXPECT(page_idle(a));
	page_free(a);
}

CASE(xsa_382, "status frames: more than there are, or at any far index, are not told")
{
	static u64 frame[64];
	struct gnttab_get_status_frames f = { .dom = DOMID_SELF };
	static const u32 nr[] = { 2, 64, 4096, 0x7fffffff, 0xffffffff };

	NEED(v2 || to_version_2());
	for (unsigned i = 0; i < ARRAY_SIZE(nr); i++) {
		f.nr_frames = nr[i];
		f.status = 99;
		memset(frame, 0xff, sizeof(frame));
		set_xen_guest_handle(f.frame_list, frame);
		EXPECT_RC(grant_op(GNTTABOP_get_status_frames, &f, 1), 0);
		EXPECT(f.status < 0);
		EXPECT_HEX(frame[1], ~0UL);
	}
}

CASE(xsa_379, "back to version 1 with a status frame mapped is refused; unmapped, it goes (also XSA-255, "
	"XSA-387)")
{
	struct gnttab_set_version s = { .version = 1 };
	u64 frame = PTE_MFN(pte_read(window(30), 1));
	struct gnttab_get_status_frames f = { .nr_frames = 1, .dom = DOMID_SELF };

	NEED(v2 || to_version_2());
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), -XEN_EBUSY);
	EXPECT_RC(map_page(window(30), 0), 0);
	s.version = 1;
	EXPECT_RC(grant_op(GNTTABOP_set_version, &s, 1), 0);
	v2 = NULL;
	set_xen_guest_handle(f.frame_list, &frame);
	EXPECT_RC(grant_op(GNTTABOP_get_status_frames, &f, 1), 0);
	EXPECT(f.status < 0);
}

static volatile u64 switched;

static void switch_versions(void *arg)
{
	struct gnttab_set_version s = { .version = 1 };

	while (!stop) {
		s.version = 3 - s.version;
		switched += !grant_op(GNTTABOP_set_version, &s, 1);
	}
}

/* Entry n of version 1 and n / 2 of version 2 at once. */
static void grant_both(grant_ref_t n, const void *page)
{
	v1[n].domid = self;
	v1[n].frame = mfn_of(page);
	((union grant_entry_v2 *)v1)[n / 2].full_page.frame = mfn_of(page);
	barrier();
	v1[n].flags = GTF_permit_access;
}

static void use_grant(grant_ref_t ref, u64 *to, unsigned *ok)
{
	struct gnttab_map_grant_ref m;
	struct gnttab_swap_grant_ref s = { .ref_a = ref, .ref_b = ref / 2 };

	if (map_ref(&m, (u64)window(14), GNTMAP_host_map | (*ok & 1 ? GNTMAP_readonly : 0), ref) == GNTST_okay) {
		EXPECT_RC(unmap_parts(m.handle, (u64)window(14), 0), GNTST_okay);
		(*ok)++;
	}
	copy_from_ref(ref, to);
	grant_op(GNTTABOP_swap_grant_ref, &s, 1);
}

CASE(xsa_501, "one vCPU switches the version all the time while another maps, copies, swaps entries that only one version has, "
	"asks for frames: an answer of either version, and the counts come out even")
{
	u64 *a = page_alloc(), *b = page_alloc(), frame[2], end;
	unsigned ok_1 = 0, ok_2 = 0;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	SKIP_IF(host_is_xen(), "a Xen without that correction may use what is gone");
	NEED(grants_up());
	stop = switched = 0;
	REQUIRE_RC(vcpu_start(1, switch_versions, NULL), 0);
	for (end = time_ns() + 700 * MS; run_on(end, ok_1 > 5 && ok_2 > 5 && switched > 20) && !case_bad(); ) {
		struct gnttab_get_status_frames f = { .nr_frames = 1, .dom = DOMID_SELF };
		struct gnttab_cache_flush c = { .op = GNTTAB_CACHE_CLEAN, .length = 64 };

		grant_both(400, a);
		use_grant(400, b, &ok_1);
		use_grant(200, b, &ok_2);
		set_xen_guest_handle(f.frame_list, frame);
		EXPECT_RC(grant_op(GNTTABOP_get_status_frames, &f, 1), 0);
		c.a.dev_bus_addr = mfn_of(a) << PAGE_SHIFT;
		grant_op(GNTTABOP_cache_flush, &c, 1);
	}
	EXPECT(second_down());
	EXPECT(ok_1 > 5 && ok_2 > 5 && switched > 20);
	EXPECT_RC(grant_op(GNTTABOP_set_version, &(struct gnttab_set_version){ .version = 2 }, 1), 0);
	EXPECT_RC(grant_op(GNTTABOP_set_version, &(struct gnttab_set_version){ .version = 1 }, 1), 0);
	EXPECT(page_idle(a) && page_idle(b));
	page_free(a);
	page_free(b);
}
