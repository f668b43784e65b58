/* SPDX-License-Identifier: GPL-2.0-or-later */
/* VGA text. */
#ifndef X86_VGA_H
#define X86_VGA_H
#include "x86/console_sink.h"
extern const struct console_sink vga_sink;
#endif
