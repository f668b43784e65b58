// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPUID as a PV guest's kernel sees it (by the XEN_CPUID prefix, or a fault): its domain's policy, what
 * depends on the vCPU, and the hypervisor's own leaves (xen/arch-x86/cpuid.h).
 */
#include "pv/cpu_policy.h"
#include "pv/pv.h"
#include "pv/version.h"
#include "lib/string.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/time.h"
#include "x86/traps.h"
#include <xen/arch-x86/cpuid.h>

#define CR4_OSXSAVE (1u << 18)
#define OSXSAVE_BIT (1u << (XEN_X86_FEATURE_OSXSAVE % 32))
#define TSC_MODE_NEVER_EMULATE_PVRDTSCP 3
#define HYPERCALL_MSR 0x40000000u

static void time_leaf(struct vcpu *v, uint32_t sub, uint32_t out[4])
{
	uint32_t mode = 0, khz = 0, incarnation = 0;
	uint64_t elapsed = 0;
	struct time_scale scale;

	switch (sub) {
	case 0:
		guest_tsc_get(v->domain, &mode, &elapsed, &khz, &incarnation);
		out[0] = (v->domain->tsc_emulated ? 1 : 0) | (host_cpu.inv_tsc ? 2 : 0) | (host_cpu.rdtscp ? 4 : 0);
		out[1] = mode;
		out[2] = khz;
		out[3] = incarnation;
		break;
	case 1:
		time_get_scale(&scale);
		out[2] = scale.mul;
		out[3] = (uint8_t)scale.shift;
		break;
	case 2:
		out[0] = tsc_khz;
		break;
	}
}

static unsigned machine_address_width(void)
{
	unsigned bits = PAGE_SHIFT;

	while (max_mfn > 1ull << (bits - PAGE_SHIFT))
		bits++;
	return bits;
}

static void xen_leaf(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	switch (leaf) {
	case XEN_CPUID_LEAF(0):
		out[0] = XEN_CPUID_LEAF(XEN_CPUID_MAX_NUM_LEAVES);
		out[1] = XEN_CPUID_SIGNATURE_EBX;
		out[2] = XEN_CPUID_SIGNATURE_ECX;
		out[3] = XEN_CPUID_SIGNATURE_EDX;
		break;
	case XEN_CPUID_LEAF(1):
		out[0] = ANEL_XEN_MAJOR << 16 | ANEL_XEN_MINOR;
		break;
	case XEN_CPUID_LEAF(2):
		out[0] = 1;
		out[1] = HYPERCALL_MSR;
		out[2] = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
		break;
	case XEN_CPUID_LEAF(3):
		time_leaf(v, sub, out);
		break;
	case XEN_CPUID_LEAF(5):
		if (sub == 0)
			out[1] = machine_address_width();
		break;
	}
}

/*
 * The guest's own CR4 says whether OSXSAVE shows. A guest kernel that asks by the prefix sees the host's
 * too: kernels have relied on it since 2010, and the oracle does the same.
 */
static bool shows_osxsave(const struct vcpu *v, const struct cpu_policy *p)
{
	if (v->pv->cr4_guest & CR4_OSXSAVE)
		return true;
	return guest_cpu_user_regs()->entry_vector == TRAP_UD && v->pv->kernel_mode &&
	       cpu_policy_has(p, XEN_X86_FEATURE_XSAVE) && host_cpu.xsave;
}

static void dynamic(struct vcpu *v, const struct cpu_policy *p, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	switch (leaf) {
	case 1:
		out[2] &= ~OSXSAVE_BIT;
		if (shows_osxsave(v, p))
			out[2] |= OSXSAVE_BIT;
		break;
	case 0x80000008u:	/* a PV guest's linear addresses have 48 bits whatever the CPU can do */
		out[0] = (out[0] & ~0xff00u) | 48 << 8;
		break;
	case 0xb:
		if (cpu_policy_has(p, XEN_X86_FEATURE_X2APIC)) {
			out[2] |= sub & 0xff;
			out[3] = v->id * 2;
		}
		break;
	case 0xd:
		if (sub == 0 && cpu_policy_has(p, XEN_X86_FEATURE_XSAVE))
			out[1] = cpu_policy_xsave_bytes(p, v->xcr0);
		break;
	}
}

void pv_guest_cpuid(struct vcpu *v, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
	const struct cpu_policy *p = cpu_policy_of(v->domain);
	const xen_cpuid_leaf_t *l;

	memset(out, 0, 4 * sizeof(out[0]));
	if (leaf >= XEN_CPUID_FIRST_LEAF && leaf <= XEN_CPUID_LEAF(0xff)) {
		xen_leaf(v, leaf, sub, out);
		return;
	}
	/* the limits that the policy itself states */
	if (leaf < XEN_CPUID_FIRST_LEAF && leaf > cpu_policy_find(p, 0, 0)->a)
		return;
	if (leaf >= 0x80000000u && leaf > cpu_policy_find(p, 0x80000000u, 0)->a)
		return;
	l = cpu_policy_find(p, leaf, sub);
	if (!l)
		return;
	out[0] = l->a;
	out[1] = l->b;
	out[2] = l->c;
	out[3] = l->d;
	dynamic(v, p, leaf, sub, out);
}
