/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of CPUs as people write them: CPULIST of xl.cfg(5). */
#ifndef VM_CPUS_H
#define VM_CPUS_H

#include "hcall/hcall_vcpu.h"
#include "why/why.h"

/* The host's CPUs: how many numbers there are (at least 1), and the node of each. */
struct vm_cpus {
	unsigned n;
	uint32_t nodes[HCALL_MAX_CPUS];
};

/* "all", "0-3,^1", "node:1,^5" */
int vm_cpus_parse(const char *text, const struct vm_cpus *cpus, struct hcall_cpumap *map, struct why *why);
/* The same the other way round: "all", "0-3,5". */
void vm_cpus_text(const struct hcall_cpumap *map, unsigned cpus, char *text, unsigned size);

/* Of a configuration: one list for all vCPUs, or (each) one a line for vCPU 0, 1, ... */
struct vm_pins {
	bool each;
	char text[1024];	/* "": as the hypervisor likes */
};
/* The list of one vCPU; false: it has none. */
bool vm_pins_of(const struct vm_pins *pins, unsigned vcpu, char list[1024]);

#endif
