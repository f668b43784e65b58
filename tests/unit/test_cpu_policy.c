// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_cpuid.h pv/cpu_policy.c pv/cpu_features.c lib/string.c
/*
 * Story: a tool gives a domain a CPU policy, and the CPU has every feature there is. What would be wrong: a PV guest that is shown
 * what ring 3 cannot use (SMEP, PCID, VMX ...), a feature without what it needs, a policy that grows beyond its array or
 * loses its order, a leaf that no policy holds taken in silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "domain/domain.h"
#include "lib/errno.h"
#include "pv/cpu_features.h"
#include "pv/cpu_policy.h"
#include "x86/cpu.h"
#include "x86/spec_ctrl.h"
#include <xen/sysctl.h>

#define NO_SUB XEN_CPUID_NO_SUBLEAF
#define F(n) XEN_X86_FEATURE_##n

struct cpu_features host_cpu;
struct spec_plan spec = { .guest_bits = ~0u, .guest_ibpb = true };

void *heap_zalloc(size_t size)
{
	return calloc(1, size);
}

void heap_free(void *p)
{
	free(p);
}

/* Every bit of every feature word; sane sizes of extended states. */
struct cpuid_leaf test_cpuid(uint32_t leaf, uint32_t sub)
{
	static const struct { uint32_t size, offset; } state[] = {
		[2] = { 256, 576 }, [3] = { 64, 960 }, [4] = { 64, 1024 }, [5] = { 64, 1088 }, [6] = { 512, 1152 },
		[7] = { 1024, 1664 }, [9] = { 8, 2688 },
	};

	switch (leaf) {
	case 0:
		return (struct cpuid_leaf){ 0x16, 0x68747541, 0x444d4163, 0x69746e65 };
	case 7:
		return (struct cpuid_leaf){ sub ? ~0u : 2, ~0u, ~0u, ~0u };
	case 0xd:
		if (sub == 0)
			return (struct cpuid_leaf){ 0x2ff, 2696, 2696, 0 };
		if (sub == 1)
			return (struct cpuid_leaf){ 0xf, 2696, 0x1800, 0 };
		if (sub < sizeof(state) / sizeof(state[0]))
			return (struct cpuid_leaf){ state[sub].size, state[sub].offset, 0, 0 };
		return (struct cpuid_leaf){ 0 };
	case 0x80000000:
		return (struct cpuid_leaf){ 0x80000022, 0x68747541, 0x444d4163, 0x69746e65 };
	default:
		return (struct cpuid_leaf){ ~0u, ~0u, ~0u, ~0u };
	}
}

static struct domain dom;

static int start(void **unused)
{
	memset(&dom, 0, sizeof(dom));
	dom.id = 3;
	host_cpu = (struct cpu_features){ .amd = true, .xsave = true, .max_leaf = 0x16, .max_ext_leaf = 0x80000022,
					  .xcr0 = 0x2e7, .xstate_size = 2696 };
	cpu_policy_init();
	return 0;
}

static int end(void **unused)
{
	cpu_policy_domain_free(&dom);
	return 0;
}

static const uint16_t never[] = {
	F(VME), F(PSE), F(PSE36), F(PGE), F(MTRR), F(MONITOR), F(VMX), F(SMX), F(PCID), F(X2APIC), F(TSC_DEADLINE),
	F(OSXSAVE), F(SVM), F(PAGE1GB), F(SMEP), F(SMAP), F(INVPCID), F(TSC_ADJUST), F(MPX), F(PROC_TRACE), F(UMIP),
	F(PKU), F(OSPKE), F(CET_SS), F(CET_IBT), F(ENQCMD), F(ARCH_CAPS), F(XSAVES), F(IBRS),
};

static void assert_fit_for_pv(const struct cpu_policy *p)
{
	for (unsigned i = 0; i < ARRAY_SIZE(never); i++)
		assert_false(cpu_policy_has(p, never[i]));
	assert_true(cpu_policy_has(p, F(HYPERVISOR)));
	assert_true(p->nr <= POLICY_MAX_LEAVES);
	for (unsigned i = 1; i < p->nr; i++)
		assert_true(p->leaf[i].leaf > p->leaf[i - 1].leaf ||
			    (p->leaf[i].leaf == p->leaf[i - 1].leaf && p->leaf[i].subleaf > p->leaf[i - 1].subleaf));
	assert_true(cpu_policy_find(p, 0, 0)->a <= POLICY_MAX_BASIC);
	assert_true(cpu_policy_find(p, 0x80000000, 0)->a <= POLICY_MAX_EXT);
	assert_true(cpu_policy_xsave_bytes(p, ~0ull) <= host_cpu.xstate_size);
}

static void test_defaults(void **unused)
{
	const struct cpu_policy *max = cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_max);
	const struct cpu_policy *def = cpu_policy_system(XEN_SYSCTL_cpu_policy_pv_default);

	assert_fit_for_pv(max);
	assert_fit_for_pv(def);
	assert_true(cpu_policy_has(def, F(AVX512F)));
	assert_true(cpu_policy_has(def, F(IBRSB)) && cpu_policy_has(def, F(STIBP)) && cpu_policy_has(def, F(IBPB)));
	spec.guest_bits = spec.guest_ibpb = false;	/* spec-ctrl=msr-sc=off */
	cpu_policy_init();
	assert_false(cpu_policy_has(max, F(IBRSB)) || cpu_policy_has(max, F(SSBD)) || cpu_policy_has(max, F(IBPB)));
	spec.guest_bits = spec.guest_ibpb = true;
	cpu_policy_init();
	assert_true(cpu_policy_has(max, F(ITSC)));
	assert_false(cpu_policy_has(def, F(ITSC)));
	assert_ptr_equal(cpu_policy_of(&dom), def);
	dom.is_hardware = true;
	assert_true(cpu_policy_has(cpu_policy_of(&dom), F(ITSC)));
	assert_null(cpu_policy_system(XEN_SYSCTL_cpu_policy_hvm_max));
	assert_null(cpu_policy_system(99));
}

/* A tool that asks for all gets what there is; one that takes XSAVE away takes AVX and the rest with it. */
static void test_set(void **unused)
{
	xen_cpuid_leaf_t all[] = { { 1, NO_SUB, ~0u, ~0u, ~0u, ~0u }, { 7, 0, ~0u, ~0u, ~0u, ~0u },
				   { 0x80000001, NO_SUB, ~0u, ~0u, ~0u, ~0u } };
	xen_cpuid_leaf_t less = { 1, NO_SUB, 0x600, 0, ~(1u << 26), ~0u };
	uint32_t leaf, sub;

	assert_int_equal(cpu_policy_set(&dom, all, 3, &leaf, &sub), 0);
	assert_fit_for_pv(cpu_policy_of(&dom));
	assert_int_equal(cpu_policy_set(&dom, &less, 1, &leaf, &sub), 0);
	assert_fit_for_pv(cpu_policy_of(&dom));
	assert_false(cpu_policy_has(cpu_policy_of(&dom), F(XSAVE)));
	assert_false(cpu_policy_has(cpu_policy_of(&dom), F(AVX)));
	assert_false(cpu_policy_has(cpu_policy_of(&dom), F(AVX2)));
	assert_false(cpu_policy_has(cpu_policy_of(&dom), F(AVX512BW)));
	assert_int_equal(cpu_policy_find(cpu_policy_of(&dom), 0xd, 0)->a, 0);
}

static void test_refused(void **unused)
{
	xen_cpuid_leaf_t bad[] = { { 0xe, NO_SUB, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0, 0 }, { 7, 3, 0, 0, 0, 0 },
				   { 0xd, 63, 0, 0, 0, 0 }, { 0x40000001, NO_SUB, 0, 0, 0, 0 },
				   { 0x80000022, NO_SUB, 0, 0, 0, 0 }, { 0x8ffffffe, NO_SUB, 0, 0, 0, 0 } };
	xen_cpuid_leaf_t high = { 0, NO_SUB, 0x20, 0, 0, 0 };
	uint32_t leaf, sub;

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(cpu_policy_set(&dom, &bad[i], 1, &leaf, &sub), -ERANGE);
		assert_int_equal(leaf, bad[i].leaf);
		assert_int_equal(sub, bad[i].subleaf);
	}
	assert_int_equal(cpu_policy_set(&dom, &high, 1, &leaf, &sub), -EINVAL);
	assert_null(dom.cpu_policy);
}

/* Whatever a tool sends: refused whole, or cut to what is fit. */
static void test_anything(void **unused)
{
	static const uint32_t base[] = { 0, 0x40000000, 0x80000000 };
	unsigned taken = 0;

	srand(4);
	for (unsigned round = 0; round < 2000; round++) {
		xen_cpuid_leaf_t l[8];
		uint32_t leaf, sub;

		for (unsigned i = 0; i < 8; i++) {
			l[i] = (xen_cpuid_leaf_t){ base[rand() % 3] + rand() % (rand() % 8 ? 14 : 36),
						   rand() % 2 ? NO_SUB : rand() % 4u, rand() * 3u, rand() * 3u,
						   rand() * 3u, rand() * 3u };
			if (l[i].leaf == 0)
				l[i].a %= 0xe;
			if (rand() % 4)	/* mostly such as are known */
				l[i].subleaf = l[i].leaf == 7 ? rand() % 3u : l[i].leaf == 0xd ? rand() % 63u : NO_SUB;
		}
		if (!cpu_policy_set(&dom, l, 1 + rand() % 8, &leaf, &sub))
			taken++;
		assert_fit_for_pv(cpu_policy_of(&dom));
	}
	assert_true(taken > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_defaults, start, end),
		cmocka_unit_test_setup_teardown(test_set, start, end),
		cmocka_unit_test_setup_teardown(test_refused, start, end),
		cmocka_unit_test_setup_teardown(test_anything, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
