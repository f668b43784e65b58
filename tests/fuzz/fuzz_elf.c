// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/elf.c lib/string.c
/*
 * A kernel image that dom0's tools or the boot loader bring: an ELF file or a bzImage. Whatever the bytes, nothing is read
 * outside them, and what is accepted lies inside the file.
 */
#include "fuzz.h"
#include "lib/elf.h"
#include "lib/errno.h"

static void check_elf(const void *image, size_t size)
{
	struct elf_kernel k;
	const char *why;
	int rc = elf_parse(&k, image, size, &why);

	CHECK(rc == 0 || (rc == -EINVAL && why));
	if (rc)
		return;
	CHECK(k.nr_segments >= 1 && k.nr_segments <= ELF_MAX_SEGMENTS && k.start < k.end);
	CHECK(k.end - k.start <= 1ull << 32);
	for (unsigned i = 0; i < k.nr_segments; i++) {
		const struct elf_segment *s = &k.segment[i];

		CHECK(s->file_size <= s->mem_size && s->file_offset <= size && s->file_size <= size - s->file_offset);
		CHECK(s->paddr >= k.start && s->paddr + s->mem_size <= k.end && s->paddr + s->mem_size > s->paddr);
	}
	CHECK(strnlen(k.guest_os, sizeof(k.guest_os)) < sizeof(k.guest_os));
	CHECK(strnlen(k.features, sizeof(k.features)) < sizeof(k.features));
}

static void check_bzimage(const uint8_t *image, size_t size)
{
	const void *payload;
	size_t n, unpacked;

	if (bzimage_payload(image, size, &payload, &n, &unpacked))
		return;
	CHECK((const uint8_t *)payload >= image && n <= size && (const uint8_t *)payload - image <= (ptrdiff_t)(size - n));
	check_elf(payload, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size);	/* so that one byte more is seen */

	memcpy(exact, data, size);
	check_elf(exact, size);
	check_bzimage(exact, size);
	free(exact);
	return 0;
}
