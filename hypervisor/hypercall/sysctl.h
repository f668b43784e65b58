/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl's parts: a handler gets the one copy of the request, which goes back to the caller where its row says so. */
#ifndef HYPERCALL_SYSCTL_H
#define HYPERCALL_SYSCTL_H
#include "hypercall/dispatch.h"
#include <xen/sysctl.h>

struct sysctl_call { struct xen_sysctl op; bool copyback; };
typedef long sysctl_fn(struct sysctl_call *c);

/* sysctl_host.c: CPUs, nodes, memory, devices */
sysctl_fn sysctl_physinfo, sysctl_cputopo, sysctl_numainfo, sysctl_pcitopo, sysctl_cpuinfo, sysctl_availheap,
	sysctl_offline_frames, sysctl_cpu_hotplug;
/* sysctl_cpu.c: policies and power */
sysctl_fn sysctl_featureset, sysctl_policy, sysctl_levelling, sysctl_pmstat, sysctl_pm_op;
#endif
