/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_DIV128_H
#define LIB_DIV128_H
#include "lib/types.h"
typedef unsigned __int128 u128;
typedef __int128 s128;
u128 __udivti3(u128 n, u128 d);	/* d == 0 faults, as the instruction does */
s128 __divti3(s128 n, s128 d);
#endif
