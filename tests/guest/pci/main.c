/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What dom0 may not change behind the hypervisor's back: the memory-mapped configuration space, and MSI-X tables.
 *
 * What could be wrong: dom0 writes messages or mask bits itself, and an interrupt comes with another's vector.
 * How it is provoked: both are mapped writable and stored to, by loads and stores of every size, before and after interrupts are
 * mapped.
 * A wrong host: leaves the entry writable, loses a store to configuration space, lets one to an MSI-X table through, or ends
 * the guest for it.
 */
#include "pci.h"

#define RNG_ID 0x10051af4u	/* the older id of QEMU's virtio-rng; 0x10441af4 the newer */

static u32 rng;			/* configuration address */
static u64 ecam;

static u32 find_cap(u32 dev, u8 id)
{
	for (u32 pos = conf_read(dev, 0x34) & 0xfc, n = 0; pos && n < 48; n++) {
		u32 v = conf_read(dev, pos);

		if ((v & 0xff) == id)
			return pos;
		pos = v >> 8 & 0xfc;
	}
	return 0;
}

CASE(scan, "the machine has a memory-mapped configuration space, and a device with MSI-X")
{
	struct physdev_set_iopl set = { 1 };

	NEED(!physdev_op(PHYSDEVOP_set_iopl, &set));
	NEED(conf_read(0x80000000, 0) == 0x29c08086);
	ecam = conf_read(0x80000000, 0x60);
	NEED(ecam & 1);
	ecam &= ~0xffful;
	rng = 0x80000000 | 5 << 11;
	NEED(conf_read(rng, 0) == RNG_ID || conf_read(rng, 0) == 0x10441af4);
	NEED(find_cap(rng, 0x11));
}

CASE(reserved, "pci_mmcfg_reserved: of the range that the tables tell, and of no other")
{
	struct physdev_pci_mmcfg_reserved r = { .address = ecam, .segment = 0, .start_bus = 0, .end_bus = 255,
						.flags = XEN_PCI_MMCFG_RESERVED };

	NEED(ecam);
	EXPECT_RC(physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &r), 0);
	r.address += 0x10000000;
	EXPECT_REFUSED(physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &r));
	r.address = ecam;
	r.end_bus = 17;
	EXPECT_REFUSED(physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &r));
}

CASE(ecam_readonly, "a writable mapping of configuration space comes out read-only; what it shows is what the ports show")
{
	volatile u32 *conf = window(40);

	NEED(ecam);
	REQUIRE_RC(map_page(window(40), (ecam + (5 << 15)) | PTE_RW | 0x18), 0);
	EXPECT_HEX(pte_read(window(40), 1) & PTE_W, 0);
	EXPECT_HEX(conf[0], conf_read(rng, 0));
	EXPECT_HEX(conf[0xf], conf_read(rng, 0x3c));
}

CASE(ecam_write, "stores to configuration space of 1, 2 and 4 bytes are done by the hypervisor; the whole page, its ends too")
{
	volatile u8 *conf = window(40);
	u32 line = conf_read(rng, 0x3c);

	NEED(ecam && rng);
	REQUIRE_RC(CATCH(conf[0x3c] = 0x5a), -1);
	EXPECT_HEX(conf_read(rng, 0x3c) & 0xff, 0x5a);
	EXPECT_RC(CATCH(*(volatile u32 *)(conf + 0x3c) = (line & ~0xffu) | 0xa5), -1);
	EXPECT_HEX(conf_read(rng, 0x3c), (line & ~0xffu) | 0xa5);
	EXPECT_RC(CATCH(*(volatile u16 *)(conf + 4) = 7), -1);
	EXPECT_HEX(conf_read(rng, 4) & 7, 7);
	EXPECT_RC(CATCH(*(volatile u32 *)(conf + 0xffc) = 1), -1);
	EXPECT_RC(CATCH(*(volatile u32 *)conf = 0x12345678), -1);	/* the ids are read-only in the device */
	EXPECT_HEX(conf_read(rng, 0) & 0xffff, 0x1af4);
	conf_write(rng, 0x3c, line);
}

static volatile u32 *table;	/* MSI-X table of the device, mapped as a driver would */
static u64 table_pa;
static struct physdev_map_pirq msix;

static u64 find_table(u32 dev, u32 cap)
{
	u32 where = conf_read(dev, cap + 4);
	u64 bar = conf_read(dev, 0x10 + 4 * (where & 7));

	if ((bar & 6) == 4)
		bar |= (u64)conf_read(dev, 0x14 + 4 * (where & 7)) << 32;
	return (bar & ~15ul) + (where & ~7u);
}

CASE(msix_map, "the MSI-X table may be mapped writable while no interrupt of the device is")
{
	u32 cap = find_cap(rng, 0x11);

	NEED(cap);
	table_pa = find_table(rng, cap);
	conf_write(rng, 4, conf_read(rng, 4) | 6);
	NEED((table_pa & 0xfff) == 0 && table_pa);
	REQUIRE_RC(map_page(window(41), table_pa | PTE_RW | 0x18), 0);
	EXPECT_HEX(pte_read(window(41), 1) & PTE_W, PTE_W);
	table = window(41);
	EXPECT_HEX(table[3] & 1, 1);
}

/* What a new mapping of it, asked for writable, comes out as. */
static bool table_is_writable(void)
{
	map_page(window(42), 0);
	EXPECT_RC(map_page(window(42), table_pa | PTE_RW | 0x18), 0);
	return pte_read(window(42), 1) & PTE_W;
}

CASE(msix_readonly, "once an interrupt is mapped, a new mapping is read-only, and stores to the table change nothing")
{
	struct physdev_pci_device_add add = { .seg = 0, .bus = 0, .devfn = 5 << 3 };
	volatile u32 *again = window(42);
	u32 data;

	NEED(table);
	msix = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
					  .bus = 0, .devfn = 5 << 3, .entry_nr = 0, .table_base = table_pa };
	NEED(!physdev_op(PHYSDEVOP_pci_device_add, &add));
	REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &msix), 0);
	EXPECT(!table_is_writable());
	EXPECT_HEX(again[0] & 0xfff00000, 0xfee00000);
	data = again[2];
	EXPECT_RC(CATCH(again[2] = data ^ 0xff), -1);
	EXPECT_HEX(again[2], data);
	EXPECT_RC(CATCH(*(volatile u64 *)again = 0), -1);
	EXPECT_HEX(again[0] & 0xfff00000, 0xfee00000);
}

CASE(msix_unmap, "after the last interrupt is unmapped the table is the guest's again")
{
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF, .pirq = msix.pirq };

	NEED(msix.pirq > 0);
	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), 0);
	EXPECT(table_is_writable());
}

CASE(msix_prepare, "prepare_msix does the same without an interrupt, once; release_msix undoes it, unless one is mapped")
{
	struct physdev_pci_device dev = { .seg = 0, .bus = 0, .devfn = 5 << 3 };
	struct physdev_unmap_pirq u = { .domid = DOMID_SELF };

	NEED(table);
	EXPECT_RC(physdev_op(PHYSDEVOP_release_msix, &dev), -XEN_EBUSY);
	EXPECT_RC(physdev_op(PHYSDEVOP_prepare_msix, &dev), 0);
	EXPECT_RC(physdev_op(PHYSDEVOP_prepare_msix, &dev), -XEN_EBUSY);
	EXPECT(!table_is_writable());
	msix.pirq = -1;
	REQUIRE_RC(physdev_op(PHYSDEVOP_map_pirq, &msix), 0);
	EXPECT_RC(physdev_op(PHYSDEVOP_release_msix, &dev), -XEN_EBUSY);
	u.pirq = msix.pirq;
	EXPECT_RC(physdev_op(PHYSDEVOP_unmap_pirq, &u), 0);
	EXPECT(!table_is_writable());
	EXPECT_RC(physdev_op(PHYSDEVOP_release_msix, &dev), 0);
	EXPECT(table_is_writable());
	dev.devfn = 0;
	EXPECT_REFUSED(physdev_op(PHYSDEVOP_prepare_msix, &dev));
}

struct driver {
	struct physdev_map_pirq map;
	u32 dev, cap;
	volatile bool running;
	long failed;		/* what the hypervisor said */
	unsigned wrong;		/* messages on or off when they should not be */
};

static bool msix_enabled(const struct driver *d)
{
	static bool locked;	/* the address and data ports are one pair for all */
	bool on;

	while (__atomic_test_and_set(&locked, __ATOMIC_ACQUIRE))
		__asm__ volatile("pause");
	on = conf_read(d->dev, d->cap) >> 31;
	__atomic_clear(&locked, __ATOMIC_RELEASE);
	return on;
}

static void map_and_unmap(struct driver *d)
{
	for (int i = 0; i < 300 && !d->failed; i++) {
		struct physdev_map_pirq m = d->map;
		struct physdev_unmap_pirq u = { .domid = DOMID_SELF };

		d->failed = physdev_op(PHYSDEVOP_map_pirq, &m);
		if (d->failed)
			break;
		d->wrong += !msix_enabled(d);
		u.pirq = m.pirq;
		d->failed = physdev_op(PHYSDEVOP_unmap_pirq, &u);
		d->wrong += msix_enabled(d);
	}
}

static void other_driver(void *arg)
{
	struct physdev_set_iopl set = { 1 };
	struct driver *d = arg;

	physdev_op(PHYSDEVOP_set_iopl, &set);
	map_and_unmap(d);
	d->running = false;
	for (;;)
		HCALL2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}

CASE(side_by_side, "two vCPUs map and unmap two devices' messages at once: each gets its own, and both are off in the end")
{
	static struct driver d[2];
	struct physdev_pci_device_add add = { .seg = 0, .bus = 0, .devfn = 6 << 3 };

	NEED(table && vcpu_total() > 1);
	REQUIRE_RC(physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
	for (int i = 0; i < 2; i++) {
		d[i].dev = 0x80000000 | (5 + i) << 11;
		d[i].cap = find_cap(d[i].dev, 0x11);
		NEED(d[i].cap);
		d[i].map = (struct physdev_map_pirq){ .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_MSI_SEG, .index = -1, .pirq = -1,
						      .devfn = (5 + i) << 3, .table_base = find_table(d[i].dev, d[i].cap) };
		conf_write(d[i].dev, 4, conf_read(d[i].dev, 4) | 2);
		d[i].running = true;
	}
	REQUIRE_RC(vcpu_start(1, other_driver, &d[1]), 0);
	map_and_unmap(&d[0]);
	while (d[1].running)
		__asm__ volatile("pause");
	for (int i = 0; i < 2; i++) {
		EXPECT_RC(d[i].failed, 0);
		EXPECT_RC(d[i].wrong, 0);
	}
}
