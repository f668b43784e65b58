/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small kernels for tests: an ELF file with Xen's notes, and a bzImage around any payload. */
#ifndef MAKE_IMAGE_H
#define MAKE_IMAGE_H
#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <xen/elfnote.h>

#define BASE	   0xffffffff80000000ull
#define TEXT_SIZE  0x1234
#define IMAGE_ROOM 262144

struct made {
	uint8_t bytes[IMAGE_ROOM];
	size_t size;
	Elf64_Ehdr *head;
	Elf64_Phdr *phdrs;	/* text, data, notes */
	size_t notes_end;
};

static inline void add_note(struct made *m, uint32_t type, const void *desc, uint32_t size)
{
	uint32_t head[3] = { 4, size, type };

	memcpy(m->bytes + m->size, head, sizeof(head));
	memcpy(m->bytes + m->size + 12, "Xen", 4);
	memcpy(m->bytes + m->size + 16, desc, size);
	m->size += 16 + ((size + 3) & ~3u);
	m->phdrs[2].p_filesz = m->size - m->phdrs[2].p_offset;
}

static inline void add_number(struct made *m, uint32_t type, uint64_t value)
{
	add_note(m, type, &value, sizeof(value));
}

/* As Linux's: text at 16 MiB, data with bss behind it. */
static inline void make_elf(struct made *m)
{
	memset(m, 0, sizeof(*m));
	m->head = (void *)m->bytes;
	m->phdrs = (void *)(m->bytes + sizeof(*m->head));
	*m->head = (Elf64_Ehdr){ .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT }, .e_type = ET_EXEC,
				 .e_machine = EM_X86_64, .e_version = 1, .e_phoff = sizeof(*m->head), .e_phnum = 3,
				 .e_phentsize = sizeof(Elf64_Phdr), .e_ehsize = sizeof(*m->head) };
	m->phdrs[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 4096, .p_paddr = 0x1000000, .p_vaddr = BASE + 0x1000000,
				    .p_filesz = TEXT_SIZE, .p_memsz = TEXT_SIZE };
	m->phdrs[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 16384, .p_paddr = 0x1200000, .p_vaddr = BASE + 0x1200000,
				    .p_filesz = 0x100, .p_memsz = 0x10000 };
	m->phdrs[2] = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 20480 };
	for (unsigned i = 0; i < TEXT_SIZE; i++)
		m->bytes[4096 + i] = i * 7 + (i >> 8);
	m->size = 20480;
	add_note(m, XEN_ELFNOTE_GUEST_OS, "linux", 6);
	add_note(m, XEN_ELFNOTE_XEN_VERSION, "xen-3.0", 8);
	add_number(m, XEN_ELFNOTE_VIRT_BASE, BASE);
	add_number(m, XEN_ELFNOTE_ENTRY, BASE + 0x1000100);
	add_number(m, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1001000);
}

/* Linux's later notes: p2m list outside the kernel's mapping, initrd unmapped. */
static inline void add_linux_notes(struct made *m)
{
	static const char features[] = "!writable_page_tables|pae_pgdir_above_4gb";
	uint32_t one = 1;

	add_number(m, XEN_ELFNOTE_INIT_P2M, 0x8000000000ull);
	add_note(m, XEN_ELFNOTE_FEATURES, features, sizeof(features) - 1);
	add_note(m, XEN_ELFNOTE_MOD_START_PFN, &one, 4);
}

/* Returns the size. */
static inline size_t make_bzimage(uint8_t *out, const void *payload, size_t size, uint32_t unpacked)
{
	const uint32_t offset = 64, length = size + 4;

	memset(out, 0, 1024 + offset);
	out[0x1f1] = 1;
	memcpy(out + 0x202, "HdrS\x0f\x02", 6);
	memcpy(out + 0x248, &offset, 4);
	memcpy(out + 0x24c, &length, 4);
	memcpy(out + 1024 + offset, payload, size);
	memcpy(out + 1024 + offset + size, &unpacked, 4);
	return 1024 + offset + size + 4;
}
#endif
