// SPDX-License-Identifier: GPL-2.0-or-later
/* Maps of memory: the machine's, a guest's, and where the M2P is (XENMEM_*memory_map, XENMEM_machphys_*). */
#include "hypercall/memory_map.h"
#include "hypercall/memory.h"
#include "boot/boot.h"
#include "lib/rangeset.h"
#include "mem/heap.h"

#define GUEST_E820_MAX 1024u
#define MFNS_PER_PIECE (1u << 18)	/* 2 MiB of M2P */
#define E820_RESERVED 2

long memory_machphys_mfn_list(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_machphys_mfn_list list;
	unsigned i, nr = DIV_ROUND_UP(max_mfn, MFNS_PER_PIECE);

	if (guest_copy_in(&list, arg, sizeof(list)))
		return -EFAULT;
	for (i = 0; i < nr && i < list.max_extents; i++) {
		mfn_t m = m2p_piece(i);
		xen_pfn_t mfn = mfn_is_invalid(m) ? 0 : m.n;

		if (copy_to_guest_offset(list.extent_start, i, &mfn, 1))
			return -EFAULT;
	}
	list.nr_extents = i;
	return guest_copy_out(arg, &list, sizeof(list)) ? -EFAULT : 0;
}

long memory_machphys_mapping(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_machphys_mapping m = {
		.v_start = M2P_VIRT_START, .v_end = M2P_VIRT_END,
		/* How much memory the machine has is dom0's to know; others get what the table could hold. */
		.max_mfn = (current->domain->is_hardware ? max_mfn : (M2P_VIRT_END - M2P_VIRT_START) / 8) - 1,
	};

	return guest_copy_out(arg, &m, sizeof(m)) ? -EFAULT : 0;
}

/* The list that a tool has set; under the services' lock, since a tool may replace it meanwhile. */
long memory_map(struct hypercall *h, void *arg, unsigned long start)
{
	struct domain_services *s = READ_ONCE(current->domain->services);
	struct xen_memory_map map;
	struct e820_entry *copy;
	unsigned n;
	long rc = 0;

	if (guest_copy_in(&map, arg, sizeof(map)))
		return -EFAULT;
	if (!s || !READ_ONCE(s->nr_e820))
		return -ENOSYS;
	copy = new_array(struct e820_entry, GUEST_E820_MAX);
	if (!copy)
		return -ENOMEM;
	spin_lock(&s->lock);
	n = MIN(map.nr_entries, s->nr_e820);
	for (unsigned i = 0; i < n; i++)
		copy[i] = s->e820[i];
	spin_unlock(&s->lock);
	map.nr_entries = n;
	if (guest_copy_out(map.buffer.p, copy, n * sizeof(*copy)) || guest_copy_out(arg, &map, sizeof(map)))
		rc = -EFAULT;
	heap_free(copy);
	return rc;
}

long memory_set_map(struct hypercall *h, void *arg, unsigned long start)
{
	struct xen_foreign_memory_map fm;
	struct domain_services *s;
	struct e820_entry *e820, *old;
	struct domain *d;
	int err;

	if (guest_copy_in(&fm, arg, sizeof(fm)))
		return -EFAULT;
	if (fm.map.nr_entries > GUEST_E820_MAX)
		return -EINVAL;
	d = target_domain(fm.domid, &err);
	if (!d)
		return err;
	e820 = new_array(struct e820_entry, fm.map.nr_entries + 1);
	s = domain_services(d);
	err = -ENOMEM;
	if (!e820 || !s)
		goto free;
	err = -EFAULT;
	if (guest_copy_in(e820, fm.map.buffer.p, fm.map.nr_entries * sizeof(*e820)))
		goto free;
	spin_lock(&s->lock);
	old = s->e820;
	s->e820 = e820;
	s->nr_e820 = fm.map.nr_entries;
	spin_unlock(&s->lock);
	e820 = old;
	err = 0;
free:
	heap_free(e820);
	domain_put(d);
	return err;
}

struct map_out {
	struct e820_entry *to;
	unsigned n, room;
	uint64_t next;		/* first byte not yet described */
	unsigned host;		/* next entry of the host's map */
	struct e820_entry cut;
};

static void map_put(struct map_out *o, uint64_t start, uint64_t end, uint32_t type)
{
	if (start >= end)
		return;
	if (o->n < o->room)
		o->to[o->n] = (struct e820_entry){ start, end - start, type };
	o->n++;
}

/* The host's entries that begin before 'limit'. */
static void map_host_until(struct map_out *o, uint64_t limit)
{
	while (o->host < boot_info.nr_mem) {
		const struct boot_mem *m = &boot_info.mem[o->host];

		if (m->start >= limit)
			return;
		map_put(o, MAX(m->start, o->next), m->start + m->size, m->type);
		o->next = MAX(o->next, m->start + m->size);
		o->host++;
	}
}

/*
 * A range [s,e] of frames that dom0 may map: what lies between it and the last one is the hypervisor's own
 * (local APIC, IO-APICs, HPET), and dom0 is told that it is reserved, so that it puts no device there.
 */
static int map_permitted(unsigned long s, unsigned long e, void *arg)
{
	static const uint64_t last_frame = (1ull << 52) - 1;
	struct map_out *o = arg;
	uint64_t start = (s > last_frame ? last_frame : s) << PAGE_SHIFT;

	map_host_until(o, start);
	if (o->cut.size && start > o->cut.addr) {
		uint64_t from = MAX(o->cut.addr, o->next);

		map_put(o, from, start, E820_RESERVED);
		o->next = MAX(o->next, start);
	}
	o->cut.addr = e >= last_frame ? ~0ull : (uint64_t)(e + 1) << PAGE_SHIFT;
	o->cut.size = e >= last_frame ? 0 : 1;
	return 0;
}

long memory_machine_map(struct hypercall *h, void *arg, unsigned long start)
{
	struct map_out o = { .room = GUEST_E820_MAX };
	struct xen_memory_map map;
	long rc = 0;

	if (!caller_may(HC_CONTROL))
		return -EPERM;
	if (guest_copy_in(&map, arg, sizeof(map)))
		return -EFAULT;
	o.to = new_array(struct e820_entry, GUEST_E820_MAX);
	if (!o.to)
		return -ENOMEM;
	if (current->domain->io_mem)
		rangeset_for_each(current->domain->io_mem, map_permitted, &o);
	map_host_until(&o, ~0ull);
	o.n = MIN(o.n, o.room);
	if (!map.buffer.p) {
		map.nr_entries = o.n;
	} else {
		if (map.nr_entries < o.n)
			rc = -EINVAL;
		else if (guest_copy_out(map.buffer.p, o.to, o.n * sizeof(*o.to)))
			rc = -EFAULT;
		map.nr_entries = o.n;
	}
	heap_free(o.to);
	if (!rc && guest_copy_out(arg, &map, sizeof(map)))
		rc = -EFAULT;
	return rc;
}
