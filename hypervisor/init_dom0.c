// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0: its size by the words of the command line, its rights on the machine, its kernel from the boot modules.
 */
#include "init_dom0.h"
#include "init_iommu.h"
#include "boot/boot.h"
#include "domain/domain.h"
#include "hypercall/pirq.h"
#include "lib/panic.h"
#include "x86/serial.h"
#include "x86/screen.h"
#include "lib/rangeset.h"
#include "lib/string.h"
#include "mem/alloc.h"
#include "mem/m2p.h"
#include "pv/dom0_build.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/efi.h"
#include "x86/iommu/iommu.h"
#include "x86/irq.h"
#include <xen/domctl.h>

/* dom0_mem=[min:]<size>,max:<size>: a negative size is that much less than all memory. */
static struct { int64_t size, min, max; } dom0_mem = { 0, 0, 0 };
static unsigned dom0_max_vcpus, max_cpus = NR_CPUS;
static bool dom0_vcpus_pin;

static int64_t signed_size(const char *s, const char **end)
{
	bool minus = *s == '-';
	int64_t v = parse_size(s + minus, end);

	return minus ? -v : v;
}

static void parse_dom0_mem(const char *s)
{
	while (*s) {
		if (!strncmp(s, "min:", 4))
			dom0_mem.min = signed_size(s + 4, &s);
		else if (!strncmp(s, "max:", 4))
			dom0_mem.max = signed_size(s + 4, &s);
		else
			dom0_mem.size = signed_size(s, &s);
		if (*s && *s != ',') {
			printk(LOG_WARN "dom0_mem: cannot read '%s': want [min:|max:]<size>[,...]\n", s);
			return;
		}
		s += *s == ',';
	}
}

static void parse_max_vcpus(const char *s)
{
	const char *end;

	dom0_max_vcpus = strtoul(s, &end, 0);
	if (*end == '-')
		dom0_max_vcpus = strtoul(end + 1, &end, 0);
}

static void parse_vcpus_pin(const char *s)
{
	bool ok;

	dom0_vcpus_pin = cmdline_bool(s, &ok);
}

static void parse_maxcpus(const char *s)
{
	const char *end;

	max_cpus = strtoul(s, &end, 0);
	if (!max_cpus || max_cpus > NR_CPUS)
		max_cpus = NR_CPUS;
}

static void parse_nosmp(const char *s)
{
	max_cpus = 1;
}

BOOT_PARAM(dom0_mem, "dom0_mem", parse_dom0_mem, "[min:<size>,][max:<size>,]<size>: memory of dom0");
BOOT_PARAM(dom0_max_vcpus, "dom0_max_vcpus", parse_max_vcpus, "<n>: vCPUs of dom0 (default: all CPUs)");
BOOT_PARAM(dom0_vcpus_pin, "dom0_vcpus_pin", parse_vcpus_pin, "each vCPU of dom0 stays on the CPU of its number");
BOOT_PARAM(maxcpus, "maxcpus", parse_maxcpus, "<n>: CPUs to start");
BOOT_PARAM(nosmp, "nosmp", parse_nosmp, "start no other CPU");

unsigned init_max_cpus(void) { return max_cpus; }

static uint64_t pages_of(int64_t bytes, uint64_t total)
{
	return bytes < 0 ? total - MIN(total, (uint64_t)-bytes >> PAGE_SHIFT) : (uint64_t)bytes >> PAGE_SHIFT;
}

/* By default all but an eighth, at most 128 MiB, which new domains' own bookkeeping and DMA need. */
static uint64_t dom0_pages(uint64_t *max)
{
	uint64_t free = frames_free_count(NODE_ANY), reserve, n;

	free -= m2p_cost(free);
	reserve = MIN(free / 8, 128ul << (20 - PAGE_SHIFT));
	n = dom0_mem.size ? pages_of(dom0_mem.size, free) : free - reserve;
	if (dom0_mem.min)
		n = MAX(n, pages_of(dom0_mem.min, free));
	*max = dom0_mem.max ? pages_of(dom0_mem.max, free) : ~0ull >> PAGE_SHIFT;
	n = MIN(n, *max);
	if (n > free - reserve / 4) {
		printk(LOG_WARN "dom0_mem: %lu MiB asked for, %lu MiB are free: dom0 gets those but a reserve\n",
		       (unsigned long)(n >> 8), (unsigned long)(free >> 8));
		n = free - reserve / 4;
	}
	return n;
}

static void deny_ports(struct domain *d, unsigned first, unsigned last)
{
	if (rangeset_remove(d->io_ports, first, last))
		panic("dom0: no memory for its I/O rights");
}

static void deny_frames(struct domain *d, paddr_t start, uint64_t size)
{
	if (size && rangeset_remove(d->io_mem, start >> PAGE_SHIFT, (start + size - 1) >> PAGE_SHIFT))
		panic("dom0: no memory for its I/O rights");
}

/* All of the machine but what the hypervisor drives itself: interrupt controllers, PIT, its RAM. */
static void grant_machine(struct domain *d)
{
	if (rangeset_add(d->io_ports, 0, 0xffff) || rangeset_add(d->io_mem, 0, (1ul << (host_cpu.phys_bits - PAGE_SHIFT)) - 1) ||
	    rangeset_add(d->irqs, 1, nr_irqs - 1))
		panic("dom0: no memory for its I/O rights");
	deny_ports(d, 0x20, 0x21);
	deny_ports(d, 0xa0, 0xa1);
	deny_ports(d, 0x4d0, 0x4d1);
	deny_ports(d, 0x40, 0x43);
	deny_ports(d, 0x61, 0x61);
	for (unsigned i = 0; i < 2; i++)
		if (serial_port_in_use(i))
			deny_ports(d, serial_port_in_use(i), serial_port_in_use(i) + 7);
	deny_frames(d, acpi.lapic_base, PAGE_SIZE);
	deny_frames(d, 0xfee00000, 1 << 20);	/* where messages to local APICs go */
	for (unsigned i = 0; i < acpi.nr_ioapics; i++)
		deny_frames(d, acpi.ioapic[i].base, PAGE_SIZE);
	if (host_cpu.amd) {	/* HyperTransport's own, APM vol. 2: the last 12 GiB, where no device answers */
		paddr_t top = 1ull << (host_cpu.family < 0x17 ? 40 : host_cpu.phys_bits);

		deny_frames(d, top - (12ull << 30), 12ull << 30);
	}
	for (unsigned i = 0; i < boot_info.nr_mem; i++)
		if (boot_info.mem[i].type == 1 && boot_info.mem[i].start >= 1 << 20)
			deny_frames(d, ROUNDUP(boot_info.mem[i].start, PAGE_SIZE),
				    (boot_info.mem[i].start + boot_info.mem[i].size) - ROUNDUP(boot_info.mem[i].start, PAGE_SIZE));
}

static void create_vcpus(struct domain *d, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct vcpu *v = vcpu_create(d, i);
		cpumask_t one;

		if (!v)
			panic("dom0: no memory for vCPU %u", i);
		if (!dom0_vcpus_pin || !cpu_online(i))
			continue;
		cpumask_clear(&one);
		cpumask_set_cpu(i, &one);
		vcpu_set_hard_affinity(v, &one);
	}
}

/*
 * What the loader says after the kernel's name, then what follows " -- " on our own line, then where ACPI starts, if a PV kernel on
 * UEFI has no other way to find it, since no runtime services are offered.
 */
static const char *dom0_cmdline(const struct boot_module *kernel)
{
	static char line[MAX_GUEST_CMDLINE];
	const char *extra = strstr(boot_info.cmdline, "-- ");
	size_t n;

	if (extra != boot_info.cmdline && (!extra || extra[-1] != ' '))
		extra = NULL;
	n = (size_t)snprintf(line, sizeof(line), "%s%s%s", kernel->cmdline, extra ? " " : "", extra ? extra + 3 : "");
	if (boot_info.efi && !efi_runtime && acpi.rsdp && n < sizeof(line))
		snprintf(line + n, sizeof(line) - n, " acpi_rsdp=%#lx", acpi.rsdp);
	return line;
}

void init_build_dom0(void)
{
	struct xen_domctl_createdomain config = { 0 };
	const struct boot_module *kernel = &boot_info.module[0], *initrd = &boot_info.module[1];
	uint64_t max, pages;
	int rc;

	if (!boot_info.nr_modules)
		panic("No dom0: the boot loader gave no module; the first must be dom0's kernel, the second its initrd");
	if (!dom0_max_vcpus)
		dom0_max_vcpus = nr_cpus_online;
	config.max_vcpus = MIN(dom0_max_vcpus, MAX_VIRT_CPUS);
	config.max_evtchn_port = -1;
	config.max_grant_frames = -1;
	config.max_maptrack_frames = -1;
	config.grant_opts = XEN_DOMCTL_GRANT_version(2);
	dom0 = domain_create(0, &config, &pv_guest_ops, &rc);
	if (!dom0)
		panic("dom0: cannot create it: error %d", rc);
	dom0->is_control = dom0->is_hardware = true;
	grant_machine(dom0);
	init_confine_dom0(dom0);
	create_vcpus(dom0, config.max_vcpus);
	pages = dom0_pages(&max);
	dom0->max_pages = max;
	rc = pv_build_dom0(dom0, kernel->start, kernel->size, initrd->start, boot_info.nr_modules > 1 ? initrd->size : 0,
			   dom0_cmdline(kernel), pages);
	if (rc)
		panic("dom0: cannot build it: error %d", rc);
}

void init_start_dom0(void)
{
	printk(LOG_INFO "%lu MiB free; dom0 starts\n", (unsigned long)(frames_free_count(NODE_ANY) >> 8));
	screen_give_up();
	iommu_enable();
	guest_wallclock_update(dom0);
	domain_unpause_by_controller(dom0);
}
