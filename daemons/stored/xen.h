/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the hypervisor: domains' store pages, and who is dead. */
#ifndef STORED_XEN_H
#define STORED_XEN_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

#include "shared/shared.h"

/* 0, or -errno: there is no hypervisor. */
int xen_open(void);
bool xen_is_open(void);
/* Maps the page and binds the channel of a domain; old: NULL, or its ring of the same port. 0 or -errno. */
int xen_attach(struct shared_page *, struct shared_page *old, uint16_t domid, uint64_t gfn, uint32_t port);
/* Dom0's own; *port is the kernel's end. */
int xen_attach_dom0(struct shared_page *, uint32_t *port);

/* The port that says that some domain shut down or died. */
int xen_death_port(void);

enum xen_life { XEN_GONE, XEN_SHUTDOWN, XEN_LIVES };
enum xen_life xen_life(uint16_t domid);

#endif
