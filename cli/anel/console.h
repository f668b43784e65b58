/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's console on this terminal. */
#ifndef ANEL_CONSOLE_H
#define ANEL_CONSOLE_H

#define CONSOLE_LEAVE 0x1d	/* Ctrl-] */

/* Length of what may be sent of n bytes that were typed; *leave: the rest was Ctrl-] and what came after. */
static inline unsigned console_typed(const char *bytes, unsigned n, int *leave)
{
	for (unsigned i = 0; i < n; i++) {
		if (bytes[i] == CONSOLE_LEAVE) {
			*leave = 1;
			return i;
		}
	}
	return n;
}

#endif
