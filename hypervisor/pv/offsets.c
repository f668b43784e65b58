// SPDX-License-Identifier: GPL-2.0-or-later
/* Compile-time proof of pv/offsets.h. No code. */
#include "pv/offsets.h"
#include "pv/pv.h"
#include "x86/traps.h"

#define CHECK(what, type, member) BUILD_ASSERT(offsetof(type, member) == what)
CHECK(REGS_r15, struct cpu_user_regs, r15);
CHECK(REGS_r11, struct cpu_user_regs, r11);
CHECK(REGS_rax, struct cpu_user_regs, rax);
CHECK(REGS_rcx, struct cpu_user_regs, rcx);
CHECK(REGS_error_code, struct cpu_user_regs, error_code);
CHECK(REGS_entry_vector, struct cpu_user_regs, entry_vector);
CHECK(REGS_rip, struct cpu_user_regs, rip);
CHECK(REGS_cs, struct cpu_user_regs, cs);
CHECK(REGS_rflags, struct cpu_user_regs, rflags);
CHECK(REGS_rsp, struct cpu_user_regs, rsp);
CHECK(REGS_ss, struct cpu_user_regs, ss);
CHECK(REGS_es, struct cpu_user_regs, es);
#undef current
CHECK(CPUINFO_current, struct cpu_info, current);
CHECK(CPUINFO_scratch, struct cpu_info, scratch);
CHECK(CPUINFO_softirq_pending, struct cpu_info, softirq_pending);
BUILD_ASSERT(HYPERCALL_iret == __HYPERVISOR_iret);
CHECK(VCPU_info, struct vcpu, info);
CHECK(VCPU_async, struct vcpu, nmi_pending);
CHECK(VCPU_async + 1, struct vcpu, mce_pending);
CHECK(VCPU_pv, struct vcpu, pv);
CHECK(PVCPU_kernel_mode, struct pv_vcpu, kernel_mode);
BUILD_ASSERT(SEL_CS64 == GUEST_CS64 && SEL_DS32 == GUEST_DS32);
/* The hardware pushes ss..rip from TSS.rsp0 = &guest_regs.es downwards, which it first aligns to 16. */
BUILD_ASSERT((sizeof(struct cpu_info) - REGS_es) % 16 == 0);
