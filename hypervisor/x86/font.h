/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef X86_FONT_H
#define X86_FONT_H
#include "lib/types.h"
/* 8x16 glyphs of ASCII 32..126, top row first, bit 7 is the left pixel */
extern const uint8_t font_8x16[95][16];
#endif
