// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Privileged instructions that a PV kernel executes in ring 3 and that fault there. Only the 64-bit code segment and flat
 * segments are decoded; anything else gets its #GP. (Instruction formats: SDM vol. 2.)
 */
#include "pv/emulate.h"
#include "pv/misc.h"
#include "pv/mm.h"
#include "pv/offsets.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"
#include "gmem/guest_words.h"
#include "sched/sched.h"
#include "lib/panic.h"
#include "lib/string.h"

static bool fetch(struct emul *i)
{
	/* An instruction near the end of a page may have nothing after it: take what is there. */
	size_t left = guest_copy_in(i->bytes, (const void *)i->regs->rip, sizeof(i->bytes));

	if (left) {
		size_t page = PAGE_SIZE - (i->regs->rip & ~PAGE_MASK);

		if (page >= sizeof(i->bytes) || guest_copy_in(i->bytes, (const void *)i->regs->rip, page))
			return false;
		i->have = page;
		return true;
	}
	i->have = sizeof(i->bytes);
	return true;
}

bool emul_byte(struct emul *i, uint8_t *b)
{
	if (i->pos >= i->have)
		return false;
	*b = i->bytes[i->pos++];
	return true;
}

uint64_t *emul_reg(struct emul *i, unsigned nr)
{
	struct cpu_user_regs *r = i->regs;
	uint64_t *const map[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
				    &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15 };

	return map[nr & 15];
}

/* Takes prefixes; leaves the opcode's first byte in *op. */
static bool decode_prefixes(struct emul *i, uint8_t *op)
{
	while (emul_byte(i, op)) {
		switch (*op) {
		case 0x66: i->opsize16 = true; break;
		case 0x67: i->addr32 = true; break;
		case 0xf3: i->rep = true; break;
		case 0xf2: i->repne = true; break;
		case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
			i->segment = *op;
			break;
		case 0xf0: break;
		case 0x40 ... 0x4f:
			i->rex = *op;
			return emul_byte(i, op);
		default:
			return true;
		}
	}
	return false;
}

static enum emul_result read_cr(struct emul *i)
{
	struct pv_vcpu *pv = current->pv;
	uint64_t *reg = emul_reg(i, emul_rm_field(i));

	switch (emul_reg_field(i)) {
	case 0:
		*reg = pv->cr0_guest;
		return EMUL_DONE;
	case 2:
		*reg = current->info->arch.cr2;
		return EMUL_DONE;
	case 3:
		*reg = pv->guest_table << PAGE_SHIFT;
		return EMUL_DONE;
	case 4:
		*reg = pv->cr4_guest;
		return EMUL_DONE;
	}
	return EMUL_FAIL;
}

/* What a guest may switch in its CR4; the others must keep the value that it reads. TSD, DE and OSXSAVE come and go. */
#define CR4_GUEST_OWN (1ul << 2 | 1ul << 3 | 1ul << 18)

static enum emul_result write_cr(struct emul *i)
{
	struct vcpu *v = current;
	struct pv_vcpu *pv = v->pv;
	uint64_t val = *emul_reg(i, emul_rm_field(i));
	unsigned long flags;

	switch (emul_reg_field(i)) {
	case 0:
		if ((val ^ pv->cr0_guest) & ~8ul)
			return EMUL_FAIL;
		pv->cr0_guest = val;
		if (val & 8)
			write_cr0(read_cr0() | 8);
		else
			__asm__ volatile("clts");
		return EMUL_DONE;
	case 2:
		v->info->arch.cr2 = val;
		return EMUL_DONE;
	case 3:
		return pv_set_guest_table(v, MFN(val >> PAGE_SHIFT), false, false) ? EMUL_FAIL : EMUL_DONE;
	case 4:
		if (((val ^ pv->cr4_guest) & ~CR4_GUEST_OWN) & ~(1ul << 7))
			printk(LOG_GUEST LOG_INFO "d%uv%u: CR4 %lx -> %lx: only TSD, DE and OSXSAVE change\n", v->domain->id,
			       v->id, (unsigned long)pv->cr4_guest, (unsigned long)val);
		pv->cr4_guest = (pv->cr4_guest & ~CR4_GUEST_OWN) | (val & CR4_GUEST_OWN);
		flags = irq_save();
		pv_load_cr4(v);
		irq_restore(flags);
		return EMUL_DONE;
	}
	return EMUL_FAIL;
}

static enum emul_result move_dr(struct emul *i, bool write)
{
	struct vcpu *v = current;
	uint64_t *reg = emul_reg(i, emul_rm_field(i));
	unsigned dr = emul_reg_field(i);

	if (dr > 7)
		return EMUL_FAIL;
	if (write)
		return pv_set_debugreg(v, dr, *reg) ? EMUL_FAIL : EMUL_DONE;
	*reg = v->pv->dr[dr == 4 ? 6 : dr == 5 ? 7 : dr];
	return EMUL_DONE;
}

static enum emul_result xsetbv(struct emul *i)
{
	struct vcpu *v = current;
	uint64_t val = (uint32_t)i->regs->rax | i->regs->rdx << 32;
	int bad;

	if ((uint32_t)i->regs->rcx || !host_cpu.xsave || !(val & 1) || (val & ~host_cpu.xcr0) || (val & 6) == 4)
		return EMUL_FAIL;
	/* The CPU knows which combinations make sense. */
	__asm__ volatile("1: xsetbv; xorl %0, %0\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: movl $1, %0; jmp 2b\n.previous\n" EX_TABLE(1b, 3b)
			 : "=&r"(bad) : "c"(0), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)));
	if (bad)
		return EMUL_FAIL;
	v->xcr0 = val;
	v->xcr0_accum |= val;
	return EMUL_DONE;
}

static enum emul_result group_0f01(struct emul *i)
{
	switch (i->modrm) {
	case 0xd0:	/* xgetbv */
		i->regs->rax = (uint32_t)current->xcr0;
		i->regs->rdx = current->xcr0 >> 32;
		return (uint32_t)i->regs->rcx ? EMUL_FAIL : EMUL_DONE;
	case 0xd1:
		return xsetbv(i);
	}
	return EMUL_FAIL;
}

static enum emul_result two_byte(struct emul *i)
{
	struct cpu_user_regs *r = i->regs;
	uint8_t op;

	if (!emul_byte(i, &op))
		return EMUL_FAIL;
	switch (op) {
	case 0x06:
		current->pv->cr0_guest &= ~8ul;
		__asm__ volatile("clts");
		return EMUL_DONE;
	case 0x09:
		if (current->domain->is_hardware)
			__asm__ volatile("wbinvd" ::: "memory");
		return EMUL_DONE;
	case 0x30:
		return emul_wrmsr(i);
	case 0x32:
		return emul_rdmsr(i);
	case 0xa2: {
		uint32_t out[4];

		pv_guest_cpuid(current, r->rax, r->rcx, out);
		r->rax = out[0];
		r->rbx = out[1];
		r->rcx = out[2];
		r->rdx = out[3];
		return EMUL_DONE;
	}
	}
	if (!emul_byte(i, &i->modrm))
		return EMUL_FAIL;
	switch (op) {
	case 0x01: return group_0f01(i);
	case 0x20: return read_cr(i);
	case 0x21: return move_dr(i, false);
	case 0x22: return write_cr(i);
	case 0x23: return move_dr(i, true);
	}
	return EMUL_FAIL;
}

static enum emul_result one_byte(struct emul *i, uint8_t op)
{
	switch (op) {
	case 0x6c ... 0x6f:
		return emul_ins_outs(i, op);
	case 0xe4 ... 0xe7:
	case 0xec ... 0xef:
		return emul_in_out(i, op);
	case 0xfa:	/* cli, sti: nothing, for a popf that undoes a cli would not trap; refused without I/O privilege */
	case 0xfb:
		return current->pv->iopl >= (guest_kernel_mode(current) ? 1 : 3) ? EMUL_DONE : EMUL_FAIL;
	}
	return EMUL_FAIL;
}

static bool user_may(uint8_t op)	/* what iopl or the I/O bitmap may open to the guest's user too */
{
	return (op >= 0x6c && op <= 0x6f) || (op >= 0xe4 && op <= 0xe7) || (op >= 0xec && op <= 0xef) ||
		op == 0xfa || op == 0xfb;
}

/* Does cs, from the guest's own GDT or LDT or one of ours, name 64-bit code? LAR's result holds the L bit at its place. */
static bool in_64bit_code(const struct cpu_user_regs *regs)
{
	uint32_t rights = 0;

	if (regs->cs == GUEST_CS64)
		return true;
	__asm__ volatile("lar %1, %0" : "+r"(rights) : "r"((uint32_t)regs->cs) : "cc");
	return rights & 1u << 21;
}

static void instruction_done(struct cpu_user_regs *regs)
{
	regs->rflags &= ~(1ul << 16);
	if (regs->rflags & (1u << 8))
		pv_inject_exception(TRAP_DB, 0);
}

/*
 * RDTSC, RDTSCP, which trap where the TSC is emulated or the guest has set its CR4.TSD, which is for its user. They are the same in
 * 32-bit code. True: done.
 */
static bool emulate_tsc(struct cpu_user_regs *regs)
{
	struct vcpu *v = current;
	uint8_t b[3] = { 0 };
	uint64_t tsc;
	bool p;

	if (!guest_kernel_mode(v) && (v->pv->cr4_guest & CR4_GUEST_TSD))
		return false;
	if (guest_copy_in(b, (const void *)regs->rip, 2) || b[0] != 0x0f || (b[1] != 0x31 && b[1] != 0x01))
		return false;
	p = b[1] == 0x01;
	if (p && (guest_copy_in(&b[2], (const void *)(regs->rip + 2), 1) || b[2] != 0xf9 || !host_cpu.rdtscp))
		return false;
	tsc = v->domain->tsc_emulated ? guest_tsc_read(v->domain) : rdtsc();
	regs->rax = (uint32_t)tsc;
	regs->rdx = tsc >> 32;
	if (p)
		regs->rcx = v->pv->tsc_aux;
	regs->rip += p ? 3 : 2;
	return true;
}

#define OPCODE_RDMSR 0x320fu	/* 0f 32 */

/* The kernel's look at the user's GS base, which Linux takes at each switch of process: in no other way than below, but sooner. */
static bool read_user_gs(struct cpu_user_regs *regs)
{
	uint64_t code, val;

	if ((uint32_t)regs->rcx != MSR_KERNEL_GS_BASE || regs->cs != GUEST_CS64 || !guest_kernel_mode(current) ||
	    !guest_words_in(&code, regs->rip, 1) || (uint16_t)code != OPCODE_RDMSR)
		return false;
	val = rdmsr(MSR_KERNEL_GS_BASE);
	regs->rax = (uint32_t)val;
	regs->rdx = val >> 32;
	regs->rip += 2;
	return true;
}

static bool emulate_decoded(struct cpu_user_regs *regs)
{
	struct emul i = { .regs = regs };
	enum emul_result res;
	uint8_t op;

	if (!in_64bit_code(regs) || !fetch(&i) || !decode_prefixes(&i, &op))
		return false;
	if (!guest_kernel_mode(current) && !user_may(op) &&
	    !(op == 0x0f && i.pos < i.have && i.bytes[i.pos] == 0xa2))	/* cpuid faulting reaches users too */
		return false;
	res = op == 0x0f ? two_byte(&i) : one_byte(&i, op);
	if (res == EMUL_DONE) {
		regs->rip += i.pos;
		instruction_done(regs);
	}
	return res != EMUL_FAIL;
}

bool pv_emulate_privileged(struct cpu_user_regs *regs)
{
	if (!read_user_gs(regs) && !(cpu_info()->cr4_guest && emulate_tsc(regs)))
		return emulate_decoded(regs);
	instruction_done(regs);
	return true;
}

/* ud2a "xen" cpuid: CPUID as the domain's policy has it (xen/arch-x86/xen.h, XEN_EMULATE_PREFIX). */
bool pv_emulate_invalid_op(struct cpu_user_regs *regs)
{
	static const uint8_t prefix[7] = { 0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2 };
	uint8_t b[7];
	uint32_t out[4];

	if (guest_copy_in(b, (const void *)regs->rip, 3) || memcmp(b, prefix, 3))
		return false;
	if (guest_copy_in(b, (const void *)regs->rip, 7) || memcmp(b, prefix, 7))
		return false;
	pv_guest_cpuid(current, regs->rax, regs->rcx, out);
	regs->rax = out[0];
	regs->rbx = out[1];
	regs->rcx = out[2];
	regs->rdx = out[3];
	regs->rip += 7;
	return true;
}
