/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "x86/panic.h"
#include "boot/boot.h"
#include "lib/string.h"
#include "lib/atomic.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/nmi.h"
#include "x86/page.h"
#include "x86/time.h"
#include "x86/traps.h"

#define TAIL_BYTES 2048
#define REBOOT_S 5
#define TRACE_MAX 32

static bool opt_noreboot;
static int panic_cpu = -1;

__init static void parse_noreboot(const char *v) { opt_noreboot = cmdline_bool(v, NULL); }
__init static void parse_reboot(const char *v) { opt_noreboot = !cmdline_bool(v, NULL); }
BOOT_PARAM(noreboot, "noreboot", parse_noreboot, "stay after a panic, and after dom0's crash");
BOOT_PARAM(reboot, "reboot", parse_reboot, "no: as noreboot");

void show_registers(const struct cpu_user_regs *r)
{
	printk("----[ Anel %s ]----\n", anel_debug ? "debug=y" : "debug=n");
	printk("CPU:    %u\n", smp_processor_id());
	printk("RIP:    %04x:[<%016lx>]", r->cs, r->rip);
	if (guest_mode(r))
		printk("\n");
	else
		printk(" %pS\n", (void *)r->rip);
	printk("RFLAGS: %016lx   CONTEXT: %s\n", r->rflags, guest_mode(r) ? "pv guest" : "hypervisor");
	printk("rax: %016lx   rbx: %016lx   rcx: %016lx\n", r->rax, r->rbx, r->rcx);
	printk("rdx: %016lx   rsi: %016lx   rdi: %016lx\n", r->rdx, r->rsi, r->rdi);
	printk("rbp: %016lx   rsp: %016lx   r8:  %016lx\n", r->rbp, r->rsp, r->r8);
	printk("r9:  %016lx   r10: %016lx   r11: %016lx\n", r->r9, r->r10, r->r11);
	printk("r12: %016lx   r13: %016lx   r14: %016lx\n", r->r12, r->r13, r->r14);
	printk("r15: %016lx   cr0: %016lx   cr4: %016lx\n", r->r15, read_cr0(), read_cr4());
	printk("cr3: %016lx   cr2: %016lx\n", read_cr3(), read_cr2());
	printk("ds: %04x   es: %04x   fs: %04x   gs: %04x   ss: %04x   cs: %04x\n", r->ds, r->es, r->fs, r->gs, r->ss, r->cs);
}

static bool is_text(uint64_t a)
{
	return a >= (uint64_t)__text_start && a < (uint64_t)__text_end;
}

/*
 * Every word of the stack that could be a return address: names too many functions rather than too few, which no lost frame
 * pointer can prevent. Reads only the stack that rsp lies in.
 */
void show_call_trace(uint64_t rsp, uint64_t rip)
{
	uint64_t top = (rsp | (STACK_SIZE - 1)) + 1 - sizeof(struct cpu_info);
	unsigned shown = 0;

	printk("Call Trace:\n");
	if (is_text(rip))
		printk("   [<%016lx>] R %pS\n", rip, (void *)rip);
	if (rsp < ANEL_VIRT_START || rsp >= ANEL_VIRT_END)
		return;
	if (((rsp & (STACK_SIZE - 1)) >> PAGE_SHIFT) == STACK_GUARD_PAGE)
		rsp = (rsp | (PAGE_SIZE - 1)) + 1;	/* an overflow: the guard page cannot be read */
	for (rsp = ROUNDUP(rsp, 8ul); rsp < top && shown < TRACE_MAX; rsp += 8) {
		uint64_t a = *(const uint64_t *)rsp;

		if (is_text(a)) {
			printk("   [<%016lx>] S %pS\n", a, (void *)a);
			shown++;
		}
	}
}

void show_one_cpu(const struct cpu_user_regs *regs)
{
	printk("*** CPU%u: ***\n", smp_processor_id());
	show_registers(regs);
	if (!guest_mode(regs))
		show_call_trace(regs->rsp, regs->rip);
}

/* Seconds of waiting that work with and without a clock: a port access takes about a microsecond on hardware. */
static void wait_seconds(unsigned s)
{
	if (tsc_khz) {
		uint64_t end = rdtsc() + (uint64_t)s * 1000 * tsc_khz;

		while (rdtsc() < end)
			cpu_relax();
	} else {
		for (uint64_t i = 0; i < s * 1000000ull; i++)
			outb(0x80, 0);
	}
}

void reboot_unless_told(void)
{
	if (opt_noreboot) {
		printk(LOG_ERR "'noreboot' set - not rebooting: manual reset required\n");
		machine_halt();
	}
	printk(LOG_ERR "Rebooting machine in %u seconds\n", REBOOT_S);
	watchdog_suspend(true);
	wait_seconds(REBOOT_S);
	machine_restart();
}

/* Only the first CPU to come gets past; a panic inside a panic says so and stops. */
static void enter_panic(void)
{
	int me = (int)smp_processor_id(), was;

	irq_disable();
	was = cmpxchg(&panic_cpu, -1, me);
	if (was == -1) {
		watchdog_suspend(true);
		console_flush_sync();
		return;
	}
	if (was == me)
		printk("Panic inside a panic.\n");
	for (;;)
		__asm__ volatile("hlt");
}

static void die(const struct cpu_user_regs *regs, uint64_t rsp, uint64_t rip, const char *reason) __noreturn;
static void die(const struct cpu_user_regs *regs, uint64_t rsp, uint64_t rip, const char *reason)
{
	printk(LOG_ERR "****************************************\n");
	printk(LOG_ERR "Panic on CPU %u:\n", smp_processor_id());
	printk(LOG_ERR "%s\n", reason);
	printk(LOG_ERR "****************************************\n");
	show_registers(regs);
	show_call_trace(rsp, rip);
	if (nr_cpus_online > 1)
		smp_stop_others(show_one_cpu);
	printk(LOG_ERR "Last messages before:\n");
	console_show_tail(TAIL_BYTES);
	reboot_unless_told();
}

/* Fills regs with this function's caller's: what a panic that no trap brought shows. */
static void own_registers(struct cpu_user_regs *regs, uint64_t rsp, uint64_t rip)
{
#define STORE(reg, field) __asm__ volatile("mov %%" reg ", %0" : "=m"(regs->field))
	STORE("rax", rax);
	STORE("rbx", rbx);
	STORE("rcx", rcx);
	STORE("rdx", rdx);
	STORE("rsi", rsi);
	STORE("rdi", rdi);
	STORE("rbp", rbp);
	STORE("r8", r8);
	STORE("r9", r9);
	STORE("r10", r10);
	STORE("r11", r11);
	STORE("r12", r12);
	STORE("r13", r13);
	STORE("r14", r14);
	STORE("r15", r15);
	STORE("cs", cs);
	STORE("ss", ss);
	STORE("ds", ds);
	STORE("es", es);
	STORE("fs", fs);
	STORE("gs", gs);
#undef STORE
	__asm__ volatile("pushfq; popq %0" : "=r"(regs->rflags));
	regs->rsp = rsp;
	regs->rip = rip;
}

void panic(const char *fmt, ...)
{
	static struct cpu_user_regs regs;
	static char reason[512];
	uint64_t rsp = (uint64_t)__builtin_frame_address(0), rip = (uint64_t)__builtin_return_address(0);
	va_list ap;

	enter_panic();
	own_registers(&regs, rsp, rip);
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	die(&regs, rsp, rip, reason);
}

void panic_at(const struct cpu_user_regs *regs, const char *fmt, ...)
{
	static char reason[512];
	va_list ap;

	enter_panic();
	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	die(regs, guest_mode(regs) ? (uint64_t)__builtin_frame_address(0) : regs->rsp, guest_mode(regs) ? 0 : regs->rip, reason);
}
