/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a domain's vCPUs run, their share of the CPUs, its room to grow: cpus, cpus_soft, cpu_weight, cap, maxmem. */
#ifndef VM_PLACE_H
#define VM_PLACE_H

#include "vm/vm.h"

int vm_cpus_read(struct hcall *h, struct vm_cpus *cpus, struct why *why);

/* Looks for mistakes, with nothing done. */
int vm_place_check(struct vm_host *host, const struct vm_config *config, struct why *why);
int vm_place(struct vm_host *host, domid_t id, const struct vm_config *config, struct why *why);

#endif
