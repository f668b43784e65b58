/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot 0.6.96, 3.3: the boot information as QEMU's -kernel and GRUB's "multiboot" give it. */
#include "boot/multiboot1.h"
#include "boot/info.h"

struct mb1_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives_length, drives_addr, config_table, loader, apm_table;
	uint32_t vbe_control, vbe_mode;
	uint16_t vbe_mode_nr, vbe_seg, vbe_off, vbe_len;
	uint64_t fb_addr;
	uint32_t fb_pitch, fb_width, fb_height;
	uint8_t fb_bpp, fb_type, color[6];
} __packed;
struct mb1_module { uint32_t start, end, text, pad; } __packed;
struct mb1_mmap { uint32_t size; uint64_t addr, len; uint32_t type; } __packed;

#define MB1_MEM (1u << 0)
#define MB1_CMDLINE (1u << 2)
#define MB1_MODS (1u << 3)
#define MB1_MMAP (1u << 6)
#define MB1_LOADER (1u << 9)
#define MB1_FB (1u << 12)
#define TEXT_MAX 4096

__init static const char *text_at(uint32_t pa)
{
	return boot_phys(pa, TEXT_MAX);
}

__init static void take_mmap(uint32_t addr, uint32_t length)
{
	const char *p = boot_phys(addr, length);
	uint32_t at = 0;

	while (p && length - at >= sizeof(struct mb1_mmap)) {
		const struct mb1_mmap *e = (const void *)(p + at);

		if (e->size < sizeof(*e) - 4)
			break;
		boot_add_mem(e->addr, e->len, e->type);
		if (e->size + 4ull > length - at)
			break;
		at += e->size + 4;
	}
}

__init static void take_video(const struct mb1_info *i)
{
	__auto_type v = &boot_info.video;

	v->present = true;
	v->base = i->fb_addr;
	v->width = i->fb_width;
	v->height = i->fb_height;
	v->pitch = i->fb_pitch;
	v->bpp = i->fb_bpp;
	v->type = i->fb_type;
	if (i->fb_type == 1) {
		v->rpos = i->color[0]; v->rsize = i->color[1];
		v->gpos = i->color[2]; v->gsize = i->color[3];
		v->bpos = i->color[4]; v->bsize = i->color[5];
	} else if (i->fb_type == 2) {
		v->text = true;
		v->text_cols = i->fb_width;
		v->text_rows = i->fb_height;
	}
}

__init void multiboot1_parse(paddr_t info)
{
	const struct mb1_info *i = boot_phys(info, sizeof(*i));

	if (!i)
		return;
	if (i->flags & MB1_CMDLINE)
		boot_info.cmdline = boot_copy_text(text_at(i->cmdline), TEXT_MAX);
	if (i->flags & MB1_LOADER)
		boot_info.loader = boot_copy_text(text_at(i->loader), 64);
	if (i->flags & MB1_MODS) {
		uint32_t n = MIN(i->mods_count, 64u);
		const struct mb1_module *m = boot_phys(i->mods_addr, n * sizeof(*m));

		for (uint32_t k = 0; m && k < n; k++)
			boot_add_module(m[k].start, m[k].end, m[k].text ? text_at(m[k].text) : NULL, TEXT_MAX);
	}
	if (i->flags & MB1_MMAP)
		take_mmap(i->mmap_addr, i->mmap_length);
	if (!boot_info.nr_mem && (i->flags & MB1_MEM)) {
		boot_add_mem(0, i->mem_lower * 1024ull, 1);
		boot_add_mem(1 << 20, i->mem_upper * 1024ull, 1);
	}
	if (i->flags & MB1_FB)
		take_video(i);
}
