/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/ram.h"
#include "boot/boot.h"

#define FIRST_FRAME 256u	/* 1 MiB */

struct ram_list ram_all, ram_usable;

bool ram_next(const struct ram_list *l, uint64_t from, uint64_t to, struct ram_range *out)
{
	for (unsigned i = 0; from < to && i < l->nr && l->r[i].start < to; i++) {
		if (l->r[i].end <= from)
			continue;
		out->start = MAX(l->r[i].start, from);
		out->end = MIN(l->r[i].end, to);
		return true;
	}
	return false;
}

static void insert_at(struct ram_list *l, unsigned i, struct ram_range r)
{
	if (l->nr == ARRAY_SIZE(l->r))
		return;		/* a map this odd loses some memory */
	for (unsigned k = l->nr++; k > i; k--)
		l->r[k] = l->r[k - 1];
	l->r[i] = r;
}

static void remove_at(struct ram_list *l, unsigned i)
{
	for (l->nr--; i < l->nr; i++)
		l->r[i] = l->r[i + 1];
}

/* [start, end) must not overlap what is there. */
static void list_add_range(struct ram_list *l, uint64_t start, uint64_t end)
{
	unsigned i = 0;

	if (start >= end)
		return;
	while (i < l->nr && l->r[i].end < start)
		i++;
	if (i < l->nr && l->r[i].end == start) {
		l->r[i].end = end;
		if (i + 1 < l->nr && l->r[i + 1].start == end) {
			l->r[i].end = l->r[i + 1].end;
			remove_at(l, i + 1);
		}
	} else if (i < l->nr && l->r[i].start == end) {
		l->r[i].start = start;
	} else {
		insert_at(l, i, (struct ram_range){ start, end });
	}
}

void ram_reserve(uint64_t start, uint64_t end)
{
	struct ram_list *l = &ram_usable;

	for (unsigned i = 0; i < l->nr;) {
		struct ram_range r = l->r[i];

		if (r.end <= start || r.start >= end) {
			i++;
			continue;
		}
		remove_at(l, i);
		if (r.start < start)
			insert_at(l, i++, (struct ram_range){ r.start, start });
		if (r.end > end)
			insert_at(l, i++, (struct ram_range){ end, r.end });
	}
}

void ram_give_back(uint64_t start, uint64_t end)
{
	list_add_range(&ram_usable, start, end);
}

mfn_t ram_take(uint64_t nr, uint64_t align, uint64_t limit)
{
	for (unsigned i = ram_usable.nr; i-- > 0;) {
		struct ram_range r = ram_usable.r[i];
		uint64_t end = MIN(r.end, limit), at;

		if (end < nr)
			continue;
		at = (end - nr) & ~(align - 1);
		if (at < r.start)
			continue;
		ram_reserve(at, at + nr);
		return MFN(at);
	}
	return INVALID_MFN;
}

bool ram_init(const struct boot_info *b, uint64_t limit)
{
	ram_all.nr = ram_usable.nr = 0;
	for (unsigned i = 0; i < b->nr_mem; i++) {
		const struct boot_mem *m = &b->mem[i];
		uint64_t start = MAX(PFN_UP(m->start), (uint64_t)FIRST_FRAME);
		uint64_t end = MIN(PFN_DOWN(m->start + m->size), limit);

		if (m->type == 1 && start < end) {
			list_add_range(&ram_all, start, end);
			list_add_range(&ram_usable, start, end);
		}
	}
	return ram_all.nr != 0;
}
