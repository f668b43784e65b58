/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GNTTABOP_*: set-up, sizes, versions, swap, cache maintenance. */
#ifndef HYPERCALL_GNTTAB_MISC_H
#define HYPERCALL_GNTTAB_MISC_H
#include "hypercall/gnttab_priv.h"
/*
 * uop: the guest's array. Return: elements done (less than count: to be called again for the rest), or
 * -errno
 */
long gnttab_setup_table(struct gnttab_setup_table *uop, unsigned count);
long gnttab_query_size(struct gnttab_query_size *uop, unsigned count);
long gnttab_set_version(struct gnttab_set_version *uop, unsigned count);
long gnttab_get_version(struct gnttab_get_version *uop, unsigned count);
long gnttab_get_status_frames(struct gnttab_get_status_frames *uop, unsigned count);
long gnttab_swap(struct gnttab_swap_grant_ref *uop, unsigned count);
long gnttab_cache_flush(struct gnttab_cache_flush *uop, unsigned count);
#endif
