/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains built by the test dom0: what they share, and what they must not.
 *
 * What could be wrong: every way from one domain into another goes through the host: events, grants, foreign mappings,
 * operations on a domain by number.
 * How it is provoked: dom0 and a child, and two children, use each way rightly; the child then tries to use dom0's ways.
 * A wrong host: lets a guest name another domain where only dom0 may, or counts a shared page wrongly when one side dies.
 */
#include "child.h"
#include <xen/sysctl.h>
#include <xen/platform.h>
#include <xen/physdev.h>

static struct child kid, kid2;

static void done(struct child *c)
{
	EXPECT_RC(child_destroy(c), 0);
	EXPECT(child_gone(c->id));
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

static void kid_alloc(struct comm *c)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = c->arg[0] };

	c->res[0] = evtchn_op(EVTCHNOP_alloc_unbound, &a);
	c->res[1] = a.port;
}

static void kid_send(struct comm *c)
{
	struct evtchn_send s = { .port = c->arg[0] };

	c->res[0] = evtchn_op(EVTCHNOP_send, &s);
}

static void kid_pending(struct comm *c)
{
	c->res[0] = port_pending(c->arg[0]);
	port_clear(c->arg[0]);
}

static void kid_bind(struct comm *c)
{
	struct evtchn_bind_interdomain b = { .remote_dom = c->arg[0], .remote_port = c->arg[1] };

	c->res[0] = evtchn_op(EVTCHNOP_bind_interdomain, &b);
	c->res[1] = b.local_port;
}

static void kid_close(struct comm *c)
{
	c->res[0] = port_close(c->arg[0]);
}

static void kid_status(struct comm *c)
{
	struct evtchn_status s = { .dom = DOMID_SELF, .port = c->arg[0] };

	c->res[0] = evtchn_op(EVTCHNOP_status, &s);
	c->res[1] = s.status;
}

CASE(events, "a child's unbound port is bound by dom0; events pass both ways; the child's death leaves dom0's end unbound")
{
	struct evtchn_bind_interdomain b;
	struct evtchn_status s = { .dom = DOMID_SELF };
	struct evtchn_send send;

	if (!child_up(&kid, 0))
		return;
	kid.comm->arg[0] = 0;
	EXPECT(child_run(&kid, kid_alloc));
	REQUIRE_RC(kid.comm->res[0], 0);
	b = (struct evtchn_bind_interdomain){ .remote_dom = kid.id, .remote_port = kid.comm->res[1] };
	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	port_mask(b.local_port);
	port_clear(b.local_port);
	kid.comm->arg[0] = b.remote_port;
	EXPECT(child_run(&kid, kid_send));
	EXPECT_RC(kid.comm->res[0], 0);
	EXPECT(port_pending(b.local_port));
	send.port = b.local_port;
	EXPECT(child_run(&kid, kid_pending));
	EXPECT_RC(evtchn_op(EVTCHNOP_send, &send), 0);
	EXPECT(child_run(&kid, kid_pending));
	EXPECT_RC(kid.comm->res[0], 1);
	s.port = b.local_port;
	EXPECT_RC(evtchn_op(EVTCHNOP_status, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_interdomain);
	EXPECT_RC(s.u.interdomain.dom, kid.id);
	done(&kid);
	EXPECT_RC(evtchn_op(EVTCHNOP_status, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_unbound);
	EXPECT_RC(evtchn_op(EVTCHNOP_send, &send), 0);
	EXPECT_RC(port_close(b.local_port), 0);
}

CASE(events_wrong_side, "a port allocated for another domain cannot be bound; the toolstack allocates in a child's name")
{
	struct evtchn_alloc_unbound a = { .remote_dom = 0 };
	struct evtchn_bind_interdomain b = { .remote_dom = 0 };

	if (!child_up(&kid, 0))
		return;
	kid.comm->arg[0] = 77;	/* for domain 77, not for dom0 */
	EXPECT(child_run(&kid, kid_alloc));
	b.remote_dom = kid.id;
	b.remote_port = kid.comm->res[1];
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), -XEN_EINVAL);
	a.dom = kid.id;
	EXPECT_RC(evtchn_op(EVTCHNOP_alloc_unbound, &a), 0);
	b.remote_port = a.port;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0);
	EXPECT_RC(port_close(b.local_port), 0);
	kid.comm->arg[0] = a.port;
	EXPECT(child_run(&kid, kid_status));
	EXPECT_RC(kid.comm->res[1], EVTCHNSTAT_unbound);
	/* The child may not bind dom0's port that is for someone else. */
	a.dom = DOMID_SELF;
	a.remote_dom = 77;
	NEED(!evtchn_op(EVTCHNOP_alloc_unbound, &a));
	kid.comm->arg[0] = 0;
	kid.comm->arg[1] = a.port;
	EXPECT(child_run(&kid, kid_bind));
	EXPECT_RC(kid.comm->res[0], -XEN_EINVAL);
	port_close(a.port);
	a.remote_dom = kid.id;
	NEED(!evtchn_op(EVTCHNOP_alloc_unbound, &a));
	kid.comm->arg[1] = a.port;
	EXPECT(child_run(&kid, kid_bind));
	EXPECT_RC(kid.comm->res[0], 0);
	kid.comm->arg[0] = kid.comm->res[1];
	EXPECT(child_run(&kid, kid_close));
	EXPECT_RC(kid.comm->res[0], 0);
	port_close(a.port);
	done(&kid);
}

CASE(reset_child, "EVTCHNOP_reset of a child by dom0 closes the child's ports; the child must be paused")
{
	struct evtchn_reset r;
	struct xen_domctl d = { 0 };

	if (!child_up(&kid, 0))
		return;
	kid.comm->arg[0] = 0;
	EXPECT(child_run(&kid, kid_alloc));
	r.dom = kid.id;
	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), -XEN_EINVAL);
	EXPECT_RC(domctl(XEN_DOMCTL_pausedomain, kid.id, &d), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), 0);
	EXPECT_RC(domctl(XEN_DOMCTL_unpausedomain, kid.id, &d), 0);
	kid.comm->arg[0] = kid.comm->res[1];
	EXPECT(child_run(&kid, kid_status));
	EXPECT_RC(kid.comm->res[1], EVTCHNSTAT_closed);
	done(&kid);
}

/* ---- grants ------------------------------------------------------------------------------------------------------ */

/* Grants the first extra page to domain arg[0] as reference 20 with flags arg[1]; arg[2] is the page's address. */
static void kid_grant(struct comm *c)
{
	struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 1 };
	xen_pfn_t frame;
	struct grant_entry_v1 *v1 = (void *)(c->arg[2] + PAGE_SIZE);

	if (!c->arg[3]) {
		set_xen_guest_handle(s.frame_list, &frame);
		c->res[0] = grant_op(GNTTABOP_setup_table, &s, 1) ? 98 : s.status;
		update_va(v1, frame << PAGE_SHIFT | PTE_RW, UVMF_INVLPG | UVMF_LOCAL);
	}
	v1[20].domid = c->arg[0];
	v1[20].frame = mfn_of((void *)c->arg[2]);
	barrier();
	v1[20].flags = GTF_permit_access | c->arg[1];
	*(u64 *)c->arg[2] = 0xfeed;
	c->res[1] = v1[20].flags;
}

static void kid_flags(struct comm *c)
{
	struct grant_entry_v1 *v1 = (void *)(c->arg[2] + PAGE_SIZE);

	c->res[0] = v1[20].flags;
	c->res[1] = *(u64 *)c->arg[2];
}

static bool grant_up(struct child *c, domid_t to, u16 flags)
{
	c->comm->arg[0] = to;
	c->comm->arg[1] = flags;
	c->comm->arg[2] = (u64)child_va(c->extra);
	c->comm->arg[3] = 0;
	return child_run(c, kid_grant) && !c->comm->res[0];
}

static int map_grant(struct gnttab_map_grant_ref *m, void *va, u32 flags, domid_t dom, grant_ref_t ref)
{
	*m = (struct gnttab_map_grant_ref){ .host_addr = (u64)va, .flags = flags, .ref = ref, .dom = dom, .status = 99 };
	return grant_op(GNTTABOP_map_grant_ref, m, 1) ? 98 : m->status;
}

static int unmap_grant(grant_handle_t handle, void *va)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = (u64)va, .handle = handle, .status = 99 };

	return grant_op(GNTTABOP_unmap_grant_ref, &u, 1) ? 98 : u.status;
}

CASE(grant_map, "a child's grant is mapped by dom0 and seen in the child's entry; not by a domain it is not for")
{
	struct gnttab_map_grant_ref m;
	u64 *w = window(40);

	if (!child_up(&kid, 0))
		return;
	NEED(grant_up(&kid, 0, 0));
	REQUIRE_RC(map_grant(&m, w, GNTMAP_host_map, kid.id, 20), GNTST_okay);
	EXPECT_HEX(w[0], 0xfeed);
	w[0] = 0xbeef;
	EXPECT(child_run(&kid, kid_flags));
	EXPECT_HEX(kid.comm->res[0], GTF_permit_access | GTF_reading | GTF_writing);
	EXPECT_HEX(kid.comm->res[1], 0xbeef);
	EXPECT_RC(unmap_grant(m.handle, w), GNTST_okay);
	EXPECT(child_run(&kid, kid_flags));
	EXPECT_HEX(kid.comm->res[0], GTF_permit_access);
	EXPECT_RC(map_grant(&m, w, GNTMAP_host_map, kid.id, 21), GNTST_general_error);
	kid.comm->arg[0] = 77;
	kid.comm->arg[3] = 1;
	EXPECT(child_run(&kid, kid_grant));
	EXPECT_RC(map_grant(&m, w, GNTMAP_host_map, kid.id, 20), GNTST_general_error);
	done(&kid);
}

CASE(grant_zombie, "a child destroyed while dom0 maps its grant stays as a zombie of one page until the unmap")
{
	struct gnttab_map_grant_ref m;
	struct xen_domctl_getdomaininfo info = { 0 };
	u64 *w = window(40), before = free_settled();

	if (!child_up(&kid, 0))
		return;
	NEED(grant_up(&kid, 0, 0));
	REQUIRE_RC(map_grant(&m, w, GNTMAP_host_map, kid.id, 20), GNTST_okay);
	EXPECT_RC(child_destroy(&kid), 0);
	EXPECT(!WAIT_FOR(child_info(kid.id, &info) == -XEN_ESRCH, 100 * MS));
	EXPECT_HEX(info.flags & XEN_DOMINF_dying, XEN_DOMINF_dying);
	EXPECT_RC(info.tot_pages, 1);
	EXPECT_HEX(w[0], 0xfeed);
	EXPECT_RC(unmap_grant(m.handle, w), GNTST_okay);
	EXPECT(child_gone(kid.id));
	nothing_lost(before);
}

static void kid_map(struct comm *c)
{
	struct gnttab_map_grant_ref m;

	c->res[0] = map_grant(&m, (void *)(c->arg[2] + 3 * PAGE_SIZE), GNTMAP_host_map, c->arg[0], c->arg[1]);
	c->res[1] = m.handle;
	c->res[2] = c->res[0] ? 0 : *(u64 *)(c->arg[2] + 3 * PAGE_SIZE);
}

CASE(grant_between, "one child maps another's grant; the mapper dies first: the granter's entry is idle again and both go")
{
	u64 before = free_settled();

	if (!child_up(&kid, 0) || !child_up(&kid2, 1))
		return;
	NEED(grant_up(&kid, kid2.id, 0));
	kid2.comm->arg[0] = kid.id;
	kid2.comm->arg[1] = 20;
	kid2.comm->arg[2] = (u64)child_va(kid2.extra);
	EXPECT(child_run(&kid2, kid_map));
	EXPECT_RC(kid2.comm->res[0], GNTST_okay);
	EXPECT_HEX(kid2.comm->res[2], 0xfeed);
	EXPECT(child_run(&kid, kid_flags));
	EXPECT_HEX(kid.comm->res[0] & (GTF_reading | GTF_writing), GTF_reading | GTF_writing);
	done(&kid2);
	EXPECT(child_run(&kid, kid_flags));
	EXPECT_HEX(kid.comm->res[0] & (GTF_reading | GTF_writing), 0);
	done(&kid);
	nothing_lost(before);
}

CASE(grant_copy, "dom0 copies to and from a child's grant")
{
	struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = 8 };
	u64 *page = page_alloc();

	if (!child_up(&kid, 0))
		return;
	NEED(grant_up(&kid, 0, GTF_readonly));
	c.source.domid = kid.id;
	c.source.u.ref = 20;
	c.dest.domid = DOMID_SELF;
	c.dest.u.gmfn = mfn_of(page);
	EXPECT_RC(grant_op(GNTTABOP_copy, &c, 1), 0);
	EXPECT_RC(c.status, GNTST_okay);
	EXPECT_HEX(page[0], 0xfeed);
	c.flags = GNTCOPY_dest_gref;
	c.dest.domid = kid.id;
	c.dest.u.ref = 20;
	c.source.domid = DOMID_SELF;
	c.source.u.gmfn = mfn_of(page);
	EXPECT_RC(grant_op(GNTTABOP_copy, &c, 1), 0);
	EXPECT_RC(c.status, GNTST_general_error);	/* read-only */
	done(&kid);
	page_free(page);
}

CASE(acquire_grants, "acquire_resource: the builder maps a child's grant table and seeds it, as xl does for the console")
{
	xen_pfn_t frame = 0;
	struct xen_mem_acquire_resource r = { .type = XENMEM_resource_grant_table };
	struct grant_entry_v1 *v1 = window(41);

	if (!child_up(&kid, 0))
		return;
	r.domid = kid.id;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), 0);
	EXPECT_RC(r.nr_frames, 4);	/* the limit given to createdomain */
	r.nr_frames = 1;
	set_xen_guest_handle(r.frame_list, &frame);
	REQUIRE_RC(memory_op(XENMEM_acquire_resource, &r), 0);
	REQUIRE_RC(map_foreign(v1, frame << PAGE_SHIFT | PTE_RW, kid.id), 0);
	v1[2].domid = 0;
	v1[2].frame = 0x123;
	v1[2].flags = GTF_permit_access;
	NEED(grant_up(&kid, 0, 0));
	EXPECT_RC(v1[20].flags, GTF_permit_access);
	EXPECT_HEX(v1[20].frame, kid.mfn[kid.extra]);
	r.type = 99;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_EOPNOTSUPP);
	r.type = XENMEM_resource_grant_table;
	r.frame = 100;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
	r.frame = 0;
	r.id = 7;
	EXPECT_RC(memory_op(XENMEM_acquire_resource, &r), -XEN_EINVAL);
	EXPECT_RC(map_page(v1, 0), 0);
	done(&kid);
}

/* ---- foreign mappings ------------------------------------------------------------------------------------------- */

CASE(foreign_map, "a child's page is mapped by naming the child; not without it, nor dom0's own under the child's name")
{
	u64 *w = window(42), *mine = page_alloc(), mfn;

	if (!child_up(&kid, 0))
		return;
	mfn = kid.mfn[kid.extra];
	EXPECT_RC(map_foreign(w, mfn << 12 | PTE_RO, kid.id), 0);
	EXPECT_RC(map_page(w, 0), 0);
	EXPECT_REFUSED(map_page(w, mfn << 12 | PTE_RW));
	EXPECT_REFUSED(map_foreign(w, mfn_of(mine) << 12 | PTE_RW, kid.id));
	EXPECT_REFUSED(map_foreign(w, kid.mfn[kid.l1] << 12 | PTE_RW, kid.id));	/* its page table */
	EXPECT_RC(map_foreign(w, kid.mfn[kid.l1] << 12 | PTE_RO, kid.id), 0);
	EXPECT_RC(map_page(w, 0), 0);
	EXPECT_REFUSED(map_foreign(w, mfn << 12 | PTE_RW, 4321));
	/* The builder may write the child's page tables in the child's name. */
	EXPECT_RC(mmu_update((&(struct mmu_update){ (kid.mfn[kid.l1 + 1] << 12) + 511 * 8, mfn << 12 | PTE_RW }), 1, NULL,
			     kid.id | (kid.id + 1u) << 16), 0);
	EXPECT_REFUSED(mmu_update((&(struct mmu_update){ (kid.mfn[kid.l1 + 1] << 12) + 510 * 8, mfn_of(mine) << 12 | PTE_RW }),
				  1, NULL, kid.id | (kid.id + 1u) << 16));
	done(&kid);
	page_free(mine);
}

static void kid_attack(struct comm *c)
{
	u64 *page = (void *)(c->arg[2] + 4 * PAGE_SIZE), mfn = c->arg[0], i = 0;
	struct mmu_update u = { mfn << 12, 0 };
	struct mmuext_op op = { .cmd = MMUEXT_PIN_L1_TABLE, .arg1.mfn = mfn };
	struct gnttab_copy copy = { .len = 8 };
	xen_pfn_t list = mfn;
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = 0 };

	c->res[i++] = HCALL4(__HYPERVISOR_update_va_mapping_otherdomain, page, mfn << 12 | PTE_RW, 0, 0);
	c->res[i++] = update_va(page, mfn << 12 | PTE_RW, 0);
	c->res[i++] = update_va(page, mfn << 12 | PTE_RO, 0);
	c->res[i++] = mmu_update(&u, 1, NULL, DOMID_SELF);
	c->res[i++] = mmu_update(&u, 1, NULL, 0 | 1u << 16);
	c->res[i++] = mmuext_op(&op, 1, NULL, 0);
	c->res[i++] = mmuext_op(&op, 1, NULL, DOMID_SELF);
	op.cmd = MMUEXT_CLEAR_PAGE;
	c->res[i++] = mmuext_op(&op, 1, NULL, DOMID_SELF);
	u.ptr = mfn << 12 | MMU_MACHPHYS_UPDATE;
	c->res[i++] = mmu_update(&u, 1, NULL, DOMID_SELF);
	c->res[i++] = HCALL2(__HYPERVISOR_update_descriptor, mfn << 12, 0);
	c->res[i++] = ext_op(MMUEXT_NEW_BASEPTR, c->arg[1], 0);
	copy.source.domid = copy.dest.domid = DOMID_SELF;
	copy.source.u.gmfn = mfn;
	copy.dest.u.gmfn = mfn_of(page);
	c->res[i++] = grant_op(GNTTABOP_copy, &copy, 1) ? -98 : copy.status;
	set_xen_guest_handle(r.extent_start, &list);
	c->res[i++] = memory_op(XENMEM_decrease_reservation, &r) ? 1 : -1;	/* on dom0 */
	r.domid = DOMID_SELF;
	c->res[i++] = memory_op(XENMEM_decrease_reservation, &r) ? 1 : -1;	/* dom0's frame as its own */
	c->res[i++] = memory_op(XENMEM_maximum_reservation, &(domid_t){ 0 });
	c->res[i++] = map_page(page, 0xb8000 | PTE_RW);
	c->res[i++] = map_page(page, 0xfee00000 | PTE_RO);
	c->res[63] = i;
}

CASE(child_attacks, "a child names dom0's frames in every hypercall that takes one: all refused")
{
	u64 *mine = page_alloc();

	if (!child_up(&kid, 0))
		return;
	mine[0] = 0x5ec3e7;
	kid.comm->arg[0] = mfn_of(mine);
	kid.comm->arg[1] = mfn_of((void *)start_info->pt_base);
	kid.comm->arg[2] = (u64)child_va(kid.extra);
	EXPECT(child_run(&kid, kid_attack));
	EXPECT_RC(kid.comm->res[63], 17);
	for (long i = 0; i < kid.comm->res[63]; i++)
		if (kid.comm->res[i] >= 0)
			fail_at(__FILE__, __LINE__, "attack %ld: %ld", i, kid.comm->res[i]);
	EXPECT_HEX(mine[0], 0x5ec3e7);
	done(&kid);
	page_free(mine);
}

static void kid_privileged(struct comm *c)
{
	static struct xen_domctl d;
	static struct xen_sysctl s;
	static struct xen_platform_op p = { .cmd = XENPF_settime32, .interface_version = XENPF_INTERFACE_VERSION };
	struct sched_remote_shutdown rs = { .domain_id = 0, .reason = 0 };
	struct evtchn_alloc_unbound a = { .dom = 0, .remote_dom = 0 };
	struct evtchn_status st = { .dom = 0, .port = 1 };
	struct evtchn_reset er = { .dom = 0 };
	struct evtchn_bind_virq v = { .virq = VIRQ_DOM_EXC, .vcpu = 0 };
	struct xen_memory_map mm = { .nr_entries = 1 };
	struct physdev_setup_gsi gsi = { .gsi = 5 };
	struct gnttab_query_size q = { .dom = 0 };
	struct gnttab_setup_table t = { .dom = 0 };
	struct physdev_apic apic = { .apic_physbase = 0xfec00000 };
	u64 i = 0;

	c->res[i++] = domctl(XEN_DOMCTL_pausedomain, 0, &d);
	c->res[i++] = domctl(XEN_DOMCTL_getdomaininfo, 0, &d);
	c->res[i++] = domctl(XEN_DOMCTL_createdomain, 0, &d);
	c->res[i++] = sysctl_op(XEN_SYSCTL_physinfo, &s);
	c->res[i++] = sysctl_op(XEN_SYSCTL_debug_keys, &s);
	c->res[i++] = HCALL1(__HYPERVISOR_platform_op, &p);
	c->res[i++] = sched_op(SCHEDOP_remote_shutdown, &rs);
	c->res[i++] = evtchn_op(EVTCHNOP_alloc_unbound, &a);
	c->res[i++] = evtchn_op(EVTCHNOP_status, &st);
	c->res[i++] = evtchn_op(EVTCHNOP_reset, &er);
	c->res[i++] = memory_op(XENMEM_machine_memory_map, &mm);
	c->res[i++] = HCALL2(__HYPERVISOR_physdev_op, PHYSDEVOP_setup_gsi, &gsi);
	c->res[i++] = HCALL2(__HYPERVISOR_physdev_op, PHYSDEVOP_apic_read, &apic);
	c->res[i++] = grant_op(GNTTABOP_query_size, &q, 1) ? -98 : q.status;
	c->res[i++] = grant_op(GNTTABOP_setup_table, &t, 1) ? -98 : t.status;
	c->res[i++] = HCALL2(__HYPERVISOR_kexec_op, 0, &d);
	c->res[i++] = evtchn_op(EVTCHNOP_bind_virq, &v);	/* a virq of dom0's may be bound; it never comes */
	c->res[63] = i;
}

CASE(child_privileges, "what is dom0's is refused to a child: EPERM")
{
	if (!child_up(&kid, 0))
		return;
	EXPECT(child_run(&kid, kid_privileged));
	EXPECT_RC(kid.comm->res[63], 17);
	for (long i = 0; i < 16; i++)
		if (kid.comm->res[i] >= 0)
			fail_at(__FILE__, __LINE__, "privilege %ld: %ld", i, kid.comm->res[i]);
	for (long i = 0; i < 13; i++)
		EXPECT_RC(kid.comm->res[i], -XEN_EPERM);
	EXPECT_RC(kid.comm->res[13], GNTST_permission_denied);
	EXPECT_RC(kid.comm->res[14], GNTST_permission_denied);
	done(&kid);
}
