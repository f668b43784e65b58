/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's memory and vCPUs as an ELF core file, in the layout of Xen's dump-core-format.txt, 0.1. */
#ifndef VM_CORE_H
#define VM_CORE_H

#include "vm/vm.h"

#define VM_CORES "/var/lib/xen/dump"

/* Where the core of a guest of this name goes by default; makes the folder. */
int vm_core_path(const char *name, char path[160], struct why *why);
/*
 * Writes the file, which replaces what is there; the guest may run. Zero pages are holes. progress may be NULL. On failure there is
 * no file.
 */
int vm_dump_core(struct vm_host *host, domid_t id, const char *path, void (*progress)(uint64_t done, uint64_t pages),
		 struct why *why);

#endif
