// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The PCI devices that IOMMUs translate: whose each is, and which address space it uses. The list grows and never shrinks, so that
 * the fault handler reads it without a lock; a device that is gone keeps its place.
 *
 * A conventional bridge's devices arrive with the bridge's name: they stay together with dom0.
 */
#include "x86/iommu/devices.h"
#include "x86/iommu/unit.h"
#include "x86/hooks.h"
#include "x86/irq_desc.h"
#include "x86/msi_regs.h"
#include "x86/pci.h"
#include "x86/time.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/printf.h"

#define MAX_DEVICES	1024u
#define LIST_ORDER	4u
#define PCI_COMMAND	0x04
#define COMMAND_MASTER	0x0004u
#define PCI_STATUS	0x06
#define STATUS_CAPS	0x0010u
#define PCI_CLASS	0x0a
#define CLASS_BRIDGE	0x0604u
#define CLASS_HOST	0x0600u
#define PCI_HEADER	0x0e
#define PCI_BAR0	0x10
#define PCI_SECONDARY	0x19
#define PCI_CAP_PTR	0x34
#define CAP_EXPRESS	0x10
#define EXPRESS_TO_PCI	7
#define FAULT_WINDOW	10000000000l	/* ns */
#define FAULT_LIMIT	20u		/* in a window: the device is taken off the bus */
#define LOG_WINDOW	1000000000l
#define LOG_LIMIT	50u		/* lines in a window, of all devices */

struct device {
	uint16_t seg, bdf;
	bool present, behind_bridge;
	int8_t unit;			/* -1: none has it */
	domid_t owner;
	struct iommu_space *space;	/* NULL: reaches nothing */
	int64_t window;
	unsigned faults;
};
static struct device *list;		/* [MAX_DEVICES] */
static unsigned nr_devices;
static struct iommu_space *dom0_space;
DEFINE_SPINLOCK(iommu_devices_lock);

static struct device *find(uint16_t seg, uint16_t bdf)
{
	unsigned n = __atomic_load_n(&nr_devices, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < n; i++)
		if (list[i].bdf == bdf && list[i].seg == seg)
			return &list[i];
	return NULL;
}

static uint32_t conf(uint16_t seg, uint16_t bdf, uint16_t reg, unsigned size)
{
	return pci_read(seg, bdf >> 8, (uint8_t)bdf, reg, size);
}

/* Its kind of port (PCI Express 7.8.2); -1: conventional */
static int express_type(uint16_t seg, uint16_t bdf)
{
	uint8_t pos;

	if (!(conf(seg, bdf, PCI_STATUS, 2) & STATUS_CAPS))
		return -1;
	pos = conf(seg, bdf, PCI_CAP_PTR, 1) & 0xfc;
	for (unsigned i = 0; i < 48 && pos >= 0x40; i++) {
		if (conf(seg, bdf, pos, 1) == CAP_EXPRESS)
			return (int)(conf(seg, bdf, pos + 2, 1) >> 4);
		pos = conf(seg, bdf, pos + 1, 1) & 0xfc;
	}
	return -1;
}

static bool is_bridge(uint16_t seg, uint16_t bdf) { return conf(seg, bdf, PCI_CLASS, 2) == CLASS_BRIDGE; }

uint8_t iommu_read_secondary_bus(uint16_t seg, uint8_t bus, uint8_t devfn)
{
	uint16_t bdf = PCI_BDF(bus, devfn);

	return is_bridge(seg, bdf) ? conf(seg, bdf, PCI_SECONDARY, 1) : 0;
}

/* The bridge that leads to bus, or NULL. Without iommu_devices_lock it may be one that is just going. */
static struct device *bridge_to(uint16_t seg, uint8_t bus)
{
	for (unsigned i = 0; bus && i < nr_devices; i++) {
		struct device *d = &list[i];

		if (d->present && d->seg == seg && iommu_read_secondary_bus(seg, d->bdf >> 8, (uint8_t)d->bdf) == bus)
			return d;
	}
	return NULL;
}

/* Under a bridge with a conventional bus behind it, whose requests carry the bridge's name. */
static bool behind_conventional(uint16_t seg, uint16_t bdf)
{
	const struct device *b = bridge_to(seg, bdf >> 8);
	int type = b ? express_type(seg, b->bdf) : 0;

	return b && (b->behind_bridge || type < 0 || type == EXPRESS_TO_PCI);
}

static int point(struct device *d, struct iommu_space *s)
{
	int rc = iommu_set_device(d->unit, d->bdf, s);

	for (unsigned i = 0; !rc && i < iommu_tables.nr_aliases; i++)
		if (iommu_tables.alias[i].seg == d->seg && iommu_tables.alias[i].from == d->bdf)
			rc = iommu_set_device(d->unit, iommu_tables.alias[i].as, s);
	/* A bridge also speaks for what is behind it, as function 0 of the bus (PCI Express to PCI bridge 1.0, 2.3). */
	if (!rc && is_bridge(d->seg, d->bdf) && conf(d->seg, d->bdf, PCI_SECONDARY, 1))
		rc = iommu_set_device(d->unit, (uint16_t)(conf(d->seg, d->bdf, PCI_SECONDARY, 1) << 8), s);
	if (!rc)
		d->space = s;
	return rc;
}

int iommu_device_found(uint16_t seg, uint16_t bdf)
{
	struct device *d;
	int rc = 0;

	if (!iommu_active)
		return 0;
	spin_lock(&iommu_devices_lock);
	d = find(seg, bdf);
	if (d && d->present)
		goto out;
	if (!d) {
		rc = -ENOSPC;
		if (nr_devices == MAX_DEVICES)
			goto out;
		d = &list[nr_devices];
	}
	*d = (struct device){ .seg = seg, .bdf = bdf, .present = true, .unit = (int8_t)iommu_unit_of(seg, bdf),
			      .behind_bridge = behind_conventional(seg, bdf) };
	if (d == &list[nr_devices])
		__atomic_store_n(&nr_devices, nr_devices + 1, __ATOMIC_RELEASE);
	/* A host bridge masters nothing; nor is there anything to translate without a unit. */
	rc = d->unit < 0 || !dom0_space ? 0 : point(d, dom0_space) ?: iommu_prepare_device(seg, bdf);
	if (d->unit < 0)
		printk(LOG_WARN "IOMMU: no unit has device %04x:%02x:%02x.%x: its DMA is not confined\n", seg, bdf >> 8,
		       bdf >> 3 & 31, bdf & 7);
out:
	spin_unlock(&iommu_devices_lock);
	if (rc)
		printk(LOG_ERR "IOMMU: %04x:%02x:%02x.%x cannot do DMA: error %d\n", seg, bdf >> 8, bdf >> 3 & 31, bdf & 7, rc);
	return rc;
}

void iommu_device_lost(uint16_t seg, uint16_t bdf)
{
	struct device *d;

	if (!iommu_active)
		return;
	spin_lock(&iommu_devices_lock);
	d = find(seg, bdf);
	if (d && d->present) {
		if (d->unit >= 0)
			point(d, NULL);
		d->present = false;
		d->owner = 0;
	}
	spin_unlock(&iommu_devices_lock);
}

int iommu_device_owner(uint16_t seg, uint16_t bdf, domid_t *owner)
{
	const struct device *d;

	spin_lock(&iommu_devices_lock);
	d = find(seg, bdf);
	if (d && !d->present)
		d = NULL;
	if (d)
		*owner = d->owner;
	spin_unlock(&iommu_devices_lock);
	return d ? 0 : -ENODEV;
}

/* A space without devices has been flushed for the last time. iommu_devices_lock held. */
static void forget_units(struct iommu_space *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < nr_devices; i++)
		if (list[i].present && list[i].space == s)
			return;
	WRITE_ONCE(s->units, 0);
}

int iommu_device_assign(uint16_t seg, uint16_t bdf, domid_t from, domid_t to, struct iommu_space *s)
{
	struct iommu_space *old;
	struct device *d;
	int rc = -ENODEV;

	spin_lock(&iommu_devices_lock);
	d = find(seg, bdf);
	if (!d || !d->present || d->unit < 0)
		goto out;
	rc = -EBUSY;
	if (d->owner != from)
		goto out;
	rc = -EPERM;
	if (d->behind_bridge || is_bridge(seg, bdf) || conf(seg, bdf, PCI_CLASS, 2) == CLASS_HOST)
		goto out;
	old = d->space;
	rc = point(d, to ? s : dom0_space);
	if (!rc) {
		d->owner = to;
		d->faults = 0;
		forget_units(old);
	}
out:
	spin_unlock(&iommu_devices_lock);
	return rc;
}

void iommu_devices_quarantine(domid_t owner, struct iommu_space *s)
{
	spin_lock(&iommu_devices_lock);
	for (unsigned i = 0; i < nr_devices; i++) {
		struct device *d = &list[i];

		if (!d->present || d->owner != owner || d->unit < 0)
			continue;
		point(d, NULL);
		d->owner = IOMMU_NOBODY;
		printk(LOG_INFO "IOMMU: %04x:%02x:%02x.%x of d%u is in quarantine: it reaches nothing\n", d->seg, d->bdf >> 8,
		       d->bdf >> 3 & 31, d->bdf & 7, owner);
	}
	forget_units(s);
	spin_unlock(&iommu_devices_lock);
}

unsigned iommu_devices_of(domid_t owner)
{
	unsigned n = 0;

	spin_lock(&iommu_devices_lock);
	for (unsigned i = 0; i < nr_devices; i++)
		n += list[i].present && list[i].owner == owner;
	spin_unlock(&iommu_devices_lock);
	return n;
}

unsigned iommu_device_group(uint16_t seg, uint16_t bdf, uint16_t *out, unsigned max)
{
	const struct device *d;
	unsigned n = 0;

	spin_lock(&iommu_devices_lock);
	d = find(seg, bdf);
	for (unsigned i = 0; d && d->behind_bridge && i < nr_devices && n < max; i++)
		if (list[i].present && list[i].seg == seg && list[i].bdf >> 8 == bdf >> 8 && list[i].bdf != bdf)
			out[n++] = list[i].bdf;
	spin_unlock(&iommu_devices_lock);
	return n;
}

/* Do its requests carry a bridge's name? */
static bool is_behind(uint16_t seg, uint16_t bdf)
{
	const struct device *d = list ? find(seg, bdf) : NULL;

	return d && d->behind_bridge;
}

bool iommu_device_bridge(uint16_t seg, uint16_t bdf, uint16_t *name, bool *bus)
{
	const struct device *b;
	bool found = false;

	while (is_behind(seg, bdf) && (b = bridge_to(seg, bdf >> 8)) && b->bdf >> 8 < bdf >> 8) {
		*bus = express_type(seg, b->bdf) == EXPRESS_TO_PCI;
		*name = *bus ? bdf & 0xff00 : b->bdf;
		bdf = b->bdf;
		found = true;
	}
	return found;
}

unsigned iommu_device_names(uint16_t seg, uint16_t bdf, uint16_t names[IOMMU_MAX_NAMES])
{
	unsigned n = 0;
	bool bus;

	names[n++] = bdf;
	if (iommu_device_bridge(seg, bdf, &names[n], &bus))
		n++;
	for (unsigned i = 0; i < iommu_tables.nr_aliases && n < IOMMU_MAX_NAMES; i++)
		if (iommu_tables.alias[i].seg == seg && iommu_tables.alias[i].from == bdf)
			names[n++] = iommu_tables.alias[i].as;
	return n;
}

bool iommu_device_has_region(uint16_t seg, uint16_t bdf)
{
	for (unsigned i = 0; i < iommu_tables.nr_regions; i++) {
		const struct iommu_region *r = &iommu_tables.region[i];

		if (r->seg == seg && bdf >= r->first && bdf <= r->last)
			return true;
	}
	return false;
}

/* Pages in which its memory BARs begin: one that is smaller than a page lies in one. Number written. */
static unsigned bar_pages(uint16_t seg, uint16_t bdf, paddr_t pages[6])
{
	const struct msi_place m = { .seg = seg, .bus = bdf >> 8, .devfn = (uint8_t)bdf };
	unsigned bars = conf(seg, bdf, PCI_HEADER, 1) & 0x7f ? 2 : 6, n = 0;

	for (unsigned i = 0; i < bars; i++) {
		paddr_t pa = msi_read_bar(&m, i);

		if (pa)
			pages[n++] = pa & PAGE_MASK;
		i += pa && (conf(seg, bdf, (uint16_t)(PCI_BAR0 + 4 * i), 1) & 6) == 4;
	}
	return n;
}

bool iommu_device_shares_page(uint16_t seg, uint16_t bdf, domid_t owner)
{
	paddr_t mine[6], other[6];
	unsigned n = bar_pages(seg, bdf, mine);
	bool shares = false;

	spin_lock(&iommu_devices_lock);
	for (unsigned i = 0; n && i < nr_devices; i++) {
		const struct device *d = &list[i];
		unsigned k = d->present && d->seg == seg && d->bdf != bdf && d->owner != owner && d->owner != IOMMU_NOBODY ?
			     bar_pages(seg, d->bdf, other) : 0;

		for (unsigned a = 0; a < n; a++)
			for (unsigned b = 0; b < k; b++)
				shares |= mine[a] == other[b];
	}
	spin_unlock(&iommu_devices_lock);
	return shares;
}

/* --- the devices that are there at boot --- */

static void scan_bus(uint8_t bus, unsigned depth)
{
	for (unsigned devfn = 0; devfn < 256; devfn++) {
		uint16_t bdf = PCI_BDF(bus, devfn);
		uint8_t sub;

		if (conf(0, bdf, 0, 2) == 0xffff) {
			if (!(devfn & 7))
				devfn += 7;	/* no function 0: no device */
			continue;
		}
		iommu_device_found(0, bdf);
		sub = iommu_read_secondary_bus(0, bus, (uint8_t)devfn);
		if (sub > bus && depth < 16)
			scan_bus(sub, depth + 1);
		if (!(devfn & 7) && !(conf(0, bdf, PCI_HEADER, 1) & 0x80))
			devfn += 7;
	}
}

void iommu_set_dom0_space(struct iommu_space *s)
{
	if (!list)
		list = x86_alloc_pages(LIST_ORDER);
	BUILD_ASSERT(sizeof(struct device) * MAX_DEVICES <= PAGE_SIZE << LIST_ORDER);
	if (!list)
		panic("IOMMU: no memory for the list of devices");
	dom0_space = s;
	scan_bus(0, 0);
	printk(LOG_INFO "IOMMU: %u PCI devices are dom0's\n", nr_devices);
}

/* --- faults --- */

static int64_t log_window;
static unsigned log_lines;

static bool may_log(int64_t t)
{
	if (t - log_window > LOG_WINDOW) {
		if (log_lines > LOG_LIMIT)
			printk(LOG_WARN "IOMMU: %u more faults were not printed\n", log_lines - LOG_LIMIT);
		log_window = t;
		log_lines = 0;
	}
	return ++log_lines <= LOG_LIMIT;
}

void iommu_report_fault(const struct iommu_unit *u, uint16_t bdf, uint64_t addr, const char *what, const char *why)
{
	struct device *d = list ? find(u->info->seg, bdf) : NULL;
	int64_t t = now();
	uint32_t command;

	if (may_log(t)) {
		char owner[16] = "nobody";

		if (d && d->present && d->owner == IOMMU_NOBODY)
			snprintf(owner, sizeof(owner), "quarantine");
		else if (d && d->present)
			snprintf(owner, sizeof(owner), "d%u", d->owner);
		printk(LOG_WARN "IOMMU: device %04x:%02x:%02x.%x of %s: %s at %lx blocked: %s\n", u->info->seg, bdf >> 8,
		       bdf >> 3 & 31, bdf & 7, owner, what, (unsigned long)addr, why);
	}
	if (!d)
		return;
	if (t - d->window > FAULT_WINDOW) {
		d->window = t;
		d->faults = 0;
	}
	if (++d->faults != FAULT_LIMIT)
		return;
	command = conf(d->seg, bdf, PCI_COMMAND, 2);
	pci_write(d->seg, bdf >> 8, (uint8_t)bdf, PCI_COMMAND, 2, command & ~COMMAND_MASTER);
	printk(LOG_ERR "IOMMU: device %04x:%02x:%02x.%x has made %u faults within %u s: it is no longer bus master\n", d->seg,
	       bdf >> 8, bdf >> 3 & 31, bdf & 7, FAULT_LIMIT, (unsigned)(FAULT_WINDOW / 1000000000));
}

void iommu_dump(void)
{
	for (unsigned i = 0; i < nr_devices; i++)
		if (list[i].present)
			printk("  %04x:%02x:%02x.%x d%u unit %d%s, %lu pages of tables\n", list[i].seg, list[i].bdf >> 8,
			       list[i].bdf >> 3 & 31, list[i].bdf & 7, list[i].owner, list[i].unit,
			       list[i].space ? "" : " (reaches nothing)",
			       list[i].space ? (unsigned long)list[i].space->pt.tables : 0ul);
}
