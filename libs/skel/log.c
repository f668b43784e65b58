// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

int log_level = 6;

void log_line(int priority, const char *format, ...)
{
	char line[1024];
	va_list ap;
	int n = snprintf(line, sizeof(line), "<%d>", priority), more;

	if (priority > log_level)
		return;
	va_start(ap, format);
	more = vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	n = more < (int)sizeof(line) - n - 1 ? n + more : (int)sizeof(line) - 2;
	/* A client's text must not become lines of its own. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = '?';
	line[n++] = '\n';
	fwrite(line, 1, n, stderr);
}
