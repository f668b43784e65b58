// SPDX-License-Identifier: GPL-2.0-or-later
#include "pv/decode.h"
#include "lib/errno.h"

/* Attributes of an opcode. */
#define V	1u	/* known */
#define M	2u	/* ModRM follows */
#define B	4u	/* operand of one byte */
#define I8	8u	/* immediate of one byte, sign-extended */
#define IZ	16u	/* immediate of the operand's size, at most 4 bytes, sign-extended */
#define MO	32u	/* 8-byte (4 with address size prefix) offset */
#define G3	64u	/* group 3 (f6, f7): /0 and /1 have an immediate */
#define Q	128u	/* operand of 8 bytes whatever the prefixes */

static const uint8_t one_byte[256] = {
	[0x00] = V | M | B, [0x01] = V | M, [0x02] = V | M | B, [0x03] = V | M,		/* add */
	[0x08] = V | M | B, [0x09] = V | M, [0x0a] = V | M | B, [0x0b] = V | M,		/* or */
	[0x20] = V | M | B, [0x21] = V | M, [0x22] = V | M | B, [0x23] = V | M,		/* and */
	[0x28] = V | M | B, [0x29] = V | M, [0x2a] = V | M | B, [0x2b] = V | M,		/* sub */
	[0x30] = V | M | B, [0x31] = V | M, [0x32] = V | M | B, [0x33] = V | M,		/* xor */
	[0x38] = V | M | B, [0x39] = V | M, [0x3a] = V | M | B, [0x3b] = V | M,		/* cmp */
	[0x6c] = V | B, [0x6d] = V, [0x6e] = V | B, [0x6f] = V,				/* ins, outs */
	[0x80] = V | M | B | I8, [0x81] = V | M | IZ, [0x83] = V | M | I8,		/* group 1 */
	[0x86] = V | M | B, [0x87] = V | M,						/* xchg */
	[0x88] = V | M | B, [0x89] = V | M, [0x8a] = V | M | B, [0x8b] = V | M,		/* mov */
	[0x90] = V,
	[0xa0] = V | B | MO, [0xa1] = V | MO, [0xa2] = V | B | MO, [0xa3] = V | MO,	/* mov moffs */
	[0xa4] = V | B, [0xa5] = V, [0xaa] = V | B, [0xab] = V,				/* movs, stos */
	[0xc6] = V | M | B | I8, [0xc7] = V | M | IZ,					/* mov imm */
	[0xe4] = V | B | I8, [0xe5] = V | I8, [0xe6] = V | B | I8, [0xe7] = V | I8,	/* in, out imm */
	[0xec] = V | B, [0xed] = V, [0xee] = V | B, [0xef] = V,				/* in, out dx */
	[0xf4] = V,									/* hlt */
	[0xf6] = V | M | B | G3, [0xf7] = V | M | G3,					/* not, neg, ... */
	[0xfa] = V, [0xfb] = V,								/* cli, sti */
	[0xfe] = V | M | B, [0xff] = V | M,						/* inc, dec */
};

static const uint8_t two_byte[256] = {
	[0x00] = V | M, [0x01] = V | M,							/* groups 6, 7 */
	[0x06] = V, [0x08] = V, [0x09] = V, [0x0b] = V,					/* clts, invd, wbinvd, ud2 */
	[0x20] = V | M | Q, [0x21] = V | M | Q, [0x22] = V | M | Q, [0x23] = V | M | Q,	/* mov cr, dr */
	[0x30] = V, [0x31] = V, [0x32] = V, [0x33] = V,					/* wrmsr, rdtsc, rdmsr, rdpmc */
	[0xa2] = V,									/* cpuid */
	[0xa3] = V | M, [0xab] = V | M, [0xb3] = V | M, [0xbb] = V | M,			/* bt, bts, btr, btc */
	[0xba] = V | M | I8,								/* the same with an immediate */
	[0xb0] = V | M | B, [0xb1] = V | M,						/* cmpxchg */
	[0xb6] = V | M, [0xb7] = V | M, [0xbe] = V | M, [0xbf] = V | M,			/* movzx, movsx */
	[0xc0] = V | M | B, [0xc1] = V | M,						/* xadd */
	[0xc3] = V | M,									/* movnti */
};

struct cursor { const uint8_t *p, *end; };

/* bytes: 1, 2, 4 or 8 */
static bool take(struct cursor *c, unsigned bytes, int64_t *v)
{
	const uint8_t *p = c->p;
	uint64_t x;

	if ((size_t)(c->end - p) < bytes)
		return false;
	c->p += bytes;
	if (bytes == 1) {
		*v = (int8_t)*p;
		return true;
	}
	x = p[0] | (uint32_t)p[1] << 8;
	if (bytes > 2)
		x |= (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	if (bytes > 4)
		x |= ((uint64_t)p[4] | (uint64_t)p[5] << 8 | (uint64_t)p[6] << 16 | (uint64_t)p[7] << 24) << 32;
	*v = bytes == 8 ? (int64_t)x : (int64_t)(x << (64 - 8 * bytes)) >> (64 - 8 * bytes);
	return true;
}

static const uint16_t reg_offset[16] = {
	offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx), offsetof(struct cpu_user_regs, rdx),
	offsetof(struct cpu_user_regs, rbx), offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
	offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi), offsetof(struct cpu_user_regs, r8),
	offsetof(struct cpu_user_regs, r9), offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
	offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13), offsetof(struct cpu_user_regs, r14),
	offsetof(struct cpu_user_regs, r15),
};

static uint64_t reg64(const struct cpu_user_regs *regs, unsigned n)
{
	return *(const uint64_t *)((const char *)regs + reg_offset[n & 15]);
}

void *insn_reg(struct cpu_user_regs *regs, unsigned n, const struct insn *i, bool byte)
{
	if (byte && !i->rex && n >= 4 && n < 8)
		return (char *)regs + reg_offset[n - 4] + 1;
	return (char *)regs + reg_offset[n & 15];
}

uint64_t insn_reg_read(const struct cpu_user_regs *regs, unsigned n, const struct insn *i)
{
	const void *r = insn_reg((struct cpu_user_regs *)regs, n, i, i->bytes == 1);

	switch (i->bytes) {
	case 1: return *(const uint8_t *)r;
	case 2: return *(const uint16_t *)r;
	case 4: return *(const uint32_t *)r;
	}
	return *(const uint64_t *)r;
}

void insn_reg_write(struct cpu_user_regs *regs, unsigned n, const struct insn *i, uint64_t v)
{
	void *r = insn_reg(regs, n, i, i->bytes == 1);

	switch (i->bytes) {
	case 1: *(uint8_t *)r = v; break;
	case 2: *(uint16_t *)r = v; break;
	case 4: *(uint64_t *)r = (uint32_t)v; break;
	default: *(uint64_t *)r = v;
	}
}

/* Legacy prefixes and REX. */
static bool prefixes(struct cursor *c, struct insn *o)
{
	for (; c->p < c->end; c->p++) {
		uint8_t b = *c->p;

		switch (b) {
		case 0xf0: o->lock = true; break;
		case 0xf2: o->repne = true; break;
		case 0xf3: o->rep = true; break;
		case 0x66: o->opsize = true; break;
		case 0x67: o->addr32 = true; break;
		case 0x26: o->seg = SEG_ES; break;
		case 0x2e: o->seg = SEG_CS; break;
		case 0x36: o->seg = SEG_SS; break;
		case 0x3e: o->seg = SEG_DS; break;
		case 0x64: o->seg = SEG_FS; break;
		case 0x65: o->seg = SEG_GS; break;
		default:
			if ((b & 0xf0) == 0x40) {
				o->rex = b;
				c->p++;
			}
			return c->p < c->end;
		}
	}
	return false;
}

static bool sib_operand(struct cursor *c, const struct cpu_user_regs *regs, unsigned mod, struct insn *o)
{
	int64_t sib, disp;
	unsigned index, base;

	if (!take(c, 1, &sib))
		return false;
	index = ((sib >> 3) & 7) | (o->rex & 2) << 2;
	base = sib & 7;
	if (index != 4)
		o->ea += reg64(regs, index) << ((sib >> 6) & 3);
	if (base == 5 && mod == 0) {
		if (!take(c, 4, &disp))
			return false;
		o->ea += disp;
		return true;
	}
	o->ea += reg64(regs, base | (o->rex & 1) << 3);
	return true;
}

static bool modrm_operand(struct cursor *c, const struct cpu_user_regs *regs, struct insn *o, bool *rip_relative)
{
	unsigned mod;
	int64_t m, disp = 0;

	if (!take(c, 1, &m))
		return false;
	o->has_modrm = true;
	o->modrm = m;
	mod = o->modrm >> 6;
	o->reg = ((o->modrm >> 3) & 7) | (o->rex & 4) << 1;
	o->rm = (o->modrm & 7) | (o->rex & 1) << 3;
	if (mod == 3)
		return true;
	o->mem = true;
	if ((o->modrm & 7) == 4) {
		if (!sib_operand(c, regs, mod, o))
			return false;
	} else if ((o->modrm & 7) == 5 && mod == 0) {
		*rip_relative = true;
		if (!take(c, 4, &disp))
			return false;
	} else {
		o->ea = reg64(regs, o->rm);
	}
	if (mod && !take(c, mod == 1 ? 1 : 4, &disp))
		return false;
	o->ea += disp;
	return true;
}

static void operand_size(struct insn *o, unsigned attr)
{
	if (attr & B)
		o->bytes = 1;
	else if ((attr & Q) || (o->rex & 8))
		o->bytes = 8;
	else
		o->bytes = o->opsize ? 2 : 4;
}

static bool immediate(struct cursor *c, unsigned attr, struct insn *o)
{
	int64_t v = 0;
	bool ok = true;

	if ((attr & G3) && (o->modrm & 0x30) == 0)
		attr |= attr & B ? I8 : IZ;
	if (attr & I8)
		ok = take(c, 1, &v);
	else if (attr & IZ)
		ok = take(c, o->bytes == 2 ? 2 : 4, &v);
	else if (attr & MO) {
		ok = take(c, o->addr32 ? 4 : 8, &v);
		o->mem = true;
		o->ea = v;
		return ok;
	}
	o->imm = v;
	return ok;
}

/* The form of most stores to page tables: REX.W, an opcode with ModRM and no immediate, an operand without SIB or rip. */
static bool decode_usual(const uint8_t *code, const struct cpu_user_regs *regs, struct insn *o)
{
	unsigned m = code[2], mod = m >> 6;
	int32_t disp = 0;

	if ((code[0] & 0xf8) != 0x48 || one_byte[code[1]] != (V | M) || mod == 3 || (m & 7) == 4 || (m & 0xc7) == 5)
		return false;
	if (mod == 1)
		disp = (int8_t)code[3];
	else if (mod == 2)
		disp = (int32_t)(code[3] | code[4] << 8 | code[5] << 16 | (uint32_t)code[6] << 24);
	*o = (struct insn){
		.len = mod == 2 ? 7 : 3 + mod, .opcode = code[1], .rex = code[0], .has_modrm = true, .mem = true, .modrm = m,
		.reg = (m >> 3 & 7) | (code[0] & 4) << 1, .rm = (m & 7) | (code[0] & 1) << 3, .bytes = 8,
	};
	o->ea = reg64(regs, o->rm) + disp;
	return true;
}

int insn_decode(const uint8_t *code, unsigned n, const struct cpu_user_regs *regs, struct insn *out)
{
	struct cursor c = { code, code + (n < INSN_MAX ? n : INSN_MAX) };
	bool rip_relative = false;
	unsigned attr;

	if (n >= 7 && decode_usual(code, regs, out))
		return 0;
	*out = (struct insn){ 0 };
	if (!prefixes(&c, out))
		return -EFAULT;
	out->opcode = *c.p++;
	if (out->opcode == 0x0f) {
		if (c.p == c.end)
			return -EFAULT;
		out->map = 1;
		out->opcode = *c.p++;
	}
	attr = out->map ? two_byte[out->opcode] : one_byte[out->opcode];
	if (!(attr & V))
		return -EINVAL;
	operand_size(out, attr);
	if ((attr & M) && !modrm_operand(&c, regs, out, &rip_relative))
		return -EFAULT;
	if (!immediate(&c, attr, out))
		return -EFAULT;
	out->len = c.p - code;
	if (rip_relative)
		out->ea += regs->rip + out->len;
	if (out->addr32)
		out->ea = (uint32_t)out->ea;
	return 0;
}
