/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is asked of a guest that runs, and of the hypervisor for it. Each function checks, then acts. */
#ifndef VM_LIFE_H
#define VM_LIFE_H

#include "vm/vm.h"

#define VM_SLACK_KIB 1024	/* that the hypervisor allows above a guest's memory, as Debian's tools do */

/* Asks the guest's kernel, through control/shutdown, to end: "poweroff", "reboot". */
int vm_request(struct vm_host *host, domid_t id, const char *what, struct why *why);
/* Waits until the domain has shut down or is gone; with `gone`, until it is gone. */
int vm_wait_down(struct vm_host *host, domid_t id, bool gone, struct why *why);
int vm_rename(struct vm_host *host, domid_t id, const char *name, struct why *why);
int vm_sysrq(struct vm_host *host, domid_t id, const char *letter, struct why *why);
int vm_nmi(struct vm_host *host, domid_t id, unsigned vcpu, struct why *why);

/* How many of its vCPUs the guest shall use; its kernel does it. */
int vm_set_vcpus(struct vm_host *host, domid_t id, unsigned n, struct why *why);
/* KiB of a node of the domain's memory: "target", "static-max", "dynamic-min"; 0: it is not there. */
uint64_t vm_memory_node(struct vm_host *host, domid_t id, const char *node);
/* What the guest's balloon driver shall leave it. */
int vm_set_memory(struct vm_host *host, domid_t id, uint64_t kib, struct why *why);
/* The most that the hypervisor lets it have. */
int vm_set_max_memory(struct vm_host *host, domid_t id, uint64_t kib, struct why *why);

/* The hypervisor's figures of one domain; -ESRCH with the reason if it is gone. */
int vm_info(struct vm_host *host, domid_t id, struct xen_domctl_getdomaininfo *info, struct why *why);

#endif
