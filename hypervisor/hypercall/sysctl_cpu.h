/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sysctl: CPU policies, power, counters. */
#ifndef HYPERCALL_SYSCTL_CPU_H
#define HYPERCALL_SYSCTL_CPU_H
#include "hypercall/sysctl.h"
sysctl_fn sysctl_featureset, sysctl_policy, sysctl_levelling, sysctl_pmstat, sysctl_pm_op, sysctl_perfc;
#endif
