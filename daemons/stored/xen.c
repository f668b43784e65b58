// SPDX-License-Identifier: GPL-2.0-or-later
#include "xen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/grant_table.h>
#include <xen/xen.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

#include "hcall/hcall.h"
#include "skel/log.h"

enum { BY_NOTHING, BY_GRANT, BY_FRAME, BY_FILE };

static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xenforeignmemory_handle *memory;
static struct hcall *hcall;
static int death_port = -1, dom0_page = -1, dom0_port = -1;

int xen_open(void)
{
	char text[16] = "";

	dom0_page = open("/proc/xen/xsd_kva", O_RDWR | O_CLOEXEC);
	dom0_port = open("/proc/xen/xsd_port", O_RDONLY | O_CLOEXEC);
	if (dom0_page < 0 || dom0_port < 0 || read(dom0_port, text, sizeof(text) - 1) <= 0)
		return -ENODEV;
	close(dom0_port);
	dom0_port = atoi(text);
	evtchn = xenevtchn_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	memory = xenforeignmemory_open(NULL, 0);
	hcall = hcall_open();
	if (!evtchn || !hcall)
		return -ENODEV;
	/* Events are taken until there is none. */
	if (fcntl(xenevtchn_fd(evtchn), F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	death_port = xenevtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
	return death_port < 0 ? -errno : 0;
}

bool xen_is_open(void)
{
	return death_port >= 0;
}

static int bind_port(struct xen_ring *ring, uint16_t domid, uint32_t port)
{
	ring->port = xenevtchn_bind_interdomain(evtchn, domid, port);
	if (ring->port >= 0)
		return 0;
	int err = -errno;
	xen_detach(ring);
	return err ? err : -EINVAL;
}

int xen_attach(struct xen_ring *ring, uint16_t domid, uint64_t gfn, uint32_t port)
{
	xen_pfn_t frame = gfn;
	void *page = NULL;
	int err = 0;

	ring->port = -1;
	if (gnttab)
		page = xengnttab_map_grant_ref(gnttab, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);
	ring->mapped_by = BY_GRANT;
	/* Who built the domain may have left that grant out. */
	if (!page && memory) {
		page = xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &frame, &err);
		ring->mapped_by = BY_FRAME;
	}
	if (!page || err) {
		ring->mapped_by = BY_NOTHING;
		return -ENOENT;
	}
	ring->page = page;
	return bind_port(ring, domid, port);
}

int xen_attach_dom0(struct xen_ring *ring, uint32_t *port)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, dom0_page, 0);

	if (page == MAP_FAILED)
		return -errno;
	ring->page = page;
	ring->mapped_by = BY_FILE;
	*port = dom0_port;
	return bind_port(ring, 0, dom0_port);
}

void xen_detach(struct xen_ring *ring)
{
	if (ring->port >= 0)
		xenevtchn_unbind(evtchn, ring->port);
	if (ring->mapped_by == BY_GRANT)
		xengnttab_unmap(gnttab, ring->page, 1);
	else if (ring->mapped_by == BY_FRAME)
		xenforeignmemory_unmap(memory, ring->page, 1);
	else if (ring->mapped_by == BY_FILE)
		munmap(ring->page, 4096);
	ring->mapped_by = BY_NOTHING;
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
	int port = xenevtchn_pending(evtchn);

	if (port >= 0)
		xenevtchn_unmask(evtchn, port);
	return port;
}

int xen_death_port(void)
{
	return death_port;
}

enum xen_life xen_life(uint16_t domid)
{
	struct hcall_domain info;
	int err = hcall_domain_info(hcall, domid, &info);

	if (err == -ESRCH || (!err && info.dying))
		return XEN_GONE;
	/* Not knowing is no reason to take a domain's store away. */
	if (err)
		log_warning("domain %u: no information: %s", domid, strerror(-err));
	return !err && info.shutdown ? XEN_SHUTDOWN : XEN_LIVES;
}
