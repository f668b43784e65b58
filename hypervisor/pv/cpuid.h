/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID as a PV guest sees it. */
#ifndef PV_CPUID_H
#define PV_CPUID_H
#include "lib/types.h"
struct cpu_user_regs;
struct domain;
struct vcpu;
void pv_guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4]);
#endif
