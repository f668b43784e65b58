/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "guest.h"
#include <xen/grant_table.h>

extern struct grant_entry_v1 *v1;	/* 512 entries, after grants_up */
extern domid_t self;			/* this domain's number */
bool grants_up(void);
void grant_v1(grant_ref_t ref, const void *page, u16 flags);	/* to oneself */
int map_ref(struct gnttab_map_grant_ref *m, u64 addr, u32 flags, grant_ref_t ref);	/* the status; 98 for an errno */
int unmap_parts(grant_handle_t handle, u64 addr, u64 bus);
bool page_idle(void *page);
void expect_idle(grant_ref_t ref, void *page);	/* nobody uses the grant, nor holds the page, which is freed */
