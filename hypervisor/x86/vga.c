/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA text mode, 80 columns, as the loader left it. Until dom0 takes the screen: vga=keep goes on writing. */
#include "x86/vga.h"
#include "boot/boot.h"
#include "lib/string.h"
#include "x86/io.h"
#include "x86/layout.h"
#include "x86/screen.h"

#define VGA_PA 0xb8000
#define COLS 80u

static unsigned rows = 25, column;
static uint16_t *cells;

static void move_cursor(void)
{
	unsigned at = (rows - 1) * COLS + column;

	outb(0x3d4, 0x0e);
	outb(0x3d5, at >> 8);
	outb(0x3d4, 0x0f);
	outb(0x3d5, at & 0xff);
}

static void new_line(void)
{
	memmove(cells, cells + COLS, (rows - 1) * COLS * sizeof(*cells));
	for (unsigned i = 0; i < COLS; i++)
		cells[(rows - 1) * COLS + i] = 0x0700 | ' ';
	column = 0;
}

static void vga_write(const char *s, size_t n)
{
	if (!cells || screen_given_up)
		return;
	for (; n; n--, s++) {
		if (*s == '\n' || column == COLS)
			new_line();
		if (*s == '\t')
			column = MIN(ROUNDUP(column + 1, 8u), COLS);
		else if ((uint8_t)*s >= ' ')
			cells[(rows - 1) * COLS + column++] = 0x0700 | (uint8_t)*s;
	}
	move_cursor();
}

static bool vga_init(void)
{
	if (boot_info.efi || (boot_info.video.present && !boot_info.video.text))
		return false;
	/* Misc output register: bit 0 set, the CRTC is at 0x3d4 (colour). No card answers with ones. */
	if (inb(0x3cc) == 0xff)
		return false;
	cells = pa_to_va(VGA_PA);
	if (boot_info.video.text && boot_info.video.text_cols == COLS && boot_info.video.text_rows >= 25 &&
	    boot_info.video.text_rows <= 60)
		rows = boot_info.video.text_rows;
	new_line();
	return true;
}

const struct console_sink vga_sink = { "vga", vga_init, NULL, vga_write, NULL };
