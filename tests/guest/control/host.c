/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tools ask about the host: sysctl, platform_op.
 */
#include "child.h"
#include <xen/sysctl.h>
#include <xen/platform.h>

static struct xen_sysctl s;

static long ask(u32 cmd)
{
	return sysctl_op(cmd, &s);
}

CASE(sysctl_errors, "sysctl: another version, bad pointers, unknown commands")
{
	memset(&s, 0, sizeof(s));
	s.cmd = XEN_SYSCTL_physinfo;
	s.interface_version = XEN_SYSCTL_INTERFACE_VERSION + 1;
	EXPECT_RC(HCALL1(__HYPERVISOR_sysctl, &s), -XEN_EACCES);
	EXPECT_RC(HCALL1(__HYPERVISOR_sysctl, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(ask(9999), -XEN_ENOSYS);
}

CASE(physinfo, "physinfo: CPUs, nodes, frequency and pages are those of the machine")
{
	memset(&s, 0, sizeof(s));
	REQUIRE_RC(ask(XEN_SYSCTL_physinfo), 0);
	EXPECT_RC(s.u.physinfo.nr_cpus, 2);
	EXPECT_RC(s.u.physinfo.nr_nodes, 1);
	EXPECT(s.u.physinfo.max_cpu_id >= 1);
	EXPECT(s.u.physinfo.cpu_khz > 100000);
	EXPECT(s.u.physinfo.total_pages > 60000 && s.u.physinfo.total_pages <= 65536);
	EXPECT(s.u.physinfo.free_pages > 1000 && s.u.physinfo.free_pages < s.u.physinfo.total_pages);
	EXPECT(s.u.physinfo.threads_per_core >= 1 && s.u.physinfo.cores_per_socket >= 1);
	EXPECT(s.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
	EXPECT_RC(s.u.physinfo.outstanding_pages, 0);
}

CASE(domain_list, "getdomaininfolist: from a number on, as many as fit")
{
	static struct xen_domctl_getdomaininfo list[4];

	memset(&s, 0, sizeof(s));
	memset(list, 0xff, sizeof(list));
	s.u.getdomaininfolist.max_domains = 4;
	set_xen_guest_handle(s.u.getdomaininfolist.buffer, list);
	EXPECT_RC(ask(XEN_SYSCTL_getdomaininfolist), 0);
	EXPECT_RC(s.u.getdomaininfolist.num_domains, 1);
	EXPECT_RC(list[0].domain, 0);
	EXPECT_RC(list[0].tot_pages, start_info->nr_pages);
	EXPECT_HEX(list[0].flags & XEN_DOMINF_running, XEN_DOMINF_running);
	EXPECT_HEX(list[1].domain, 0xffff);
	s.u.getdomaininfolist.first_domain = 1;
	EXPECT_RC(ask(XEN_SYSCTL_getdomaininfolist), 0);
	EXPECT_RC(s.u.getdomaininfolist.num_domains, 0);
	s.u.getdomaininfolist.first_domain = 0;
	set_xen_guest_handle(s.u.getdomaininfolist.buffer, BAD_PTR);
	EXPECT_RC(ask(XEN_SYSCTL_getdomaininfolist), -XEN_EFAULT);
}

CASE(console_ring, "readconsole: the log so far; incremental from an index; bad buffers")
{
	static char text[20000];
	u32 end;

	memset(&s, 0, sizeof(s));
	s.u.readconsole.count = sizeof(text) - 1;
	set_xen_guest_handle(s.u.readconsole.buffer, text);
	REQUIRE_RC(ask(XEN_SYSCTL_readconsole), 0);
	EXPECT(s.u.readconsole.count > 1000);
	EXPECT(strstr(text, "dom0_mem=") || strstr(text, "om0"));
	end = s.u.readconsole.index;
	s.u.readconsole.incremental = 1;
	s.u.readconsole.count = sizeof(text) - 1;
	EXPECT_RC(ask(XEN_SYSCTL_readconsole), 0);
	EXPECT_RC(s.u.readconsole.index, end + s.u.readconsole.count);
	EXPECT(s.u.readconsole.count < 1000);
	s.u.readconsole.incremental = 0;
	s.u.readconsole.count = 100;
	set_xen_guest_handle(s.u.readconsole.buffer, BAD_PTR);
	EXPECT_RC(ask(XEN_SYSCTL_readconsole), -XEN_EFAULT);
}

CASE(topology, "cputopoinfo and numainfo: first the count, then the entries")
{
	static xen_sysctl_cputopo_t topo[8];
	static xen_sysctl_meminfo_t mem[4];
	static u32 dist[16];

	memset(&s, 0, sizeof(s));
	EXPECT_RC(ask(XEN_SYSCTL_cputopoinfo), 0);
	EXPECT_RC(s.u.cputopoinfo.num_cpus, 2);
	set_xen_guest_handle(s.u.cputopoinfo.cputopo, topo);
	s.u.cputopoinfo.num_cpus = 8;
	EXPECT_RC(ask(XEN_SYSCTL_cputopoinfo), 0);
	EXPECT_RC(s.u.cputopoinfo.num_cpus, 2);
	EXPECT_RC(topo[0].node, 0);
	EXPECT(topo[0].core != topo[1].core || topo[0].socket != topo[1].socket);
	memset(&s, 0, sizeof(s));
	EXPECT_RC(ask(XEN_SYSCTL_numainfo), 0);
	EXPECT_RC(s.u.numainfo.num_nodes, 1);
	set_xen_guest_handle(s.u.numainfo.meminfo, mem);
	set_xen_guest_handle(s.u.numainfo.distance, dist);
	s.u.numainfo.num_nodes = 4;
	EXPECT_RC(ask(XEN_SYSCTL_numainfo), 0);
	EXPECT(mem[0].memsize > 200UL << 20);
	EXPECT(mem[0].memfree > 10UL << 20 && mem[0].memfree < mem[0].memsize);
	EXPECT_RC(dist[0], 10);
}

CASE(cpu_times, "getcpuinfo: idle time of each CPU; sched_id: credit2; availheap near the free pages")
{
	static xen_sysctl_cpuinfo_t info[4];

	memset(&s, 0, sizeof(s));
	s.u.getcpuinfo.max_cpus = 4;
	set_xen_guest_handle(s.u.getcpuinfo.info, info);
	EXPECT_RC(ask(XEN_SYSCTL_getcpuinfo), 0);
	EXPECT_RC(s.u.getcpuinfo.nr_cpus, 2);
	EXPECT(info[1].idletime > 0);
	memset(&s, 0, sizeof(s));
	EXPECT_RC(ask(XEN_SYSCTL_sched_id), 0);
	EXPECT_RC(s.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
	memset(&s, 0, sizeof(s));
	s.u.availheap.node = -1;
	EXPECT_RC(ask(XEN_SYSCTL_availheap), 0);
	EXPECT(s.u.availheap.avail_bytes / PAGE_SIZE <= free_pages() + 100);
	EXPECT(s.u.availheap.avail_bytes > 10UL << 20);
}

CASE(featuresets, "get_cpu_featureset: the length, then the words; host's contains PV's; unknown sets")
{
	static u32 host[64], pv[64];

	memset(&s, 0, sizeof(s));
	EXPECT_RC(ask(XEN_SYSCTL_get_cpu_featureset), 0);
	EXPECT(s.u.cpu_featureset.nr_features >= 10 && s.u.cpu_featureset.nr_features <= 64);
	s.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_host;
	s.u.cpu_featureset.nr_features = 64;
	set_xen_guest_handle(s.u.cpu_featureset.features, host);
	EXPECT_RC(ask(XEN_SYSCTL_get_cpu_featureset), 0);
	s.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
	s.u.cpu_featureset.nr_features = 64;
	set_xen_guest_handle(s.u.cpu_featureset.features, pv);
	EXPECT_RC(ask(XEN_SYSCTL_get_cpu_featureset), 0);
	EXPECT(pv[0] & 1);
	EXPECT(host[0] & 1);
	s.u.cpu_featureset.index = 99;
	EXPECT_RC(ask(XEN_SYSCTL_get_cpu_featureset), -XEN_EINVAL);
}

CASE(cpupools, "cpupool_op info: pool 0 with the CPUs; the next pool is not there")
{
	u8 map[2] = { 0 };

	memset(&s, 0, sizeof(s));
	s.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
	s.u.cpupool_op.cpumap.nr_bits = 16;
	set_xen_guest_handle(s.u.cpupool_op.cpumap.bitmap, map);
	EXPECT_RC(ask(XEN_SYSCTL_cpupool_op), 0);
	EXPECT_RC(s.u.cpupool_op.cpupool_id, 0);
	EXPECT_RC(s.u.cpupool_op.sched_id, XEN_SCHEDULER_CREDIT2);
	EXPECT_RC(s.u.cpupool_op.n_dom, 1);
	EXPECT_HEX(map[0], 3);
	s.u.cpupool_op.cpupool_id = 1;
	EXPECT_RC(ask(XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
	s.u.cpupool_op.op = 99;
	EXPECT_RC(ask(XEN_SYSCTL_cpupool_op), -XEN_ENOSYS);
}

CASE(debug_keys, "debug_keys: a key is handled, a bad pointer refused")
{
	memset(&s, 0, sizeof(s));
	s.u.debug_keys.nr_keys = 1;
	set_xen_guest_handle(s.u.debug_keys.keys, "h");
	EXPECT_RC(ask(XEN_SYSCTL_debug_keys), 0);
	set_xen_guest_handle(s.u.debug_keys.keys, BAD_PTR);
	EXPECT_RC(ask(XEN_SYSCTL_debug_keys), -XEN_EFAULT);
}

static struct xen_platform_op p;

static long platform(u32 cmd)
{
	p.cmd = cmd;
	p.interface_version = XENPF_INTERFACE_VERSION;
	return HCALL1(__HYPERVISOR_platform_op, &p);
}

CASE(platform_errors, "platform_op: another version, bad pointers, unknown commands")
{
	memset(&p, 0, sizeof(p));
	p.cmd = XENPF_get_cpuinfo;
	p.interface_version = XENPF_INTERFACE_VERSION + 1;
	EXPECT_RC(HCALL1(__HYPERVISOR_platform_op, &p), -XEN_EACCES);
	EXPECT_RC(HCALL1(__HYPERVISOR_platform_op, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(platform(9999), -XEN_ENOSYS);
}

CASE(settime, "XENPF_settime64 sets the wall clock; its padding must be zero")
{
	u32 sec = shared->wc_sec;

	memset(&p, 0, sizeof(p));
	p.u.settime64.secs = sec + 1000;
	p.u.settime64.nsecs = 0;
	p.u.settime64.mbz = 1;
	EXPECT_RC(platform(XENPF_settime64), -XEN_EINVAL);
	p.u.settime64.mbz = 0;
	p.u.settime64.system_time = 0;
	EXPECT_RC(platform(XENPF_settime64), 0);
	EXPECT_RC(shared->wc_sec, sec + 1000);
	EXPECT_RC(shared->wc_version & 1, 0);
	p.u.settime64.secs = sec;
	EXPECT_RC(platform(XENPF_settime64), 0);
}

CASE(cpuinfo, "get_cpuinfo and get_cpu_version: the CPUs there are, one that is not")
{
	memset(&p, 0, sizeof(p));
	EXPECT_RC(platform(XENPF_get_cpuinfo), 0);
	EXPECT_RC(p.u.pcpu_info.max_present, 1);
	EXPECT_HEX(p.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, XEN_PCPU_FLAGS_ONLINE);
	p.u.pcpu_info.xen_cpuid = 1;
	EXPECT_RC(platform(XENPF_get_cpuinfo), 0);
	EXPECT_RC(p.u.pcpu_info.apic_id, 1);
	p.u.pcpu_info.xen_cpuid = 77;
	EXPECT_RC(platform(XENPF_get_cpuinfo), 0);
	EXPECT_HEX(p.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
	memset(&p, 0, sizeof(p));
	EXPECT_RC(platform(XENPF_get_cpu_version), 0);
	EXPECT(p.u.pcpu_version.family >= 6);
}

CASE(firmware, "firmware_info: no such type, no such disk")
{
	memset(&p, 0, sizeof(p));
	p.u.firmware_info.type = 99;
	EXPECT_RC(platform(XENPF_firmware_info), -XEN_EINVAL);
	p.u.firmware_info.type = XEN_FW_DISK_INFO;
	p.u.firmware_info.index = 99;
	EXPECT_RC(platform(XENPF_firmware_info), -XEN_ESRCH);
}

static u32 page_op(u32 cmd, u64 mfn)
{
	static u32 status;
	long rc;

	do {
		memset(&s, 0, sizeof(s));
		status = 0xdead;
		s.u.page_offline.cmd = cmd;
		s.u.page_offline.start = s.u.page_offline.end = mfn;
		set_xen_guest_handle(s.u.page_offline.status, &status);
		rc = ask(XEN_SYSCTL_page_offline_op);
	} while (!rc && cmd == sysctl_page_offline && (status & PG_OFFLINE_AGAIN));
	EXPECT_RC(rc, 0);
	return status;
}

/* Gives the frame of a page back: a free one, as long as the host needs none. */
static u64 give_back(void *page)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
	xen_pfn_t mfn = mfn_of(page);

	EXPECT_HEX(page_op(sysctl_query_page_offline, mfn), 0);
	EXPECT_HEX(page_op(sysctl_page_online, mfn), 0);
	EXPECT(!update_va(page, 0, UVMF_INVLPG | UVMF_LOCAL));
	set_xen_guest_handle(r.extent_start, &mfn);
	EXPECT(memory_op(XENMEM_decrease_reservation, &r) == 1);
	return mfn;
}

static void take_again(void *page, xen_pfn_t pfn)
{
	struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

	set_xen_guest_handle(r.extent_start, &pfn);
	EXPECT(memory_op(XENMEM_populate_physmap, &r) == 1);
	EXPECT(!update_va(page, pfn << 12 | PTE_RW, UVMF_INVLPG | UVMF_LOCAL));
	page_free(page);
}

CASE(page_offline, "a free page goes out of use, and comes back; one that is not there is refused")
{
	u64 mfn, free;
	void *page[8];
	xen_pfn_t pfn[8];
	u32 status = 0;
	unsigned n = 0;

	/* The host may take one for itself as soon as it is free. */
	do {
		page[n] = page_alloc();
		pfn[n] = pfn_of(page[n]);
		mfn = give_back(page[n++]);
		free = free_settled();
		status = page_op(sysctl_page_offline, mfn);
	} while (n < ARRAY_SIZE(page) && (status & PG_OFFLINE_XENPAGE));
	EXPECT_HEX(status, PG_OFFLINE_OFFLINED);
	EXPECT_RC(free_pages(), free - 1);
	EXPECT_HEX(page_op(sysctl_query_page_offline, mfn), PG_OFFLINE_STATUS_OFFLINED);
	EXPECT_HEX(page_op(sysctl_page_offline, mfn), PG_OFFLINE_OFFLINED);
	EXPECT_RC(free_pages(), free - 1);
	EXPECT_HEX(page_op(sysctl_page_online, mfn), PG_ONLINE_ONLINED);
	EXPECT_RC(free_pages(), free);
	EXPECT_HEX(page_op(sysctl_query_page_offline, mfn), 0);
	EXPECT_HEX(page_op(sysctl_page_online, mfn), 0);
	s.u.page_offline.cmd = sysctl_page_offline;
	s.u.page_offline.start = s.u.page_offline.end = 0xfffffff;
	EXPECT_RC(ask(XEN_SYSCTL_page_offline_op), -XEN_EINVAL);
	while (n--)
		take_again(page[n], pfn[n]);
}
