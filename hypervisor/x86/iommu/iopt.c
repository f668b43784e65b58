// SPDX-License-Identifier: GPL-2.0-or-later
#include "x86/iommu/iopt.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "lib/errno.h"

#define ENTRIES		512u
#define ADDR_BITS	0x000ffffffffff000ull
#define LEVEL_SHIFT	9
#define LEVEL_BITS	(7ull << LEVEL_SHIFT)

/* VT-d: R and W in both kinds of entries, SP in large leaves. AMD: PR, IR and IW, and the level of the next table. */
const struct iopt_format iopt_vtd = { .read = 1, .write = 2, .table = 3, .large = 1ull << 7 };
const struct iopt_format iopt_amd = {
	.read = 1ull << 61, .write = 1ull << 62, .present = 1, .table = 1 | 3ull << 61, .numbered = true,
};
const struct iopt_format iopt_counters = { .present = 1, .table = 1 };

static uint64_t *entry_table(uint64_t e) { return pa_to_va(e & ADDR_BITS); }
static bool is_present(const struct iopt_format *f, uint64_t e) { return e & (f->read | f->write | f->present); }

static bool is_table(const struct iopt_format *f, uint64_t e)
{
	return is_present(f, e) && (f->numbered ? e & LEVEL_BITS : !(e & f->large));
}

static void write_entry(const struct iopt *t, uint64_t *e, uint64_t v)
{
	WRITE_ONCE(*e, v);
	if (t->writeback)
		__asm__ volatile("clflush %0" :: "m"(*e) : "memory");
}

/* v: what its entries hold at first */
static uint64_t *new_table(struct iopt *t, uint64_t v, uint64_t step)
{
	uint64_t *p = x86_alloc_pages(0);

	if (!p)
		return NULL;
	t->tables++;
	for (unsigned i = 0; v && i < ENTRIES; i++, v += step)
		p[i] = v;
	for (unsigned i = 0; t->writeback && i < ENTRIES; i += 8)
		__asm__ volatile("clflush %0" :: "m"(p[i]) : "memory");
	return p;
}

int iopt_init(struct iopt *t, const struct iopt_format *fmt, unsigned levels)
{
	t->fmt = fmt;
	t->levels = levels;
	t->root = new_table(t, 0, 0);
	return t->root ? 0 : -ENOMEM;
}

static void free_tables(struct iopt *t, uint64_t *p, unsigned level)
{
	for (unsigned i = 0; level > 1 && i < ENTRIES; i++)
		if (is_table(t->fmt, p[i]))
			free_tables(t, entry_table(p[i]), level - 1);
	x86_free_pages(p, 0);
	t->tables--;
}

void iopt_destroy(struct iopt *t)
{
	if (t->root)
		free_tables(t, t->root, t->levels);
	t->root = NULL;
}

static unsigned index(uint64_t frame, unsigned level) { return frame >> 9 * (level - 1) & (ENTRIES - 1); }
static bool in_reach(const struct iopt *t, uint64_t frame) { return !(frame >> 9 * t->levels); }

static uint64_t leaf_bits(const struct iopt_format *f, unsigned perms)
{
	return !perms ? 0 : f->present | (perms & IOPT_READ ? f->read : 0) | (perms & IOPT_WRITE ? f->write : 0);
}

/* A table in the place of an empty entry, or of a large leaf whose permissions its entries take over. */
static uint64_t *push_table(struct iopt *t, uint64_t *e, unsigned level)
{
	const struct iopt_format *f = t->fmt;
	bool large = is_present(f, *e);
	uint64_t *p;

	if (large)
		p = new_table(t, *e & ~f->large, PAGE_SIZE);
	else
		p = new_table(t, 0, 0);
	if (p)
		write_entry(t, e, va_to_pa(p) | f->table | (f->numbered ? (uint64_t)(level - 1) << LEVEL_SHIFT : 0));
	return p;
}

uint64_t *iopt_slot(struct iopt *t, uint64_t frame, bool make)
{
	uint64_t *p = t->root;

	if (!in_reach(t, frame))
		return NULL;
	for (unsigned level = t->levels; level > 1; level--) {
		uint64_t *e = &p[index(frame, level)];

		if (is_table(t->fmt, *e))
			p = entry_table(*e);
		else if (!make)
			return NULL;
		else
			p = push_table(t, e, level);
		if (!p)
			return NULL;
	}
	return &p[index(frame, 1)];
}

static unsigned perms_of(const struct iopt_format *f, uint64_t e)
{
	return (e & f->read ? IOPT_READ : 0) | (e & f->write ? IOPT_WRITE : 0);
}

unsigned iopt_get(const struct iopt *t, uint64_t frame)
{
	const uint64_t *p = t->root;

	if (!in_reach(t, frame))
		return 0;
	for (unsigned level = t->levels;; level--) {
		uint64_t e = p[index(frame, level)];

		if (level == 1 || !is_table(t->fmt, e))
			return perms_of(t->fmt, e);
		p = entry_table(e);
	}
}

int iopt_set(struct iopt *t, uint64_t frame, unsigned perms)
{
	unsigned was = iopt_get(t, frame);
	uint64_t *e;

	if (was == perms)
		return 0;
	if (!in_reach(t, frame))
		return -ERANGE;
	e = iopt_slot(t, frame, true);
	if (!e)
		return -ENOMEM;
	write_entry(t, e, perms ? (frame << PAGE_SHIFT) | leaf_bits(t->fmt, perms) : 0);
	return (was & ~perms) != 0;
}

/* The entry of level 2 over frame, if a large leaf can be put there; NULL otherwise. */
static uint64_t *large_place(struct iopt *t, uint64_t frame)
{
	uint64_t *p = t->root;

	for (unsigned level = t->levels; level > 2; level--) {
		uint64_t *e = &p[index(frame, level)];

		p = is_table(t->fmt, *e) ? entry_table(*e) : push_table(t, e, level);
		if (!p)
			return NULL;
	}
	return is_present(t->fmt, p[index(frame, 2)]) ? NULL : &p[index(frame, 2)];
}

int iopt_add_range(struct iopt *t, uint64_t first, uint64_t nr, unsigned perms)
{
	const uint64_t large = 1ull << IOPT_LARGE_ORDER;
	uint64_t end = first + nr;

	if (end < first || (nr && !in_reach(t, end - 1)))
		return -ERANGE;
	while (first < end) {
		uint64_t *e = NULL;
		int rc;

		if (t->large && !(first & (large - 1)) && end - first >= large)
			e = large_place(t, first);
		if (e) {
			write_entry(t, e, (first << PAGE_SHIFT) | leaf_bits(t->fmt, perms) | t->fmt->large);
			first += large;
			continue;
		}
		rc = iopt_set(t, first, iopt_get(t, first) | perms);
		if (rc < 0)
			return rc;
		first++;
	}
	return 0;
}
