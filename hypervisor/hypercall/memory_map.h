/* SPDX-License-Identifier: GPL-2.0-or-later */
/* memory_op: maps of memory. */
#ifndef HYPERCALL_MEMORY_MAP_H
#define HYPERCALL_MEMORY_MAP_H
#include "hypercall/memory.h"
memory_fn memory_machphys_mfn_list, memory_machphys_mapping, memory_map, memory_machine_map, memory_set_map;
#endif
