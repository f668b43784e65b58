// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_machine.h fuzz/machine.c lib/*.c mem/frame.c mem/buddy.c mem/alloc.c mem/scrub.c mem/ram.c domain/*.c
// sources: sched/*.c pv/*.c -pv/offsets.c hypercall/*.c debug/self_check.c debug/self_check_frames.c debug/self_check_lists.c debug/self_check_shadow.c
// sources: debug/variant.c
// weak: hv_memset hv_memcpy hv_memmove
/*
 * Page tables of three domains: entries, pins, roots, descriptor tables, exchanges of frames, from several vCPUs, cut anywhere and
 * not always gone on with. The self-check counts every reference anew.
 */
#include "machine.h"
#include "pv/mm.h"
#include <xen/memory.h>

#define AT(n) ((void *)(GUEST_BASE + (n)))

static uint64_t any_slot(struct input *in)
{
	static const uint16_t slots[] = { 0, 0, 1, 2, 3, 20, 255, 256, 260, 271, 272, 511 };

	return any_mfn(in) << PAGE_SHIFT | slots[pick(in, 12)] * 8u | (take(in, 1) % 5 == 0 ? pick(in, 8) : 0);
}

static void update(struct input *in)
{
	unsigned n = 1 + pick(in, 4);
	struct mmu_update *u = AT(0);

	for (unsigned i = 0; i < n; i++)
		u[i] = (struct mmu_update){ .ptr = any_slot(in), .val = any_pte(in) };
	machine_hypercall(__HYPERVISOR_mmu_update, (uint64_t[6]){ GUEST_BASE, n, 0, pick(in, 6) ? DOMID_SELF : any_dom(in) });
}

static void ext(struct input *in)
{
	unsigned n = 1 + pick(in, 3);
	struct mmuext_op *op = AT(0);

	for (unsigned i = 0; i < n; i++) {
		op[i].cmd = pick(in, 24);
		op[i].arg1.mfn = any_mfn(in);
		if (op[i].cmd >= MMUEXT_TLB_FLUSH_LOCAL && op[i].cmd <= MMUEXT_SET_LDT)
			op[i].arg1.linear_addr = pick(in, 2) ? take(in, 1) << PAGE_SHIFT : any_value(in);
		op[i].arg2.nr_ents = op[i].cmd == MMUEXT_COPY_PAGE ? any_mfn(in) : take(in, 2);
	}
	machine_hypercall(__HYPERVISOR_mmuext_op, (uint64_t[6]){ GUEST_BASE, n, 0, pick(in, 6) ? DOMID_SELF : any_dom(in) });
}

static void va(struct input *in)
{
	uint64_t addr = (uint64_t)take(in, 1) << PAGE_SHIFT, e = any_pte(in);

	if (pick(in, 3))
		machine_hypercall(__HYPERVISOR_update_va_mapping, (uint64_t[6]){ addr, e, take(in, 1) & 7 });
	else
		machine_hypercall(__HYPERVISOR_update_va_mapping_otherdomain, (uint64_t[6]){ addr, e, take(in, 1) & 7, any_dom(in) });
}

static void tables(struct input *in)
{
	uint64_t *list = AT(0);

	switch (pick(in, 3)) {
	case 0:
		for (unsigned i = 0; i < 3; i++)
			list[i] = any_mfn(in);
		machine_hypercall(__HYPERVISOR_set_gdt, (uint64_t[6]){ GUEST_BASE, take(in, 2) % 1600 });
		break;
	case 1:
		machine_hypercall(__HYPERVISOR_update_descriptor, (uint64_t[6]){ any_mfn(in) << PAGE_SHIFT | take(in, 1), take(in, 8) });
		break;
	default:
		machine_hypercall(__HYPERVISOR_stack_switch, (uint64_t[6]){ take(in, 2), take(in, 8) });
	}
}

static void reservation(struct input *in)
{
	static const unsigned ops[] = { XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap };
	struct xen_memory_reservation *r = AT(0);
	struct xen_memory_exchange *x = AT(0);
	uint64_t *list = AT(512);

	for (unsigned i = 0; i < 8; i++)
		list[i] = any_mfn(in);
	if (pick(in, 4)) {
		*r = (struct xen_memory_reservation){ .extent_start = { list }, .nr_extents = pick(in, 5),
			.extent_order = pick(in, 6) ? 0 : pick(in, 4), .domid = pick(in, 4) ? DOMID_SELF : any_dom(in) };
		machine_hypercall(__HYPERVISOR_memory_op, (uint64_t[6]){ ops[pick(in, 3)], GUEST_BASE });
		return;
	}
	*x = (struct xen_memory_exchange){
		.in = { .extent_start = { list }, .nr_extents = pick(in, 3), .extent_order = pick(in, 2), .domid = DOMID_SELF },
		.out = { .extent_start = { list + 4 }, .nr_extents = pick(in, 3), .extent_order = pick(in, 2), .domid = DOMID_SELF },
	};
	machine_hypercall(__HYPERVISOR_memory_op, (uint64_t[6]){ XENMEM_exchange, GUEST_BASE });
}

/* What the guest's instructions would do: a store to a frame that it may write. */
static void store(struct input *in)
{
	uint64_t m = any_mfn(in), v = any_pte(in);
	unsigned idx = pick(in, 4);
	const struct frame *f = frame_of(MFN(m));

	if (m < HOST_FRAMES && (f->count & FRAME_ALLOCATED) && !(f->count & FRAME_XENHEAP) && ftype_refs(f->type) &&
	    (f->type & FTYPE_MASK) == FTYPE_WRITABLE)
		((uint64_t *)mfn_to_va(MFN(m)))[idx] = v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	machine_begin();
	while (in.left)
		switch (pick(&in, 12)) {
		case 0: machine_become(take(&in, 1), take(&in, 1)); break;
		case 1: machine_set_preempt(pick(&in, 8)); break;
		case 2: case 3: ext(&in); break;
		case 4: va(&in); break;
		case 5: tables(&in); break;
		case 6: reservation(&in); break;
		case 7: store(&in); break;
		default: update(&in);
		}
	machine_end();
	return 0;
}
