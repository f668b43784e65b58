/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPUs of the host go offline and come back (sysctl cpu_hotplug, platform_op cpu_online and cpu_offline).
 *
 * What could be wrong: what the CPU was doing is lost with it: a vCPU that ran or was pinned there, a timer, an interrupt of a
 * device, a grace period that waits for it; or the CPU comes back half set up.
 * How it is provoked: vCPUs spin, sleep and take interrupts while their CPUs go and come, in every order, many times.
 * A wrong host: hangs, stops a vCPU, loses a timer or an interrupt, or tells of a CPU that is not there.
 */
#include "child.h"
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define NR 4
#define physdev_op(cmd, arg) HCALL2(__HYPERVISOR_physdev_op, cmd, arg)

static struct xen_sysctl s;
static struct xen_platform_op p;

static long hotplug(u32 cpu, u32 op)
{
	memset(&s, 0, sizeof(s));
	s.u.cpu_hotplug.cpu = cpu;
	s.u.cpu_hotplug.op = op;
	return sysctl_op(XEN_SYSCTL_cpu_hotplug, &s);
}

/* A vCPU that is just moving may hold a CPU for a moment. */
static long offline(u32 cpu)
{
	long rc;

	WAIT_FOR((rc = hotplug(cpu, XEN_SYSCTL_CPU_HOTPLUG_OFFLINE)) != -XEN_EBUSY, 10 * SEC);
	return rc;
}
static long online(u32 cpu) { return hotplug(cpu, XEN_SYSCTL_CPU_HOTPLUG_ONLINE); }

static unsigned nr_cpus(void)
{
	memset(&s, 0, sizeof(s));
	return sysctl_op(XEN_SYSCTL_physinfo, &s) ? 0 : s.u.physinfo.nr_cpus;
}

static long pin(unsigned vcpu, u8 mask)
{
	static struct xen_domctl d;

	memset(&d, 0, sizeof(d));
	d.u.vcpuaffinity.vcpu = vcpu;
	d.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
	d.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
	set_xen_guest_handle(d.u.vcpuaffinity.cpumap_hard.bitmap, &mask);
	return domctl(XEN_DOMCTL_setvcpuaffinity, 0, &d);
}

static unsigned where(unsigned vcpu)
{
	static struct xen_domctl d;

	memset(&d, 0, sizeof(d));
	d.u.getvcpuinfo.vcpu = vcpu;
	return domctl(XEN_DOMCTL_getvcpuinfo, 0, &d) ? ~0u : d.u.getvcpuinfo.cpu;
}

static volatile unsigned long spins[NR];
static volatile bool stop;

static void spin(void *arg)
{
	while (!stop)
		spins[this_cpu()->id]++;
}

static bool goes_on(unsigned vcpu)
{
	unsigned long was = spins[vcpu];

	return WAIT_FOR(spins[vcpu] > was + 1000, 5 * SEC);
}

static bool started(unsigned vcpu)
{
	stop = false;
	return !vcpu_start(vcpu, spin, NULL) && goes_on(vcpu);
}

static void stopped(unsigned vcpu)
{
	stop = true;
	EXPECT(WAIT_FOR(vcpu_op(VCPUOP_is_up, vcpu, NULL) == 0, 5 * SEC));
}

CASE(errors, "CPUs that are not there, and the first, which stays; what is so already")
{
	REQUIRE_RC(nr_cpus(), NR);
	EXPECT_REFUSED(offline(999));
	EXPECT_REFUSED(offline(~0u));
	EXPECT_REFUSED(online(999));
	EXPECT_REFUSED(offline(NR));
	EXPECT_REFUSED(online(NR));
	EXPECT_REFUSED(offline(0));
	EXPECT_REFUSED(hotplug(1, 77));
	EXPECT_RC(online(1), -XEN_EEXIST);
	EXPECT_RC(nr_cpus(), NR);
}

CASE(down_up, "a CPU goes, is in no list of CPUs, and comes back")
{
	static xen_sysctl_cputopo_t topo[8];
	static xen_sysctl_cpuinfo_t info[8];

	REQUIRE_RC(offline(3), 0);
	EXPECT_RC(nr_cpus(), NR - 1);
	EXPECT_RC(offline(3), -XEN_EEXIST);
	memset(&s, 0, sizeof(s));
	s.u.cputopoinfo.num_cpus = 8;
	set_xen_guest_handle(s.u.cputopoinfo.cputopo, topo);
	EXPECT_RC(sysctl_op(XEN_SYSCTL_cputopoinfo, &s), 0);
	EXPECT_RC(s.u.cputopoinfo.num_cpus, NR);
	EXPECT_HEX(topo[3].core, XEN_INVALID_CORE_ID);
	EXPECT(topo[2].core != XEN_INVALID_CORE_ID);
	memset(&s, 0, sizeof(s));
	s.u.getcpuinfo.max_cpus = 8;
	set_xen_guest_handle(s.u.getcpuinfo.info, info);
	EXPECT_RC(sysctl_op(XEN_SYSCTL_getcpuinfo, &s), 0);
	EXPECT_RC(s.u.getcpuinfo.nr_cpus, NR);
	memset(&p, 0, sizeof(p));
	p.cmd = XENPF_get_cpuinfo;
	p.interface_version = XENPF_INTERFACE_VERSION;
	p.u.pcpu_info.xen_cpuid = 3;
	EXPECT_RC(HCALL1(__HYPERVISOR_platform_op, &p), 0);
	EXPECT_HEX(p.u.pcpu_info.flags, 0);
	EXPECT_RC(p.u.pcpu_info.apic_id, 3);
	EXPECT_RC(p.u.pcpu_info.max_present, NR - 1);
	REQUIRE_RC(online(3), 0);
	EXPECT_RC(nr_cpus(), NR);
}

CASE(busy, "a vCPU that spins on a CPU that goes, goes on elsewhere; pinned back to it when it has come again")
{
	REQUIRE(started(1));
	REQUIRE_RC(pin(1, 1 << 2), 0);
	EXPECT(WAIT_FOR(where(1) == 2, 5 * SEC));
	REQUIRE_RC(offline(2), 0);
	EXPECT(goes_on(1));
	EXPECT(where(1) != 2);
	REQUIRE_RC(online(2), 0);
	EXPECT_RC(pin(1, 1 << 2), 0);
	EXPECT(WAIT_FOR(where(1) == 2, 5 * SEC));
	EXPECT(goes_on(1));
	EXPECT_RC(pin(1, 0xff), 0);
	stopped(1);
}

CASE(own, "the CPU that the caller runs on may go")
{
	for (unsigned cpu = 1; cpu < NR; cpu++) {
		REQUIRE_RC(pin(0, 1 << cpu), 0);
		EXPECT(WAIT_FOR(where(0) == cpu, SEC));
		EXPECT_RC(offline(cpu), 0);
		EXPECT(where(0) != cpu);
		EXPECT_RC(online(cpu), 0);
	}
	EXPECT_RC(pin(0, 0xff), 0);
	EXPECT_RC(nr_cpus(), NR);
}

CASE(last, "all but the first may go; vCPUs share what is left, time goes on")
{
	u64 t = time_ns();

	REQUIRE(started(1));
	for (unsigned cpu = 1; cpu < NR; cpu++)
		EXPECT_RC(offline(cpu), 0);
	EXPECT_RC(nr_cpus(), 1);
	EXPECT(goes_on(1));
	EXPECT(time_ns() > t);
	for (unsigned cpu = NR - 1; cpu; cpu--)
		EXPECT_RC(online(cpu), 0);
	EXPECT_RC(nr_cpus(), NR);
	EXPECT(goes_on(1));
	EXPECT(time_ns() > t);
	stopped(1);
}

static volatile bool asleep, woke;

static void sleeper(void *arg)
{
	struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = time_ns() + 300 * MS };
	struct evtchn_bind_virq b = { .virq = VIRQ_TIMER, .vcpu = this_cpu()->id };

	evtchn_op(EVTCHNOP_bind_virq, &b);
	event_cpu[b.port] = this_cpu()->id;
	port_unmask(b.port);
	vcpu_op(VCPUOP_set_singleshot_timer, this_cpu()->id, &t);
	asleep = true;
	sched_op(SCHEDOP_block, NULL);
	port_close(b.port);
	event_cpu[b.port] = 0;
	woke = true;
}

CASE(timer, "a vCPU asleep with a timer set on a CPU that goes: the timer fires all the same")
{
	asleep = woke = false;
	REQUIRE_RC(pin(1, 1 << 3), 0);
	REQUIRE_RC(vcpu_start(1, sleeper, NULL), 0);
	REQUIRE(WAIT_FOR(asleep, 5 * SEC));
	EXPECT_RC(offline(3), 0);
	EXPECT(WAIT_FOR(woke, 10 * SEC));
	EXPECT_RC(online(3), 0);
	EXPECT_RC(pin(1, 0xff), 0);
	EXPECT(WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC));
}

static u32 conf(u32 dev, u32 reg, u32 *write)
{
	u32 v;

	__asm__ volatile("outl %0, %%dx" : : "a"(dev | reg), "d"((u16)0xcf8));
	if (write)
		__asm__ volatile("outl %0, %%dx" : : "a"(*write), "d"((u16)0xcfc));
	__asm__ volatile("inl %%dx, %0" : "=a"(v) : "d"((u16)0xcfc));
	return v;
}

static volatile u32 *edu;
static volatile unsigned hits;
static struct physdev_map_pirq pirq;

static void on_interrupt(evtchn_port_t port)
{
	struct { u32 irq; } eoi = { pirq.pirq };

	if (edu[0x24 / 4]) {
		edu[0x64 / 4] = edu[0x24 / 4];
		hits++;
	}
	physdev_op(PHYSDEVOP_eoi, &eoi);
}

static bool interrupt_comes(void)
{
	unsigned was = hits;

	edu[0x60 / 4] = 1;
	return WAIT_FOR(hits == was + 1, 5 * SEC);
}

/* By wire or by a message, which the device cannot mask. */
static void interrupts(bool message)
{
	struct physdev_set_iopl iopl = { 1 };
	struct evtchn_bind_pirq b = { 0 };
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF };
	struct physdev_setup_gsi gsi = { .triggering = 1 };
	u32 dev = 0x80000000 | 4 << 11, command;

	NEED(!physdev_op(PHYSDEVOP_set_iopl, &iopl) && conf(dev, 0, NULL) == 0x11e81234);
	command = (conf(dev, 4, NULL) & 0xffff) | 6;
	conf(dev, 4, &command);
	NEED(!map_page(window(50), (conf(dev, 0x10, NULL) & ~15ul) | PTE_RW | 0x18));
	edu = window(50);
	pirq = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = conf(dev, 0x3c, NULL) & 0xff,
					  .pirq = conf(dev, 0x3c, NULL) & 0xff };
	if (message)
		pirq = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
						  .devfn = 4 << 3 };
	REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &pirq), 0);
	gsi.gsi = pirq.pirq;
	if (!message)
		physdev_op(PHYSDEVOP_setup_gsi, &gsi);
	b.pirq = u.pirq = pirq.pirq;
	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_pirq, &b), 0);
	event_handler = on_interrupt;
	port_unmask(b.port);
	events_on();
	if (message) {
		u32 control = conf(dev, 0x40, NULL) | 1 << 16;

		conf(dev, 0x40, &control);
	}
	EXPECT(interrupt_comes());
	for (unsigned round = 0; round < 3; round++)
		for (unsigned cpu = 1; cpu < NR; cpu++) {
			pin(0, 1 << cpu);
			EXPECT(WAIT_FOR(where(0) == cpu, SEC));
			EXPECT(interrupt_comes());
			EXPECT_RC(offline(cpu), 0);
			EXPECT(interrupt_comes());
			EXPECT_RC(online(cpu), 0);
			EXPECT(interrupt_comes());
		}
	pin(0, 0xff);
	events_off();
	port_close(b.port);
	physdev_op(PHYSDEVOP_unmap_pirq, &u);
}

CASE(wire, "a device's interrupts by wire come wherever CPUs go") { interrupts(false); }

CASE(message, "its messages too, though the device cannot mask them")
{
	struct physdev_pci_device_add add = { .seg = 0, .bus = 0, .devfn = 4 << 3 };

	NEED(!physdev_op(PHYSDEVOP_pci_device_add, &add));
	interrupts(true);
}

static long pool_op(u32 op, u32 pool, u32 cpu)
{
	memset(&s, 0, sizeof(s));
	s.u.cpupool_op.op = op;
	s.u.cpupool_op.cpupool_id = pool;
	s.u.cpupool_op.sched_id = XEN_SCHEDULER_CREDIT2;
	s.u.cpupool_op.cpu = cpu;
	return sysctl_op(XEN_SYSCTL_cpupool_op, &s);
}

CASE(pools, "a CPU in no pool goes, and comes back to the first pool; then it may join another")
{
	u32 pool;

	REQUIRE_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_CREATE, XEN_SYSCTL_CPUPOOL_PAR_ANY, 0), 0);
	pool = s.u.cpupool_op.cpupool_id;
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 3), 0);
	EXPECT_RC(offline(3), 0);
	EXPECT_RC(online(3), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 0, 3), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, pool, 3), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_RMCPU, pool, 3), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0, 3), 0);
	EXPECT_RC(pool_op(XEN_SYSCTL_CPUPOOL_OP_DESTROY, pool, 0), 0);
	EXPECT_RC(nr_cpus(), NR);
}

CASE(platform, "platform_op cpu_offline and cpu_online do the same")
{
	memset(&p, 0, sizeof(p));
	p.interface_version = XENPF_INTERFACE_VERSION;
	p.cmd = XENPF_cpu_offline;
	p.u.cpu_ol.cpuid = 0;
	EXPECT_REFUSED(HCALL1(__HYPERVISOR_platform_op, &p));
	p.u.cpu_ol.cpuid = 2;
	REQUIRE_RC(HCALL1(__HYPERVISOR_platform_op, &p), 0);
	EXPECT_RC(nr_cpus(), NR - 1);
	EXPECT_RC(HCALL1(__HYPERVISOR_platform_op, &p), 0);
	p.cmd = XENPF_cpu_online;
	REQUIRE_RC(HCALL1(__HYPERVISOR_platform_op, &p), 0);
	EXPECT_RC(nr_cpus(), NR);
	EXPECT_RC(HCALL1(__HYPERVISOR_platform_op, &p), 0);
	p.u.cpu_ol.cpuid = 900;
	EXPECT_REFUSED(HCALL1(__HYPERVISOR_platform_op, &p));
}

CASE(smt, "SMT off leaves one thread a core, on brings them back")
{
	long rc = hotplug(0, XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE);

	SKIP_IF(rc == -XEN_EOPNOTSUPP && host_is_xen(), "Xen sees no SMT in this machine");
	EXPECT_RC(rc, 0);
	EXPECT_RC(nr_cpus(), NR / 2);
	EXPECT_RC(hotplug(0, XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE), 0);
	EXPECT_RC(hotplug(0, XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE), 0);
	EXPECT_RC(nr_cpus(), NR);
}

CASE(many, "to and fro forty times, with vCPUs that spin on all of them")
{
	for (unsigned v = 1; v < NR; v++)
		REQUIRE(started(v));
	for (unsigned i = 0; i < 40; i++) {
		unsigned cpu = 1 + i % (NR - 1);

		REQUIRE_RC(offline(cpu), 0);
		if (i % 3 == 0)
			EXPECT(goes_on(cpu));
		REQUIRE_RC(online(cpu), 0);
	}
	for (unsigned v = 1; v < NR; v++)
		EXPECT(goes_on(v));
	for (unsigned v = 1; v < NR; v++)
		stopped(v);
	EXPECT_RC(nr_cpus(), NR);
}
