// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * platform_op: dom0's part in running the machine (xen/platform.h): clock, sleep, firmware, CPUs. For
 * control domains only.
 */
#include "hypercall/platform.h"
#include "hypercall/dispatch.h"
#include "hypercall/pcpu.h"
#include "hypercall/platform_efi.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "lib/symbols.h"
#include "sched/sched.h"
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/io.h"
#include "x86/time.h"
#include "x86/traps.h"

static void set_clock(uint64_t sec, uint32_t nsec, uint64_t system_time)
{
	struct domain *d;

	wallclock_set(sec, nsec, system_time);
	for_each_domain(d)
		if (d->state == DOM_ALIVE)
			guest_wallclock_update(d);
}

static long settime32(struct xen_platform_op *op, bool *copyback)
{
	const struct xenpf_settime32 *t = &op->u.settime32;

	if (t->nsecs >= 1000000000)
		return -EINVAL;
	set_clock(t->secs, t->nsecs, t->system_time);
	return 0;
}

static long settime64(struct xen_platform_op *op, bool *copyback)
{
	const struct xenpf_settime64 *t = &op->u.settime64;

	if (t->mbz || t->nsecs >= 1000000000)
		return -EINVAL;
	set_clock(t->secs, t->nsecs, t->system_time);
	return 0;
}

/*
 * What dom0's ACPI has prepared; only soft-off is carried out, the wake-up path of the others is not there.
 */
static long enter_sleep(struct xen_platform_op *op, bool *copyback)
{
	const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

	if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED)
		return -EINVAL;
	if (s->sleep_state < 1 || s->sleep_state > 5)
		return -EINVAL;
	if (s->sleep_state != 5)
		return -EOPNOTSUPP;
	if ((s->flags & XENPF_ACPI_SLEEP_EXTENDED) || !acpi.pm1a_cnt)
		machine_power_off();
	printk(LOG_ERR "dom0: entering ACPI S5\n");
	outw(acpi.pm1a_cnt, s->val_a);
	if (acpi.pm1b_cnt)
		outw(acpi.pm1b_cnt, s->val_b);
	machine_power_off();		/* that did not do it */
}

static long getidletime(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_getidletime *g = &op->u.getidletime;
	uint32_t nr = MIN(g->cpumap_nr_cpus, NR_CPUS);
	cpumask_t map;
	unsigned cpu;

	cpumask_clear(&map);
	if (guest_copy_in(map.bits, g->cpumap_bitmap.p, DIV_ROUND_UP(nr, 8)))
		return -EFAULT;
	for_each_cpu(cpu, &map) {
		uint64_t idle = 0;

		if (cpu >= nr)
			break;
		if (cpu_online(cpu))
			idle = cpu_idle_time(cpu);
		else
			cpumask_clear_cpu(cpu, &map);
		if (copy_to_guest_offset(g->idletime, cpu, &idle, 1))
			return -EFAULT;
	}
	g->now = now();
	*copyback = true;
	return guest_copy_out(g->cpumap_bitmap.p, map.bits, DIV_ROUND_UP(nr, 8)) ? -EFAULT : 0;
}

/*
 * The hypervisor idles by HLT and leaves frequencies alone: it takes dom0's tables and has no use for them.
 */
static long set_pminfo(struct xen_platform_op *op, bool *copyback)
{
	switch (op->u.set_pminfo.type) {
	case XEN_PM_CX:
	case XEN_PM_PDC:
		return 0;
	case XEN_PM_PX:
	case XEN_PM_TX:
		return -ENOSYS;
	default:
		return -EINVAL;
	}
}

static long core_parking(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_core_parking *p = &op->u.core_parking;

	switch (p->type) {
	case XEN_CORE_PARKING_SET:
		return p->idle_nums ? -EOPNOTSUPP : 0;
	case XEN_CORE_PARKING_GET:
		p->idle_nums = 0;
		*copyback = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * BIOS data that only a real-mode start could have read is not there: the image is loaded by multiboot or
 * EFI.
 */
static long firmware_info(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_firmware_info *f = &op->u.firmware_info;

	switch (f->type) {
	case XEN_FW_DISK_INFO:
	case XEN_FW_DISK_MBR_SIGNATURE:
	case XEN_FW_VBEDDC_INFO:
		return -ESRCH;
	case XEN_FW_EFI_INFO:
		return platform_efi_info(f, copyback);
	case XEN_FW_KBD_SHIFT_FLAGS:
		if (f->index)
			return -ESRCH;
		f->u.kbd_shift_flags = 0;
		*copyback = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/*
 * One MSR on one CPU, of the few that tools read (thermal, energy, cache monitoring): those that do not
 * change how it works.
 */
struct msr_read { uint32_t msr; uint64_t val; int rc; };

static void read_msr(void *arg)
{
	struct msr_read *r = arg;

	r->rc = rdmsr_safe(r->msr, &r->val);
}

static bool msr_readable(uint64_t msr)
{
	switch (msr) {
	case 0x19c:	/* IA32_THERM_STATUS */
	case 0x1a2:	/* TEMPERATURE_TARGET */
	case 0x1b1:	/* IA32_PACKAGE_THERM_STATUS */
	case 0xc8e:	/* IA32_QM_CTR */
		return true;
	default:
		return false;
	}
}

static int resource_entry(struct xenpf_resource_entry *e, unsigned cpu)
{
	struct msr_read r = { .msr = e->idx };
	cpumask_t mask;

	if (e->rsvd)
		return -EINVAL;
	if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ)
		return e->u.cmd == XEN_RESOURCE_OP_MSR_WRITE ? -EPERM : -EOPNOTSUPP;
	if (e->idx == 0x10) {	/* IA32_TSC stands for system time */
		e->val = now();
		return 0;
	}
	if (e->idx >> 32)
		return -EINVAL;
	if (!msr_readable(e->idx))
		return -EPERM;
	cpumask_clear(&mask);
	cpumask_set_cpu(cpu, &mask);
	on_selected_cpus(&mask, read_msr, &r, true);
	e->val = r.val;
	return r.rc;
}

static long resource_op(struct xen_platform_op *op, bool *copyback)
{
	const struct xenpf_resource_op *r = &op->u.resource_op;
	uint32_t i;

	if (r->nr_entries > 3)		/* as Xen's RESOURCE_ACCESS_MAX_ENTRIES */
		return -E2BIG;
	if (!cpu_online(r->cpu))
		return -ENODEV;
	for (i = 0; i < r->nr_entries; i++) {
		struct xenpf_resource_entry e;
		int rc;

		if (copy_from_guest_offset(&e, r->entries, i, 1))
			return -EFAULT;
		rc = resource_entry(&e, r->cpu);
		if (rc)
			e.u.ret = rc;
		if (copy_to_guest_offset(r->entries, i, &e, 1))
			return -EFAULT;
		if (rc)
			break;
	}
	return i;
}

/* The hypervisor's own symbols, one after the other, for profilers. */
static long get_symbol(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_symdata *s = &op->u.symdata;
	uint32_t room = s->namelen;
	struct symbol sym;
	size_t len;

	*copyback = true;
	if (s->symnum >= symtab.count)
		return s->symnum == symtab.count ? 0 : -EINVAL;
	s->address = symtab.base + symtab.offset[s->symnum];
	if (!symbols_lookup(s->address, &sym))
		return -EINVAL;
	len = strlen(sym.name);
	if (room) {
		size_t n = MIN(len + 1, (size_t)room);

		if (guest_copy_out(s->name.p, sym.name, n))
			return -EFAULT;
		if (n <= len && guest_zero(s->name.p + room - 1, 1))
			return -EFAULT;
	}
	s->namelen = len;
	s->type = 'T';
	s->symnum++;
	return 0;
}

struct platform_row { platform_fn *fn; int16_t answer; };
static const struct platform_row rows[] = {
	[XENPF_settime32] = { settime32, 0 },
	[XENPF_settime64] = { settime64, 0 },
	[XENPF_add_memtype] = { NULL, -EOPNOTSUPP },	/* memory types are in page tables alone */
	[XENPF_del_memtype] = { NULL, -EOPNOTSUPP },
	[XENPF_read_memtype] = { NULL, -EINVAL },	/* no such register */
	[XENPF_microcode_update] = { NULL, -EOPNOTSUPP },
	[XENPF_platform_quirk] = { NULL, -EINVAL },
	[XENPF_get_cpu_version] = { pcpu_get_version, 0 },
	[XENPF_efi_runtime_call] = { platform_efi_call, 0 },
	[XENPF_firmware_info] = { firmware_info, 0 },
	[XENPF_enter_acpi_sleep] = { enter_sleep, 0 },
	[XENPF_change_freq] = { NULL, -EOPNOTSUPP },
	[XENPF_getidletime] = { getidletime, 0 },
	[XENPF_set_processor_pminfo] = { set_pminfo, 0 },
	[XENPF_get_cpuinfo] = { pcpu_get_info, 0 },
	[XENPF_cpu_online] = { pcpu_online, 0 },
	[XENPF_cpu_offline] = { pcpu_offline, 0 },
	[XENPF_cpu_hotadd] = { NULL, -EOPNOTSUPP },
	[XENPF_mem_hotadd] = { NULL, -EOPNOTSUPP },
	[XENPF_core_parking] = { core_parking, 0 },
	[XENPF_resource_op] = { resource_op, 0 },
	[XENPF_get_symbol] = { get_symbol, 0 },
};

long hc_platform_op(struct hypercall *h)
{
	struct xen_platform_op op, *guest = (struct xen_platform_op *)h->a[0];
	bool copyback = false;
	long rc;

	if (guest_copy_in(&op, guest, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(rows) || (!rows[op.cmd].fn && !rows[op.cmd].answer))
		return -ENOSYS;
	if (!rows[op.cmd].fn)
		return rows[op.cmd].answer;
	rc = rows[op.cmd].fn(&op, &copyback);
	if (rc == -EAGAIN_HYPERCALL)
		return hypercall_again(h);
	if (rc >= 0 && copyback && guest_copy_out(guest, &op, sizeof(op)))
		return -EFAULT;
	return rc;
}
