/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Linear frame buffer. */
#ifndef X86_FB_H
#define X86_FB_H
#include "x86/console_sink.h"
extern const struct console_sink fb_sink;
#endif
