/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "selfgrant.h"

struct grant_entry_v1 *v1;
domid_t self;

/* A port of a domain to itself tells its number. */
domid_t own_domid(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_status s = { .dom = DOMID_SELF };

	evtchn_op(EVTCHNOP_alloc_unbound, &a);
	s.port = a.port;
	evtchn_op(EVTCHNOP_status, &s);
	port_close(a.port);
	return s.u.unbound.dom;
}

void grant_v1(grant_ref_t ref, const void *page, u16 flags)
{
	v1[ref].domid = self;
	v1[ref].frame = mfn_of(page);
	barrier();
	v1[ref].flags = GTF_permit_access | flags;
}

int map_ref(struct gnttab_map_grant_ref *m, u64 addr, u32 flags, grant_ref_t ref)
{
	memset(m, 0, sizeof(*m));
	m->host_addr = addr;
	m->flags = flags;
	m->ref = ref;
	m->dom = self;
	m->status = 99;
	return grant_op(GNTTABOP_map_grant_ref, m, 1) ? 98 : m->status;
}

int unmap_parts(grant_handle_t handle, u64 addr, u64 bus)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = addr, .dev_bus_addr = bus, .handle = handle, .status = 99 };

	return grant_op(GNTTABOP_unmap_grant_ref, &u, 1) ? 98 : u.status;
}
