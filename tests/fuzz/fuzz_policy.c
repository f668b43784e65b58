// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_cpuid.h pv/cpu_policy.c pv/cpu_features.c lib/string.c
/*
 * A CPU policy that a toolstack gives (XEN_DOMCTL_set_cpu_policy), on a CPU that the input makes up. The policy stays sorted and
 * inside its array, and has no feature that the host has not, nor one that a PV guest cannot use.
 */
#include "fuzz.h"
#include "domain/domain.h"
#include "lib/errno.h"
#include "pv/cpu_policy.h"
#include "x86/cpu.h"
#include "x86/spec_ctrl.h"
#include <xen/sysctl.h>

#define F(n) XEN_X86_FEATURE_##n
#define LEAVES 40u

struct cpu_features host_cpu;
struct spec_plan spec;
static uint64_t cpu_seed;

void *heap_zalloc(size_t size) { return calloc(1, size); }
void heap_free(void *p) { free(p); }

static uint32_t mix(uint64_t x)
{
	x = (x ^ cpu_seed) * 0x9e3779b97f4a7c15ull;
	return (x ^ x >> 29) >> 16;
}

/* Random bits for each leaf, the same whenever it is asked. */
struct cpuid_leaf test_cpuid(uint32_t leaf, uint32_t sub)
{
	uint64_t key = ((uint64_t)leaf << 32 | sub) * 4;

	return (struct cpuid_leaf){ mix(key), mix(key + 1), mix(key + 2), mix(key + 3) };
}

static void check_policy(const struct cpu_policy *p)
{
	static const unsigned never[] = { F(SMEP), F(SMAP), F(PCID), F(VMX), F(SVM), F(VME), F(PSE), F(PGE), F(MTRR) };

	CHECK(p->nr <= POLICY_MAX_LEAVES);
	for (unsigned i = 1; i < p->nr; i++) {
		const xen_cpuid_leaf_t *a = &p->leaf[i - 1], *b = &p->leaf[i];

		CHECK(a->leaf < b->leaf || (a->leaf == b->leaf && a->subleaf < b->subleaf));
	}
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		CHECK(!cpu_policy_has(p, never[i]));
}

static void check_subset(const struct cpu_policy *p)
{
	uint32_t mine[FEATURESET_WORDS], most[FEATURESET_WORDS];

	cpu_policy_featureset(p, mine);
	cpu_policy_featureset(cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_max), most);
	for (unsigned i = 0; i < FEATURESET_WORDS; i++)
		CHECK(!(mine[i] & ~most[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct domain dom = { .id = 3 };
	xen_cpuid_leaf_t leaf[LEAVES];
	uint32_t bad_leaf, bad_sub;

	cpu_seed = take(&in, 4);
	host_cpu = (struct cpu_features){ .xsave = cpu_seed & 1, .amd = cpu_seed >> 1 & 1, .max_leaf = 0x16,
		.max_ext_leaf = 0x80000022, .xcr0 = cpu_seed & 1 ? take(&in, 2) | 3 : 0, .xstate_size = 576 + take(&in, 2) };
	spec = (struct spec_plan){ .guest_bits = cpu_seed >> 2 & 7, .guest_ibpb = cpu_seed >> 5 & 1 };
	cpu_policy_init();
	while (in.left) {
		unsigned n = 1 + pick(&in, LEAVES);

		for (unsigned i = 0; i < n; i++)
			leaf[i] = (xen_cpuid_leaf_t){ .leaf = take(&in, 1) | (take(&in, 1) & 1 ? 0x80000000u : 0),
				.subleaf = pick(&in, 4) ? XEN_CPUID_NO_SUBLEAF : take(&in, 1), .a = take(&in, 4), .b = take(&in, 4),
				.c = take(&in, 4), .d = take(&in, 4) };
		cpu_policy_set(&dom, leaf, n, &bad_leaf, &bad_sub);
		check_policy(cpu_policy_of(&dom));
		check_subset(cpu_policy_of(&dom));
		cpu_policy_xsave_bytes(cpu_policy_of(&dom), take(&in, 8));
		cpu_policy_find(cpu_policy_of(&dom), take(&in, 4), take(&in, 4));
	}
	cpu_policy_domain_free(&dom);
	return 0;
}
