/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What CPUID a domain sees: arrays of leaves, one policy for each question that the tools ask about the
 * host (XEN_SYSCTL_get_cpu_policy), and one for each domain for which a tool has set it; the others follow
 * their kind's default. A policy is constant while its domain's vCPUs run. Which feature PV guests may
 * have: the list in pv/cpu_features.c.
 */
#ifndef PV_CPU_POLICY_H
#define PV_CPU_POLICY_H
#include "domain/domain.h"
#include <xen/arch-x86/xen.h>
#include <xen/arch-x86/cpufeatureset.h>

#define POLICY_MAX_LEAVES 128u		/* of the arrays that cross the interface */
#define POLICY_MAX_MSRS 2u		/* PLATFORM_INFO, ARCH_CAPABILITIES */
#define MSR_PLATFORM_INFO 0xceu
#define MSR_ARCH_CAPABILITIES 0x10au
#define FEATURESET_WORDS 19u		/* xen/arch-x86/cpufeatureset.h */
#define POLICY_MAX_BASIC 0xdu
#define POLICY_MAX_EXT 0x80000021u
#define XSAVE_MIN_BYTES 576u		/* legacy area and header */

struct cpu_policy {
	unsigned nr;
	xen_cpuid_leaf_t leaf[POLICY_MAX_LEAVES];	/* sorted by leaf, then subleaf */
};

/* Makes the system's policies from the CPU; boot CPU, after cpu_early_init. */
void cpu_policy_init(void);
/* XEN_SYSCTL_cpu_policy_*; NULL: no such, or for a kind of guest that is not supported. */
const struct cpu_policy *cpu_policy_system(unsigned index);
/* What d sees. Valid while d is not given another (domctl's lock), and for d's own vCPUs. */
const struct cpu_policy *cpu_policy_of(const struct domain *d);
/* The words of xen/arch-x86/cpufeatureset.h in policy p. */
void cpu_policy_featureset(const struct cpu_policy *p, uint32_t words[FEATURESET_WORDS]);
bool cpu_policy_has(const struct cpu_policy *p, unsigned feature);	/* XEN_X86_FEATURE_* */
/* Bytes of the extended states that XCR0 = mask enables, in the standard format. */
uint32_t cpu_policy_xsave_bytes(const struct cpu_policy *p, uint64_t mask);
/*
 * Lays 'n' leaves over the policy of d (the rest stays) and takes out what PV guests cannot have. d is
 * paused and not current. -ENOMEM; -ERANGE: no such leaf, *bad_leaf and *bad_sub say which; -EINVAL, the
 * same: more leaves than the host has.
 */
int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned n, uint32_t *bad_leaf,
		   uint32_t *bad_sub);
void cpu_policy_domain_free(struct domain *d);
/* The entry for a leaf (one without subleaves ignores sub), or NULL. */
const xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf, uint32_t sub);
#endif
