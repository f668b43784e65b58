/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Offsets that pv/entry.S uses; pv/offsets.c asserts each against the structs. */
#ifndef PV_OFFSETS_H
#define PV_OFFSETS_H
#define REGS_r15	0
#define REGS_r11	48
#define REGS_rax	80
#define REGS_rcx	88
#define REGS_error_code	120
#define REGS_entry_vector 124
#define REGS_rip	128
#define REGS_cs		136
#define REGS_rflags	144
#define REGS_rsp	152
#define REGS_ss		160
#define REGS_es		168
#define CPUINFO_current	208
#define CPUINFO_scratch	232
#define CPUINFO_softirq_pending 272
#define VCPU_info	0
#define VCPU_async	16		/* nmi_pending, mce_pending */
#define VCPU_pv		8
#define PVCPU_kernel_mode 0
#define TRAP_SYSCALL	0x100		/* entry_vector flag: rcx and r11 need not be kept, sysret will do */
#define SEL_CS64	0xe033
#define SEL_CS32	0xe023
#define SEL_DS32	0xe02b
#define STUB_SHIFT	6
#define HYPERCALL_iret	23
#endif
