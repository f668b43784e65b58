/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV kernel's image: an ELF64 file with Xen's notes (xen/elfnote.h), a bzImage around one, or either packed. The image is the
 * guest owner's, so every value in it is hostile: what does not add up is refused with the reason.
 */
#ifndef BUILD_IMAGE_H
#define BUILD_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "why/why.h"

#define IMAGE_MAX_SEGMENTS 32
#define IMAGE_UNSET	   UINT64_MAX

struct image_segment {
	uint64_t address;	/* from the start of the guest's memory */
	uint64_t offset, file_size, memory_size;
};

struct image {
	const uint8_t *elf;	/* the unpacked file */
	size_t size;
	struct image_segment segments[IMAGE_MAX_SEGMENTS];
	unsigned nr_segments;
	uint64_t start, end;	/* of all segments, from the start of the guest's memory */
	uint64_t virt_base;	/* where the guest's memory begins in its initial page tables */
	uint64_t entry;
	uint64_t hypercall_page, init_p2m;	/* virtual addresses, or IMAGE_UNSET */
	bool initrd_unmapped;	/* the initrd need not be in the initial page tables */
	char guest_os[32];
};

/* What the image is packed in, if it is. */
struct image_payload {
	const void *data;
	size_t size;
	bool packed;
};
/* Looks through a bzImage's header, if there is one. */
int image_payload(const void *file, size_t size, struct image_payload *payload, struct why *why);
int image_parse(struct image *image, const void *elf, size_t size, struct why *why);

#endif
