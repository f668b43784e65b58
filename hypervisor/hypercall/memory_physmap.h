/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: resources, virtual NUMA, and what a PV guest has none of. */
#ifndef HYPERCALL_MEMORY_PHYSMAP_H
#define HYPERCALL_MEMORY_PHYSMAP_H
#include "hypercall/memory.h"
memory_fn memory_add_to_physmap, memory_add_to_physmap_batch, memory_remove_from_physmap,
	memory_acquire_resource, memory_reserved_device_map, memory_vnuma_info;
void vnuma_free(struct vnuma *v);
#endif
