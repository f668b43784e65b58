/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Grant tables, versions 1 and 2 (xen/grant_table.h). */
#ifndef HYPERCALL_GNTTAB_H
#define HYPERCALL_GNTTAB_H
#include "hypercall/hypercall.h"
/* Negative limits and version 0: the defaults. -EINVAL: more than the host allows; -ENOMEM */
int gnttab_domain_create(struct domain *d, int grant_frames, int maptrack_frames, unsigned version);
int gnttab_release_mappings(struct domain *d);	/* death: what d has mapped of others; -EAGAIN_HYPERCALL */
void gnttab_domain_destroy(struct domain *d);
/*
 * XENMEM_acquire_resource (grant_table; id 0 shared, 1 status) and XENMAPSPACE_grant_table: frames, growing
 * the table as needed
 */
int gnttab_resource_frames(struct domain *d, unsigned id, unsigned frame, unsigned nr, mfn_t *out);
unsigned gnttab_resource_max(struct domain *d, unsigned id);	/* frames that there can be; 0: no such id */
int gnttab_set_limits(struct domain *d, unsigned grant_frames, unsigned maptrack_frames);
void gnttab_dump(struct domain *d);		/* debug key g */
void gnttab_init(void);
/* d has got an address space for devices: they reach what it had mapped before. Preemptible. -ENOMEM (gnttab_map.c) */
int gnttab_devices_follow(struct domain *d);
#endif
