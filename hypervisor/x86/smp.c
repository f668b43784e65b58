/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Per-CPU areas, and the start of the other CPUs: INIT, start-up IPI, real-mode code below 1 MiB, then ap_main on a stack of
 * its own. One CPU at a time passes the trampoline; who starts it waits until it is online.
 */
#include "x86/smp.h"
#include "x86/acpi.h"
#include "x86/apic.h"
#include "x86/cpu_setup.h"
#include "x86/desc.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/mce.h"
#include "x86/nmi.h"
#include "x86/page.h"
#include "x86/time.h"
#include "x86/tsc_sync.h"
#include "boot/boot.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

#define PERCPU_MAX	0x10000u
#define AP_TIMEOUT_NS	10000000000l	/* emulated and overcommitted machines need seconds */

struct trampoline_args { uint64_t root, stack, entry; uint32_t boot_root, clear_xd; };
extern const char trampoline_start[], trampoline_args[], trampoline_end[], ap_entry[];
extern uint64_t boot_l4[];		/* maps the first 4 GiB at their own addresses, and the image */

uint64_t percpu_offset[NR_CPUS];
DEFINE_PER_CPU(struct cpu_info *, info) = (struct cpu_info *)(boot_stack + STACK_SIZE) - 1;
cpumask_t cpu_online_map = { { 1 } };
unsigned nr_cpus_online = 1;
unsigned nr_cpus_possible = 1;
struct cpu_topology cpu_topology[NR_CPUS];
void (*cpu_idle_entry)(void);
void *(*x86_alloc_pages)(unsigned order);
void (*x86_free_pages)(void *va, unsigned order);
void *(*x86_map_device)(paddr_t pa, size_t size);
void *(*x86_map_stack)(void);

static char percpu_template[PERCPU_MAX];
static char *stack_base[NR_CPUS];
static volatile bool ap_arrived;	/* the CPU being started has left the trampoline */
static paddr_t trampoline_page;		/* 0: none, only the boot CPU runs */
static uint64_t host_root;
void (*x86_cpu_guest_setup)(unsigned cpu);

char *cpu_stack_base(unsigned cpu)
{
	return cpu ? stack_base[cpu] : boot_stack;
}

void percpu_keep_template(void)
{
	size_t size = __percpu_end - __percpu_start;

	if (size > sizeof(percpu_template))
		panic("Per-CPU area of %zu bytes is too large", size);
	memcpy(percpu_template, __percpu_start, size);
}

static void swap_entries(unsigned a, unsigned b)
{
	uint32_t apic_id = acpi.cpu_apic_id[a], acpi_id = acpi.cpu_acpi_id[a];
	uint8_t node = acpi.cpu_node[a];

	acpi.cpu_apic_id[a] = acpi.cpu_apic_id[b];
	acpi.cpu_acpi_id[a] = acpi.cpu_acpi_id[b];
	acpi.cpu_node[a] = acpi.cpu_node[b];
	acpi.cpu_apic_id[b] = apic_id;
	acpi.cpu_acpi_id[b] = acpi_id;
	acpi.cpu_node[b] = node;
}

/* Moves the boot CPU to the front of ACPI's list, whose order is otherwise kept. */
static void number_cpus(void)
{
	uint32_t self = cpu_initial_apic_id();
	unsigned i;

	for (i = 0; i < acpi.nr_cpus && acpi.cpu_apic_id[i] != self; i++)
		;
	if (i == acpi.nr_cpus) {
		printk(LOG_WARN "SMP: the boot CPU (APIC id %u) is not in the MADT: one CPU is used\n", self);
		acpi.nr_cpus = 1;
		acpi.cpu_apic_id[0] = self;
		i = 0;
	}
	for (; i; i--)
		swap_entries(i, i - 1);
	acpi.nr_cpus = MIN(acpi.nr_cpus, NR_CPUS);
	for (i = 0; i < acpi.nr_cpus; i++) {
		cpu_topology[i].apic_id = acpi.cpu_apic_id[i];
		cpu_topology[i].node = acpi.cpu_node[i];
	}
}

static unsigned order_of(size_t size)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

void percpu_init(void)
{
	size_t size = __percpu_end - __percpu_start;
	unsigned cpu;

	number_cpus();
	for (cpu = 1; cpu < acpi.nr_cpus; cpu++) {
		char *area = x86_alloc_pages(order_of(size));

		if (!area) {
			printk(LOG_WARN "SMP: no memory for CPU%u and further ones\n", cpu);
			break;
		}
		memcpy(area, percpu_template, size);
		percpu_offset[cpu] = area - __percpu_start;
	}
	nr_cpus_possible = cpu;
}

/* Highest page of RAM below 640 KiB; 0: none. mem/ hands out nothing below 1 MiB. */
static paddr_t find_trampoline_page(void)
{
	paddr_t best = 0;

	for (unsigned i = 0; i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];
		paddr_t end = MIN(m->start + m->size, 0xa0000ul) & PAGE_MASK;

		if (m->type == 1 && end >= PAGE_SIZE * 2 && end - PAGE_SIZE >= m->start && end - PAGE_SIZE > best)
			best = end - PAGE_SIZE;
	}
	return best;
}

static struct trampoline_args *prepare_trampoline(paddr_t page)
{
	char *va = pa_to_va(page);
	struct trampoline_args *args;

	BUG_ON(trampoline_end - trampoline_start > (long)PAGE_SIZE);
	memcpy(va, trampoline_start, trampoline_end - trampoline_start);
	args = (void *)(va + (trampoline_args - trampoline_start));
	args->root = host_root;
	args->entry = (uint64_t)ap_entry;
	args->boot_root = image_to_pa(boot_l4);
	args->clear_xd = host_cpu.intel;
	return args;
}

static bool prepare_cpu(unsigned cpu)
{
	uint64_t *gdt = x86_alloc_pages(0);
	char *stack = gdt ? x86_map_stack() : NULL;
	struct cpu_info *info;

	if (!stack) {
		if (gdt)
			x86_free_pages(gdt, 0);
		return false;
	}
	stack_base[cpu] = stack;
	info = (struct cpu_info *)(stack + STACK_SIZE) - 1;
	info->cpu = cpu;
	info->percpu_offset = percpu_offset[cpu];
	per_cpu(info, cpu) = info;
	desc_setup_cpu(cpu, stack, gdt);
	return true;
}

static bool wait_until(volatile bool *flag, s_time_t limit)
{
	s_time_t end = now() + limit;

	while (!*flag) {
		if (now() > end)
			return false;
		cpu_relax();
	}
	return true;
}

static void delay(s_time_t ns)
{
	s_time_t end = now() + ns;

	while (now() < end)
		cpu_relax();
}

/* The second start-up IPI is for old CPUs that missed the first; sent only if there is no sign of life (SDM 8.4.4.1). */
static bool start_cpu(unsigned cpu, paddr_t page, struct trampoline_args *args)
{
	uint32_t id = cpu_topology[cpu].apic_id;

	ap_arrived = false;
	args->stack = (uint64_t)((struct cpu_info *)(stack_base[cpu] + STACK_SIZE) - 1) & ~15ul;
	mb();
	apic_send(id, APIC_DM_STARTUP | page >> PAGE_SHIFT);
	if (!wait_until(&ap_arrived, 200000)) {
		apic_send(id, APIC_DM_STARTUP | page >> PAGE_SHIFT);
		if (!wait_until(&ap_arrived, AP_TIMEOUT_NS)) {
			/* It must not come later and take the next CPU's stack. Its memory stays: it may still use it. */
			apic_send(id, APIC_DM_INIT | APIC_ASSERT);
			printk(LOG_ERR "SMP: CPU%u (APIC id %u) does not start\n", cpu, id);
			return false;
		}
	}
	tsc_sync_source();
	while (!cpu_online(cpu))
		cpu_relax();
	return true;
}

/* maxcpus 0: all. */
void smp_boot_cpus(unsigned maxcpus)
{
	unsigned limit = maxcpus ? MIN(maxcpus, nr_cpus_possible) : nr_cpus_possible, cpu;
	paddr_t page = find_trampoline_page();
	struct trampoline_args *args;

	if (nr_cpus_possible <= 1)
		return;
	if (!page) {
		printk(LOG_ERR "SMP: no RAM below 640 KiB: one CPU is used\n");
		return;
	}
	trampoline_page = page;
	host_root = read_cr3();
	args = prepare_trampoline(page);
	for (cpu = 1; cpu < limit && prepare_cpu(cpu); cpu++)
		apic_send(cpu_topology[cpu].apic_id, APIC_DM_INIT | APIC_ASSERT);
	if (cpu < limit)
		printk(LOG_WARN "SMP: no memory for CPU%u and further ones\n", cpu);
	limit = cpu;
	delay(10000000);
	for (cpu = 1; cpu < limit; cpu++)
		start_cpu(cpu, page, args);
	memset(pa_to_va(page), 0, PAGE_SIZE);
	printk(LOG_INFO "SMP: %u CPUs online of %u\n", nr_cpus_online, acpi.nr_cpus);
}

int smp_start_cpu(unsigned cpu)
{
	struct trampoline_args *args;
	bool ok;

	if (!trampoline_page || cpu >= nr_cpus_possible)
		return -EINVAL;
	if (!stack_base[cpu] && !prepare_cpu(cpu))
		return -ENOMEM;
	args = prepare_trampoline(trampoline_page);
	apic_send(cpu_topology[cpu].apic_id, APIC_DM_INIT | APIC_ASSERT);
	delay(10000000);
	ok = start_cpu(cpu, trampoline_page, args);
	memset(pa_to_va(trampoline_page), 0, PAGE_SIZE);
	return ok ? 0 : -EIO;
}

/* Only INIT and the start-up IPI end this. */
void smp_stop_cpu(volatile bool *gone)
{
	apic_stop_cpu();
	__asm__ volatile("wbinvd");
	*gone = true;
	for (;;)
		__asm__ volatile("cli; hlt" ::: "memory");
}

/* First C code of a CPU, interrupts off. */
__noreturn void ap_main(void);
void ap_main(void)
{
	unsigned cpu = smp_processor_id();

	cpu_load_tables();
	cpu_setup_registers();
	clac();
	xstate_init_ap();
	cpu_info()->cr4_guest = 0;
	ap_arrived = true;
	mce_init_cpu();
	apic_init_cpu();
	cpu_detect_topology();
	time_init_ap();
	if (x86_cpu_guest_setup)
		x86_cpu_guest_setup(cpu);
	watchdog_start_cpu();
	__atomic_fetch_add(&nr_cpus_online, 1, __ATOMIC_RELAXED);
	cpumask_set_cpu(cpu, &cpu_online_map);
	cpu_idle_entry();
	panic("CPU%u: the idle loop has returned", cpu);
}
