// SPDX-License-Identifier: GPL-2.0-or-later
/* sysctl: what the host has: CPUs, nodes, memory, devices. */
#include "hypercall/sysctl_host.h"
#include "hypercall/sysctl.h"
#include "lib/string.h"
#include "mem/alloc.h"
#include "pv/cpu_policy.h"
#include "sched/sched.h"
#include "x86/iommu/iommu.h"
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/smp.h"
#include "x86/time.h"

#define LIST_BATCH_MAX 65536u

static unsigned max_cpu_id(void) { return nr_cpus_possible - 1; }	/* some may be offline */

/* How many online CPUs share CPU 0's core, and its socket. */
static void count_siblings(uint32_t *threads, uint32_t *cores)
{
	unsigned c, in_core = 0, in_socket = 0;

	for_each_cpu(c, &cpu_online_map) {
		if (cpu_topology[c].socket != cpu_topology[0].socket)
			continue;
		in_socket++;
		if (cpu_topology[c].core == cpu_topology[0].core)
			in_core++;
	}
	*threads = MAX(in_core, 1u);
	*cores = MAX(in_socket / *threads, 1u);
}

long sysctl_physinfo(struct sysctl_call *c)
{
	struct xen_sysctl_physinfo *p = &c->op.u.physinfo;
	uint32_t words[FEATURESET_WORDS];

	memset(p, 0, sizeof(*p));
	count_siblings(&p->threads_per_core, &p->cores_per_socket);
	p->nr_cpus = cpumask_weight(&cpu_online_map);
	p->max_cpu_id = max_cpu_id();
	p->nr_nodes = mem_nr_nodes();
	p->max_node_id = p->nr_nodes - 1;
	p->cpu_khz = tsc_khz;
	p->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1 | XEN_SYSCTL_PHYSCAP_gnttab_v2;
	if (iommu_active)
		p->capabilities |= XEN_SYSCTL_PHYSCAP_directio;
	p->total_pages = frames_total();
	p->free_pages = frames_free_count(NODE_ANY);
	p->outstanding_pages = total_claimed();
	p->max_mfn = max_mfn - 1;
	cpu_policy_featureset(cpu_policy_system(XEN_SYSCTL_cpu_policy_host), words);
	memcpy(p->hw_cap, words, sizeof(p->hw_cap));
	return 0;
}

/* The rule of these lists: no buffer asks for the size; a short one gets what fits, and the size. */
long sysctl_cputopo(struct sysctl_call *c)
{
	struct xen_sysctl_cputopoinfo *t = &c->op.u.cputopoinfo;
	uint32_t nr = max_cpu_id() + 1, fits = MIN(t->num_cpus, nr);

	if (!guest_handle_is_null(t->cputopo)) {
		for (uint32_t i = 0; i < fits; i++) {
			struct xen_sysctl_cputopo e = {
				XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID, XEN_INVALID_NODE_ID,
			};

			if (cpu_online(i)) {
				e.core = cpu_topology[i].core;
				e.socket = cpu_topology[i].socket;
				e.node = cpu_topology[i].node;
			}
			if (copy_to_guest_offset(t->cputopo, i, &e, 1))
				return -EFAULT;
		}
	}
	t->num_cpus = nr;
	return 0;
}

/* Bytes of RAM of a node; with one node, all. */
static uint64_t node_size(unsigned node)
{
	uint64_t size = 0;

	if (mem_nr_nodes() == 1)
		return frames_total() << PAGE_SHIFT;
	for (unsigned i = 0; i < acpi.nr_mem_affinity; i++)
		if (acpi.mem[i].node == node)
			size += acpi.mem[i].end - acpi.mem[i].start;
	return size;
}

static uint32_t node_distance(unsigned a, unsigned b)
{
	uint32_t d = acpi.nr_nodes > MAX(a, b) ? acpi.distance[a][b] : 0;

	return d ? d : a == b ? 10 : 20;	/* what ACPI says where there is no SLIT */
}

long sysctl_numainfo(struct sysctl_call *c)
{
	struct xen_sysctl_numainfo *n = &c->op.u.numainfo;
	uint32_t nr = mem_nr_nodes(), fits = MIN(n->num_nodes, nr);

	for (uint32_t i = 0; i < fits; i++) {
		struct xen_sysctl_meminfo m = { node_size(i), frames_free_count(i) << PAGE_SHIFT };

		if (!guest_handle_is_null(n->meminfo) && copy_to_guest_offset(n->meminfo, i, &m, 1))
			return -EFAULT;
		for (uint32_t j = 0; j < fits && !guest_handle_is_null(n->distance); j++) {
			uint32_t d = node_distance(i, j);

			if (copy_to_guest_offset(n->distance, i * nr + j, &d, 1))
				return -EFAULT;
		}
	}
	n->num_nodes = nr;
	return 0;
}

/* The node of each device: none is known from the static ACPI tables alone. */
long sysctl_pcitopo(struct sysctl_call *c)
{
	struct xen_sysctl_pcitopoinfo *t = &c->op.u.pcitopoinfo;
	const uint32_t node = mem_nr_nodes() == 1 ? 0 : XEN_INVALID_NODE_ID;
	uint32_t i;

	if (guest_handle_is_null(t->devs) || guest_handle_is_null(t->nodes))
		return -EINVAL;
	for (i = 0; i < MIN(t->num_devs, LIST_BATCH_MAX); i++) {
		physdev_pci_device_t dev;

		if (copy_from_guest_offset(&dev, t->devs, i, 1) ||
		    copy_to_guest_offset(t->nodes, i, &node, 1))
			return -EFAULT;
	}
	t->num_devs = i;
	return 0;
}

long sysctl_cpuinfo(struct sysctl_call *c)
{
	struct xen_sysctl_getcpuinfo *g = &c->op.u.getcpuinfo;
	uint32_t nr = MIN(g->max_cpus, max_cpu_id() + 1);

	for (uint32_t i = 0; i < nr; i++) {
		struct xen_sysctl_cpuinfo info = { .idletime = cpu_online(i) ? cpu_idle_time(i) : 0 };

		if (copy_to_guest_offset(g->info, i, &info, 1))
			return -EFAULT;
	}
	g->nr_cpus = nr;
	return 0;
}

/* Free memory by address width is not kept; the whole of a node is what is asked for in practice. */
long sysctl_availheap(struct sysctl_call *c)
{
	struct xen_sysctl_availheap *a = &c->op.u.availheap;

	if (a->node != -1 && (a->node < 0 || (unsigned)a->node >= mem_nr_nodes()))
		return -EINVAL;
	a->avail_bytes = frames_free_count(a->node == -1 ? NODE_ANY : (unsigned)a->node) << PAGE_SHIFT;
	return 0;
}

/* Only what is free goes: nobody's frame is taken from under it. */
static uint32_t take_offline(mfn_t m)
{
	domid_t owner = frame_owner(frame_of(m));
	uint32_t why;

	if (READ_ONCE(frame_of(m)->count) & FRAME_OFFLINE)
		return PG_OFFLINE_OFFLINED;
	why = owner == DOMID_NONE ? PG_OFFLINE_XENPAGE : PG_OFFLINE_OWNED;
	switch (frame_offline(m)) {
	case 0:
		return PG_OFFLINE_OFFLINED;
	case -EAGAIN:
		return PG_OFFLINE_FAILED | PG_OFFLINE_AGAIN | why | (uint32_t)owner << PG_OFFLINE_OWNER_SHIFT;
	default:
		return PG_OFFLINE_FAILED | why | (uint32_t)owner << PG_OFFLINE_OWNER_SHIFT;
	}
}

static uint32_t page_status(uint64_t mfn, uint32_t cmd)
{
	uint64_t count = READ_ONCE(frame_of(MFN(mfn))->count);

	switch (cmd) {
	case sysctl_page_offline:
		return take_offline(MFN(mfn));
	case sysctl_page_online:
		return frame_online(MFN(mfn)) ? 0 : PG_ONLINE_ONLINED;
	default:
		return count & FRAME_BROKEN ? PG_OFFLINE_STATUS_BROKEN : count & FRAME_OFFLINE ? PG_OFFLINE_STATUS_OFFLINED : 0;
	}
}

long sysctl_offline_frames(struct sysctl_call *c)
{
	const struct xen_sysctl_page_offline_op *p = &c->op.u.page_offline;

	if (p->cmd < sysctl_page_offline || p->cmd > sysctl_query_page_offline || p->end < p->start ||
	    p->end - p->start > 1024)
		return -EINVAL;
	for (uint64_t m = p->start; m <= p->end; m++) {
		uint32_t s = mfn_valid(MFN(m)) ? page_status(m, p->cmd) : PG_OFFLINE_INVALID;

		if (copy_to_guest_offset(p->status, m - p->start, &s, 1))
			return -EFAULT;
		if (s == PG_OFFLINE_INVALID)
			return -EINVAL;
	}
	return 0;
}
