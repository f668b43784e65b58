/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to domains' rings: pages, event channels, and who is dead. */
#ifndef STORED_XEN_H
#define STORED_XEN_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

struct xen_ring {
	struct xenstore_domain_interface *page;
	int port;			/* ours */
	uint8_t mapped_by;
};

/* 0, or -errno: there is no hypervisor. */
int xen_open(void);
bool xen_is_open(void);
/* Maps the page and binds the channel of a domain. 0 or -errno. */
int xen_attach(struct xen_ring *, uint16_t domid, uint64_t gfn, uint32_t port);
/* Dom0's own; *port is the kernel's end. */
int xen_attach_dom0(struct xen_ring *, uint32_t *port);
void xen_detach(struct xen_ring *);
void xen_notify(const struct xen_ring *);

int xen_event_fd(void);
/* The next port with an event, or -1; it can have events again. */
int xen_next_event(void);
/* The port that says that some domain shut down or died. */
int xen_death_port(void);

enum xen_life { XEN_GONE, XEN_SHUTDOWN, XEN_LIVES };
enum xen_life xen_life(uint16_t domid);

#endif
