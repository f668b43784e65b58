// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Small state of a PV vCPU that its kernel sets by hypercall: kernel stack, TS flag, segment bases, debug registers, assists.
 */
#include "pv/pv.h"
#include "x86/cpu.h"
#include "x86/traps.h"
#include "gmem/guest_access.h"

static bool canonical(uint64_t a) { return ((int64_t)(a << 16) >> 16) == (int64_t)a; }

long hc_stack_switch(struct hypercall *h)
{
	struct pv_vcpu *pv = current->pv;

	pv->kernel_ss = h->a[0] | 3;
	pv->kernel_sp = h->a[1];
	return 0;
}

long hc_fpu_taskswitch(struct hypercall *h)
{
	struct pv_vcpu *pv = current->pv;

	if (h->a[0]) {
		pv->cr0_guest |= 8;
		write_cr0(read_cr0() | 8);
	} else {
		pv->cr0_guest &= ~8ul;
		__asm__ volatile("clts");
	}
	return 0;
}

/* Loads a user selector into GS, as swapgs; mov; swapgs would: only the base of the other mode changes. */
static long load_user_gs_selector(uint16_t sel)
{
	__asm__ volatile("cli; swapgs\n"
			 "1: movl %k0, %%gs\n"
			 "2: mfence; swapgs; sti\n"
			 ".section .text.fixup,\"ax\"\n"
			 "3: xorl %k0, %k0; jmp 1b\n"
			 ".previous\n" EX_TABLE(1b, 3b)
			 : "+r"((uint32_t){ sel }));
	return 0;	/* one that cannot be loaded becomes null */
}

long hc_set_segment_base(struct hypercall *h)
{
	uint64_t base = h->a[1];

	switch ((uint32_t)h->a[0]) {
	case SEGBASE_FS:
		if (!canonical(base))
			return -EINVAL;
		write_fs_base(base);
		return 0;
	case SEGBASE_GS_USER:
		if (!canonical(base))
			return -EINVAL;
		wrmsr(MSR_KERNEL_GS_BASE, base);
		return 0;
	case SEGBASE_GS_KERNEL:
		if (!canonical(base))
			return -EINVAL;
		write_gs_base(base);
		return 0;
	case SEGBASE_GS_USER_SEL:
		return load_user_gs_selector(base);
	}
	return -EINVAL;
}

/* Breakpoints on the hypervisor's addresses, or on I/O, are not for guests; general detect neither. */
#define DR7_GENERAL_DETECT (1u << 13)

int pv_set_debugreg(struct vcpu *v, unsigned reg, uint64_t value)
{
	switch (reg) {
	case 0 ... 3:
		if (!canonical(value) || !guest_addr_ok(value, 8))
			return -EPERM;
		v->pv->dr[reg] = value;
		break;
	case 4:
	case 6:
		v->pv->dr[6] = (value & 0xe00f) | 0xffff0ff0;
		return 0;
	case 5:
	case 7:
		if (value >> 32)
			return -EINVAL;
		if (value & DR7_GENERAL_DETECT)
			return -EPERM;
		value = (value & 0xffff07ff) | 0x400;
		for (unsigned i = 0; i < 4; i++)
			if (((value >> (16 + 4 * i)) & 3) == 2)
				return -EPERM;
		v->pv->dr[7] = value;
		break;
	default:
		return -EINVAL;
	}
	if (v == current)
		pv_load_debugregs(v);
	return 0;
}

void pv_load_debugregs(struct vcpu *v)
{
	const uint64_t *dr = v->pv->dr;

	if (dr[7] & 0xff) {
		__asm__ volatile("mov %0, %%db0" :: "r"(dr[0]));
		__asm__ volatile("mov %0, %%db1" :: "r"(dr[1]));
		__asm__ volatile("mov %0, %%db2" :: "r"(dr[2]));
		__asm__ volatile("mov %0, %%db3" :: "r"(dr[3]));
		__asm__ volatile("mov %0, %%db6" :: "r"(0xffff0ff0ul));
		__asm__ volatile("mov %0, %%db7" :: "r"(dr[7]));
		v->pv->dr_loaded = true;
	} else if (v->pv->dr_loaded) {
		__asm__ volatile("mov %0, %%db7" :: "r"(0x400ul));
		v->pv->dr_loaded = false;
	}
}

long hc_set_debugreg(struct hypercall *h)
{
	return h->a[0] > 7 ? -ENODEV : pv_set_debugreg(current, h->a[0], h->a[1]);
}

long hc_get_debugreg(struct hypercall *h)
{
	struct vcpu *v = current;

	switch (h->a[0]) {
	case 0 ... 3:
	case 6:
	case 7:
		return v->pv->dr[h->a[0]];
	case 4:
		return v->pv->dr[6];
	case 5:
		return v->pv->dr[7];
	}
	return -ENODEV;
}

#define ASSISTS (1ul << VMASST_TYPE_4gb_segments | 1ul << VMASST_TYPE_4gb_segments_notify | \
		 1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_pae_extended_cr3 | \
		 1ul << VMASST_TYPE_architectural_iopl | 1ul << VMASST_TYPE_runstate_update_flag | 1ul << VMASST_TYPE_m2p_strict)
#define ASSISTS_64BIT (1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_architectural_iopl | \
		       1ul << VMASST_TYPE_runstate_update_flag | 1ul << VMASST_TYPE_m2p_strict)

long hc_vm_assist(struct hypercall *h)
{
	struct domain *d = current->domain;
	uint32_t type = h->a[1];

	if (type >= 64 || !((ASSISTS_64BIT >> type) & 1))
		return type < 64 && ((ASSISTS >> type) & 1) ? 0 : -EINVAL;
	switch ((uint32_t)h->a[0]) {
	case VMASST_CMD_enable:
		__atomic_fetch_or(&d->vm_assist, 1ul << type, __ATOMIC_RELAXED);
		break;
	case VMASST_CMD_disable:
		__atomic_fetch_and(&d->vm_assist, ~(1ul << type), __ATOMIC_RELAXED);
		break;
	default:
		return -ENOSYS;
	}
	pv_assist_changed(d);
	return 0;
}
