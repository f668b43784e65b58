/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One store of a PV guest's kernel that faulted on a read-only page: decoded, computed, then finished by who allowed it. */
#ifndef PV_PTWR_H
#define PV_PTWR_H
#include "pv/decode.h"

/* What a store instruction does to a word: from its old value. */
struct store_effect {
	uint64_t val;
	uint64_t flags;			/* the arithmetic ones */
	bool set_flags, write;
	int to_reg; uint64_t reg_val;	/* register that gets the old value, or -1 */
};
struct store {
	struct insn insn;
	uint64_t source;		/* of movs */
	struct store_effect effect;	/* as last computed */
};
/* Decodes the instruction at rip; false: it cannot be, or does not store to addr. */
bool store_fetch(const struct cpu_user_regs *regs, uint64_t addr, struct store *s);
/* What it would write over the operand's old value; *write: false for a compare that fails. False: not a store that is known */
bool store_compute(struct store *s, const struct cpu_user_regs *regs, uint64_t old, uint64_t *val, bool *write);
/* Its effect, as last computed, on the registers, flags and rip. */
void store_finish(const struct store *s, struct cpu_user_regs *regs);
#endif
