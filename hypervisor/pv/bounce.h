/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames on the guest kernel's stack. All only for current, on its way back to the guest. */
#ifndef PV_BOUNCE_H
#define PV_BOUNCE_H
#include "lib/types.h"
struct cpu_user_regs;
struct domain;
struct vcpu;

#define TBF_EXCEPTION	1u
#define TBF_ERRCODE	2u
#define TBF_INTERRUPT	8u	/* deliver with event delivery masked */
/* Sends the vCPU to eip. The error code if TBF_ERRCODE. A frame that cannot be written ends the domain. */
void pv_bounce(struct cpu_user_regs *regs, uint64_t eip, unsigned flags, uint32_t error_code);
void pv_bounce_syscall(struct cpu_user_regs *regs);	/* a SYSCALL of the guest's user */
void pv_bounce_syscall32(struct cpu_user_regs *regs);
void pv_bounce_sysenter(struct cpu_user_regs *regs);
void pv_bounce_failsafe(struct cpu_user_regs *regs);
int pv_deliver_pending(struct cpu_user_regs *regs);	/* exit path: NMI, MCE, events; non-zero: look again */
void pv_bad_iret(struct cpu_user_regs *regs);
#endif
