// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Writable page tables (VMASST_TYPE_writable_pagetables): the guest stores to an L1 table of its own through a read-only
 * mapping; the store is decoded, checked as an update of the entry, and done. A forbidden one is the guest's page fault.
 */
#include "pv/mm_priv.h"
#include "pv/ptwr.h"
#include "gmem/guest_access.h"
#include "lib/string.h"
#include "x86/traps.h"

#define EFL_CF	0x001ul
#define EFL_PF	0x004ul
#define EFL_AF	0x010ul
#define EFL_ZF	0x040ul
#define EFL_SF	0x080ul
#define EFL_OF	0x800ul
#define EFL_ARITH (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF | EFL_OF)

static uint64_t size_mask(unsigned bytes) { return bytes == 8 ? ~0ull : (1ull << 8 * bytes) - 1; }

static uint64_t logic_flags(uint64_t v, unsigned bytes)
{
	uint64_t f = 0;

	v &= size_mask(bytes);
	if (!v)
		f |= EFL_ZF;
	if (v >> (8 * bytes - 1))
		f |= EFL_SF;
	if (!__builtin_parity((uint8_t)v))
		f |= EFL_PF;
	return f;
}

static uint64_t sub_flags(uint64_t a, uint64_t b, unsigned bytes)
{
	uint64_t r = a - b, f = logic_flags(r, bytes);

	if ((a & size_mask(bytes)) < (b & size_mask(bytes)))
		f |= EFL_CF;
	if ((((a ^ b) & (a ^ r)) >> (8 * bytes - 1)) & 1)
		f |= EFL_OF;
	return f | ((a ^ b ^ r) & EFL_AF);
}

static uint64_t add_flags(uint64_t a, uint64_t b, unsigned bytes)
{
	uint64_t r = a + b, f = logic_flags(r, bytes);

	if ((r & size_mask(bytes)) < (a & size_mask(bytes)))
		f |= EFL_CF;
	if (((~(a ^ b) & (a ^ r)) >> (8 * bytes - 1)) & 1)
		f |= EFL_OF;
	return f | ((a ^ b ^ r) & EFL_AF);
}

/* op: 0 add, 1 or, 4 and, 5 sub, 6 xor */
static bool alu(unsigned op, uint64_t old, uint64_t src, const struct insn *i, struct store_effect *e)
{
	e->set_flags = true;
	switch (op) {
	case 0:
		e->val = old + src;
		e->flags = add_flags(old, src, i->bytes);
		return true;
	case 5:
		e->val = old - src;
		e->flags = sub_flags(old, src, i->bytes);
		return true;
	case 1: e->val = old | src; break;
	case 4: e->val = old & src; break;
	case 6: e->val = old ^ src; break;
	default: return false;
	}
	e->flags = logic_flags(e->val, i->bytes);
	return true;
}

/* op: 1 bts, 2 btr, 3 btc */
static bool bit_op(unsigned op, uint64_t old, uint64_t bit, const struct insn *i, const struct cpu_user_regs *regs,
		   struct store_effect *e)
{
	uint64_t m = 1ull << (bit & (8 * i->bytes - 1));

	e->set_flags = true;
	e->flags = (regs->rflags & EFL_ARITH & ~EFL_CF) | (old & m ? EFL_CF : 0);
	e->val = op == 1 ? old | m : op == 2 ? old & ~m : old ^ m;
	return op != 0;
}

static bool effect_two_byte(const struct insn *i, const struct cpu_user_regs *regs, uint64_t old, struct store_effect *e)
{
	uint64_t acc;

	switch (i->opcode) {
	case 0xab: case 0xb3: case 0xbb:
		return bit_op((i->opcode >> 3) & 3, old, insn_reg_read(regs, i->reg, i), i, regs, e);
	case 0xba:
		return (i->modrm & 0x20) && bit_op((i->modrm >> 3) & 3, old, i->imm, i, regs, e);
	case 0xb0: case 0xb1:
		acc = insn_reg_read(regs, 0, i);
		e->set_flags = true;
		e->flags = sub_flags(acc, old, i->bytes);
		e->write = acc == old;
		if (e->write) {
			e->val = insn_reg_read(regs, i->reg, i);
		} else {
			e->to_reg = 0;
			e->reg_val = old;
		}
		return true;
	case 0xc0: case 0xc1:
		e->to_reg = i->reg;
		e->reg_val = old;
		return alu(0, old, insn_reg_read(regs, i->reg, i), i, e);
	case 0xc3:
		e->val = insn_reg_read(regs, i->reg, i);
		return i->bytes >= 4;
	}
	return false;
}

static bool effect_one_byte(const struct insn *i, const struct cpu_user_regs *regs, uint64_t old, uint64_t source,
			    struct store_effect *e)
{
	switch (i->opcode) {
	case 0x00 ... 0x01: case 0x08 ... 0x09: case 0x20 ... 0x21: case 0x28 ... 0x29: case 0x30 ... 0x31:
		return alu(i->opcode >> 3, old, insn_reg_read(regs, i->reg, i), i, e);
	case 0x80 ... 0x81: case 0x83:
		return alu((i->modrm >> 3) & 7, old, i->imm, i, e);
	case 0x86 ... 0x87:
		e->to_reg = i->reg;
		e->reg_val = old;
		/* fall through */
	case 0x88 ... 0x89:
		e->val = insn_reg_read(regs, i->reg, i);
		return true;
	case 0xc6 ... 0xc7:
		e->val = i->imm;
		return !(i->modrm & 0x38);
	case 0xa2 ... 0xa3: case 0xaa ... 0xab:
		e->val = insn_reg_read(regs, 0, i);
		return true;
	case 0xa4 ... 0xa5:
		e->val = source;
		return true;
	}
	return false;
}

static bool is_string(const struct insn *i)
{
	return !i->map && (i->opcode == 0xa4 || i->opcode == 0xa5 || i->opcode == 0xaa || i->opcode == 0xab);
}

static uint64_t seg_base(unsigned seg)
{
	return seg == SEG_FS ? rdmsr(MSR_FS_BASE) : seg == SEG_GS ? rdmsr(MSR_GS_BASE) : 0;
}

/* Linear address of the operand that is stored to; false: the instruction stores to no memory. */
static bool store_address(const struct insn *i, const struct cpu_user_regs *regs, uint64_t *addr)
{
	if (is_string(i)) {
		*addr = i->addr32 ? (uint32_t)regs->rdi : regs->rdi;
		return true;
	}
	if (!i->mem)
		return false;
	*addr = i->ea + seg_base(i->seg);
	/* A bit number in a register reaches beyond the operand. */
	if (i->map && (i->opcode == 0xab || i->opcode == 0xb3 || i->opcode == 0xbb)) {
		uint64_t v = insn_reg_read(regs, i->reg, i);
		int64_t bit = (int64_t)(v << (64 - 8 * i->bytes)) >> (64 - 8 * i->bytes);

		*addr += (bit >> (i->bytes == 8 ? 6 : i->bytes == 4 ? 5 : 4)) * i->bytes;
	}
	return true;
}

/* One iteration of a string instruction is done: registers move on; true: it is the last, and rip goes on too. */
static bool string_step(const struct insn *i, struct cpu_user_regs *regs)
{
	uint64_t step = regs->rflags & 0x400 ? -(uint64_t)i->bytes : i->bytes;

	regs->rdi += step;
	if (i->opcode < 0xa8)
		regs->rsi += step;
	if (!i->rep && !i->repne)
		return true;
	return --regs->rcx == 0;
}

bool store_fetch(const struct cpu_user_regs *regs, uint64_t addr, struct store *s)
{
	uint8_t code[16];
	unsigned n = 16 - guest_copy_in(code, (const void *)regs->rip, 16);
	uint64_t to;

	if (n < 16)
		n = INSN_MAX - guest_copy_in(code, (const void *)regs->rip, INSN_MAX);
	if (insn_decode(code, n, regs, &s->insn) || !store_address(&s->insn, regs, &to) || to != addr)
		return false;
	s->source = 0;
	if (is_string(&s->insn) && s->insn.opcode < 0xa8) {
		uint64_t from = regs->rsi + seg_base(s->insn.seg);

		if (guest_copy_in(&s->source, (const void *)from, s->insn.bytes))
			return false;
	}
	return true;
}

bool store_compute(struct store *s, const struct cpu_user_regs *regs, uint64_t old, uint64_t *val, bool *write)
{
	const struct insn *i = &s->insn;
	struct store_effect *e = &s->effect;

	*e = (struct store_effect){ .write = true, .to_reg = -1 };
	old &= size_mask(i->bytes);
	if (!(i->map ? effect_two_byte(i, regs, old, e) : effect_one_byte(i, regs, old, s->source, e)))
		return false;
	*val = e->val & size_mask(i->bytes);
	*write = e->write;
	return true;
}

void store_finish(const struct store *s, struct cpu_user_regs *regs)
{
	const struct insn *i = &s->insn;
	const struct store_effect *e = &s->effect;

	if (e->to_reg >= 0)
		insn_reg_write(regs, e->to_reg, i, e->reg_val);
	if (e->set_flags)
		regs->rflags = (regs->rflags & ~EFL_ARITH) | e->flags;
	regs->rflags &= ~0x10000ul;	/* RF */
	if (!is_string(i) || string_step(i, regs))
		regs->rip += i->len;
}

/* Does the store to the 8-byte entry at 'pe'. False: it is forbidden, or no store. */
static bool store_to_entry(struct vcpu *v, struct frame *l1, uint64_t addr, struct cpu_user_regs *regs)
{
	struct pt_update u = { .d = v->domain, .frame_owner = v->domain, .how = PT_CMPXCHG, .l1_only = true };
	unsigned shift = (addr & 7) * 8, idx = (addr & ~PAGE_MASK) >> 3;
	const uint64_t *pe = (const uint64_t *)frame_va(l1) + idx;
	struct store s;
	uint64_t old, part, mask;
	bool write;
	int rc;

	if (!store_fetch(regs, addr, &s) || (addr & 7) + s.insn.bytes > 8)
		return false;
	mask = size_mask(s.insn.bytes) << shift;
	/* The processor may set A and D meanwhile: then from the new value again. */
	do {
		old = READ_ONCE(*pe);
		if (!store_compute(&s, regs, old >> shift, &part, &write))
			return false;
		u.expected = old;
		rc = write ? pv_table_update(l1, idx, (old & ~mask) | part << shift, &u) : 0;
	} while (rc == 1);
	if (rc)
		return false;
	store_finish(&s, regs);
	return true;
}

bool pv_ptwr_fault(struct vcpu *v, uint64_t addr, struct cpu_user_regs *regs)
{
	uint64_t e = pv_walk(v, addr, NULL);
	struct frame *f;
	bool done = false;

	if ((e & (PTE_P | PTE_W)) != PTE_P)
		return false;
	f = pv_frame_get(pte_mfn(e), v->domain);
	if (!f)
		return false;
	if ((READ_ONCE(f->type) & (FTYPE_MASK | FTYPE_VALIDATED)) == (FTYPE_L1 | FTYPE_VALIDATED))
		done = store_to_entry(v, f, addr, regs);
	frame_put(f);
	return done;
}
