// SPDX-License-Identifier: GPL-2.0-or-later
#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <xen/grant_table.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "hcall/hcall.h"

static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xenforeignmemory_handle *memory;
static struct hcall *hcall;

int xen_open(void)
{
	evtchn = xenevtchn_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	memory = xenforeignmemory_open(NULL, 0);
	hcall = hcall_open();
	if (!evtchn || !hcall || (!gnttab && !memory))
		return -ENODEV;
	return fcntl(xenevtchn_fd(evtchn), F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int bind_port(struct xen_ring *ring, uint16_t domid, uint32_t port)
{
	int err;

	ring->port = xenevtchn_bind_interdomain(evtchn, domid, port);
	if (ring->port >= 0)
		return 0;
	err = -errno;
	xen_detach(ring);
	return err ? err : -EINVAL;
}

static void *map_grant(uint16_t domid, uint32_t grant)
{
	return gnttab ? xengnttab_map_grant_ref(gnttab, domid, grant, PROT_READ | PROT_WRITE) : NULL;
}

int xen_attach(struct xen_ring *ring, uint16_t domid, uint64_t frame, uint32_t port)
{
	xen_pfn_t gfn = frame;
	int err = 0;

	ring->port = -1;
	ring->page = map_grant(domid, GNTTAB_RESERVED_CONSOLE);
	ring->by_grant = ring->page;
	/* Who built the domain may have left that grant out. */
	if (!ring->page && memory)
		ring->page = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &gfn, &err);
	if (err && ring->page)
		xen_detach(ring);
	return ring->page ? bind_port(ring, domid, port) : -ENOENT;
}

int xen_attach_grant(struct xen_ring *ring, uint16_t domid, uint32_t grant, uint32_t port)
{
	ring->port = -1;
	ring->page = map_grant(domid, grant);
	ring->by_grant = true;
	return ring->page ? bind_port(ring, domid, port) : -ENOENT;
}

void xen_detach(struct xen_ring *ring)
{
	if (ring->port >= 0)
		xenevtchn_unbind(evtchn, ring->port);
	if (ring->page && ring->by_grant)
		xengnttab_unmap(gnttab, ring->page, 1);
	else if (ring->page)
		xenforeignmemory_unmap(memory, ring->page, 1);
	ring->page = NULL;
	ring->port = -1;
}

void xen_notify(const struct xen_ring *ring)
{
	xenevtchn_notify(evtchn, ring->port);
}

int xen_event_fd(void)
{
	return xenevtchn_fd(evtchn);
}

int xen_next_event(void)
{
	return xenevtchn_pending(evtchn);
}

void xen_unmask(int port)
{
	xenevtchn_unmask(evtchn, port);
}

int xen_domains(domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info)
{
	return hcall_domains(hcall, first, n, info);
}

int xen_bind_log(void)
{
	int port = xenevtchn_bind_virq(evtchn, VIRQ_CON_RING);

	return port < 0 ? -errno : port;
}

int xen_read_log(char *buffer, uint32_t size, uint32_t *index)
{
	int err = hcall_console_more(hcall, buffer, &size, index);

	return err ? err : (int)size;
}
