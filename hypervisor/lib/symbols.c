/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lib/symbols.h"

static const char *nth_name(const struct symtab *t, uint32_t n)
{
	const char *s = t->names + t->groups[n / SYMTAB_GROUP];

	for (uint32_t i = n % SYMTAB_GROUP; i; i--) {
		while (*s)
			s++;
		s++;
	}
	return s;
}

bool symtab_find(const struct symtab *t, uint64_t addr, struct symbol *out)
{
	uint32_t low = 0, high = t->count;

	if (!t->count || addr < t->base + t->offset[0] || addr >= t->end)
		return false;
	/* Invariant: offset[low] <= addr - base < offset[high] */
	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (t->base + t->offset[mid] <= addr)
			low = mid;
		else
			high = mid;
	}
	out->name = nth_name(t, low);
	out->offset = addr - t->base - t->offset[low];
	out->size = (high < t->count ? t->base + t->offset[high] : t->end) - t->base - t->offset[low];
	return true;
}
