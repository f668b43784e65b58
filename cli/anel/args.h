/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A verb's options and words, numbers and amounts of memory, as xl's users write them. */
#ifndef ANEL_ARGS_H
#define ANEL_ARGS_H

#include <stdbool.h>
#include <stdint.h>
#include "why/why.h"

struct arg {
	const char *brief, *full;	/* "-w", "--weight"; either may be NULL */
	bool takes;			/* a value follows: -w 5, -w5, --weight 5, --weight=5 */
	const char *value;		/* of the last one given */
	unsigned given;			/* how many times */
};
/* Sets value and given of the options (the last of args has no name); returns the number of words that are none. */
int args_read(int argc, char **argv, struct arg *args, char **words, int max_words, struct why *why);

int args_number(const char *text, const char *what, uint64_t least, uint64_t most, uint64_t *out, struct why *why);
/* "512m", "1g", "65536" (KiB): an amount in KiB, not 0. */
int args_memory(const char *text, uint64_t *kib, struct why *why);

#endif
