/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures against speculative attacks: chosen once (x86/spec_decide.c), put in force, told in the log. */
#ifndef X86_SPEC_CTRL_H
#define X86_SPEC_CTRL_H
#include "x86/spec_decide.h"
#include "lib/types.h"

#define MSR_SPEC_CTRL		0x48u
#define MSR_PRED_CMD		0x49u
#define PRED_CMD_IBPB		1u

extern struct spec_plan spec;	/* constant once the boot CPU has chosen */
void spec_init(void);		/* boot CPU: features are known, the command line is read */
void spec_patch(void);		/* boot CPU: the code itself (x86/alternative.c), and the log */
void spec_cpu_init(void);	/* the CPU that runs this */
/* What IA32_SPEC_CTRL is to be while the vCPU that is being loaded, or is current, runs; 'value': its own bits. */
void spec_write_guest(uint32_t value);
static inline void spec_set_guest(uint32_t value) { if (spec.has_msr) spec_write_guest(value); }
/* This CPU goes to a vCPU of the domain: what others have taught its predictors is forgotten. Interrupts off. */
void spec_forget_branches(uint32_t domid);
static inline void spec_switch_domain(uint32_t domid) { if (spec.ibpb) spec_forget_branches(domid); }
/* In NMI and machine-check handlers, which may have come from a guest: IBRS where each crossing writes it; then as it was. */
uint32_t spec_nmi_enter(void);
void spec_nmi_leave(uint32_t was, bool to_guest);
#endif
