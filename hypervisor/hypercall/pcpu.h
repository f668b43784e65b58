/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The host's CPUs as dom0 sees and switches them: rows of sysctl and of platform_op. */
#ifndef HYPERCALL_PCPU_H
#define HYPERCALL_PCPU_H
#include "hypercall/platform.h"
#include "hypercall/sysctl.h"
sysctl_fn sysctl_cpu_hotplug;
platform_fn pcpu_get_info, pcpu_get_version, pcpu_online, pcpu_offline;
#endif
