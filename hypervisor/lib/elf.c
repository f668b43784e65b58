// SPDX-License-Identifier: GPL-2.0-or-later
/* See elf.h. Layouts: ELF-64 Object File Format 1.5; Linux' boot protocol (Documentation/x86/boot.rst). */
#include "lib/elf.h"
#include "lib/errno.h"
#include "lib/string.h"
#include <xen/elfnote.h>

struct ehdr {
	uint8_t ident[16];
	uint16_t type, machine; uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};
struct phdr { uint32_t type, flags; uint64_t offset, vaddr, paddr, filesz, memsz, align; };
struct nhdr { uint32_t namesz, descsz, type; };
#define PT_LOAD 1
#define PT_NOTE 4
#define EM_X86_64 62
#define MAX_IMAGE_BYTES (1ull << 32)

static bool inside(uint64_t off, uint64_t len, uint64_t size) { return off <= size && len <= size - off; }

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
	uint64_t v = 0;

	memcpy(&v, desc, MIN(size, 8u));
	return v;
}

static void note_string(char *to, size_t room, const uint8_t *desc, uint32_t size)
{
	size_t n = MIN((size_t)size, room - 1);

	memcpy(to, desc, n);
	to[n] = 0;
}

static void take_note(struct elf_kernel *k, uint32_t type, const uint8_t *desc, uint32_t size)
{
	uint64_t v = note_number(desc, size);

	k->has_xen_notes = true;
	switch (type) {
	case XEN_ELFNOTE_ENTRY: k->entry = v; break;
	case XEN_ELFNOTE_HYPERCALL_PAGE: k->hypercall_page = v; break;
	case XEN_ELFNOTE_VIRT_BASE: k->virt_base = v; break;
	case XEN_ELFNOTE_PADDR_OFFSET: k->paddr_offset = v; break;
	case XEN_ELFNOTE_INIT_P2M: k->init_p2m = v; break;
	case XEN_ELFNOTE_MOD_START_PFN: k->mod_start_pfn = v; break;
	case XEN_ELFNOTE_HV_START_LOW: k->hv_start_low = v; break;
	case XEN_ELFNOTE_PAE_MODE: k->pae = size >= 3 && (!memcmp(desc, "yes", 3) || !memcmp(desc, "bim", 3)); break;
	case XEN_ELFNOTE_GUEST_OS: note_string(k->guest_os, sizeof(k->guest_os), desc, size); break;
	case XEN_ELFNOTE_FEATURES: note_string(k->features, sizeof(k->features), desc, size); break;
	}
}

static void take_notes(struct elf_kernel *k, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;

	while (end - off >= sizeof(struct nhdr)) {
		struct nhdr n;
		uint64_t name, desc;

		memcpy(&n, k->image + off, sizeof(n));
		name = off + sizeof(n);
		if (n.namesz > end - name)
			return;
		desc = name + ROUNDUP((uint64_t)n.namesz, 4);
		if (desc > end || n.descsz > end - desc)
			return;
		if (n.namesz == 4 && !memcmp(k->image + name, "Xen", 4))
			take_note(k, n.type, k->image + desc, n.descsz);
		off = desc + ROUNDUP((uint64_t)n.descsz, 4);
		if (off > end)
			return;
	}
}

static const char *take_segment(struct elf_kernel *k, const struct phdr *p)
{
	struct elf_segment *s;

	if (!p->memsz)
		return NULL;
	if (k->nr_segments == ELF_MAX_SEGMENTS)
		return "too many segments";
	if (p->filesz > p->memsz || !inside(p->offset, p->filesz, k->size))
		return "a segment lies outside the file";
	if (p->memsz > MAX_IMAGE_BYTES || p->paddr + p->memsz < p->paddr)
		return "a segment is too large";
	s = &k->segment[k->nr_segments++];
	*s = (struct elf_segment){ p->paddr, p->offset, p->filesz, p->memsz };
	k->start = MIN(k->start, p->paddr);
	k->end = MAX(k->end, p->paddr + p->memsz);
	return NULL;
}

int elf_parse(struct elf_kernel *k, const void *image, size_t size, const char **why)
{
	struct ehdr e;

	memset(k, 0, sizeof(*k));
	k->image = image;
	k->size = size;
	k->start = ~0ull;
	k->entry = k->hypercall_page = k->virt_base = k->paddr_offset = k->init_p2m = k->mod_start_pfn =
		k->hv_start_low = ELF_NOTE_UNSET;
	*why = "not an ELF64 image for x86-64";
	if (size < sizeof(e))
		return -EINVAL;
	memcpy(&e, image, sizeof(e));
	if (memcmp(e.ident, "\177ELF\2\1", 6) || e.machine != EM_X86_64)
		return -EINVAL;
	*why = "its program headers are damaged";
	if (e.phentsize < sizeof(struct phdr) || !inside(e.phoff, (uint64_t)e.phnum * e.phentsize, size))
		return -EINVAL;
	for (unsigned i = 0; i < e.phnum; i++) {
		struct phdr p;

		memcpy(&p, k->image + e.phoff + (uint64_t)i * e.phentsize, sizeof(p));
		if (p.type == PT_LOAD && (*why = take_segment(k, &p)))
			return -EINVAL;
		if (p.type == PT_NOTE && inside(p.offset, p.filesz, size))
			take_notes(k, p.offset, p.filesz);
	}
	*why = "it has nothing to load";
	if (!k->nr_segments)
		return -EINVAL;
	*why = "its segments are too far apart";
	if (k->end - k->start > MAX_IMAGE_BYTES)
		return -EINVAL;
	if (k->entry == ELF_NOTE_UNSET)
		k->entry = e.entry;
	*why = NULL;
	return 0;
}

int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size, size_t *unpacked_size)
{
	const uint8_t *p = image;
	uint32_t off, len, unpacked;
	uint64_t setup;

	if (size < 0x260 || memcmp(p + 0x202, "HdrS", 4) || p[0x1fe] != 0x55 || p[0x1ff] != 0xaa)
		return -ENOEXEC;
	if ((p[0x206] | p[0x207] << 8) < 0x208)
		return -EINVAL;		/* before protocol 2.08 nothing says where the payload is */
	setup = ((p[0x1f1] ? p[0x1f1] : 4) + 1) * 512ull;
	memcpy(&off, p + 0x248, 4);
	memcpy(&len, p + 0x24c, 4);
	if (len < 8 || !inside(setup + off, len, size))
		return -EINVAL;
	/* The build appends the unpacked size, and gzip's own trailer is the same. */
	memcpy(&unpacked, p + setup + off + len - 4, 4);
	*payload = p + setup + off;
	*payload_size = len;
	*unpacked_size = unpacked;
	return 0;
}
