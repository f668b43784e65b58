/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the hypervisor: rings, event channels, who lives, and the hypervisor's own log. */
#ifndef CONSOLED_XEN_H
#define CONSOLED_XEN_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/io/console.h>

struct xen_ring {
	struct xencons_interface *page;	/* NULL: not attached */
	int port;			/* ours */
	bool by_grant;
};

/* 0, or -errno: there is no hypervisor. */
int xen_open(void);
/* The console that every domain has: by its reserved grant, or by its frame. 0 or -errno. */
int xen_attach(struct xen_ring *, uint16_t domid, uint64_t frame, uint32_t port);
/* One that the guest has granted. */
int xen_attach_grant(struct xen_ring *, uint16_t domid, uint32_t grant, uint32_t port);
void xen_detach(struct xen_ring *);
void xen_notify(const struct xen_ring *);

int xen_event_fd(void);
/* The next port with an event, or -1; it has no more until it is unmasked. */
int xen_next_event(void);
void xen_unmask(int port);

/* As hcall_domains(). */
int xen_domains(domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info);

/* The event of new words of the hypervisor: a port or -errno. */
int xen_bind_log(void);
/* Its words from *index on, which moves: how many bytes, or -errno. */
int xen_read_log(char *buffer, uint32_t size, uint32_t *index);

#endif
