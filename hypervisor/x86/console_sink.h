/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices that text goes to: x86/serial.c, x86/vga.c, x86/fb.c. All are called with the console's lock held. */
#ifndef X86_CONSOLE_SINK_H
#define X86_CONSOLE_SINK_H
#include "lib/types.h"
struct console_sink {
	const char *name;			/* word of console= */
	bool (*init)(void);			/* polled, before memory is set up; false: not there */
	void (*late_init)(void);		/* interrupts and mappings; NULL: nothing to do */
	void (*write)(const char *s, size_t n);	/* "\n" as line end */
	void (*sync)(void);			/* panic: all out, and from now on polled; NULL: nothing to do */
};
/* A character from a serial port; interrupt context, console lock not held. */
void console_receive(char c);
#endif
