/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done against speculative attacks: from what the CPU says of itself and what the command line asks, without touching
 * hardware. Sources: Intel's and AMD's guidance on each attack, Intel SDM vol. 3A 2.17 (IA32_SPEC_CTRL, ARCH_CAPABILITIES).
 */
#ifndef X86_SPEC_DECIDE_H
#define X86_SPEC_DECIDE_H
#include "x86/alternative.h"

#define SPEC_CTRL_IBRS		(1u << 0)
#define SPEC_CTRL_STIBP		(1u << 1)
#define SPEC_CTRL_SSBD		(1u << 2)
#define SPEC_CTRL_PSFD		(1u << 7)
#define SPEC_CTRL_BHI_DIS_S	(1u << 10)

struct spec_cpu {
	bool intel, amd, smep;
	bool emulated;			/* by QEMU's TCG, which does not speculate */
	uint32_t family, model;
	uint32_t l7b, l7d, l7_2d;	/* CPUID 7.0.ebx, edx; 7.2.edx */
	uint32_t e8b, e21a, e21c;	/* 0x80000008.ebx, 0x80000021.eax, ecx */
	uint64_t caps;			/* IA32_ARCH_CAPABILITIES, or 0 */
};

/* The words of spec-ctrl= and of pv-l1tf=. -1: as the CPU needs it */
struct spec_options {
	int8_t thunk;			/* enum thunk */
	int8_t ibrs, ibpb, ssbd, psfd;
	int8_t rsb_pv, verw_pv;
	int8_t msr_pv;			/* IA32_SPEC_CTRL and PRED_CMD for guests */
	int8_t l1tf_dom0, l1tf_domu;
};

struct spec_plan {
	enum thunk thunk;
	bool ibrs_entry;		/* IBRS is written at each crossing */
	bool ibrs_always;		/* enhanced IBRS: set once. Of AMD, "automatic": by EFER */
	bool auto_ibrs;
	bool has_msr;			/* IA32_SPEC_CTRL is there */
	uint32_t constant;		/* bits of it that are always set */
	uint32_t guest_bits;		/* bits of it that guests may set; 0: it is not for them */
	bool guest_ibpb;		/* guests may write IA32_PRED_CMD */
	bool ibpb;			/* when a CPU goes from one domain to another */
	bool rsb_pv, verw_pv;
	bool l1tf_dom0, l1tf_domu;	/* entries that are not present are checked */
	/* what the CPU is open to; the log says so */
	bool meltdown, l1tf, mds, taa, mmio, rfds, tsa, ssb, retbleed, srso, bhi, gds;
};

void spec_options_init(struct spec_options *o);
/* One word of spec-ctrl=, without commas. False: not known. */
bool spec_option(struct spec_options *o, const char *word);
void spec_decide(const struct spec_cpu *c, const struct spec_options *o, struct spec_plan *p);
#endif
