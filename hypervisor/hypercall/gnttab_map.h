/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GNTTABOP_map_grant_ref, unmap_grant_ref, unmap_and_replace. */
#ifndef HYPERCALL_GNTTAB_MAP_H
#define HYPERCALL_GNTTAB_MAP_H
#include "hypercall/gnttab_priv.h"
/*
 * uop: the guest's array. Return: elements done (less than count: to be called again for the rest), or
 * -errno
 */
long gnttab_map(struct gnttab_map_grant_ref *uop, unsigned count);
long gnttab_unmap(struct gnttab_unmap_grant_ref *uop, unsigned count);
long gnttab_unmap_and_replace(struct gnttab_unmap_and_replace *uop, unsigned count);
#endif
