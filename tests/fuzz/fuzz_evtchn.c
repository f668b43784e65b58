// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_machine.h fuzz/machine.c lib/*.c mem/frame.c mem/buddy.c mem/alloc.c mem/scrub.c mem/ram.c domain/*.c
// sources: sched/*.c pv/*.c -pv/offsets.c hypercall/*.c debug/self_check.c debug/self_check_frames.c debug/self_check_lists.c debug/self_check_shadow.c
// sources: debug/variant.c
// weak: hv_memset hv_memcpy hv_memmove
/*
 * Event channels of three domains, two-level and FIFO: every operation on near ports, virqs, physical interrupts, and words of the
 * FIFO's pages and of shared_info scribbled over. The self-check looks at both ends of each channel.
 */
#include "machine.h"
#include <xen/event_channel.h>
#include <xen/physdev.h>

static void operation(struct input *in)
{
	uint32_t *w = (uint32_t *)GUEST_BASE;
	unsigned cmd = pick(in, 15);

	memset(w, 0, 64);
	for (unsigned i = 0; i < 6; i++)
		w[i] = pick(in, 8) ? pick(in, 24) : take(in, 4);
	switch (cmd) {
	case EVTCHNOP_alloc_unbound:
		*(struct evtchn_alloc_unbound *)w = (struct evtchn_alloc_unbound){ .dom = any_dom(in), .remote_dom = any_dom(in) };
		break;
	case EVTCHNOP_bind_interdomain:
		*(struct evtchn_bind_interdomain *)w = (struct evtchn_bind_interdomain){ .remote_dom = any_dom(in), .remote_port = pick(in, 12) };
		break;
	case EVTCHNOP_status: case EVTCHNOP_reset:
		*(uint16_t *)w = any_dom(in);
		break;
	case EVTCHNOP_init_control:
		*(struct evtchn_init_control *)w = (struct evtchn_init_control){ .control_gfn = any_mfn(in), .vcpu = pick(in, 3),
			.offset = pick(in, 4) ? pick(in, 60) * 64 : take(in, 2) };
		break;
	case EVTCHNOP_expand_array:
		((struct evtchn_expand_array *)w)->array_gfn = any_mfn(in);
		break;
	}
	machine_hypercall(__HYPERVISOR_event_channel_op, (uint64_t[6]){ cmd, GUEST_BASE });
}

static void physdev(struct input *in)
{
	static const unsigned cmds[] = { PHYSDEVOP_eoi, PHYSDEVOP_irq_status_query, PHYSDEVOP_map_pirq, PHYSDEVOP_unmap_pirq,
		PHYSDEVOP_get_free_pirq, PHYSDEVOP_pirq_eoi_gmfn_v2, PHYSDEVOP_pirq_eoi_gmfn_v1, PHYSDEVOP_setup_gsi };
	uint32_t *w = (uint32_t *)GUEST_BASE;
	unsigned cmd = cmds[pick(in, 8)];

	memset(w, 0, 64);
	for (unsigned i = 0; i < 8; i++)
		w[i] = pick(in, 24);
	if (cmd == PHYSDEVOP_map_pirq)
		*(struct physdev_map_pirq *)w = (struct physdev_map_pirq){ .domid = any_dom(in), .type = pick(in, 6), .index = pick(in, 30),
			.pirq = pick(in, 30) - 2, .entry_nr = pick(in, 3) };
	if (cmd == PHYSDEVOP_pirq_eoi_gmfn_v1 || cmd == PHYSDEVOP_pirq_eoi_gmfn_v2)
		*(uint64_t *)w = any_mfn(in);
	machine_hypercall(__HYPERVISOR_physdev_op, (uint64_t[6]){ cmd, GUEST_BASE });
}

/* The guest's own memory: frames that it may write, and its shared page. */
static void scribble(struct input *in)
{
	uint64_t m = any_mfn(in);
	unsigned at = take(in, 2) % (PAGE_SIZE / 4);
	uint32_t v = pick(in, 2) ? take(in, 4) : (take(in, 1) << 24) | pick(in, 24);
	struct domain *d = host_current->domain;

	if (pick(in, 3) == 0 && d->shared)
		((uint32_t *)d->shared)[at] = v;
	else if (m < HOST_FRAMES && frame_of(MFN(m))->count & FRAME_ALLOCATED && ftype_refs(frame_of(MFN(m))->type) &&
		 (frame_of(MFN(m))->type & FTYPE_MASK) == FTYPE_WRITABLE)
		((uint32_t *)mfn_to_va(MFN(m)))[at] = v;
}

static void others(struct input *in)
{
	static const unsigned cmds[] = { VCPUOP_initialise, VCPUOP_up, VCPUOP_down, VCPUOP_is_up, VCPUOP_register_vcpu_info,
		VCPUOP_set_periodic_timer, VCPUOP_set_singleshot_timer, VCPUOP_send_nmi };
	uint64_t *w = (uint64_t *)GUEST_BASE;

	for (unsigned i = 0; i < 4; i++)
		w[i] = any_value(in);
	if (pick(in, 3) == 0)
		machine_hypercall(__HYPERVISOR_sched_op, (uint64_t[6]){ pick(in, 2) ? SCHEDOP_poll : SCHEDOP_block, GUEST_BASE });
	else
		machine_hypercall(__HYPERVISOR_vcpu_op, (uint64_t[6]){ cmds[pick(in, 8)], pick(in, 3), GUEST_BASE });
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	machine_begin();
	while (in.left)
		switch (pick(&in, 10)) {
		case 0: machine_become(take(&in, 1), take(&in, 1)); break;
		case 1: machine_set_preempt(pick(&in, 8)); break;
		case 2: physdev(&in); break;
		case 3: scribble(&in); break;
		case 4: others(&in); break;
		default: operation(&in);
		}
	machine_end();
	return 0;
}
