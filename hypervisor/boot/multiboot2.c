/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot2 2.0, 3.6: a list of tags, as GRUB's "multiboot2" gives it on BIOS and on UEFI (boot services ended). */
#include "boot/multiboot2.h"
#include "boot/info.h"
#include "lib/string.h"
#include "x86/layout.h"

enum {
	TAG_END, TAG_CMDLINE, TAG_LOADER, TAG_MODULE, TAG_MEM, TAG_BOOTDEV, TAG_MMAP, TAG_VBE, TAG_FB, TAG_ELF, TAG_APM, TAG_EFI32,
	TAG_EFI64, TAG_SMBIOS, TAG_ACPI_OLD, TAG_ACPI_NEW, TAG_NET, TAG_EFI_MMAP
};
struct tag { uint32_t type, size; };
struct tag_module { struct tag t; uint32_t start, end; char text[]; };
struct tag_mem { struct tag t; uint32_t lower, upper; };
struct mb2_mmap { uint64_t addr, len; uint32_t type, zero; } __packed;
struct tag_mmap { struct tag t; uint32_t entry_size, version; char entries[]; };
struct tag_efi { struct tag t; uint64_t systab; } __packed;
struct tag_efi_mmap { struct tag t; uint32_t entry_size, version; char entries[]; };
struct efi_mem { uint32_t type, pad; uint64_t physical, virtual, pages, attributes; };	/* UEFI 2.9, 7.2 */
struct tag_fb {
	struct tag t;
	uint64_t addr;
	uint32_t pitch, width, height;
	uint8_t bpp, type;
	uint16_t reserved;
	uint8_t color[6];
} __packed;

#define MB2_INFO_MAX (1u << 20)

/* The loader's copy of the RSDP lies in memory that is given back. */
static char rsdp_copy[36] __aligned(16);

__init static void take_mmap(const struct tag_mmap *m)
{
	uint32_t length;

	if (m->t.size < sizeof(*m) || m->entry_size < sizeof(struct mb2_mmap))
		return;
	length = m->t.size - sizeof(*m);
	for (uint32_t at = 0; length - at >= m->entry_size; at += m->entry_size) {
		const struct mb2_mmap *e = (const void *)(m->entries + at);

		boot_add_mem(e->addr, e->len, e->type);
	}
}

__init static void take_efi_mmap(const struct tag_efi_mmap *m)
{
	uint32_t length;

	if (m->t.size < sizeof(*m) || m->entry_size < sizeof(struct efi_mem))
		return;
	length = m->t.size - sizeof(*m);
	for (uint32_t at = 0; length - at >= m->entry_size; at += m->entry_size) {
		struct efi_mem e;

		memcpy(&e, m->entries + at, sizeof(e));
		if (boot_info.nr_efi_mem == ARRAY_SIZE(boot_info.efi_mem))
			return;
		boot_info.efi_mem[boot_info.nr_efi_mem++] = (struct boot_efi_mem){
			.start = e.physical, .size = e.pages << PAGE_SHIFT, .attributes = e.attributes, .type = e.type,
		};
	}
}

__init static void take_video(const struct tag_fb *f)
{
	__auto_type v = &boot_info.video;

	if (f->t.size < offsetof(struct tag_fb, color))
		return;
	v->present = true;
	v->base = f->addr;
	v->width = f->width;
	v->height = f->height;
	v->pitch = f->pitch;
	v->bpp = f->bpp;
	v->type = f->type;
	if (f->type == 1 && f->t.size >= sizeof(*f)) {
		v->rpos = f->color[0]; v->rsize = f->color[1];
		v->gpos = f->color[2]; v->gsize = f->color[3];
		v->bpos = f->color[4]; v->bsize = f->color[5];
	} else if (f->type == 2) {
		v->text = true;
		v->text_cols = f->width;
		v->text_rows = f->height;
	}
}

/* BIOS: the firmware's own lies where ACPI says (5.2.5.1); what a dom0 is told should not be the copy. */
__init static void find_bios_rsdp(void)
{
	const char *p = boot_phys(0xe0000, 0x20000);

	for (uint32_t at = 0; p && at < 0x20000; at += 16)
		if (!memcmp(p + at, rsdp_copy, 20)) {
			boot_info.rsdp = 0xe0000 + at;
			return;
		}
}

__init static void take_rsdp(const struct tag *t)
{
	size_t n = MIN(t->size - sizeof(*t), sizeof(rsdp_copy));

	if (boot_info.rsdp && t->type == TAG_ACPI_OLD)
		return;
	memset(rsdp_copy, 0, sizeof(rsdp_copy));
	memcpy(rsdp_copy, t + 1, n);
	boot_info.rsdp = image_to_pa(rsdp_copy);
}

__init static void take_tag(const struct tag *t)
{
	size_t text = t->size - sizeof(*t);

	switch (t->type) {
	case TAG_CMDLINE:
		boot_info.cmdline = boot_copy_text((const char *)(t + 1), text);
		break;
	case TAG_LOADER:
		boot_info.loader = boot_copy_text((const char *)(t + 1), MIN(text, (size_t)64));
		break;
	case TAG_MODULE: {
		const struct tag_module *m = (const void *)t;

		if (t->size >= sizeof(*m))
			boot_add_module(m->start, m->end, m->text, t->size - sizeof(*m));
		break;
	}
	case TAG_MMAP:
		take_mmap((const void *)t);
		break;
	case TAG_FB:
		take_video((const void *)t);
		break;
	case TAG_EFI64:
		if (t->size >= sizeof(struct tag_efi)) {
			boot_info.efi = true;
			boot_info.efi_systab = ((const struct tag_efi *)t)->systab;
		}
		break;
	case TAG_EFI_MMAP:
		take_efi_mmap((const void *)t);
		break;
	case TAG_ACPI_OLD:
	case TAG_ACPI_NEW:
		take_rsdp(t);
		break;
	}
}

__init void multiboot2_parse(paddr_t info)
{
	const uint32_t *head = boot_phys(info, 8);
	const struct tag_mem *mem = NULL;
	uint32_t total, at = 8;

	if (!head)
		return;
	total = MIN(head[0], MB2_INFO_MAX);
	if (!boot_phys(info, total))
		return;
	while (at <= total && total - at >= sizeof(struct tag)) {
		const struct tag *t = (const void *)((const char *)head + at);

		if (t->type == TAG_END || t->size < sizeof(*t) || t->size > total - at)
			break;
		if (t->type == TAG_MEM && t->size >= sizeof(*mem))
			mem = (const void *)t;
		take_tag(t);
		at += ROUNDUP(t->size, 8u);
	}
	if (!boot_info.nr_mem && mem) {
		boot_add_mem(0, mem->lower * 1024ull, 1);
		boot_add_mem(1 << 20, mem->upper * 1024ull, 1);
	}
	if (boot_info.efi)
		boot_take_efi_table();
	else if (boot_info.rsdp)
		find_bios_rsdp();
}
