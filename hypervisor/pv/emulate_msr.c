// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * MSRs that a PV kernel reads and writes. What is not listed is not there: #GP, which Debian's kernels expect and catch.
 */
#include "pv/emulate.h"
#include "pv/cpu_policy.h"
#include "pv/mm.h"
#include "sched/sched.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/spec_ctrl.h"
#include "x86/traps.h"
#include "x86/time.h"
#include "lib/errno.h"

#define MSR_TSC			0x10
#define MSR_PLATFORM_ID		0x17
#define MSR_BIOS_SIGN_ID	0x8b
#define MSR_MTRRCAP		0xfe
#define MSR_MISC_ENABLE		0x1a0
#define MSR_HYPERCALL_PAGE	0x40000000	/* as CPUID leaf 0x40000002 says */
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_EIP	0x176
#define MSR_MC_FIRST		0x400
#define MSR_MCG_CAP		0x179
#define MSR_MCG_STATUS		0x17a
#define MSR_AMD_PATCHLEVEL	0x8b
#define MSR_K8_SYSCFG		0xc0010010
#define MSR_K8_HWCR		0xc0010015
#define MSR_K8_TSEG		0xc0010112
#define MSR_AMD_DE_CFG		0xc0011029
#define EFER_SCE		(1ul << 0)
#define EFER_LME		(1ul << 8)
#define EFER_LMA		(1ul << 10)
#define EFER_NX			(1ul << 11)

static bool canonical(uint64_t a) { return ((int64_t)(a << 16) >> 16) == (int64_t)a; }

static int read_amd_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	if (!host_cpu.amd)
		return -EFAULT;
	*val = 0;
	return v->domain->is_hardware ? rdmsr_safe(msr, val) : 0;
}

/* User code reads it by RDTSCP and RDPID: the kernel's number of this CPU. */
static bool has_tsc_aux(const struct vcpu *v)
{
	const struct cpu_policy *p = cpu_policy_of(v->domain);

	return host_cpu.rdtscp && (cpu_policy_has(p, XEN_X86_FEATURE_RDTSCP) ||
				   cpu_policy_has(p, XEN_X86_FEATURE_RDPID));
}

bool pv_spec_ctrl_ok(const struct vcpu *v, uint64_t val)
{
	const struct cpu_policy *p = cpu_policy_of(v->domain);
	uint32_t may = 0;

	if (cpu_policy_has(p, XEN_X86_FEATURE_IBRSB))
		may |= SPEC_CTRL_IBRS;
	if (cpu_policy_has(p, XEN_X86_FEATURE_STIBP))
		may |= SPEC_CTRL_STIBP;
	if (cpu_policy_has(p, XEN_X86_FEATURE_SSBD))
		may |= SPEC_CTRL_SSBD;
	return may && !(val & ~(uint64_t)(may & spec.guest_bits));
}

static int write_pred_cmd(const struct vcpu *v, uint64_t val)
{
	const struct cpu_policy *p = cpu_policy_of(v->domain);

	if (val & ~(uint64_t)PRED_CMD_IBPB || !spec.guest_ibpb)
		return -EFAULT;
	if (!cpu_policy_has(p, XEN_X86_FEATURE_IBRSB) && !cpu_policy_has(p, XEN_X86_FEATURE_IBPB))
		return -EFAULT;
	if (val)
		wrmsr(MSR_PRED_CMD, val);
	return 0;
}

static int write_spec_ctrl(struct vcpu *v, uint64_t val)
{
	if (!pv_spec_ctrl_ok(v, val))
		return -EFAULT;
	v->pv->spec_ctrl = val;
	spec_set_guest(val);
	return 0;
}

/* Those that say the same to every guest. */
static int read_fixed_msr(uint32_t msr, uint64_t *val)
{
	*val = 0;
	switch (msr) {
	case MSR_MISC_ENABLE:
		*val = (host_cpu.intel ? 1u : 0) | 1u << 11 | 1u << 12;	/* fast strings; BTS, PEBS unavailable */
		return 0;
	case MSR_HYPERCALL_PAGE:
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
		return 0;
	case MSR_PLATFORM_ID:
		return host_cpu.intel ? 0 : -EFAULT;
	}
	return -EFAULT;
}

int pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		*val = rdmsr(msr);
		return 0;
	case MSR_TSC_AUX:
		*val = v->pv->tsc_aux;
		return has_tsc_aux(v) ? 0 : -EFAULT;
	case MSR_SPEC_CTRL:
		*val = v->pv->spec_ctrl;
		return pv_spec_ctrl_ok(v, 0) ? 0 : -EFAULT;
	case MSR_EFER:
		*val = rdmsr(msr) & (EFER_SCE | EFER_LME | EFER_LMA | EFER_NX);
		return 0;
	case MSR_APIC_BASE:
		*val = 0xfee00800ul | (v->id == 0 ? 0x100 : 0);
		return 0;
	case MSR_PAT:
		*val = rdmsr(msr);
		return 0;
	case MSR_TSC:
		*val = v->domain->tsc_emulated ? guest_tsc_read(v->domain) : rdtsc();
		return 0;
	case MSR_BIOS_SIGN_ID:
		return rdmsr_safe(msr, val);
	case MSR_K8_SYSCFG:
	case MSR_K8_HWCR:
	case MSR_AMD_DE_CFG:
		return read_amd_msr(v, msr, val);
	}
	return read_fixed_msr(msr, val);
}

/* The frame that bits 12 and up name becomes a hypercall page; the bits below are its index, of which there is only 0. */
static int fill_hypercall_page(struct vcpu *v, uint64_t val)
{
	mfn_t m = MFN(val >> PAGE_SHIFT);
	struct frame *f;

	if (val & ~PAGE_MASK || !mfn_valid(m))
		return -EFAULT;
	f = frame_of(m);
	if (!frame_get(f, v->domain->id))
		return -EFAULT;
	if (!pv_get_writable(f, v->domain)) {
		frame_put(f);
		return -EFAULT;
	}
	hypercall_page_init(frame_va(f));
	frame_dirtied(f);
	pv_type_put(f);
	frame_put(f);
	return 0;
}

int pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
	uint64_t old;

	switch (msr) {
	case MSR_FS_BASE:
	case MSR_GS_BASE:
	case MSR_KERNEL_GS_BASE:
		if (!canonical(val))
			return -EFAULT;
		wrmsr(msr, val);
		return 0;
	case MSR_BIOS_SIGN_ID:
	case MSR_SYSENTER_CS ... MSR_SYSENTER_EIP:
	case MSR_MCG_STATUS:
	case MSR_MISC_ENABLE:	/* power and debugging are the host's: taken, without effect, as in Xen */
		return 0;
	case MSR_TSC_AUX:
		if (val >> 32 || !has_tsc_aux(v))
			return -EFAULT;
		v->pv->tsc_aux = val;
		wrmsr(msr, val);
		return 0;
	case MSR_SPEC_CTRL:
		return write_spec_ctrl(v, val);
	case MSR_PRED_CMD:
		return write_pred_cmd(v, val);
	case MSR_HYPERCALL_PAGE:
		return fill_hypercall_page(v, val);
	case MSR_APIC_BASE:
	case MSR_PAT:
	case MSR_EFER:
		/* The value that is there already may be written; another is not for the guest to choose. */
		return pv_read_msr(v, msr, &old) || old != val ? -EFAULT : 0;
	}
	return -EFAULT;
}

enum emul_result emul_rdmsr(struct emul *i)
{
	uint64_t val;

	if (pv_read_msr(current, i->regs->rcx, &val))
		return EMUL_FAIL;
	i->regs->rax = (uint32_t)val;
	i->regs->rdx = val >> 32;
	return EMUL_DONE;
}

enum emul_result emul_wrmsr(struct emul *i)
{
	uint64_t val = (uint32_t)i->regs->rax | i->regs->rdx << 32;

	return pv_write_msr(current, i->regs->rcx, val) ? EMUL_FAIL : EMUL_DONE;
}
