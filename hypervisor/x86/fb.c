/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Linear frame buffer (UEFI GOP or VBE, set by the loader): text in 8x16 cells. The text is kept in memory and only cells
 * that change are drawn, since reading video memory back to scroll it is slow.
 */
#include "x86/fb.h"
#include "boot/boot.h"
#include "lib/string.h"
#include "x86/font.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "x86/screen.h"

#define MAX_COLS 160u
#define MAX_ROWS 64u

static uint8_t *pixels;
static unsigned cols, rows, column, row, bytes_per_pixel;
static char shown[MAX_ROWS][MAX_COLS], wanted[MAX_ROWS][MAX_COLS];

static void draw(unsigned r, unsigned c)
{
	uint8_t ch = (uint8_t)wanted[r][c];
	const uint8_t *glyph = font_8x16[ch >= 32 && ch < 127 ? ch - 32 : '?' - 32];

	for (unsigned y = 0; y < 16; y++) {
		uint8_t *p = pixels + (uint64_t)(r * 16 + y) * boot_info.video.pitch + c * 8 * bytes_per_pixel;

		for (unsigned x = 0; x < 8; x++, p += bytes_per_pixel) {
			uint32_t v = glyph[y] & (0x80 >> x) ? 0xffaaaaaa : 0xff000000;

			for (unsigned b = 0; b < bytes_per_pixel; b++)
				((volatile uint8_t *)p)[b] = v >> 8 * b;
		}
	}
	shown[r][c] = wanted[r][c];
}

static void refresh(void)
{
	for (unsigned r = 0; r < rows; r++)
		for (unsigned c = 0; c < cols; c++)
			if (shown[r][c] != wanted[r][c])
				draw(r, c);
}

static void new_line(void)
{
	column = 0;
	if (row + 1 < rows) {
		row++;
		return;
	}
	memmove(wanted[0], wanted[1], sizeof(wanted[0]) * (rows - 1));
	memset(wanted[rows - 1], ' ', sizeof(wanted[0]));
}

static void fb_write(const char *s, size_t n)
{
	if (!cols)
		return;
	for (; n; n--, s++) {
		if (*s == '\n' || column == cols)
			new_line();
		if (*s == '\t')
			column = MIN(ROUNDUP(column + 1, 8u), cols);
		else if ((uint8_t)*s >= ' ')
			wanted[row][column++] = *s;
	}
	if (pixels && !screen_given_up)
		refresh();
}

/* Panic: dom0 has drawn over it. */
static void fb_sync(void)
{
	memset(shown, 0, sizeof(shown));
	if (cols && pixels)
		refresh();
}

/* The early page tables reach 4 GiB; a frame buffer above waits for fb_late_init. */
static bool fb_init(void)
{
	__auto_type v = &boot_info.video;
	uint64_t size = (uint64_t)v->pitch * v->height;

	if (!v->present || v->text || v->type != 1 || v->bpp < 15 || v->bpp > 32 || !v->base || !size)
		return false;
	bytes_per_pixel = (v->bpp + 7) / 8;
	if (v->width > 16384 || v->height > 16384 || (uint64_t)v->width * bytes_per_pixel > v->pitch)
		return false;
	cols = MIN(v->width / 8, MAX_COLS);
	rows = MIN(v->height / 16, MAX_ROWS);
	if (!cols || !rows) {
		cols = 0;
		return false;
	}
	memset(wanted, ' ', sizeof(wanted));
	if (v->base + size <= 1ull << 32)
		pixels = pa_to_va(v->base);
	return true;
}

/* Write-combining would need a PAT entry that guests know too; uncached is enough for text. */
static void fb_late_init(void)
{
	__auto_type v = &boot_info.video;

	if (!cols)
		return;
	pixels = x86_map_device(v->base, (size_t)v->pitch * v->height);
	if (pixels)
		refresh();
}

const struct console_sink fb_sink = { "vga", fb_init, fb_late_init, fb_write, fb_sync };
