/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The screen, text or frame buffer: the hypervisor's until dom0 starts, then dom0's unless vga=keep. */
#ifndef X86_SCREEN_H
#define X86_SCREEN_H
#include "lib/types.h"
extern bool screen_given_up;	/* dom0 draws there now */
void screen_give_up(void);	/* before dom0 runs; nothing with vga=keep */
void screen_take_back(void);	/* panic */
#endif
