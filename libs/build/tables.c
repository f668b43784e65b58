/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/tables.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ENTRY_TABLE 0x67ull	/* present, writable, user (a PV kernel runs in ring 3), accessed, dirty */
#define ENTRY_PAGE  0x67ull
#define ENTRY_READ  0x65ull

struct builder {
	const struct layout *l;
	const struct frames *f;
	uint64_t *memory;
	uint64_t used;
};

int frames_init(struct frames *f, uint64_t nr)
{
	uint64_t n = (nr + EXTENT_PAGES - 1) / EXTENT_PAGES;

	f->nr = nr;
	f->extents = calloc(n, sizeof(*f->extents));
	f->singles = calloc(n, sizeof(*f->singles));
	if (f->extents && f->singles)
		return 0;
	frames_free(f);
	return -ENOMEM;
}

void frames_free(struct frames *f)
{
	for (uint64_t i = 0; f->singles && i < (f->nr + EXTENT_PAGES - 1) / EXTENT_PAGES; i++)
		free(f->singles[i]);
	free(f->extents);
	free(f->singles);
	memset(f, 0, sizeof(*f));
}

static uint64_t *new_table(struct builder *b, uint64_t *entry)
{
	uint64_t *table = b->memory + b->used * 512;

	assert(b->used < b->l->nr_tables);
	if (entry)
		*entry = frames_mfn(b->f, b->l->tables + b->used) << PAGE_SHIFT | ENTRY_TABLE;
	b->used++;
	return table;
}

static void map(struct builder *b, uint64_t virt, uint64_t pfn, uint64_t n)
{
	const uint64_t first_table = b->l->tables, last_table = b->l->tables + b->l->nr_tables - 1;
	uint64_t *at[4] = { NULL, NULL, NULL, b->memory };
	uint64_t index, kind;

	for (; n; n--, pfn++, virt += PAGE_SIZE) {
		/* A lower table begins where the address has only zeros below it. */
		for (int level = 2; level >= 0; level--) {
			if (at[level] && (virt & ((1ull << (21 + 9 * level)) - 1)))
				continue;
			index = virt >> (21 + 9 * level) & 511;
			at[level] = new_table(b, &at[level + 1][index]);
		}
		kind = pfn >= first_table && pfn <= last_table ? ENTRY_READ : ENTRY_PAGE;
		at[0][virt >> PAGE_SHIFT & 511] = frames_mfn(b->f, pfn) << PAGE_SHIFT | kind;
	}
}

void tables_fill(const struct layout *l, uint64_t virt_base, const struct frames *f, uint64_t *memory)
{
	struct builder b = { .l = l, .f = f, .memory = memory };

	memset(memory, 0, l->nr_tables * PAGE_SIZE);
	new_table(&b, NULL);
	map(&b, virt_base, 0, l->mapped);
	if (l->p2m_outside)
		map(&b, l->p2m_virt, l->p2m, l->nr_p2m);
}

void tables_p2m(const struct frames *f, uint64_t *list)
{
	uint64_t n, base;

	for (uint64_t pfn = 0; pfn < f->nr; pfn += EXTENT_PAGES) {
		n = f->nr - pfn < EXTENT_PAGES ? f->nr - pfn : EXTENT_PAGES;
		base = f->extents[pfn / EXTENT_PAGES];
		if (base == FRAMES_SINGLE)
			memcpy(list + pfn, f->singles[pfn / EXTENT_PAGES], n * sizeof(*list));
		else
			for (uint64_t i = 0; i < n; i++)
				list[pfn + i] = base + i;
	}
}
