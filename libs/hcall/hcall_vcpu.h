/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vCPUs: what they do, on which CPUs they may run, and their domain's share of them. */
#ifndef HCALL_VCPU_H
#define HCALL_VCPU_H

#include "hcall/hcall.h"

#define HCALL_MAX_CPUS 4096

struct hcall_vcpu {
	bool online, blocked, running;
	unsigned cpu;
	uint64_t cpu_time;	/* nanoseconds */
};
int hcall_vcpu_info(struct hcall *h, domid_t id, unsigned vcpu, struct hcall_vcpu *info);

struct hcall_cpumap {
	uint8_t bits[HCALL_MAX_CPUS / 8];
};
static inline bool hcall_cpu_in(const struct hcall_cpumap *m, unsigned cpu)
{
	return cpu < HCALL_MAX_CPUS && (m->bits[cpu / 8] & 1u << cpu % 8);
}
int hcall_vcpu_affinity(struct hcall *h, domid_t id, unsigned vcpu, struct hcall_cpumap *hard, struct hcall_cpumap *soft);
/* A map that is NULL stays as it is. force: undo what the guest's kernel has pinned for a while. */
int hcall_vcpu_set_affinity(struct hcall *h, domid_t id, unsigned vcpu, const struct hcall_cpumap *hard,
			    const struct hcall_cpumap *soft, bool force);
/* The node of each CPU (XEN_INVALID_NODE_ID: none), up to *n, which becomes how many CPU numbers there are. */
int hcall_cpu_nodes(struct hcall *h, uint32_t *nodes, unsigned *n);

/* The scheduler credit2: weight 1 to 65535, cap in percent of a CPU or 0. */
int hcall_credit2(struct hcall *h, domid_t id, struct xen_domctl_sched_credit2 *share);
int hcall_set_credit2(struct hcall *h, domid_t id, const struct xen_domctl_sched_credit2 *share);
/* Microseconds that a vCPU runs at least; of a pool of CPUs. */
int hcall_ratelimit(struct hcall *h, uint32_t pool, unsigned *us);
int hcall_set_ratelimit(struct hcall *h, uint32_t pool, unsigned us);

/* XEN_DOMCTL_SENDTRIGGER_* */
int hcall_trigger(struct hcall *h, domid_t id, unsigned trigger, unsigned vcpu);

#endif
