// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of contents: what starts, in which order. boot/ has filled boot_info and turned paging on; nothing has run before this
 * and nothing starts by itself.
 */
#include "init.h"
#include "init_dom0.h"
#include "init_self_check.h"
#include "boot/boot.h"
#include "domain/domain.h"
#include "hypercall/evtchn.h"
#include "hypercall/gnttab.h"
#include "hypercall/hypercall.h"
#include "hypercall/pirq.h"
#include "pv/version.h"
#include "lib/panic.h"
#include "mem/alloc.h"
#include "pv/pv.h"
#include "sched/sched.h"
#include "sched/softirq.h"
#include "sched/timer.h"
#include "x86/acpi.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/efi.h"
#include "x86/iommu/iommu.h"
#include "x86/irq.h"
#include "x86/nmi.h"
#include "x86/pci.h"
#include "x86/time.h"

static void start_machine(void)
{
	acpi_init(boot_info.rsdp);
	cpu_early_init();
	mem_init();
	cpu_late_init();
	time_init();
	irq_init();
	pci_init();
	efi_init();
	iommu_init();
	console_late_init();
}

static void start_services(void)
{
	rcu_init();
	tasklet_init();
	timer_subsystem_init();
	domain_init();
	sched_init();
	evtchn_init();
	gnttab_init();
	pirq_init();
	hypercall_init();
	pv_init();
	self_check_init();
}

void anel_main(void)
{
	cmdline_parse(boot_info.cmdline);
	console_early_init();
	printk(LOG_INFO "Anel, Xen %u.%u" ANEL_EXTRAVERSION ", loaded by %s: %s\n", ANEL_XEN_MAJOR, ANEL_XEN_MINOR,
	       boot_info.loader, boot_info.cmdline);
	start_machine();
	start_services();
	__asm__ volatile("sti");
	smp_boot_cpus(init_max_cpus());
	init_build_dom0();
	mem_free_boot();
	watchdog_init();
	init_start_dom0();
	context_switch_first(idle_vcpu[0]);
}
