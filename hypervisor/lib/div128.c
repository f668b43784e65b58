// SPDX-License-Identifier: GPL-2.0-or-later
/* 128-bit division under the names that the compiler calls (libgcc's own may use a red zone, which interrupts overwrite here). */
#include "lib/div128.h"

u128 __udivti3(u128 n, u128 d)
{
	uint64_t dl = (uint64_t)d, nh = n >> 64, nl = (uint64_t)n, qh, ql, r;
	u128 q = 0, part = 0;

	if (!(uint64_t)(d >> 64)) {
		qh = nh / dl;
		r = nh % dl;
		__asm__("divq %3" : "=a"(ql), "=d"(r) : "0"(nl), "r"(dl), "1"(r));
		return (u128)qh << 64 | ql;
	}
	for (int i = 127; i >= 0; i--) {
		part = part << 1 | (n >> i & 1);
		if (part >= d) {
			part -= d;
			q |= (u128)1 << i;
		}
	}
	return q;
}

s128 __divti3(s128 n, s128 d)
{
	u128 q = __udivti3(n < 0 ? -(u128)n : (u128)n, d < 0 ? -(u128)d : (u128)d);

	return (n < 0) != (d < 0) ? -(s128)q : (s128)q;
}
