// SPDX-License-Identifier: GPL-2.0-or-later
/* CPUs go offline and online (sysctl, platform_op); dom0 is told by VIRQ_PCPU_STATE. */
#include "hypercall/pcpu.h"
#include "hypercall/evtchn.h"
#include "lib/string.h"
#include "sched/hotplug.h"
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/smp.h"

static long told(long rc)
{
	if (!rc)
		virq_global(dom0, VIRQ_PCPU_STATE);
	return rc;
}

/* Is cpu a further thread of a core? CPUs that have never been online count as none. */
static bool further_thread(unsigned cpu)
{
	const struct cpu_topology *t = &cpu_topology[cpu];

	for (unsigned c = 0; c < cpu && idle_vcpu[cpu]; c++)
		if (idle_vcpu[c] && cpu_topology[c].socket == t->socket && cpu_topology[c].core == t->core)
			return true;
	return false;
}

/* One after the other, an issue of the hypercall or more for each. */
static long switch_smt(bool on)
{
	for (unsigned cpu = 1; cpu < nr_cpus_possible; cpu++) {
		long rc;

		if (!further_thread(cpu))
			continue;
		rc = on ? cpu_bring_online(cpu) : cpu_take_offline(cpu);
		if (rc != -EEXIST)
			return told(rc) ?: -EAGAIN_HYPERCALL;
	}
	return 0;
}

long sysctl_cpu_hotplug(struct sysctl_call *c)
{
	const struct xen_sysctl_cpu_hotplug *h = &c->op.u.cpu_hotplug;

	switch (h->op) {
	case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
		return told(cpu_bring_online(h->cpu));
	case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
		return told(cpu_take_offline(h->cpu));
	case XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE:
		return switch_smt(true);
	case XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE:
		return switch_smt(false);
	default:
		return -EOPNOTSUPP;
	}
}

static uint32_t acpi_id_of(uint32_t apic_id)
{
	for (unsigned i = 0; i < acpi.nr_cpus; i++)
		if (acpi.cpu_apic_id[i] == apic_id)
			return acpi.cpu_acpi_id[i];
	return ~0u;
}

long pcpu_get_info(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_pcpuinfo *i = &op->u.pcpu_info;

	i->max_present = nr_cpus_possible - 1;
	if (i->xen_cpuid >= nr_cpus_possible) {
		i->flags = XEN_PCPU_FLAGS_INVALID;
	} else {
		i->flags = cpu_online(i->xen_cpuid) ? XEN_PCPU_FLAGS_ONLINE : 0;
		i->apic_id = cpu_topology[i->xen_cpuid].apic_id;
		i->acpi_id = acpi_id_of(i->apic_id);
	}
	*copyback = true;
	return 0;
}

long pcpu_get_version(struct xen_platform_op *op, bool *copyback)
{
	struct xenpf_pcpu_version *v = &op->u.pcpu_version;

	v->max_present = nr_cpus_possible - 1;
	memset(v->vendor_id, 0, sizeof(v->vendor_id));
	v->family = v->model = v->stepping = 0;
	if (cpu_online(v->xen_cpuid)) {
		struct cpuid_leaf l = cpuid(0, 0);

		memcpy(v->vendor_id, &l.b, 4);
		memcpy(v->vendor_id + 4, &l.d, 4);
		memcpy(v->vendor_id + 8, &l.c, 4);
		v->family = host_cpu.family;
		v->model = host_cpu.model;
		v->stepping = host_cpu.stepping;
	}
	*copyback = true;
	return 0;
}

long pcpu_online(struct xen_platform_op *op, bool *copyback)
{
	uint32_t cpu = op->u.cpu_ol.cpuid;

	return cpu_online(cpu) ? 0 : told(cpu_bring_online(cpu));
}

long pcpu_offline(struct xen_platform_op *op, bool *copyback)
{
	uint32_t cpu = op->u.cpu_ol.cpuid;
	long rc;

	if (cpu == 0)
		return -EOPNOTSUPP;
	rc = told(cpu_take_offline(cpu));
	return rc == -EEXIST ? 0 : rc;
}
