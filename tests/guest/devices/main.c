/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices of dom0: PCI configuration space, memory of a device, interrupts by wire and by message.
 *
 * What could be wrong: an interrupt of a device passes the I/O APIC or a message, the host's vector, a pirq and an event
 * channel, and has to be ended again; one step forgotten and the disk is silent after its first interrupt.
 * How it is provoked: QEMU's "edu" device raises its interrupt whenever it is told to; it is taken, not ended, ended, masked,
 * moved to messages and back.
 * A wrong host: loses an interrupt, delivers one that nobody ended, never unmasks the line, keeps a message's vector.
 */
#include "pci.h"

#define EDU_ID 0x11e81234u

static u32 edu;			/* configuration address, 0 when there is none */
static volatile u32 *regs;	/* its memory: 0 id, 1 liveness, 0x24 status, 0x60 raise, 0x64 acknowledge */
static u32 gsi;

CASE(scan, "PCI configuration space by its ports: the host bridge and the test device are found")
{
	struct physdev_set_iopl set = { 1 };

	NEED(!physdev_op(PHYSDEVOP_set_iopl, &set));
	EXPECT(conf_read(0x80000000, 0) == 0x12378086 || conf_read(0x80000000, 0) == 0x29c08086);
	for (u32 dev = 0; dev < 32; dev++)
		if (conf_read(0x80000000 | dev << 11, 0) == EDU_ID)
			edu = 0x80000000 | dev << 11;
	REQUIRE(edu);
	EXPECT_HEX(conf_read(0x80000000 | 20 << 11, 0), 0xffffffff);
	conf_write(edu, 4, conf_read(edu, 4) | 6);	/* memory, bus master */
	EXPECT_HEX(conf_read(edu, 4) & 6, 6);
	gsi = conf_read(edu, 0x3c) & 0xff;
	EXPECT(gsi >= 5 && gsi <= 11);
}

CASE(config_bytes, "bytes and words of configuration space, read by parts and wholly, agree")
{
	u8 lo, hi;
	u16 w;

	NEED(edu);
	conf_read(edu, 0);
	__asm__ volatile("inb %%dx, %0" : "=a"(lo) : "d"((u16)0xcfc));
	__asm__ volatile("inb %%dx, %0" : "=a"(hi) : "d"((u16)0xcfd));
	__asm__ volatile("inw %%dx, %0" : "=a"(w) : "d"((u16)0xcfe));
	EXPECT_HEX(lo | hi << 8 | (u32)w << 16, EDU_ID);
}

CASE(memory, "the device's memory can be mapped, and answers")
{
	u64 bar = conf_read(edu, 0x10) & ~15u;

	NEED(edu && bar);
	REQUIRE_RC(map_page(window(50), bar | PTE_RW | 0x18), 0);
	regs = window(50);
	EXPECT_HEX(regs[0] & 0xffff, 0xed);
	regs[1] = 0x12345678;
	EXPECT_HEX(regs[1], ~0x12345678u);
}

static evtchn_port_t port;
static volatile u64 hits;	/* interrupts that the device had raised */
static u32 pirq;
static bool lazy;		/* the handler ends the interrupt without acknowledging it at the device */

static void end_irq(void)
{
	struct { u32 irq; } eoi = { pirq };

	EXPECT_RC(physdev_op(12 /* PHYSDEVOP_eoi */, &eoi), 0);
}

/* As a driver does it: ask the device, acknowledge, end. A host may repeat a line that is still high: not counted. */
static void on_interrupt(evtchn_port_t p)
{
	u32 status = regs[0x24 / 4];

	if (p != port)
		return;
	if (status) {
		hits++;
		if (!lazy)
			regs[0x64 / 4] = status;
		lazy = false;
	}
	end_irq();
}

static void raise_irq(void)
{
	regs[0x60 / 4] = 1;
}

static bool came(u64 n)
{
	return WAIT_FOR(hits == n, 2 * SEC);
}

static bool bind(u32 number)
{
	struct evtchn_bind_pirq b = { .pirq = number, .flags = BIND_PIRQ__WILL_SHARE };

	if (!EXPECT_RC(evtchn_op(EVTCHNOP_bind_pirq, &b), 0))
		return false;
	pirq = number;
	port = b.port;
	hits = 0;
	event_handler = on_interrupt;
	EXPECT_RC(port_unmask(port), 0);
	events_on();
	return true;
}

CASE(map_errors, "map_pirq and bind_pirq: interrupts that are not there, domains that are not there")
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 5000, .pirq = -1 };
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = 40 };
	struct physdev_irq_status_query q = { .irq = 100000 };
	struct physdev_eoi { u32 irq; } eoi = { 100000 };

	EXPECT_RC(physdev_op(PHYSDEVOP_map_pirq, &m), -XEN_EINVAL);
	m.index = gsi;
	m.domid = 4321;
	EXPECT_RC(physdev_op(PHYSDEVOP_map_pirq, &m), -XEN_ESRCH);
	m.domid = DOMID_SELF;
	m.type = 77;
	EXPECT_RC(physdev_op(PHYSDEVOP_map_pirq, &m), -XEN_EINVAL);
	EXPECT_RC(physdev_op(PHYSDEVOP_map_pirq, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), -XEN_EINVAL);
	EXPECT_RC(physdev_op(PHYSDEVOP_irq_status_query, &q), -XEN_EINVAL);
	EXPECT_RC(physdev_op(12, &eoi), -XEN_EINVAL);
	EXPECT_RC(physdev_op(99, &q), -XEN_ENOSYS);
}

CASE(wire, "interrupts by wire come one by one; one that is ended while the line is high comes again")
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = gsi };
	struct physdev_setup_gsi s = { .gsi = gsi, .triggering = 1, .polarity = 0 };
	struct physdev_irq_status_query q = { .irq = gsi };
	struct evtchn_status st = { .dom = DOMID_SELF };
	struct evtchn_bind_pirq again = { .pirq = gsi };
	long rc;

	NEED(regs);
	REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &m), 0);
	EXPECT_RC(m.pirq, gsi);
	rc = physdev_op(PHYSDEVOP_setup_gsi, &s);
	if (rc != -XEN_EEXIST)
		EXPECT_RC(rc, 0);
	if (!bind(gsi))
		return;
	st.port = port;
	EXPECT_RC(evtchn_op(EVTCHNOP_status, &st), 0);
	EXPECT_RC(st.status, EVTCHNSTAT_pirq);
	EXPECT_RC(st.u.pirq, gsi);
	EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &again));
	EXPECT_RC(physdev_op(PHYSDEVOP_irq_status_query, &q), 0);
	EXPECT_HEX(q.flags & XENIRQSTAT_needs_eoi, XENIRQSTAT_needs_eoi);
	for (int i = 1; i <= 50; i++) {
		raise_irq();
		if (!EXPECT(came(i)))
			break;
	}
	lazy = true;
	raise_irq();
	EXPECT(came(52));
	lazy = false;
}

CASE(wire_masked, "an interrupt that comes while the port is masked is pending, and delivered when unmasked")
{
	NEED(port);
	event_handler = on_interrupt;
	hits = 0;
	port_mask(port);
	events_on();
	raise_irq();
	EXPECT(WAIT_FOR(port_pending(port), 2 * SEC));
	EXPECT_RC(hits, 0);
	EXPECT_RC(port_unmask(port), 0);
	EXPECT(came(1));
}

CASE(wire_closed, "the port closed with an interrupt not ended: the line works for the next binding")
{
	NEED(port);
	port_mask(port);
	raise_irq();
	EXPECT(WAIT_FOR(port_pending(port), 2 * SEC));
	EXPECT_RC(port_close(port), 0);
	regs[0x64 / 4] = 1;
	if (!bind(gsi))
		return;
	raise_irq();
	EXPECT(came(1));
	EXPECT_RC(port_close(port), 0);
	port = 0;
}

CASE(message, "pci_device_add, map_pirq of a message, bind: once the guest enables messages at the device they come")
{
	struct physdev_pci_device_add add = { .seg = 0, .bus = 0, .devfn = edu >> 8 & 0xff };
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
				      .bus = 0, .devfn = edu >> 8 & 0xff };
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF };

	NEED(regs);
	EXPECT_RC(physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
	REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &m), 0);
	EXPECT(m.pirq >= 16);
	if (!bind(m.pirq))
		return;
	EXPECT_HEX(conf_read(edu, 0x44) & 0xfff00000, 0xfee00000);
	conf_write(edu, 0x40, conf_read(edu, 0x40) | 1 << 16);
	for (int i = 1; i <= 50; i++) {
		raise_irq();
		if (!EXPECT(came(i)))
			break;
	}
	conf_write(edu, 0x40, conf_read(edu, 0x40) & ~(1u << 16));
	EXPECT_RC(port_close(port), 0);
	u.pirq = m.pirq;
	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), 0);
	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), -XEN_EINVAL);
	port = 0;
	/* Back to the wire. */
	if (!bind(gsi))
		return;
	raise_irq();
	EXPECT(came(1));
	EXPECT_RC(port_close(port), 0);
	port = 0;
}

CASE(message_again, "the device's message is mapped anew after it was unmapped: the host kept nothing")
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
				      .bus = 0, .devfn = edu >> 8 & 0xff };
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF };
	int first = 0;

	NEED(regs);
	for (int i = 0; i < 300; i++) {
		m.pirq = -1;
		REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &m), 0);
		first = first ? first : m.pirq;
		EXPECT_RC(m.pirq, first);
		u.pirq = m.pirq;
		REQUIRE_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), 0);
	}
}

CASE(message_errors, "messages of devices that are not there, or have none")
{
	struct physdev_map_pirq m = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
				      .bus = 7, .devfn = 0 };

	EXPECT_REFUSED(physdev_op(PHYSDEVOP_map_pirq, &m));
	m.bus = 0;
	m.devfn = 0;	/* the host bridge */
	EXPECT_REFUSED(physdev_op(PHYSDEVOP_map_pirq, &m));
}

CASE(free_pirq, "get_free_pirq gives numbers that map_pirq then takes")
{
	struct physdev_get_free_pirq g = { .type = MAP_PIRQ_TYPE_MSI };

	EXPECT_RC(physdev_op(PHYSDEVOP_get_free_pirq, &g), 0);
	EXPECT(g.pirq >= 16 && g.pirq < 5000);
	EXPECT_RC(physdev_op(PHYSDEVOP_get_free_pirq, BAD_PTR), -XEN_EFAULT);
}

CASE(io_apic, "apic_read sees the I/O APIC's version; addresses that are not one are refused; the kernel's writes change no line")
{
	struct physdev_apic a = { .apic_physbase = 0xfec00000, .reg = 1 };

	EXPECT_RC(physdev_op(PHYSDEVOP_apic_read, &a), 0);
	EXPECT_HEX(a.value >> 16 & 0xff, 23);
	a.apic_physbase = 0xfed00000;
	EXPECT_REFUSED(physdev_op(PHYSDEVOP_apic_read, &a));
}

CASE(eoi_page, "pirq_eoi_gmfn: a bitmap of one's own tells which pirqs need an end")
{
	u64 *map = page_alloc();
	struct physdev_pirq_eoi_gmfn g = { .gmfn = 0xfffffff };

	NEED(gsi);
	EXPECT_RC(physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EINVAL);
	g.gmfn = mfn_of(map);
	EXPECT_RC(physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), 0);
	EXPECT_RC(physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &g), -XEN_EBUSY);
	if (!bind(gsi))
		return;
	EXPECT_HEX(map[gsi / 64] >> gsi % 64 & 1, 1);
	raise_irq();
	EXPECT(came(1));
	port_close(port);
	port = 0;
}

CASE(unmap, "a GSI that is unmapped cannot be bound any more")
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = gsi };
	struct evtchn_bind_pirq b = { .pirq = gsi };

	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), 0);
	EXPECT_REFUSED(evtchn_op(EVTCHNOP_bind_pirq, &b));
}

CASE(port_bitmap, "set_iobitmap: user mode gets the ports of the bitmap, no others")
{
	static u8 bits[128];
	static const u8 code[] = { 0xe4, 0x61, 0xe4, 0x64, 0x0f, 0x0b };	/* in 0x61; in 0x64; ud2 */
	struct physdev_set_iobitmap b = { .nr_ports = 1024 };
	struct frame f;

	NEED(user_init());
	memset(bits, 0xff, sizeof(bits));
	bits[0x61 / 8] &= ~(1 << 0x61 % 8);
	set_xen_guest_handle(b.bitmap, bits);
	EXPECT_RC(physdev_op(PHYSDEVOP_set_iobitmap, &b), 0);
	user_frame(&f, USER_BASE);
	EXPECT_RC(user_code(code, sizeof(code), &f), X_GP);
	EXPECT_HEX(this_cpu()->last.rip, USER_BASE + 2);
	b.nr_ports = 65537;
	EXPECT_RC(physdev_op(PHYSDEVOP_set_iobitmap, &b), -XEN_EINVAL);
	b.nr_ports = 0;
	EXPECT_RC(physdev_op(PHYSDEVOP_set_iobitmap, &b), 0);
	EXPECT_RC(user_code(code, sizeof(code), &f), X_GP);
	EXPECT_HEX(this_cpu()->last.rip, USER_BASE);
}
