/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu_op.
 *
 * What could be wrong: a context that the guest wrote becomes a running vCPU; areas that the guest names are written by the
 * host for ever after.
 * How it is provoked: the second vCPU is made from good and bad contexts, started, stopped, sent events and NMIs; areas are
 * registered, moved and named wrongly.
 * A wrong host: runs a vCPU in ring 0 or on the wrong tables, loses its events, writes where it should not.
 */
#include "guest.h"

static volatile u64 second_ran, second_stop, second_id, second_events;

static void run_second(void *arg)
{
	second_id = this_cpu()->id;
	second_ran = (u64)arg;
	while (!second_stop)
		sched_op(SCHEDOP_yield, NULL);
}

static bool down(unsigned id)
{
	return WAIT_FOR(vcpu_op(VCPUOP_is_up, id, NULL) == 0, 5 * SEC);
}

CASE(initialise_errors, "initialise: contexts that would let the guest out of its ring or onto tables that are not its own")
{
	static struct vcpu_guest_context ctx;

	SKIP_IF(vcpu_total() < 3, "a vCPU to spoil is missing");
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 99, &ctx), -XEN_ENOENT);
	EXPECT_RC(vcpu_op(VCPUOP_up, 2, NULL), -XEN_EINVAL);	/* never initialised */
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.ctrlreg[3] = 0xfffffff000UL;
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.ctrlreg[3] = xen_pfn_to_cr3(mfn_of(_image_start));	/* not a page table */
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.event_callback_eip = 0x8000000000000000;
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.fs_base = 0x8000000000000000;
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.kernel_sp = 0x8000000000000000;
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.trap_ctxt[3] = (struct trap_info){ 3, 3, FLAT_KERNEL_CS, 0x8000000000000000 };
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
	vcpu_context(2, &ctx, run_second, NULL);
	ctx.user_regs.rip = 0x8000000000000000;
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &ctx), -XEN_EINVAL);
}

CASE(start, "initialise, up: the second vCPU runs on its stack with its argument; down again")
{
	second_ran = second_stop = 0;
	SKIP_IF(vcpu_total() < 2, "one vCPU");
	EXPECT_RC(vcpu_op(VCPUOP_is_up, 1, NULL), 0);
	EXPECT_RC(vcpu_op(VCPUOP_is_up, 0, NULL), 1);
	REQUIRE_RC(vcpu_start(1, run_second, (void *)77), 0);
	EXPECT_RC(vcpu_op(VCPUOP_is_up, 1, NULL), 1);
	EXPECT(WAIT_FOR(second_ran == 77, 5 * SEC));
	EXPECT_RC(second_id, 1);
	second_stop = 1;
	EXPECT(down(1));
}

CASE(initialise_twice, "a vCPU is initialised once: afterwards EEXIST")
{
	static struct vcpu_guest_context ctx;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	vcpu_context(1, &ctx, run_second, NULL);
	EXPECT_RC(vcpu_op(VCPUOP_initialise, 1, &ctx), -XEN_EEXIST);
}

CASE(errors, "vCPUs that are not there, operations that are not there")
{
	EXPECT_RC(vcpu_op(VCPUOP_is_up, 99, NULL), -XEN_ENOENT);
	EXPECT_RC(vcpu_op(VCPUOP_is_up, 0xffffffff, NULL), -XEN_ENOENT);
	EXPECT_RC(vcpu_op(VCPUOP_up, 99, NULL), -XEN_ENOENT);
	EXPECT_RC(vcpu_op(VCPUOP_send_nmi, 99, NULL), -XEN_ENOENT);
	EXPECT_RC(vcpu_op(99, 0, NULL), -XEN_ENOSYS);
	EXPECT_RC(vcpu_op(VCPUOP_up, 0, NULL), 0);	/* is up */
}

static evtchn_port_t to_second, to_first;

static void second_handler(evtchn_port_t port)
{
	struct evtchn_send s = { .port = to_first };

	if (port == to_second) {
		second_events++;
		evtchn_op(EVTCHNOP_send, &s);
	}
}

static void run_events(void *arg)
{
	events_on();
	second_ran = 1;
	while (!second_stop)
		sched_op(SCHEDOP_block, NULL);
	events_off();
}

static volatile u64 first_events;
static void both_handler(evtchn_port_t port)
{
	if (port == to_first)
		first_events++;
	else
		second_handler(port);
}

CASE(ipis, "events to and fro between two vCPUs, a hundred rounds, none lost, each on its own vCPU")
{
	struct evtchn_bind_ipi a = { .vcpu = 1 }, b = { .vcpu = 0 };
	struct evtchn_send s;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	second_ran = second_stop = second_events = first_events = 0;
	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &a) && !evtchn_op(EVTCHNOP_bind_ipi, &b));
	to_second = a.port;
	to_first = b.port;
	event_cpu[to_second] = 1;
	event_handler = both_handler;
	REQUIRE_RC(vcpu_start(1, run_events, NULL), 0);
	NEED(WAIT_FOR(second_ran, 5 * SEC));
	port_unmask(to_second);
	port_unmask(to_first);
	events_on();
	for (u64 i = 1; i <= 100; i++) {
		s.port = to_second;
		EXPECT_RC(evtchn_op(EVTCHNOP_send, &s), 0);
		if (!WAIT_FOR(first_events == i, 5 * SEC)) {
			fail_at(__FILE__, __LINE__, "round %lu: %lu there, %lu back", i, second_events, first_events);
			break;
		}
	}
	EXPECT(cpus[1].events > 0);
	second_stop = 1;
	s.port = to_second;
	evtchn_op(EVTCHNOP_send, &s);
	EXPECT(down(1));
	port_close(to_first);
	port_close(to_second);
	event_cpu[to_second] = 0;
}

static volatile u64 nmis;
static bool on_nmi(struct frame *f)
{
	nmis++;
	return true;
}

CASE(nmi_to_other, "an NMI to the other vCPU wakes it from block, with events masked")
{
	SKIP_IF(vcpu_total() < 2, "one vCPU");
	second_ran = second_stop = nmis = 0;
	NEED(!vcpu_start(1, run_second, (void *)1));
	NEED(WAIT_FOR(second_ran, 5 * SEC));
	cpus[1].hook[VEC_NMI] = cpus[1].hook[X_NMI] = on_nmi;
	EXPECT_RC(vcpu_op(VCPUOP_send_nmi, 1, NULL), 0);
	EXPECT(WAIT_FOR(nmis == 1, 5 * SEC));
	second_stop = 1;
	EXPECT(down(1));
}

CASE(runstate, "a registered runstate area is filled: times add up and grow; get_runstate_info agrees")
{
	static struct vcpu_runstate_info area, info;
	struct vcpu_register_runstate_memory_area r;
	u64 sum = 0, ran;

	r.addr.v = &area;
	EXPECT_RC(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
	EXPECT_RC(area.state, RUNSTATE_running);
	EXPECT(area.state_entry_time != 0);
	EXPECT_RC(vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
	EXPECT_RC(info.state, RUNSTATE_running);
	for (int i = 0; i < 4; i++)
		sum += info.time[i];
	EXPECT(sum <= time_ns());
	ran = info.time[RUNSTATE_running];
	WAIT_FOR(false, 20 * MS);
	EXPECT_RC(vcpu_op(VCPUOP_get_runstate_info, 0, &info), 0);
	EXPECT(info.time[RUNSTATE_running] + info.time[RUNSTATE_runnable] > ran);
	EXPECT_RC(vcpu_op(VCPUOP_get_runstate_info, 1, &info), 0);
	EXPECT_RC(info.state, RUNSTATE_offline);
	EXPECT_RC(vcpu_op(VCPUOP_get_runstate_info, 0, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(vcpu_op(VCPUOP_register_runstate_memory_area, 0, BAD_PTR), -XEN_EFAULT);
	r.addr.v = BAD_PTR;
	EXPECT_REFUSED(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r));
	r.addr.v = NULL;
	EXPECT_RC(vcpu_op(VCPUOP_register_runstate_memory_area, 0, &r), 0);
}

CASE(runstate_blocked, "time spent blocked is counted as blocked")
{
	struct vcpu_runstate_info before, after;
	struct sched_poll p = { .nr_ports = 0 };

	NEED(!vcpu_op(VCPUOP_get_runstate_info, 0, &before));
	p.timeout = time_ns() + 50 * MS;
	sched_op(SCHEDOP_poll, &p);
	NEED(!vcpu_op(VCPUOP_get_runstate_info, 0, &after));
	EXPECT(after.time[RUNSTATE_blocked] >= before.time[RUNSTATE_blocked] + 20 * MS);
	EXPECT(after.time[RUNSTATE_running] >= before.time[RUNSTATE_running]);
}

CASE(time_area, "a registered time area holds the same clock as shared_info's")
{
	static struct vcpu_time_info area;
	struct vcpu_register_time_memory_area r;
	u64 a, b;

	r.addr.v = &area;
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r), 0);
	sched_op(SCHEDOP_yield, NULL);
	EXPECT_RC(area.tsc_to_system_mul, vcpu_info()->time.tsc_to_system_mul);
	a = time_ns();
	b = time_of(&area);
	EXPECT(b >= a && b - a < SEC);
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, BAD_PTR), -XEN_EFAULT);
	r.addr.v = NULL;
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &r), 0);
}

CASE(vcpu_info_errors, "register_vcpu_info: over the page's end, on frames that are not one's own, bad pointers")
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
	struct vcpu_register_vcpu_info r = { .mfn = mfn_of(page), .offset = PAGE_SIZE - 32 };

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_ENXIO);
	r.offset = 4096;
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_ENXIO);
	r.offset = 0;
	r.mfn = 0xfffffff;
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL);
	r.mfn = mfn_of((void *)start_info->pt_base);
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL);
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 99, &r), -XEN_ENOENT);
}

CASE(vcpu_info_moves, "register_vcpu_info moves the structure: contents copied, later events land there; a second time EINVAL")
{
	static u8 page[PAGE_SIZE] __attribute__((aligned(4096)));
	struct vcpu_register_vcpu_info r = { .mfn = mfn_of(page), .offset = 128 };
	struct vcpu_info *vi = (void *)(page + 128);
	struct evtchn_bind_ipi ipi = { .vcpu = 1 };
	struct evtchn_send s;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	NEED(!evtchn_op(EVTCHNOP_bind_ipi, &ipi));
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), 0);
	EXPECT_RC(vi->evtchn_upcall_pending, 1);	/* so that nothing is lost in between */
	vi->evtchn_upcall_pending = 0;
	vi->evtchn_pending_sel = 0;
	shared->vcpu_info[1].evtchn_pending_sel = 0;
	port_clear(ipi.port);
	port_unmask_raw(ipi.port);
	s.port = ipi.port;
	EXPECT_RC(evtchn_op(EVTCHNOP_send, &s), 0);
	EXPECT_RC(vi->evtchn_upcall_pending, 1);
	EXPECT_HEX(vi->evtchn_pending_sel, 1UL << ipi.port / 64);
	EXPECT_HEX(shared->vcpu_info[1].evtchn_pending_sel, 0);
	EXPECT_RC(vcpu_op(VCPUOP_register_vcpu_info, 1, &r), -XEN_EINVAL);
	port_mask(ipi.port);
	port_close(ipi.port);
}
