/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "why/why.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int why_set(struct why *why, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return rc;
}

int why_prefix(struct why *why, int rc, const char *format, ...)
{
	struct why old = *why;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(why->text))
		snprintf(why->text + n, sizeof(why->text) - n, "%s", old.text);
	return rc;
}
