/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Version 1 grants of a domain to itself. */
#pragma once
#include "guest.h"
#include <xen/grant_table.h>

extern struct grant_entry_v1 *v1;	/* the table, once the suite has mapped it */
extern domid_t self;			/* this domain's number, once the suite has asked for it */
domid_t own_domid(void);
void grant_v1(grant_ref_t ref, const void *page, u16 flags);	/* to oneself */
int map_ref(struct gnttab_map_grant_ref *m, u64 addr, u32 flags, grant_ref_t ref);	/* the status; 98 for an errno */
int unmap_parts(grant_handle_t handle, u64 addr, u64 bus);
static inline int unmap_handle(grant_handle_t handle, u64 addr) { return unmap_parts(handle, addr, 0); }
