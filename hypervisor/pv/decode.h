/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decodes one 64-bit instruction of a PV guest: prefixes, opcode, operands. No guest memory is touched and nothing is done;
 * who emulates looks at map and opcode. Only opcodes that some emulation needs are known. Source: Intel SDM vol. 2, appendix A.
 */
#ifndef PV_DECODE_H
#define PV_DECODE_H
#include "lib/types.h"
#include <xen/xen.h>

#define INSN_MAX	15

enum insn_seg { SEG_NONE, SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS };
struct insn {
	uint8_t len;			/* bytes */
	uint8_t map;			/* 0: one byte; 1: 0f xx */
	uint8_t opcode;
	bool lock, rep, repne, opsize, addr32;
	uint8_t seg;			/* override, enum insn_seg */
	uint8_t rex;			/* 0: none */
	bool has_modrm, mem;		/* mem: the r/m operand, or moffs, is memory */
	uint8_t modrm, reg, rm;		/* register numbers 0..15 */
	uint8_t bytes;			/* operand size: 1, 2, 4, 8 */
	uint64_t ea;			/* offset of the memory operand, without the base of FS or GS */
	uint64_t imm;			/* sign-extended to 64 bits */
};

/* 0; -EINVAL: not known, or malformed; -EFAULT: more than n bytes are needed. rip in regs is the instruction's. */
int insn_decode(const uint8_t *code, unsigned n, const struct cpu_user_regs *regs, struct insn *out);
/* General register by number; byte: as an operand of one byte (without REX 4..7 are AH, CH, DH, BH). */
void *insn_reg(struct cpu_user_regs *regs, unsigned n, const struct insn *i, bool byte);
uint64_t insn_reg_read(const struct cpu_user_regs *regs, unsigned n, const struct insn *i);
/* Writes with the operand's size; 4 bytes clear the upper half. */
void insn_reg_write(struct cpu_user_regs *regs, unsigned n, const struct insn *i, uint64_t v);
#endif
