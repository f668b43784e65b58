/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GNTTABOP_copy. */
#ifndef HYPERCALL_GNTTAB_COPY_H
#define HYPERCALL_GNTTAB_COPY_H
#include "hypercall/gnttab_priv.h"
/*
 * uop: the guest's array. Return: elements done (less than count: to be called again for the rest), or
 * -errno
 */
long gnttab_copy(struct gnttab_copy *uop, unsigned count);
#endif
