/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the hypervisor tells of itself, as a tree of names (xen/hypfs.h). */
#ifndef HYPERCALL_HYPFS_H
#define HYPERCALL_HYPFS_H
#include "hypercall/hypercall.h"
hypercall_fn hc_hypfs_op;
#endif
