/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The grammar of xl.cfg: NAME = VALUE, where a value is a string, a number or a list of strings. */
#ifndef ANEL_VALUE_H
#define ANEL_VALUE_H

#include <stdint.h>
#include "why/why.h"

#define VALUE_MAX_ITEMS 64
#define VALUE_MAX_TEXT	1024

enum value_kind { VALUE_TEXT, VALUE_NUMBER, VALUE_LIST };
struct value {
	enum value_kind kind;
	char name[64];
	unsigned line;
	uint64_t number;
	unsigned n;		/* items of a list; 1 for a text */
	char items[VALUE_MAX_ITEMS][VALUE_MAX_TEXT];
};

struct value_reader {
	const char *at;
	const char *path;
	unsigned line;
};
/* 1: *v is the next setting; 0: there is none; else a negative errno. */
int value_next(struct value_reader *r, struct value *v, struct why *why);

#endif
