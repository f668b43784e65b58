/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One store of a PV guest's kernel that faulted on a read-only page: decoded, computed, then finished by who allowed it. */
#ifndef PV_PTWR_H
#define PV_PTWR_H
#include "pv/decode.h"

struct store { struct insn insn; uint64_t source; /* of movs */ };
/* Decodes the instruction at rip; false: it cannot be, or does not store to addr. */
bool store_fetch(const struct cpu_user_regs *regs, uint64_t addr, struct store *s);
/* What it would write over the operand's old value; *write: false for a compare that fails. False: not a store that is known */
bool store_compute(const struct store *s, const struct cpu_user_regs *regs, uint64_t old, uint64_t *val, bool *write);
/* Its effect on the registers, flags and rip. */
void store_finish(const struct store *s, struct cpu_user_regs *regs, uint64_t old);
#endif
