/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUID of a CPU that the test makes up. */
#ifndef HOST_CPUID_H
#define HOST_CPUID_H
#include "x86/cpu.h"
struct cpuid_leaf test_cpuid(uint32_t leaf, uint32_t sub);
#define cpuid(leaf, sub) test_cpuid((leaf), (sub))
#endif
