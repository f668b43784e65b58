/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Source: Intel SDM vol. 3, chapter 15; AMD APM vol. 2, chapter 9. */
#include "x86/mce.h"
#include "x86/cpu.h"
#include "x86/panic.h"
#include "x86/spec_ctrl.h"
#include "x86/traps.h"
#include "lib/panic.h"

#define MSR_MCG_CAP	0x179u
#define MSR_MCG_STATUS	0x17au
#define MSR_MCG_CTL	0x17bu
#define MSR_MC_CTL(b)	(0x400u + 4 * (b))
#define MSR_MC_STATUS(b) (0x401u + 4 * (b))
#define MSR_MC_ADDR(b)	(0x402u + 4 * (b))
#define MCG_CTL_PRESENT	(1ull << 8)
#define STATUS_VALID	(1ull << 63)
#define STATUS_UC	(1ull << 61)
#define STATUS_ADDR	(1ull << 58)
#define STATUS_PCC	(1ull << 57)

static unsigned nr_banks(void)
{
	uint64_t cap;

	if (!(cpuid(1, 0).d >> 14 & 1) || rdmsr_safe(MSR_MCG_CAP, &cap))
		return 0;
	return MIN(cap & 0xff, 32u);
}

/* What a reset left behind is logged once. */
void mce_init_cpu(void)
{
	unsigned n = nr_banks();
	uint64_t v;

	if (n && rdmsr(MSR_MCG_CAP) & MCG_CTL_PRESENT)
		wrmsr_safe(MSR_MCG_CTL, ~0ull);
	for (unsigned b = 0; b < n; b++) {
		if (rdmsr_safe(MSR_MC_STATUS(b), &v) == 0 && (v & STATUS_VALID))
			printk(LOG_WARN "CPU%u: machine check bank %u held %lx from before the start\n", smp_processor_id(), b,
			       (unsigned long)v);
		wrmsr_safe(MSR_MC_STATUS(b), 0);
		wrmsr_safe(MSR_MC_CTL(b), ~0ull);
	}
}

/*
 * What it interrupted may hold the console's lock if it ran with interrupts off: a corrected error is then counted only and
 * told with the next one.
 */
void mce_handler(struct cpu_user_regs *regs)
{
	static unsigned untold;
	uint64_t status, addr;
	uint32_t was = spec_nmi_enter();
	unsigned n = nr_banks();

	for (unsigned b = 0; b < n; b++) {
		if (rdmsr_safe(MSR_MC_STATUS(b), &status) || !(status & STATUS_VALID))
			continue;
		addr = 0;
		if (status & STATUS_ADDR)
			rdmsr_safe(MSR_MC_ADDR(b), &addr);
		if (status & (STATUS_UC | STATUS_PCC))
			panic_at(regs, "Uncorrected machine check on CPU%u: bank %u, status %lx, address %lx", smp_processor_id(),
				 b, (unsigned long)status, (unsigned long)addr);
		wrmsr_safe(MSR_MC_STATUS(b), 0);
		untold++;
		if (!(regs->rflags & 0x200))
			continue;
		printk(LOG_ERR "CPU%u: corrected machine check, bank %u, status %lx, address %lx (%u so far)\n",
		       smp_processor_id(), b, (unsigned long)status, (unsigned long)addr, untold);
	}
	wrmsr_safe(MSR_MCG_STATUS, 0);
	spec_nmi_leave(was, guest_mode(regs));
}
