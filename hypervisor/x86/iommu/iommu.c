// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Units and address spaces. A space's tables are changed under its lock; what has been taken away is flushed before the caller
 * learns of it, so that nobody can get the frame while a device may still write it.
 */
#include "x86/iommu/iommu.h"
#include "x86/iommu/unit.h"
#include "x86/iommu/devices.h"
#include "x86/hooks.h"
#include "boot/boot.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"

#define MAX_IDS 4096u

bool iommu_active;
const char *iommu_name = "none";
bool iommu_dom0_strict = true, iommu_dom0_passthrough, iommu_dom0_inclusive = true, iommu_dom0_reserved = true;
struct iommu_unit iommu_unit[IOMMU_MAX_UNITS];
unsigned iommu_nr_units;
struct iommu_common iommu_common = { .levels = 4, .max_ids = MAX_IDS, .large = true, .passthrough = true };

static bool wanted = true, required, intremap = true;
static const struct iommu_ops *ops;
static DEFINE_SPINLOCK(ids_lock);
static unsigned long ids[BITS_TO_LONGS(MAX_IDS)];

/* --- command line --- */

/* Calls fn with each of the comma-separated words: its name, and whether it is on ("no-x", "x=0" are off). */
static void for_words(const char *s, const char *param, bool (*fn)(const char *word, bool on))
{
	while (*s) {
		char word[32];
		size_t n = 0;
		bool on = true, ok = true;
		char *eq;

		for (; *s && *s != ','; s++)
			if (n + 1 < sizeof(word))
				word[n++] = *s;
		word[n] = '\0';
		s += *s == ',';
		eq = strchr(word, '=');
		if (eq) {
			*eq = '\0';
			on = cmdline_bool(eq + 1, &ok);
		}
		if (!ok || !(!strncmp(word, "no-", 3) ? fn(word + 3, !on) : fn(word, on)))
			printk(LOG_WARN "%s=: unknown word '%s'\n", param, word);
	}
}

static bool iommu_word(const char *w, bool on)
{
	bool ok, b = cmdline_bool(w, &ok);

	if (ok)
		wanted = b;
	else if (!strcmp(w, "force") || !strcmp(w, "required"))
		required = on;
	else if (!strcmp(w, "intremap"))
		intremap = on;
	else if (!strcmp(w, "dom0-passthrough"))
		iommu_dom0_passthrough = on;
	else if (!strcmp(w, "dom0-strict"))
		iommu_dom0_strict = on;
	else
		return !strcmp(w, "verbose") || !strcmp(w, "debug") || !strcmp(w, "qinval") || !strcmp(w, "superpages");
	return true;
}

static bool dom0_word(const char *w, bool on)
{
	if (!strcmp(w, "strict"))
		iommu_dom0_strict = on;
	else if (!strcmp(w, "passthrough"))
		iommu_dom0_passthrough = on;
	else if (!strcmp(w, "none"))
		iommu_dom0_passthrough = on;
	else if (!strcmp(w, "map-inclusive"))
		iommu_dom0_inclusive = on;
	else if (!strcmp(w, "map-reserved"))
		iommu_dom0_reserved = on;
	else
		return false;
	return true;
}

static void parse_iommu(const char *s) { for_words(s, "iommu", iommu_word); }
static void parse_dom0_iommu(const char *s) { for_words(s, "dom0-iommu", dom0_word); }

BOOT_PARAM(iommu, "iommu", parse_iommu, "<bool>,required,intremap,dom0-strict,dom0-passthrough: use of IOMMUs");
BOOT_PARAM(dom0_iommu, "dom0-iommu", parse_dom0_iommu,
	   "strict,passthrough,map-inclusive,map-reserved: what dom0's devices may reach");

/* --- start --- */

void iommu_acpi_dmar(const struct acpi_header *t)
{
	struct acpi_header *h = (struct acpi_header *)t;

	iommu_secondary_bus = iommu_read_secondary_bus;
	iommu_parse_dmar(t);
	if (!wanted)
		return;
	/* A kernel that finds the table would program the units. The checksum stays right. */
	h->checksum -= 'X' - h->signature[0];
	h->signature[0] = 'X';
}

void iommu_acpi_ivrs(const struct acpi_header *t) { iommu_parse_ivrs(t); }

void iommu_write_back(const void *p, size_t n)
{
	const char *c = p;

	for (size_t i = 0; iommu_common.writeback && i < n; i += 64)
		__asm__ volatile("clflush %0" :: "m"(c[i]) : "memory");
}

static int take_units(void)
{
	for (unsigned i = 0; i < iommu_tables.nr_units; i++) {
		struct iommu_unit *u = &iommu_unit[i];
		int rc;

		u->info = &iommu_tables.unit[i];
		u->nr = i;
		spin_lock_init(&u->queue_lock);
		u->regs = x86_map_device(u->info->base, ops->regs_size);
		if (!u->regs)
			return -ENOMEM;
		rc = ops->init(u);
		if (rc)
			return rc;
		iommu_nr_units++;
	}
	return 0;
}

void iommu_init(void)
{
	int rc;

	if (!wanted || !iommu_tables.nr_units) {
		if (required)
			panic("iommu=required: there is no IOMMU%s", wanted ? "" : ", or iommu=off");
		return;
	}
	ops = iommu_tables.vendor == IOMMU_AMD ? &iommu_amd_ops : &iommu_vtd_ops;
	rc = take_units();
	if (rc) {
		printk(LOG_ERR "IOMMU: %s: unit %u cannot be used (error %d): devices' DMA is not confined\n", ops->name,
		       iommu_nr_units, rc);
		if (required)
			panic("iommu=required: no usable IOMMU");
		return;
	}
	iommu_active = true;
	iommu_name = ops->name;
	ops->remap_init(intremap);
	set_bit(0, ids);
	printk(LOG_INFO "IOMMU: %s: %u units, %u levels%s%s\n", ops->name, iommu_nr_units, iommu_common.levels,
	       iommu_common.large ? ", 2 MiB pages" : "", iommu_common.writeback ? ", not coherent" : "");
}

void iommu_enable(void)
{
	for (unsigned i = 0; i < iommu_nr_units && iommu_active; i++)
		ops->enable(&iommu_unit[i]);
	if (iommu_active && ops->started)
		ops->started();
}

void iommu_for_each_unit(void (*fn)(void *arg, paddr_t base, uint64_t size), void *arg)
{
	for (unsigned i = 0; i < iommu_nr_units && iommu_active; i++)
		fn(arg, iommu_unit[i].info->base, ops->regs_size);
}

/* --- spaces --- */

static int take_id(void)
{
	unsigned long id;

	spin_lock(&ids_lock);
	id = find_next_zero_bit(ids, iommu_common.max_ids, 1);
	if (id < iommu_common.max_ids)
		set_bit(id, ids);
	spin_unlock(&ids_lock);
	return id < iommu_common.max_ids ? (int)id : -ENOSPC;
}

struct iommu_space *iommu_space_new(domid_t owner, bool passthrough)
{
	struct iommu_space *s = x86_alloc_pages(0);
	int id = s ? take_id() : -ENOMEM;

	BUILD_ASSERT(sizeof(*s) <= PAGE_SIZE);
	if (id < 0)
		goto fail;
	spin_lock_init(&s->lock);
	s->owner = owner;
	s->id = (uint16_t)id;
	s->passthrough = passthrough && iommu_common.passthrough;
	s->pt.writeback = iommu_common.writeback;
	s->pt.large = iommu_common.large;
	if (!iopt_init(&s->pt, ops->format, iommu_common.levels) && !iopt_init(&s->foreign, &iopt_counters, iommu_common.levels))
		return s;
	iopt_destroy(&s->pt);
	clear_bit(s->id, ids);
fail:
	if (s)
		x86_free_pages(s, 0);
	return NULL;
}

void iommu_space_free(struct iommu_space *s)
{
	iommu_flush(s);
	iopt_destroy(&s->pt);
	iopt_destroy(&s->foreign);
	clear_bit(s->id, ids);
	x86_free_pages(s, 0);
}

static void flush_frame(struct iommu_space *s, mfn_t m)
{
	for (uint32_t left = READ_ONCE(s->units); left; left &= left - 1)
		ops->flush_frame(&iommu_unit[__builtin_ctz(left)], s->id, m.n);
}

void iommu_flush(struct iommu_space *s)
{
	for (uint32_t left = READ_ONCE(s->units); left; left &= left - 1)
		ops->flush_space(&iommu_unit[__builtin_ctz(left)], s->id);
}

static void complain(const struct iommu_space *s, mfn_t m, int rc)
{
	printk(LOG_GUEST LOG_WARN "IOMMU: d%u: its devices cannot reach frame %lx: error %d\n", s->owner, (unsigned long)m.n, rc);
}

void iommu_frame_writable(struct iommu_space *s, mfn_t m)
{
	int rc;

	spin_lock(&s->lock);
	rc = iopt_set(&s->pt, m.n, IOPT_READ | IOPT_WRITE);
	spin_unlock(&s->lock);
	if (rc < 0)
		complain(s, m, rc);
	else if (iommu_common.caching)
		flush_frame(s, m);
}

void iommu_frame_gone(struct iommu_space *s, mfn_t m)
{
	int rc;

	spin_lock(&s->lock);
	rc = iopt_set(&s->pt, m.n, 0);
	spin_unlock(&s->lock);
	/* A large leaf that could not be split for want of memory: it must not stay. */
	BUG_ON(rc < 0);
	if (rc)
		flush_frame(s, m);
}

bool iommu_can_write(struct iommu_space *s, mfn_t m)
{
	bool w;

	spin_lock(&s->lock);
	w = iopt_get(&s->pt, m.n) & IOPT_WRITE;
	spin_unlock(&s->lock);
	return w;
}

#define WRITABLE_GRANT (1ull << 32)

static unsigned foreign_perms(uint64_t count)
{
	return !count ? 0 : count >= WRITABLE_GRANT ? IOPT_READ | IOPT_WRITE : IOPT_READ;
}

int iommu_foreign_add(struct iommu_space *s, mfn_t m, bool write)
{
	uint64_t *count;
	int rc = -ENOMEM;

	spin_lock(&s->lock);
	count = iopt_slot(&s->foreign, m.n, true);
	if (count) {
		rc = iopt_set(&s->pt, m.n, foreign_perms(*count + (write ? WRITABLE_GRANT : 1)));
		if (rc >= 0)
			*count += write ? WRITABLE_GRANT : 1;
	}
	spin_unlock(&s->lock);
	if (rc >= 0 && iommu_common.caching)
		flush_frame(s, m);
	return rc < 0 ? rc : 0;
}

bool iommu_foreign_del(struct iommu_space *s, mfn_t m, bool write)
{
	uint64_t *count;
	int rc = 0;

	spin_lock(&s->lock);
	count = iopt_slot(&s->foreign, m.n, false);
	/* Not counted: it was granted before the space was, or there was no memory for it. */
	if (count && (write ? *count >= WRITABLE_GRANT : (uint32_t)*count != 0)) {
		*count -= write ? WRITABLE_GRANT : 1;
		rc = iopt_set(&s->pt, m.n, foreign_perms(*count));
	}
	spin_unlock(&s->lock);
	BUG_ON(rc < 0);
	return rc > 0;
}

int iommu_add_range(struct iommu_space *s, uint64_t first, uint64_t nr, bool write)
{
	int rc;

	spin_lock(&s->lock);
	rc = iopt_add_range(&s->pt, first, nr, IOPT_READ | (write ? IOPT_WRITE : 0));
	spin_unlock(&s->lock);
	return rc;
}

static int add_region(struct iommu_space *s, const struct iommu_region *r)
{
	printk(LOG_DEBUG "IOMMU: d%u: %04x-%04x reach %lx-%lx, as the firmware wants\n", s->owner, r->first, r->last,
	       (unsigned long)r->start, (unsigned long)r->end);
	return iommu_add_range(s, r->start >> PAGE_SHIFT, (r->end - r->start) >> PAGE_SHIFT, true);
}

int iommu_add_regions(struct iommu_space *s)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < iommu_tables.nr_regions; i++)
		rc = add_region(s, &iommu_tables.region[i]);
	return rc;
}

int iommu_add_regions_of(struct iommu_space *s, uint16_t seg, uint16_t bdf)
{
	int rc = 0;

	for (unsigned i = 0; !rc && i < iommu_tables.nr_regions; i++) {
		const struct iommu_region *r = &iommu_tables.region[i];

		if (r->seg == seg && bdf >= r->first && bdf <= r->last)
			rc = add_region(s, r);
	}
	return rc;
}

/* --- devices: the vendor's side (devices.c has the list) --- */

int iommu_prepare_device(uint16_t seg, uint16_t bdf) { return ops->found ? ops->found(seg, bdf) : 0; }

int iommu_set_device(int unit, uint16_t bdf, struct iommu_space *s)
{
	/* First the mark, so that a flush that comes meanwhile is not lost to the unit. */
	if (s)
		__atomic_fetch_or(&s->units, 1u << unit, __ATOMIC_SEQ_CST);
	return ops->set_device(&iommu_unit[unit], bdf, s);
}
