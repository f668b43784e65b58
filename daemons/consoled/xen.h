/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the hypervisor: consoles' pages, who lives, and the hypervisor's own log. */
#ifndef CONSOLED_XEN_H
#define CONSOLED_XEN_H

#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/io/console.h>

#include "shared/shared.h"

/* 0, or -errno: there is no hypervisor. */
int xen_open(void);
/* The console that every domain has: by its reserved grant, or by its frame. 0 or -errno. */
int xen_attach(struct shared_page *, uint16_t domid, uint64_t frame, uint32_t port);

/* As hcall_domains(). */
int xen_domains(domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info);

/* The hypervisor's words from *index on, which moves: how many bytes, or -errno. */
int xen_read_log(char *buffer, uint32_t size, uint32_t *index);

#endif
