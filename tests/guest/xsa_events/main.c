/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The published advisories on event channels, timers, vCPUs and interrupts (docs/advisories.md), one case each, named for it.
 *
 * What could be wrong: ports are looked up without locks while another vCPU closes them; times are 64 bits of the guest's.
 * How it is provoked: as each advisory tells; races by a second vCPU that uses a port all the time.
 * A wrong host: follows a pointer of a closed port, loops over a time that wrapped, gives interrupts to who may not have them.
 */
#include "guest.h"
#include <xen/physdev.h>

static volatile u64 stop, rounds;
static volatile evtchn_port_t port;

static bool second_down(void)
{
	stop = 1;
	return WAIT_FOR(vcpu_op(VCPUOP_is_up, 1, NULL) == 0, 5 * SEC);
}

static evtchn_port_t unbound(void)
{
	struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };

	return evtchn_op(EVTCHNOP_alloc_unbound, &a) ? 0 : a.port;
}

static evtchn_port_t ipi(unsigned vcpu)
{
	struct evtchn_bind_ipi b = { .vcpu = vcpu };

	return evtchn_op(EVTCHNOP_bind_ipi, &b) ? 0 : b.port;
}

static long send(evtchn_port_t p)
{
	struct evtchn_send s = { .port = p };

	return evtchn_op(EVTCHNOP_send, &s);
}

/* ---- timers ------------------------------------------------------------------------------------------------------- */

CASE(xsa_20, "timers at every strange time and of every strange period: at once or never, and the host "
	"goes on")
{
	static const u64 odd[] = { 0, 1, 999999, 1000000, 1UL << 31, 1UL << 32, 1UL << 50, 1UL << 57, (1UL << 57) + 1, 1UL << 62,
				   (1UL << 63) - 1, 1UL << 63, ~0UL, ~0UL - 1000000 };
	u64 before = time_ns();

	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		struct vcpu_set_singleshot_timer s = { .timeout_abs_ns = odd[i], .flags = i & 1 };
		struct vcpu_set_periodic_timer p = { .period_ns = odd[i] };

		vcpu_op(VCPUOP_set_singleshot_timer, 0, &s);
		s.timeout_abs_ns = time_ns() + odd[i];
		vcpu_op(VCPUOP_set_singleshot_timer, 0, &s);
		HCALL1(__HYPERVISOR_set_timer_op, odd[i]);
		HCALL1(__HYPERVISOR_set_timer_op, time_ns() + odd[i]);
		vcpu_op(VCPUOP_set_periodic_timer, 0, &p);
		vcpu_op(VCPUOP_set_periodic_timer, 1, &p);
		for (int n = 0; n < 3; n++)
			sched_op(SCHEDOP_yield, NULL);
	}
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
	EXPECT_RC(vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
	EXPECT(time_ns() > before);
}

static void timers_too(void *arg)
{
	while (!stop) {
		struct vcpu_set_periodic_timer p = { .period_ns = 1000000 + rounds % 7 * 100000 };

		vcpu_op(VCPUOP_set_periodic_timer, 1, &p);
		vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
		sched_op(SCHEDOP_yield, NULL);
		rounds++;
	}
}

CASE(xsa_336, "two vCPUs set and stop each other's periodic timers all the time, and move between CPUs")
{
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	stop = rounds = 0;
	REQUIRE_RC(vcpu_start(1, timers_too, NULL), 0);
	for (end = time_ns() + 500 * MS; run_on(end, rounds > 0); ) {
		struct vcpu_set_periodic_timer p = { .period_ns = 1000000 };

		vcpu_op(VCPUOP_set_periodic_timer, 0, &p);
		vcpu_op(VCPUOP_set_periodic_timer, 1, &p);
		vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL);
		sched_op(SCHEDOP_yield, NULL);
	}
	EXPECT(second_down());
	EXPECT(rounds > 0);
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
	EXPECT_RC(vcpu_op(VCPUOP_stop_periodic_timer, 1, NULL), 0);
}

/* ---- ports -------------------------------------------------------------------------------------------------------- */

/* Whatever can be done with the port, whether it is bound or not. */
static void use_port(void *arg)
{
	while (!stop) {
		evtchn_port_t p = port;
		struct evtchn_status s = { .dom = DOMID_SELF, .port = p };
		struct evtchn_bind_vcpu b = { .port = p, .vcpu = rounds & 1 };
		struct evtchn_set_priority pr = { .port = p, .priority = rounds % 16 };
		struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

		set_xen_guest_handle(poll.ports, &p);
		send(p);
		port_unmask(p);
		evtchn_op(EVTCHNOP_status, &s);
		evtchn_op(EVTCHNOP_bind_vcpu, &b);
		evtchn_op(EVTCHNOP_set_priority, &pr);
		sched_op(SCHEDOP_poll, &poll);
		rounds++;
	}
}

static void bind_and_close(unsigned i)
{
	struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
	struct evtchn_bind_virq v = { .virq = VIRQ_DEBUG, .vcpu = 0 };

	switch (i % 3) {
	case 0:
		port = ipi(1);
		send(port);
		EXPECT_RC(port_close(port), 0);
		return;
	case 1:
		port = unbound();
		b.remote_port = port;
		if (!EXPECT_RC(evtchn_op(EVTCHNOP_bind_interdomain, &b), 0))
			return;
		send(b.local_port);
		EXPECT_RC(port_close(i & 1 ? port : b.local_port), 0);
		EXPECT_RC(port_close(i & 1 ? b.local_port : port), 0);
		return;
	case 2:
		if (!EXPECT_RC(evtchn_op(EVTCHNOP_bind_virq, &v), 0))
			return;
		port = v.port;
		EXPECT_RC(port_close(v.port), 0);
	}
}

CASE(xsa_47, "ports are bound and closed while another vCPU sends, polls, binds, asks: no use of what is "
	"gone (also XSA-317, XSA-340)")
{
	u64 end;
	unsigned i = 0;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	stop = rounds = 0;
	port = 1;
	REQUIRE_RC(vcpu_start(1, use_port, NULL), 0);
	for (end = time_ns() + 600 * MS; run_on(end, i && rounds) && !case_bad(); i++)
		bind_and_close(i);
	EXPECT(second_down());
	EXPECT(i && rounds);
}

CASE(xsa_343, "all ports are closed by EVTCHNOP_reset, again and again, while another vCPU uses them (also "
	"XSA-344: thousands of them)")
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	u64 end;
	unsigned n = 0;
	long rc;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	stop = rounds = 0;
	port = 1;
	REQUIRE_RC(vcpu_start(1, use_port, NULL), 0);
	for (end = time_ns() + 500 * MS; run_on(end, rounds > 0) && !case_bad(); ) {
		for (int i = 0; i < 20; i++)
			port = i & 1 ? unbound() : ipi(1);
		do {
			rc = evtchn_op(EVTCHNOP_reset, &r);
		} while (rc == -XEN_EAGAIN);
		EXPECT_RC(rc, 0);
	}
	EXPECT(second_down());
	while (n < 3500 && unbound())
		n++;
	EXPECT(n == 3500);
	do {
		rc = evtchn_op(EVTCHNOP_reset, &r);
	} while (rc == -XEN_EAGAIN);
	EXPECT_RC(rc, 0);
	port = unbound();
	EXPECT(port && port < 10);
	EXPECT_RC(port_close(port), 0);
}

/* ---- FIFO --------------------------------------------------------------------------------------------------------- */

static u32 *control, *words[6];

static long fifo_control(unsigned vcpu, const void *page, u32 offset)
{
	struct evtchn_init_control ic = { .control_gfn = page ? mfn_of(page) : 0xfffffffffUL, .offset = offset, .vcpu = vcpu };

	return evtchn_op(EVTCHNOP_init_control, &ic);
}

static long fifo_expand(unsigned i)
{
	struct evtchn_expand_array e;

	words[i] = page_alloc();
	for (int w = 0; w < 1024; w++)
		words[i][w] = 1u << EVTCHN_FIFO_MASKED;
	e.array_gfn = mfn_of(words[i]);
	return evtchn_op(EVTCHNOP_expand_array, &e);
}

static void fifo_end(void)
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	long rc;

	do {
		rc = evtchn_op(EVTCHNOP_reset, &r);
	} while (rc == -XEN_EAGAIN);
	EXPECT_RC(rc, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i])
			page_free(words[i]);
	memset(words, 0, sizeof(words));
	page_free(control);
	vcpu_info()->evtchn_upcall_pending = 0;
}

static void use_everyway(evtchn_port_t p)
{
	struct evtchn_set_priority pr = { .port = p, .priority = 3 };
	struct evtchn_bind_vcpu b = { .port = p, .vcpu = 1 };
	struct evtchn_status s = { .dom = DOMID_SELF, .port = p };
	struct sched_poll poll = { .nr_ports = 1, .timeout = 1 };

	set_xen_guest_handle(poll.ports, &p);
	send(p);
	sched_op(SCHEDOP_poll, &poll);
	evtchn_op(EVTCHNOP_set_priority, &pr);
	send(p);
	port_unmask(p);
	evtchn_op(EVTCHNOP_bind_vcpu, &b);
	send(p);
	port_unmask(p);
	evtchn_op(EVTCHNOP_status, &s);
}

CASE(xsa_107, "FIFO: events for a vCPU that has no control block yet, and one that comes late (also "
	"XSA-188, XSA-358, XSA-359)")
{
	evtchn_port_t p[3];

	control = page_alloc();
	EXPECT_REFUSED(fifo_control(0, NULL, 0));	/* the first that fails leaves nothing half made */
	EXPECT_REFUSED(fifo_expand(0));
	page_free(words[0]);
	words[0] = NULL;
	use_everyway(1);
	REQUIRE_RC(fifo_control(0, control, 0), 0);
	EXPECT_RC(fifo_expand(0), 0);
	for (int i = 0; i < 3; i++) {
		p[i] = i ? unbound() : ipi(1);
		use_everyway(p[i]);
	}
	EXPECT_REFUSED(fifo_control(1, NULL, 0));
	EXPECT_REFUSED(fifo_control(1, control, PAGE_SIZE - 8));
	for (int i = 0; i < 3; i++)
		use_everyway(p[i]);
	EXPECT_RC(fifo_control(1, control, 2048), 0);
	for (int i = 0; i < 3; i++)
		use_everyway(p[i]);
	EXPECT(words[0][p[0]] >> EVTCHN_FIFO_PENDING & 1);
	fifo_end();
}

CASE(xsa_221, "FIFO: ports beyond the array's end are sent to, polled, unmasked: no word, no event, no fault")
{
	evtchn_port_t p = 0;

	control = page_alloc();
	REQUIRE_RC(fifo_control(0, control, 0), 0);
	for (int i = 0; i < 1100; i++) {
		p = ipi(0);
		if (p < 1024)
			continue;
		use_everyway(p);
	}
	EXPECT(p > 1024);
	EXPECT_RC(fifo_expand(0), 0);
	use_everyway(p);
	EXPECT_RC(fifo_expand(1), 0);
	use_everyway(p);
	EXPECT(words[1][p - 1024] >> EVTCHN_FIFO_PENDING & 1);
	fifo_end();
}

CASE(xsa_338, "ports above the two-level limit, after the way back from FIFO: used in every way, refused "
	"or nothing (also XSA-342)")
{
	evtchn_port_t p = 0;

	SKIP_IF(!is_dom0(), "a domU's ports end before");
	control = page_alloc();
	REQUIRE_RC(fifo_control(0, control, 0), 0);
	for (int i = 0; i < 5; i++)
		EXPECT_RC(fifo_expand(i), 0);
	for (int i = 0; i < 4300; i++)
		p = ipi(0);
	EXPECT(p > 4200);
	fifo_end();
	for (evtchn_port_t q = 4000; q < 4300; q += 3)
		use_everyway(q);
	p = unbound();
	EXPECT(p && p < 10);
	EXPECT_RC(port_close(p), 0);
}

static u32 *array_page, *second_control;
static volatile u64 expanded;

static void expand_always(void *arg)
{
	struct evtchn_expand_array e = { .array_gfn = mfn_of(array_page) };

	while (!stop) {
		expanded += !evtchn_op(EVTCHNOP_expand_array, &e);
		fifo_control(1, second_control, 0);
		send(port);
		rounds++;
	}
}

CASE(xsa_505, "FIFO: the array is expanded and control blocks are given by one vCPU while another resets all, again and again")
{
	u64 end;

	SKIP_IF(vcpu_total() < 2, "one vCPU");
	SKIP_IF(host_is_xen(), "a Xen without that correction stops");
	control = page_alloc();
	second_control = page_alloc();
	array_page = page_alloc();
	memset(array_page, 0xff, PAGE_SIZE);
	stop = rounds = expanded = 0;
	REQUIRE_RC(vcpu_start(1, expand_always, NULL), 0);
	for (end = time_ns() + 600 * MS; run_on(end, expanded > 50) && !case_bad(); ) {
		struct evtchn_reset r = { .dom = DOMID_SELF };
		long rc;

		fifo_control(0, control, 0);
		port = ipi(1);
		send(port);
		do {
			rc = evtchn_op(EVTCHNOP_reset, &r);
		} while (rc == -XEN_EAGAIN);
		EXPECT_RC(rc, 0);
	}
	EXPECT(second_down());
	EXPECT(expanded > 50);
	fifo_end();
	page_free(second_control);
	page_free(array_page);
}

/* ---- interrupts --------------------------------------------------------------------------------------------------- */

static long physdev(unsigned op, void *arg)
{
	return HCALL2(__HYPERVISOR_physdev_op, op, arg);
}

CASE(xsa_13, "get_free_pirq: unknown types, and until there are none left: numbers in range, then an error")
{
	static const int types[] = { 0, 1, 2, 3, 4, 5, -1, 0x7fffffff };
	long rc = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct physdev_get_free_pirq g = { .type = types[i] };

		rc = physdev(PHYSDEVOP_get_free_pirq, &g);
		EXPECT(rc || g.pirq < 32768);
	}
	for (int i = 0; i < 40000; i++) {
		struct physdev_get_free_pirq g = { .type = MAP_PIRQ_TYPE_MSI };

		rc = physdev(PHYSDEVOP_get_free_pirq, &g);
		if (rc)
			break;
		if (g.pirq >= 32768)
			fail_at(__FILE__, __LINE__, "pirq %u", g.pirq);
	}
	EXPECT(rc < 0);
}

CASE(xsa_16, "map_pirq and unmap_pirq with indexes, numbers and messages out of range (also XSA-21, XSA-237)")
{
	static const int odd[] = { -1, -2, 70000, 0x7fffffff, (int)0x80000000 };

	for (int type = -1; type < 7; type++)
		for (unsigned i = 0; i < ARRAY_SIZE(odd); i++)
			for (unsigned k = 0; k < ARRAY_SIZE(odd); k++) {
				struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = type, .index = odd[i], .pirq = odd[k],
							      .bus = 200, .devfn = 0xff, .entry_nr = odd[(i + k) % 5],
							      .table_base = i & 1 ? ~0UL : 0 };

				EXPECT_REFUSED(physdev(PHYSDEVOP_map_pirq, &m));
				m.domid = 4321;
				EXPECT_REFUSED(physdev(PHYSDEVOP_map_pirq, &m));
			}
	for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
		struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = odd[i] };
		struct physdev_eoi e = { .irq = odd[i] };
		struct physdev_irq_status_query q = { .irq = odd[i] };
		struct evtchn_bind_pirq b = { .pirq = odd[i] };

		EXPECT_REFUSED(physdev(PHYSDEVOP_unmap_pirq, &u));
		EXPECT_REFUSED(physdev(PHYSDEVOP_eoi, &e));
		EXPECT_REFUSED(physdev(PHYSDEVOP_irq_status_query, &q));
		EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));
	}
}

CASE(xsa_46, "a domU without devices gets none: no interrupt of dom0's is mapped, bound or unmapped (also "
	"XSA-87: nor MSI-X prepared)")
{
	static u8 arg[64];
	static const unsigned ops[] = {
		PHYSDEVOP_setup_gsi, PHYSDEVOP_prepare_msix, PHYSDEVOP_release_msix, PHYSDEVOP_restore_msi,
		PHYSDEVOP_restore_msi_ext, PHYSDEVOP_manage_pci_add, PHYSDEVOP_manage_pci_remove, PHYSDEVOP_pci_device_add,
		PHYSDEVOP_pci_device_remove, PHYSDEVOP_pci_mmcfg_reserved, PHYSDEVOP_apic_read, PHYSDEVOP_apic_write,
		PHYSDEVOP_alloc_irq_vector, PHYSDEVOP_dbgp_op,
	};

	SKIP_IF(is_dom0(), "dom0 has the devices");
	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
		if (physdev(ops[i], arg) >= 0)
			fail_at(__FILE__, __LINE__, "physdev_op %u is done", ops[i]);
	for (int gsi = 0; gsi < 64; gsi++) {
		struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = gsi };
		struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = gsi };
		struct evtchn_bind_pirq b = { .pirq = gsi };

		EXPECT_REFUSED(physdev(PHYSDEVOP_map_pirq, &m));
		m.pirq = -1;
		m.type = MAP_PIRQ_TYPE_MSI;
		EXPECT_REFUSED(physdev(PHYSDEVOP_map_pirq, &m));
		EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));
		EXPECT_REFUSED(physdev(PHYSDEVOP_unmap_pirq, &u));
		m.domid = u.domid = 0;
		EXPECT_REFUSED(physdev(PHYSDEVOP_map_pirq, &m));
		EXPECT_REFUSED(physdev(PHYSDEVOP_unmap_pirq, &u));
	}
}

/* ---- vCPUs -------------------------------------------------------------------------------------------------------- */

static void idle(void *arg)
{
}

static struct vcpu_guest_context context[2];
static volatile long second_rc;

static void initialise_too(void *arg)
{
	while (!stop)
		;
	second_rc = vcpu_op(VCPUOP_initialise, 2, &context[1]);
}

CASE(xsa_296, "two vCPUs initialise a third at the same moment: one does, the other hears that it is there")
{
	long rc;

	SKIP_IF(vcpu_total() < 3, "a vCPU is missing");
	vcpu_context(2, &context[0], idle, NULL);
	context[1] = context[0];
	for (int i = 0; i < 100; i++) {
		context[0].ctrlreg[3] = xen_pfn_to_cr3(mfn_of(_image_start));
		EXPECT_RC(vcpu_op(VCPUOP_initialise, 2, &context[0]), -XEN_EINVAL);
	}
	context[0] = context[1];
	stop = 0;
	second_rc = 1;
	REQUIRE_RC(vcpu_start(1, initialise_too, NULL), 0);
	WAIT_FOR(false, 5 * MS);
	stop = 1;
	rc = vcpu_op(VCPUOP_initialise, 2, &context[0]);
	EXPECT(WAIT_FOR(second_rc <= 0, 5 * SEC));
	EXPECT((rc == 0 && second_rc == -XEN_EEXIST) || (second_rc == 0 && rc == -XEN_EEXIST));
	EXPECT(second_down());
}
