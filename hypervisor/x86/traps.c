/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions. From ring 3 they are the guest's: pv/ gets them. From ring 0 they are, in this order: a guest address that
 * pv/ can mend (hypervisor_fault), an instruction with an exception-table entry, or a fault of ours, which is a panic.
 */
#include "x86/traps.h"
#include "x86/desc.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/page.h"
#include "x86/panic.h"
#include "lib/errno.h"
#include "lib/panic.h"

const struct guest_trap_ops *guest_traps;

static const char *const trap_names[32] = {
	"divide error", "debug", "NMI", "breakpoint", "overflow", "bound", "invalid opcode", "no device", "double fault",
	"coprocessor overrun", "invalid TSS", "segment not present", "stack fault", "general protection", "page fault",
	"vector 15", "FPU error", "alignment check", "machine check", "SIMD error", "virtualization", "control protection",
};

struct extable_entry { int32_t from, to; };

uint64_t extable_lookup(uint64_t rip)
{
	const struct extable_entry *e = (const void *)__ex_table_start, *end = (const void *)__ex_table_end;

	for (; e < end; e++)
		if ((uint64_t)&e->from + (int64_t)e->from == rip)
			return (uint64_t)&e->to + (int64_t)e->to;
	return 0;
}

static __noreturn void fatal_trap(struct cpu_user_regs *regs)
{
	unsigned v = regs->entry_vector;
	const char *name = v < 32 && trap_names[v] ? trap_names[v] : "unknown";

	if (v == TRAP_PF)
		panic_at(regs, "Fatal trap: %s at %pS, address %lx, error code %x", name, (void *)regs->rip,
			 (unsigned long)read_cr2(), regs->error_code);
	panic_at(regs, "Fatal trap: %s (vector %u) at %pS, error code %x", name, v, (void *)regs->rip, regs->error_code);
}

/* Called by entry.S with interrupts off. */
__hot void trap_from_guest(struct cpu_user_regs *regs);
__hot void trap_from_guest(struct cpu_user_regs *regs)
{
	guest_traps->exception(regs);
}

void trap_soft_int(struct cpu_user_regs *regs);
void trap_soft_int(struct cpu_user_regs *regs)
{
	guest_traps->soft_int(regs);
}

/* True if pv/ has mended it. Interrupts are as they were where it happened, so that taking a lock or an IPI is possible. */
static bool host_page_fault(struct cpu_user_regs *regs)
{
	uint64_t cr2 = read_cr2();
	bool mended;

	if (!guest_traps || (regs->error_code & (PFEC_RSVD | PFEC_I)))
		return false;
	if (regs->rflags & 0x200)
		irq_enable();
	mended = guest_traps->hypervisor_fault(regs, cr2);
	irq_disable();
	return mended;
}

/*
 * #DB in ring 0: a guest's watchpoint on memory that we touch for it, or its MOV SS before a SYSCALL or INT; never ours.
 * The guest is not told, as on a native CPU whose kernel is hit by what a user has set up.
 */
static void host_debug(struct cpu_user_regs *regs)
{
	regs->rflags &= ~0x100ul;
	__asm__ volatile("mov %0, %%dr6" :: "r"(0xffff0ff0ul));
}

void trap_from_host(struct cpu_user_regs *regs);
void trap_from_host(struct cpu_user_regs *regs)
{
	uint64_t fixup;

	if (regs->entry_vector == TRAP_DB) {
		host_debug(regs);
		return;
	}
	if (regs->entry_vector == TRAP_PF && host_page_fault(regs))
		return;
	fixup = extable_lookup(regs->rip);
	if (!fixup)
		fatal_trap(regs);
	/* For fixups that pass the fault on to the guest (pv/bounce.c, pv_bad_iret). */
	cpu_info()->scratch[1] = (uint64_t)regs->entry_vector << 32 | regs->error_code;
	regs->rip = fixup;
}

void double_fault(struct cpu_user_regs *regs);
void double_fault(struct cpu_user_regs *regs)
{
	uint64_t guard = ((uint64_t)cpu_info() & ~(STACK_SIZE - 1)) + STACK_GUARD_PAGE * PAGE_SIZE;

	/* The push of a call or of an exception's frame that did not fit: CR2 is where. */
	if (read_cr2() - guard < PAGE_SIZE || regs->rsp - guard <= PAGE_SIZE)
		panic_at(regs, "Double fault: stack overflow of CPU%u (rsp %lx)", smp_processor_id(), (unsigned long)regs->rsp);
	panic_at(regs, "Double fault on CPU%u, cr2 %lx", smp_processor_id(), (unsigned long)read_cr2());
}

int rdmsr_safe(uint32_t m, uint64_t *v)
{
	uint32_t a, d;
	int rc;

	__asm__ volatile("1: rdmsr\n\txor %0, %0\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: mov %4, %0\n\txor %1, %1\n\txor %2, %2\n\tjmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "=&r"(rc), "=&a"(a), "=&d"(d) : "c"(m), "i"(-EFAULT));
	*v = a | (uint64_t)d << 32;
	return rc;
}

int wrmsr_safe(uint32_t m, uint64_t v)
{
	int rc;

	__asm__ volatile("1: wrmsr\n\txor %0, %0\n2:\n"
			 ".section .text.fixup,\"ax\"\n3: mov %4, %0\n\tjmp 2b\n.previous\n"
			 EX_TABLE(1b, 3b)
			 : "=&r"(rc) : "c"(m), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)), "i"(-EFAULT) : "memory");
	return rc;
}
