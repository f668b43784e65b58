/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GNTTABOP_transfer. */
#ifndef HYPERCALL_GNTTAB_TRANSFER_H
#define HYPERCALL_GNTTAB_TRANSFER_H
#include "hypercall/gnttab_priv.h"
/*
 * uop: the guest's array. Return: elements done (less than count: to be called again for the rest), or
 * -errno
 */
long gnttab_transfer(struct gnttab_transfer *uop, unsigned count);
#endif
