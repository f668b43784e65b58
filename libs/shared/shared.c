// SPDX-License-Identifier: GPL-2.0-or-later
#include "shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>

enum { BY_NOTHING, BY_GRANT, BY_FRAME, BY_FILE };

static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xenforeignmemory_handle *memory;

int shared_open(void)
{
	evtchn = xenevtchn_open(NULL, 0);
	gnttab = xengnttab_open(NULL, 0);
	memory = xenforeignmemory_open(NULL, 0);
	if (!evtchn || (!gnttab && !memory))
		return -ENODEV;
	/* Events are taken until there is none. */
	return fcntl(xenevtchn_fd(evtchn), F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static void *map_grant(uint16_t domid, uint32_t grant)
{
	return gnttab ? xengnttab_map_grant_ref(gnttab, domid, grant, PROT_READ | PROT_WRITE) : NULL;
}

static void *map_frame(uint16_t domid, uint64_t frame)
{
	xen_pfn_t gfn = frame;
	int err = 0;
	void *page = memory ? xenforeignmemory_map(memory, domid, PROT_READ | PROT_WRITE, 1, &gfn, &err) : NULL;

	if (page && err) {
		xenforeignmemory_unmap(memory, page, 1);
		return NULL;
	}
	return page;
}

static void unbind_port(struct shared_page *s)
{
	if (s->port >= 0)
		xenevtchn_unbind(evtchn, s->port);
	s->port = -1;
}

/* old: NULL, or who may have the channel of this port. */
static int bind_port(struct shared_page *s, void *page, uint8_t mapped_by, uint16_t domid, uint32_t port, struct shared_page *old)
{
	int err;

	*s = (struct shared_page){ page, -1, mapped_by };
	if (!page)
		return -ENOENT;
	s->port = xenevtchn_bind_interdomain(evtchn, domid, port);
	if (s->port < 0 && old) {
		unbind_port(old);
		s->port = xenevtchn_bind_interdomain(evtchn, domid, port);
	}
	if (s->port >= 0)
		return 0;
	err = -errno;
	shared_detach(s);
	return err ? err : -EINVAL;
}

int shared_attach_over(struct shared_page *s, struct shared_page *old, uint16_t domid, uint32_t grant, uint64_t frame,
		       uint32_t port)
{
	void *page = map_grant(domid, grant);
	bool granted = page;

	return bind_port(s, granted ? page : map_frame(domid, frame), granted ? BY_GRANT : BY_FRAME, domid, port, old);
}

int shared_attach(struct shared_page *s, uint16_t domid, uint32_t grant, uint64_t frame, uint32_t port)
{
	return shared_attach_over(s, NULL, domid, grant, frame, port);
}

int shared_attach_grant(struct shared_page *s, uint16_t domid, uint32_t grant, uint32_t port)
{
	return bind_port(s, map_grant(domid, grant), BY_GRANT, domid, port, NULL);
}

int shared_attach_file(struct shared_page *s, int fd, uint16_t domid, uint32_t port)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? -errno : bind_port(s, page, BY_FILE, domid, port, NULL);
}

void shared_detach(struct shared_page *s)
{
	unbind_port(s);
	if (s->page && s->mapped_by == BY_GRANT)
		xengnttab_unmap(gnttab, s->page, 1);
	else if (s->page && s->mapped_by == BY_FRAME)
		xenforeignmemory_unmap(memory, s->page, 1);
	else if (s->page)
		munmap(s->page, 4096);
	*s = (struct shared_page){ .port = -1 };
}

void shared_notify(const struct shared_page *s)
{
	xenevtchn_notify(evtchn, s->port);
}

int shared_bind_virq(unsigned virq)
{
	int port = xenevtchn_bind_virq(evtchn, virq);

	return port < 0 ? -errno : port;
}

int shared_event_fd(void)
{
	return xenevtchn_fd(evtchn);
}

int shared_next_event(void)
{
	return xenevtchn_pending(evtchn);
}

void shared_unmask(int port)
{
	xenevtchn_unmask(evtchn, port);
}
