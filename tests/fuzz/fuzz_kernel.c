// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libs/why/why.c libs/build/image.c libs/build/unpack.c libs/build/layout.c libs/build/tables.c
// links: z bz2 lzma lzo2 lz4 zstd
/*
 * A guest owner's kernel, as the domain builder reads it: bzImage, packings, ELF, notes, layout, page tables. Whatever the bytes,
 * nothing is read or written outside, and what is accepted lies inside the file and the guest's memory.
 */
#include "fuzz.h"
#include <errno.h>
#include "build/image.h"
#include "build/layout.h"
#include "build/tables.h"
#include "build/unpack.h"

#define ROOM (4u << 20)
static struct why why;

static void check_layout(const struct image *image, uint64_t pages)
{
	struct layout l;
	struct frames f;
	uint64_t *tables, *p2m, entries = 0;

	if (layout_make(&l, image, pages, (image->entry & 7) * 4000, &why))
		return;
	CHECK(l.kernel_end <= l.start_info && l.stack < l.mapped && l.mapped <= pages && l.tables + l.nr_tables == l.stack);
	CHECK(l.p2m + l.nr_p2m <= pages && l.initrd + l.nr_initrd <= pages);
	if (l.nr_tables > 512)
		return;
	CHECK(frames_init(&f, pages) == 0);
	tables = malloc(l.nr_tables * PAGE_SIZE);
	p2m = malloc(l.nr_p2m * PAGE_SIZE);
	tables_fill(&l, image->virt_base, &f, tables);
	tables_p2m(&f, p2m);
	for (uint64_t i = 0; i < l.nr_tables * 512; i++)
		entries += tables[i] & 1;
	CHECK(entries == l.nr_tables - 1 + l.mapped + (l.p2m_outside ? l.nr_p2m : 0));
	free(tables);
	free(p2m);
	frames_free(&f);
}

static void check_elf(const uint8_t *elf, size_t size, uint64_t pages)
{
	struct image k;

	why.text[0] = 0;
	if (image_parse(&k, elf, size, &why)) {
		CHECK(why.text[0]);
		return;
	}
	CHECK(k.nr_segments >= 1 && k.nr_segments <= IMAGE_MAX_SEGMENTS && k.start < k.end && k.end <= 1 << 30);
	for (unsigned i = 0; i < k.nr_segments; i++) {
		const struct image_segment *s = &k.segments[i];

		CHECK(s->file_size <= s->memory_size && s->offset <= size && s->file_size <= size - s->offset);
		CHECK(s->address >= k.start && s->address + s->memory_size <= k.end && s->address + s->memory_size > s->address);
	}
	CHECK(k.entry - k.virt_base >= k.start && k.entry - k.virt_base < k.end);
	CHECK(k.hypercall_page == IMAGE_UNSET || k.hypercall_page - k.virt_base < k.end);
	CHECK(strnlen(k.guest_os, sizeof(k.guest_os)) < sizeof(k.guest_os));
	check_layout(&k, pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t *room;
	uint64_t pages = size ? 1 + data[size - 1] * 389ull : 1;
	struct image_payload p;
	uint8_t *exact = malloc(size);
	size_t used;

	if (!room)
		room = malloc(ROOM);
	memcpy(exact, data, size);
	if (image_payload(exact, size, &p, &why) == 0) {
		CHECK((const uint8_t *)p.data >= exact && p.size <= size && (const uint8_t *)p.data - exact <= (ptrdiff_t)(size - p.size));
		if (!p.packed)
			check_elf(p.data, p.size, pages);
		else if (unpack(unpack_kind(p.data, p.size), p.data, p.size, room, ROOM, &used, &why) == 0) {
			CHECK(used <= ROOM);
			check_elf(room, used, pages);
		}
	}
	free(exact);
	return 0;
}
