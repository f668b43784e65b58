// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * IN, OUT, INS, OUTS. A guest reaches the ports that its domain was given (rangeset io_ports); 0xcf8 and 0xcfc are PCI
 * configuration space, kept per vCPU and done by x86/pci.c. Others read as all ones and swallow writes, for kernels that probe.
 */
#include "pv/emulate.h"
#include "pv/toggle.h"
#include "x86/irq.h"
#include "gmem/guest_access.h"
#include "lib/rangeset.h"

static uint32_t ones(unsigned size) { return size == 4 ? ~0u : (1u << size * 8) - 1; }

static uint32_t port_in(uint16_t port, unsigned size)
{
	uint32_t v = 0;

	switch (size) {
	case 1: __asm__ volatile("inb %w1, %b0" : "=a"(v) : "Nd"(port)); return (uint8_t)v;
	case 2: __asm__ volatile("inw %w1, %w0" : "=a"(v) : "Nd"(port)); return (uint16_t)v;
	default: __asm__ volatile("inl %w1, %0" : "=a"(v) : "Nd"(port)); return v;
	}
}

static void port_out(uint16_t port, unsigned size, uint32_t v)
{
	switch (size) {
	case 1: __asm__ volatile("outb %b0, %w1" :: "a"(v), "Nd"(port)); break;
	case 2: __asm__ volatile("outw %w0, %w1" :: "a"(v), "Nd"(port)); break;
	default: __asm__ volatile("outl %0, %w1" :: "a"(v), "Nd"(port)); break;
	}
}

static void change_mode(struct vcpu *v)
{
	unsigned long flags = irq_save();

	pv_toggle_mode(v);
	irq_restore(flags);
}

/* May the running code touch the port at all? The kernel needs IOPL 1, its user 3, or a clear bit in the guest's bitmap. */
static bool io_allowed(struct vcpu *v, uint16_t port, unsigned size)
{
	struct pv_vcpu *pv = v->pv;
	uint8_t map[2] = { 0xff, 0xff };
	unsigned mask = (1u << size) - 1;
	size_t left;
	bool user;

	if (pv->iopl >= (guest_kernel_mode(v) ? 1 : 3))
		return true;
	if (!pv->iobmp || port + size > pv->iobmp_limit)
		return false;
	/* The bitmap is the kernel's: its user's tables do not map it. */
	user = !guest_kernel_mode(v);
	if (user)
		change_mode(v);
	left = guest_copy_in(map, (const void *)(pv->iobmp + port / 8), 2);
	if (user)
		change_mode(v);
	return !left && !(((map[0] | map[1] << 8) >> (port & 7)) & mask);
}

static bool in_config_window(uint16_t port, unsigned size) { return (port & ~3u) == 0xcfc && (port & 3) + size <= 4; }

static uint32_t guest_in(struct vcpu *v, uint16_t port, unsigned size)
{
	if (rangeset_contains(v->domain->io_ports, port, port + size - 1) && !in_config_window(port, size) &&
	    !(port == 0xcf8 && size == 4))
		return port_in(port, size);
	if (port == 0xcf8 && size == 4)
		return v->pv->cf8;
	if (in_config_window(port, size) && v->domain->is_hardware && (v->pv->cf8 & 0x80000000u)) {
		uint32_t a = v->pv->cf8;

		return pci_read(0, a >> 16, a >> 8, (a & 0xfc) | ((a >> 16) & 0xf00) | (port & 3), size);
	}
	return ones(size);
}

static void guest_out(struct vcpu *v, uint16_t port, unsigned size, uint32_t val)
{
	if (port == 0xcf8 && size == 4) {
		v->pv->cf8 = val;
		return;
	}
	if (in_config_window(port, size)) {
		uint32_t a = v->pv->cf8;

		if (v->domain->is_hardware && (a & 0x80000000u))
			pci_write_hardware_domain(0, a >> 16, a >> 8, (a & 0xfc) | ((a >> 16) & 0xf00) | (port & 3), size, val);
		return;
	}
	if (rangeset_contains(v->domain->io_ports, port, port + size - 1))
		port_out(port, size, val);
}

enum emul_result emul_in_out(struct emul *i, uint8_t op)
{
	struct vcpu *v = current;
	unsigned size = op & 1 ? (i->opsize16 ? 2 : 4) : 1;
	uint16_t port = i->regs->rdx;
	uint64_t *rax = &i->regs->rax;

	if (!(op & 8)) {
		uint8_t imm;

		if (!emul_byte(i, &imm))
			return EMUL_FAIL;
		port = imm;
	}
	if (!io_allowed(v, port, size))
		return EMUL_FAIL;
	if (op & 2) {
		guest_out(v, port, size, *rax & ones(size));
	} else {
		uint32_t val = guest_in(v, port, size);

		*rax = size == 4 ? val : (*rax & ~(uint64_t)ones(size)) | val;
	}
	return EMUL_DONE;
}

/* One element between port and memory; non-zero: the memory cannot be reached, and the device has not been touched. */
static size_t move_element(struct vcpu *v, uint16_t port, unsigned size, bool out, uint64_t addr)
{
	uint32_t val = 0;
	size_t left = guest_copy_in(&val, (const void *)addr, size);

	if (left)
		return left;
	if (out) {
		guest_out(v, port, size, val);
		return 0;
	}
	/* Prove that the place can be written before the device gives up a value. */
	left = guest_copy_out((void *)addr, &val, size);
	if (!left) {
		val = guest_in(v, port, size);
		left = guest_copy_out((void *)addr, &val, size);
	}
	return left;
}

/* A repeated one is done in batches; it is restarted at the same rip for the rest. */
enum emul_result emul_ins_outs(struct emul *i, uint8_t op)
{
	struct vcpu *v = current;
	struct cpu_user_regs *r = i->regs;
	unsigned size = op & 1 ? (i->opsize16 ? 2 : 4) : 1, n = 0;
	bool out = op & 2;
	uint64_t *index = out ? &r->rsi : &r->rdi;
	int64_t step = r->rflags & (1u << 10) ? -(int64_t)size : (int64_t)size;
	uint16_t port = r->rdx;

	if (i->addr32 || i->segment == 0x64 || i->segment == 0x65 || !io_allowed(v, port, size))
		return EMUL_FAIL;
	if (i->rep && !r->rcx)
		return EMUL_DONE;
	do {
		if (move_element(v, port, size, out, *index)) {
			pv_inject_page_fault(out ? 4 : 6, *index);
			return EMUL_EXCEPTION;
		}
		*index += step;
		if (!i->rep)
			return EMUL_DONE;
	} while (--r->rcx && ++n < 512);
	return r->rcx ? EMUL_EXCEPTION : EMUL_DONE;
}
