/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Kernel images: an ELF64 file with Xen's notes (xen/elfnote.h), or a bzImage around one. Pure functions on untrusted bytes;
 * nothing is written, every offset is checked.
 */
#ifndef LIB_ELF_H
#define LIB_ELF_H
#include "lib/types.h"

#define ELF_MAX_SEGMENTS 16
#define ELF_NOTE_UNSET (~0ull)
struct elf_segment { uint64_t paddr, file_offset, file_size, mem_size; };
struct elf_kernel {
	const uint8_t *image;
	size_t size;
	unsigned nr_segments;
	struct elf_segment segment[ELF_MAX_SEGMENTS];
	uint64_t start, end;		/* of what the segments load, as physical addresses of the file */
	/* Xen's notes; ELF_NOTE_UNSET where there is none */
	uint64_t entry, hypercall_page, virt_base, paddr_offset, init_p2m, mod_start_pfn, hv_start_low;
	bool has_xen_notes, pae;		/* pae: the note PAE_MODE says "yes" or "bimodal" */
	char guest_os[32], features[128];
};
/* 0, or -EINVAL with *why set to what is wrong with the image. */
int elf_parse(struct elf_kernel *k, const void *image, size_t size, const char **why);

/* Finds the compressed kernel inside a bzImage: 0, -ENOEXEC: not a bzImage, -EINVAL: damaged. *unpacked_size is what it says. */
int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size, size_t *unpacked_size);
#endif
