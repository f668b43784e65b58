/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl: what the host has. */
#ifndef HYPERCALL_SYSCTL_HOST_H
#define HYPERCALL_SYSCTL_HOST_H
#include "hypercall/sysctl.h"
sysctl_fn sysctl_physinfo, sysctl_cputopo, sysctl_numainfo, sysctl_pcitopo, sysctl_cpuinfo, sysctl_availheap,
	sysctl_offline_frames;
#endif
