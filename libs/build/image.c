/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/image.h"
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <xen/elfnote.h>
#include <xen/features.h>
#include "build/unpack.h"

#define MAX_SPAN (1ull << 30)	/* of a kernel's segments */

static uint32_t get32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Fields of the Linux boot protocol's header: setup_sects, "HdrS", version, payload_offset, payload_length. */
int image_payload(const void *file, size_t size, struct image_payload *payload, struct why *why)
{
	const uint8_t *head = file;
	uint64_t setup, offset, length;

	*payload = (struct image_payload){ .data = file, .size = size };
	if (size >= 0x250 && !memcmp(head + 0x202, "HdrS", 4)) {
		if ((head[0x206] | head[0x207] << 8) < 0x208)
			return why_set(why, -ENOEXEC, "the kernel's boot protocol is older than 2.08 and has no payload");
		setup = ((head[0x1f1] ? head[0x1f1] : 4) + 1) * 512ull;
		offset = setup + get32(head + 0x248);
		length = get32(head + 0x24c);
		if (length == 0 || offset > size || length > size - offset)
			return why_set(why, -ENOEXEC, "the kernel is damaged: its payload at %llu ends after the file",
				       (unsigned long long)offset);
		payload->data = head + offset;
		payload->size = length;
	}
	payload->packed = unpack_kind(payload->data, payload->size) != UNPACK_NONE;
	return 0;
}

struct notes {
	bool found;
	uint64_t entry, hypercall_page, virt_base, paddr_offset, init_p2m, mod_start_pfn, start_low, supported;
	char features[256], version[16];
};

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, desc, size < 8 ? size : 8);
	return v;
}

static void note_text(char *text, size_t room, const uint8_t *desc, uint32_t size)
{
	size_t n = strnlen((const char *)desc, size < room - 1 ? size : room - 1);

	memcpy(text, desc, n);
	text[n] = 0;
}

static void note(struct notes *n, struct image *image, uint32_t type, const uint8_t *desc, uint32_t size)
{
	uint64_t number = note_number(desc, size);

	n->found = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY:
		n->entry = number;
		break;
	case XEN_ELFNOTE_HYPERCALL_PAGE:
		n->hypercall_page = number;
		break;
	case XEN_ELFNOTE_VIRT_BASE:
		n->virt_base = number;
		break;
	case XEN_ELFNOTE_PADDR_OFFSET:
		n->paddr_offset = number;
		break;
	case XEN_ELFNOTE_INIT_P2M:
		n->init_p2m = number;
		break;
	case XEN_ELFNOTE_MOD_START_PFN:
		n->mod_start_pfn = number;
		break;
	case XEN_ELFNOTE_HV_START_LOW:
		n->start_low = number;
		break;
	case XEN_ELFNOTE_SUPPORTED_FEATURES:
		n->supported = number;
		break;
	case XEN_ELFNOTE_GUEST_OS:
		note_text(image->guest_os, sizeof(image->guest_os), desc, size);
		break;
	case XEN_ELFNOTE_XEN_VERSION:
		note_text(n->version, sizeof(n->version), desc, size);
		break;
	case XEN_ELFNOTE_FEATURES:
		note_text(n->features, sizeof(n->features), desc, size);
		break;
	default:
		break;
	}
}

/* Notes are a name's and a description's size, a type, and both padded to 4 bytes. */
static void read_notes(struct notes *n, struct image *image, uint64_t offset, uint64_t size)
{
	const uint8_t *at, *end;
	uint32_t name, desc;
	uint64_t whole;

	if (offset > image->size || size > image->size - offset)
		return;
	at = image->elf + offset;
	end = at + size;
	while (end - at >= 12) {
		name = get32(at);
		desc = get32(at + 4);
		whole = 12 + ((name + 3ull) & ~3ull) + ((desc + 3ull) & ~3ull);
		/* The padding of the last one may be missing. */
		if (12 + ((name + 3ull) & ~3ull) + desc > (uint64_t)(end - at))
			return;
		if (name == 4 && !memcmp(at + 12, "Xen", 4))
			note(n, image, get32(at + 8), at + 12 + ((name + 3ull) & ~3ull), desc);
		at += whole < (uint64_t)(end - at) ? whole : (uint64_t)(end - at);
	}
}

static int read_header(Elf64_Ehdr *head, const struct image *image, struct why *why)
{
	const uint8_t *e = image->elf;

	if (image->size < sizeof(*head) || memcmp(e, ELFMAG, SELFMAG))
		return why_set(why, -ENOEXEC, "the kernel is neither an ELF file nor a bzImage");
	memcpy(head, e, sizeof(*head));
	if (head->e_ident[EI_CLASS] == ELFCLASS32)
		return why_set(why, -ENOEXEC, "the kernel is for 32 bits; only 64-bit PV guests are supported");
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_machine != EM_X86_64)
		return why_set(why, -ENOEXEC, "the kernel is not for x86-64");
	if (head->e_phentsize != sizeof(Elf64_Phdr) || head->e_phnum == 0 || head->e_phoff > image->size ||
	    head->e_phnum * sizeof(Elf64_Phdr) > image->size - head->e_phoff)
		return why_set(why, -ENOEXEC, "the kernel is damaged: its program headers lie outside the file");
	return 0;
}

static int read_segment(struct image *image, const Elf64_Phdr *p, struct why *why)
{
	struct image_segment *s = &image->segments[image->nr_segments];

	if (p->p_memsz == 0)
		return 0;
	if (image->nr_segments == IMAGE_MAX_SEGMENTS)
		return why_set(why, -ENOEXEC, "the kernel has more than %d segments", IMAGE_MAX_SEGMENTS);
	if (p->p_filesz > p->p_memsz || p->p_offset > image->size || p->p_filesz > image->size - p->p_offset)
		return why_set(why, -ENOEXEC, "the kernel is damaged: segment %u lies outside the file", image->nr_segments);
	if (p->p_paddr + p->p_memsz < p->p_paddr)
		return why_set(why, -ENOEXEC, "the kernel is damaged: segment %u wraps around", image->nr_segments);
	*s = (struct image_segment){ p->p_paddr, p->p_offset, p->p_filesz, p->p_memsz };
	if (image->nr_segments == 0 || s->address < image->start)
		image->start = s->address;
	if (image->nr_segments == 0 || s->address + s->memory_size > image->end)
		image->end = s->address + s->memory_size;
	image->nr_segments++;
	return 0;
}

static int read_program_headers(struct image *image, const Elf64_Ehdr *head, struct notes *n, struct why *why)
{
	Elf64_Phdr p;
	int rc = 0;

	for (unsigned i = 0; i < head->e_phnum && !rc; i++) {
		memcpy(&p, image->elf + head->e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type == PT_LOAD)
			rc = read_segment(image, &p, why);
		else if (p.p_type == PT_NOTE)
			read_notes(n, image, p.p_offset, p.p_filesz);
	}
	return rc;
}

/* Some kernels have notes in sections only. */
static void read_note_sections(struct image *image, const Elf64_Ehdr *head, struct notes *n)
{
	Elf64_Shdr s;

	if (head->e_shentsize != sizeof(s) || head->e_shoff > image->size ||
	    head->e_shnum * sizeof(s) > image->size - head->e_shoff)
		return;
	for (unsigned i = 0; i < head->e_shnum && !n->found; i++) {
		memcpy(&s, image->elf + head->e_shoff + i * sizeof(s), sizeof(s));
		if (s.sh_type == SHT_NOTE)
			read_notes(n, image, s.sh_offset, s.sh_size);
	}
}

/* Features that a kernel may demand ("!name") and that PV guests have. */
static int check_features(const struct notes *n, struct why *why)
{
	static const char *const known[] = { "writable_page_tables", "writable_descriptor_tables", "pae_pgdir_above_4gb" };
	const char *word = n->features;
	size_t length;
	bool ok;

	while (*word) {
		length = strcspn(word, "|");
		ok = word[0] != '!';
		for (unsigned i = 0; !ok && i < sizeof(known) / sizeof(known[0]); i++)
			ok = length - 1 == strlen(known[i]) && !memcmp(word + 1, known[i], length - 1);
		if (!ok)
			return why_set(why, -ENOEXEC, "the kernel demands the feature %.*s, which PV guests do not have",
				       (int)length - 1, word + 1);
		word += length + (word[length] == '|');
	}
	return 0;
}

/* Canonical, and not in the hypervisor's part of the address space. */
static bool guest_range(uint64_t start, uint64_t size)
{
	uint64_t last = start + size - 1;

	if (size == 0 || last < start)
		return false;
	return last < 1ull << 47 || start >= 0xffff880000000000;
}

static int set_addresses(struct image *image, const struct notes *n, uint64_t elf_entry, struct why *why)
{
	uint64_t span, offset = n->paddr_offset;

	image->virt_base = n->virt_base == IMAGE_UNSET ? 0 : n->virt_base;
	if (offset == IMAGE_UNSET)	/* see xen/elfnote.h: without it physical addresses are virtual ones */
		offset = n->virt_base == IMAGE_UNSET ? 0 : image->start >= image->virt_base ? image->virt_base : 0;
	if (image->start < offset)
		return why_set(why, -ENOEXEC, "the kernel is damaged: a segment begins before its PADDR_OFFSET");
	for (unsigned i = 0; i < image->nr_segments; i++)
		image->segments[i].address -= offset;
	image->start -= offset;
	image->end -= offset;
	span = image->end;
	if (span > MAX_SPAN)
		return why_set(why, -ENOEXEC, "the kernel's segments reach up to %llu MiB, no more than %llu",
			       (unsigned long long)(span >> 20), MAX_SPAN >> 20);
	if ((image->virt_base & 0x3fffff) || !guest_range(image->virt_base, span))
		return why_set(why, -ENOEXEC, "the kernel's VIRT_BASE %#llx is not an address for a guest",
			       (unsigned long long)image->virt_base);
	image->entry = n->entry == IMAGE_UNSET ? elf_entry : n->entry;
	if (image->entry - image->virt_base < image->start || image->entry - image->virt_base >= image->end)
		return why_set(why, -ENOEXEC, "the kernel's entry %#llx is outside its segments",
			       (unsigned long long)image->entry);
	image->hypercall_page = n->hypercall_page;
	if (image->hypercall_page != IMAGE_UNSET &&
	    ((image->hypercall_page & 0xfff) || image->hypercall_page - image->virt_base < image->start ||
	     image->hypercall_page - image->virt_base >= image->end))
		return why_set(why, -ENOEXEC, "the kernel's hypercall page %#llx is not a page in its segments",
			       (unsigned long long)image->hypercall_page);
	image->init_p2m = n->init_p2m;
	image->initrd_unmapped = n->mod_start_pfn != IMAGE_UNSET && n->mod_start_pfn != 0;
	return 0;
}

int image_parse(struct image *image, const void *elf, size_t size, struct why *why)
{
	struct notes n = { .entry = IMAGE_UNSET, .hypercall_page = IMAGE_UNSET, .virt_base = IMAGE_UNSET,
			   .paddr_offset = IMAGE_UNSET, .init_p2m = IMAGE_UNSET, .mod_start_pfn = IMAGE_UNSET,
			   .start_low = IMAGE_UNSET, .supported = IMAGE_UNSET };
	Elf64_Ehdr head;
	int rc;

	memset(image, 0, sizeof(*image));
	image->elf = elf;
	image->size = size;
	rc = read_header(&head, image, why);
	if (!rc)
		rc = read_program_headers(image, &head, &n, why);
	if (rc)
		return rc;
	if (!n.found)
		read_note_sections(image, &head, &n);
	if (image->nr_segments == 0)
		return why_set(why, -ENOEXEC, "the kernel has nothing to load");
	if (!n.found)
		return why_set(why, -ENOEXEC, "the kernel has no Xen notes: it is not made for PV guests (CONFIG_XEN_PV)");
	if (strncmp(n.version, "xen-3.", 6))
		return why_set(why, -ENOEXEC, "the kernel is for the interface \"%s\", not for xen-3.0", n.version);
	rc = check_features(&n, why);
	return rc ? rc : set_addresses(image, &n, head.e_entry, why);
}
