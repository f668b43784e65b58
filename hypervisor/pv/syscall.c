// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SYSCALL: each CPU's stub and MSRs. The stub is data to be written here, into text that is mapped read-only: it is
 * written through the direct map.
 */
#include "pv/pv.h"
#include "pv/offsets.h"
#include "x86/traps.h"
#include "x86/cpu.h"
#include "lib/string.h"

extern char pv_syscall_stubs[], pv_syscall_common[], pv_syscall32_common[], pv_sysenter_entry[];

static uint8_t *put(uint8_t *p, const void *bytes, size_t n) { memcpy(p, bytes, n); return p + n; }
static uint8_t *put64(uint8_t *p, uint64_t v) { return put(p, &v, 8); }

#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176

/* mov %rax, scratch; mov %rsp, %rax; mov $stack, %rsp; jmp to */
static void write_stub(uint8_t *p, uint64_t stub_va, struct cpu_info *ci, const char *to)
{
	int32_t rel;

	p = put(p, "\x48\xa3", 2);
	p = put64(p, (uint64_t)&ci->scratch[0]);
	p = put(p, "\x48\x89\xe0\x48\xbc", 5);
	p = put64(p, (uint64_t)&ci->guest_regs.es);
	p = put(p, "\xe9", 1);
	rel = (int32_t)((uint64_t)to - (stub_va + 2 + 8 + 5 + 8 + 1 + 4));
	put(p, &rel, 4);
}

/* IF, TF, DF, NT, RF, AC, VM and IOPL are cleared on entry (SDM vol. 3, 5.8.8). */
#define SYSCALL_FLAGS_CLEARED 0x77700ul

#define SECOND_STUB 32	/* for SYSCALL from compatibility mode; each is 28 bytes */

void pv_cpu_init(unsigned cpu)
{
	uint64_t off = (uint64_t)cpu << STUB_SHIFT;
	uint64_t stub = (uint64_t)pv_syscall_stubs + off;

	uint8_t *p = pa_to_va(image_to_pa(pv_syscall_stubs) + off);

	write_stub(p, stub, cpu_info(), pv_syscall_common);
	write_stub(p + SECOND_STUB, stub + SECOND_STUB, cpu_info(), pv_syscall32_common);
	wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)HV_CS << 32);
	wrmsr(MSR_LSTAR, stub);
	wrmsr(MSR_CSTAR, stub + SECOND_STUB);
	wrmsr(MSR_SYSCALL_MASK, SYSCALL_FLAGS_CLEARED);
	if (host_cpu.intel) {		/* AMD's have no SYSENTER in long mode */
		wrmsr(MSR_SYSENTER_CS, HV_CS);
		wrmsr(MSR_SYSENTER_ESP, (uint64_t)&cpu_info()->guest_regs.es);
		wrmsr(MSR_SYSENTER_EIP, (uint64_t)pv_sysenter_entry);
	}
}
