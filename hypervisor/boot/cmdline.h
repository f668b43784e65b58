/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line, in Xen's words (docs/command-line.md). Each owner registers its words with BOOT_PARAM; the linker makes the
 * table of them.
 */
#ifndef BOOT_CMDLINE_H
#define BOOT_CMDLINE_H
#include "lib/types.h"
struct boot_param {
	const char *name;
	void (*parse)(const char *value);	/* "" where the word has no "=" */
	const char *help;
};
#define BOOT_PARAM(id, pname, fn, help_text) \
	static const struct boot_param __section(".boot_params") __attribute__((used, aligned(8))) \
	boot_param_##id = { pname, fn, help_text }
void cmdline_parse(const char *line);	/* names an unknown word in the log */
/* "", on, yes, true, 1, enable are true, their opposites false; *ok (may be NULL) is false where it is neither. */
bool cmdline_bool(const char *value, bool *ok);
#endif
