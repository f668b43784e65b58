// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (4 << 20)

int log_level = 6;

/* Where no journal takes the words a file does, and must not fill the disk. */
static void begin_anew_if_long(void)
{
	static const char why[] = "<5>this log had become too long, it begins here\n";
	struct stat st;

	if (fstat(STDERR_FILENO, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < FILE_MAX)
		return;
	if (ftruncate(STDERR_FILENO, 0) == 0 && lseek(STDERR_FILENO, 0, SEEK_SET) == 0)
		fwrite(why, 1, sizeof(why) - 1, stderr);
}

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
	begin_anew_if_long();
	fwrite(line, 1, n, stderr);
}
