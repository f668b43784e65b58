// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPU policies: read from the CPU, cut down to what PV guests may have, changed by tools.
 * Sources: Intel SDM vol. 2A (CPUID), AMD APM vol. 3 appendix E, xen/arch-x86/cpufeatureset.h.
 */
#include "pv/cpu_policy.h"
#include "pv/cpu_features.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "x86/cpu.h"
#include "x86/spec_ctrl.h"
#include <xen/sysctl.h>

#define NO_SUB XEN_CPUID_NO_SUBLEAF
#define EXT 0x80000000u
#define HV_LIMIT 0x40000000u
#define HV2_LIMIT 0x40000100u
#define LEAF_CACHE 4
#define LEAF_FEAT 7
#define LEAF_TOPO 0xb
#define LEAF_XSTATE 0xd
#define NR_CACHE 6u
#define NR_FEAT 3u
#define NR_TOPO 2u
#define NR_XSTATE 63u
#define COMMON_1D 0x0183f3ffu	/* bits of 1.edx that AMD shows in 0x80000001.edx too */

enum reg { A, B, C, D };
/* Where the words of a feature set stand; words 16 and 17 are an MSR's. */
static const struct { uint32_t leaf, sub; enum reg reg; } word_at[FEATURESET_WORDS] = {
	[0] = { 1, NO_SUB, D }, [1] = { 1, NO_SUB, C },
	[2] = { EXT + 1, NO_SUB, D }, [3] = { EXT + 1, NO_SUB, C },
	[4] = { LEAF_XSTATE, 1, A }, [5] = { LEAF_FEAT, 0, B }, [6] = { LEAF_FEAT, 0, C },
	[7] = { EXT + 7, NO_SUB, D }, [8] = { EXT + 8, NO_SUB, B },
	[9] = { LEAF_FEAT, 0, D }, [10] = { LEAF_FEAT, 1, A }, [11] = { EXT + 0x21, NO_SUB, A },
	[12] = { LEAF_FEAT, 1, B }, [13] = { LEAF_FEAT, 2, D },
	[14] = { LEAF_FEAT, 1, C }, [15] = { LEAF_FEAT, 1, D },
	[16] = { HV_LIMIT, 0, A }, [17] = { HV_LIMIT, 0, A }, [18] = { EXT + 0x21, NO_SUB, C },
};
static bool word_is_msr(unsigned w) { return w == 16 || w == 17; }

static struct cpu_policy raw, host, pv_max, pv_default, pv_dom0;

static xen_cpuid_leaf_t *find(struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
	for (unsigned i = 0; i < p->nr; i++) {
		xen_cpuid_leaf_t *l = &p->leaf[i];

		if (l->leaf == leaf && (l->subleaf == NO_SUB || l->subleaf == sub))
			return l;
	}
	return NULL;
}

const xen_cpuid_leaf_t *cpu_policy_find(const struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
	return find((struct cpu_policy *)p, leaf, sub);
}

/* Puts a leaf in its place, over the one that is there. */
static void put(struct cpu_policy *p, const xen_cpuid_leaf_t *l)
{
	unsigned i;

	for (i = 0; i < p->nr; i++) {
		const xen_cpuid_leaf_t *o = &p->leaf[i];

		if (o->leaf > l->leaf || (o->leaf == l->leaf && o->subleaf >= l->subleaf))
			break;
	}
	if (i == p->nr || p->leaf[i].leaf != l->leaf || p->leaf[i].subleaf != l->subleaf) {
		if (p->nr == POLICY_MAX_LEAVES)
			return;
		memmove(&p->leaf[i + 1], &p->leaf[i], (p->nr - i) * sizeof(p->leaf[0]));
		p->nr++;
	}
	p->leaf[i] = *l;
}

static void put_cpuid(struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
	struct cpuid_leaf r = cpuid(leaf, sub == NO_SUB ? 0 : sub);
	xen_cpuid_leaf_t l = { leaf, sub, r.a, r.b, r.c, r.d };

	put(p, &l);
}

static unsigned subleaves(uint32_t leaf)
{
	switch (leaf) {
	case LEAF_CACHE:
		return NR_CACHE;
	case LEAF_FEAT:
		return NR_FEAT;
	case LEAF_TOPO:
		return NR_TOPO;
	case LEAF_XSTATE:
		return NR_XSTATE;
	default:
		return 0;
	}
}

static void read_cpu(struct cpu_policy *p)
{
	static const xen_cpuid_leaf_t limit = { HV_LIMIT, NO_SUB, 0, 0, 0, 0 };
	static const xen_cpuid_leaf_t limit2 = { HV2_LIMIT, NO_SUB, 0, 0, 0, 0 };
	uint32_t max = MIN(host_cpu.max_leaf, POLICY_MAX_BASIC);
	uint32_t max_ext = MIN(host_cpu.max_ext_leaf, POLICY_MAX_EXT);

	for (uint32_t l = 0; l <= max; l++) {
		unsigned nr = subleaves(l);

		if (l == LEAF_FEAT)
			nr = MIN(nr, cpuid(l, 0).a + 1);
		if (!nr)
			put_cpuid(p, l, NO_SUB);
		for (unsigned s = 0; s < nr; s++)
			put_cpuid(p, l, s);
	}
	put(p, &limit);
	put(p, &limit2);
	for (uint32_t l = EXT; l >= EXT && l <= max_ext; l++)
		put_cpuid(p, l, NO_SUB);
}

static uint32_t *word_of(struct cpu_policy *p, unsigned w)
{
	xen_cpuid_leaf_t *l = word_is_msr(w) ? NULL : find(p, word_at[w].leaf, word_at[w].sub);

	if (!l)
		return NULL;
	switch (word_at[w].reg) {
	case A:
		return &l->a;
	case B:
		return &l->b;
	case C:
		return &l->c;
	default:
		return &l->d;
	}
}

void cpu_policy_featureset(const struct cpu_policy *p, uint32_t words[FEATURESET_WORDS])
{
	for (unsigned w = 0; w < FEATURESET_WORDS; w++) {
		const uint32_t *at = word_of((struct cpu_policy *)p, w);

		words[w] = at ? *at : 0;
	}
	if (host_cpu.amd)
		words[2] &= ~COMMON_1D;
}

bool cpu_policy_has(const struct cpu_policy *p, unsigned f)
{
	const uint32_t *at = word_of((struct cpu_policy *)p, f / 32);

	return at && *at >> (f % 32) & 1;
}

uint32_t cpu_policy_xsave_bytes(const struct cpu_policy *p, uint64_t mask)
{
	uint32_t size = XSAVE_MIN_BYTES;

	for (unsigned s = 2; s < 63; s++) {
		const xen_cpuid_leaf_t *l = mask >> s & 1 ? cpu_policy_find(p, 0xd, s) : NULL;

		if (l)
			size = MAX(size, l->a + l->b);
	}
	return size;
}

static void set_words(struct cpu_policy *p, const uint32_t words[FEATURESET_WORDS])
{
	for (unsigned w = 0; w < FEATURESET_WORDS; w++) {
		uint32_t *at = word_of(p, w);

		if (at)
			*at = words[w];
	}
}

static void clear_leaf(struct cpu_policy *p, uint32_t leaf)
{
	for (unsigned i = 0; i < p->nr; i++)
		if (p->leaf[i].leaf == leaf)
			p->leaf[i].a = p->leaf[i].b = p->leaf[i].c = p->leaf[i].d = 0;
}

/* Extended-state components of the features that are left; sizes and places are the host's. */
static void settle_xstate(struct cpu_policy *p)
{
	const uint64_t avx512 = 0xe0;
	uint64_t mask = 3;
	uint32_t size = XSAVE_MIN_BYTES;
	xen_cpuid_leaf_t *main_leaf = find(p, LEAF_XSTATE, 0);

	if (!main_leaf)
		return;
	if (!cpu_policy_has(p, XEN_X86_FEATURE_XSAVE)) {
		clear_leaf(p, LEAF_XSTATE);
		return;
	}
	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX))
		mask |= 4;
	if (cpu_policy_has(p, XEN_X86_FEATURE_AVX512F))
		mask |= avx512;
	mask &= host_cpu.xcr0;
	for (unsigned s = 2; s < NR_XSTATE; s++) {
		xen_cpuid_leaf_t *l = find(p, LEAF_XSTATE, s);
		const xen_cpuid_leaf_t *h = cpu_policy_find(&raw, LEAF_XSTATE, s);

		if (!l)
			continue;
		l->a = l->b = l->c = l->d = 0;
		if (!(mask >> s & 1) || !h)
			continue;
		l->a = h->a;
		l->b = h->b;
		l->c = h->c & 2;	/* aligned; supervisor states are none of a PV guest's */
		size = MAX(size, h->a + h->b);
	}
	main_leaf->a = mask;
	main_leaf->b = XSAVE_MIN_BYTES;	/* dynamic: pv/cpuid.c */
	main_leaf->c = size;
	main_leaf->d = mask >> 32;
	main_leaf = find(p, LEAF_XSTATE, 1);
	if (main_leaf)
		main_leaf->b = main_leaf->c = main_leaf->d = 0;
}

static void settle_amd(struct cpu_policy *p)
{
	static const uint32_t hidden[] = { 2, 3, LEAF_CACHE, 9, 0xa, EXT + 9, EXT + 0xa };
	xen_cpuid_leaf_t *l1 = find(p, 1, 0), *e;

	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
		clear_leaf(p, hidden[i]);
	for (uint32_t l = EXT + 0xb; l <= EXT + 0x18; l++)
		clear_leaf(p, l);
	for (uint32_t l = EXT + 0x1b; l <= EXT + 0x20; l++)
		clear_leaf(p, l);
	e = find(p, EXT + 1, 0);
	if (e && l1) {
		e->b &= 0xff00ffff;
		e->d |= l1->d & COMMON_1D;
	}
	e = find(p, EXT + 8, 0);
	if (e)
		e->c &= 0x0003f0ff;
}

static void settle_intel(struct cpu_policy *p)
{
	xen_cpuid_leaf_t *e;

	clear_leaf(p, 3);
	clear_leaf(p, 9);
	clear_leaf(p, 0xa);
	clear_leaf(p, EXT + 5);
	e = find(p, EXT + 6, 0);
	if (e)
		e->a = e->b = e->d = 0;
	e = find(p, EXT + 8, 0);
	if (e)
		e->c = 0;
}

/* Cuts p down to the features of 'max' and hides what a guest has no part in. */
static void settle(struct cpu_policy *p, const uint32_t max[FEATURESET_WORDS])
{
	static const uint32_t hidden[] = { 5, 6, 8, 0xc, LEAF_TOPO };
	uint32_t words[FEATURESET_WORDS];
	xen_cpuid_leaf_t *l;

	cpu_policy_featureset(p, words);
	for (unsigned w = 0; w < FEATURESET_WORDS; w++)
		words[w] &= max[w];
	if (host_cpu.amd)	/* SYSENTER is no 64-bit instruction there */
		words[0] &= ~(1u << XEN_X86_FEATURE_SEP);
	cpu_features_settle(words);
	set_words(p, words);
	for (unsigned i = 0; i < ARRAY_SIZE(hidden); i++)
		clear_leaf(p, hidden[i]);
	l = find(p, 1, 0);
	if (l) {
		l->a &= 0x0fff0fff;
		l->b &= 0x00ffffff;	/* APIC id: dynamic */
	}
	l = find(p, EXT + 7, 0);
	if (l)
		l->a = l->b = l->c = 0;
	l = find(p, EXT + 8, 0);
	if (l) {
		l->a &= 0xffff;
		l->d = 0;
	}
	if (host_cpu.amd)
		settle_amd(p);
	else
		settle_intel(p);
	l = find(p, 0, 0);
	if (l)
		l->a = MIN(l->a, MIN(host_cpu.max_leaf, POLICY_MAX_BASIC));
	l = find(p, LEAF_FEAT, 0);
	if (l)
		l->a = MIN(l->a, NR_FEAT - 1);
	l = find(p, EXT, 0);
	if (l)
		l->a = MIN(l->a, MIN(host_cpu.max_ext_leaf, POLICY_MAX_EXT));
	settle_xstate(p);
}

/* Features of the host that may be in the policies of a kind of guest. */
static void pv_words(uint32_t out[FEATURESET_WORDS], bool max)
{
	for (unsigned w = 0; w < FEATURESET_WORDS; w++)
		out[w] = pv_default_features[w] | (max ? pv_max_features[w] : 0);
	/* Without the MSRs (spec-ctrl=msr-sc=off) no guest is told of them. */
	if (!spec.guest_bits)
		out[XEN_X86_FEATURE_IBRSB / 32] &= ~(1u << (XEN_X86_FEATURE_IBRSB % 32));
	if (!spec.guest_ibpb)
		out[XEN_X86_FEATURE_IBPB / 32] &= ~(1u << (XEN_X86_FEATURE_IBPB % 32));
}

/* Bits that are there whatever the CPU says. */
static void force(struct cpu_policy *p)
{
	uint32_t *at = word_of(p, XEN_X86_FEATURE_HYPERVISOR / 32);

	if (at)
		*at |= 1u << (XEN_X86_FEATURE_HYPERVISOR % 32);
}

void cpu_policy_init(void)
{
	uint32_t words[FEATURESET_WORDS], *itsc;

	read_cpu(&raw);
	host = raw;
	pv_max = pv_default = host;
	pv_words(words, true);
	settle(&pv_max, words);
	force(&pv_max);
	pv_words(words, false);
	settle(&pv_default, words);
	force(&pv_default);
	/* dom0 is never moved to another machine. */
	pv_dom0 = pv_default;
	itsc = word_of(&pv_dom0, XEN_X86_FEATURE_ITSC / 32);
	if (itsc && cpu_policy_has(&host, XEN_X86_FEATURE_ITSC))
		*itsc |= 1u << (XEN_X86_FEATURE_ITSC % 32);
}

const struct cpu_policy *cpu_policy_system(unsigned index)
{
	switch (index) {
	case XEN_SYSCTL_cpu_policy_raw:
		return &raw;
	case XEN_SYSCTL_cpu_policy_host:
		return &host;
	case XEN_SYSCTL_cpu_policy_pv_max:
		return &pv_max;
	case XEN_SYSCTL_cpu_policy_pv_default:
		return &pv_default;
	default:
		return NULL;
	}
}

const struct cpu_policy *cpu_policy_of(const struct domain *d)
{
	if (d->cpu_policy)
		return d->cpu_policy;
	return d->is_hardware ? &pv_dom0 : &pv_default;
}

/* Is it a leaf that a policy can hold? */
static bool leaf_known(const xen_cpuid_leaf_t *l)
{
	unsigned nr;

	if (l->leaf == HV_LIMIT || l->leaf == HV2_LIMIT)
		return l->subleaf == NO_SUB;
	if (l->leaf > POLICY_MAX_BASIC && (l->leaf < EXT || l->leaf > POLICY_MAX_EXT))
		return false;
	nr = subleaves(l->leaf);
	return nr ? l->subleaf < nr : l->subleaf == NO_SUB;
}

int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned n, uint32_t *bad_leaf,
		   uint32_t *bad_sub)
{
	struct cpu_policy *p = new_object(struct cpu_policy), *old = d->cpu_policy;
	uint32_t words[FEATURESET_WORDS], max[FEATURESET_WORDS];
	const xen_cpuid_leaf_t *top;
	int rc = -ERANGE;

	if (!p)
		return -ENOMEM;
	*p = *cpu_policy_of(d);
	for (unsigned i = 0; i < n; i++) {
		*bad_leaf = leaves[i].leaf;
		*bad_sub = leaves[i].subleaf;
		if (!leaf_known(&leaves[i]))
			goto fail;
		put(p, &leaves[i]);
	}
	rc = -EINVAL;
	*bad_leaf = 0;
	*bad_sub = NO_SUB;
	top = cpu_policy_find(p, 0, 0);
	if (!top || top->a > cpu_policy_find(&pv_max, 0, 0)->a)
		goto fail;
	cpu_policy_featureset(&pv_max, max);
	pv_words(words, true);
	for (unsigned w = 0; w < FEATURESET_WORDS; w++)
		words[w] &= max[w];
	settle(p, words);
	force(p);
	d->cpu_policy = p;
	heap_free(old);
	return 0;
fail:
	heap_free(p);
	return rc;
}

void cpu_policy_domain_free(struct domain *d)
{
	heap_free(d->cpu_policy);
	d->cpu_policy = NULL;
}
