/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for the journal, on standard error with the priority that sd-daemon(3) describes. */
#ifndef SKEL_LOG_H
#define SKEL_LOG_H

#include <stdbool.h>

extern bool log_debugging;

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(3, __VA_ARGS__)
#define log_warning(...) log_line(4, __VA_ARGS__)
#define log_info(...) log_line(6, __VA_ARGS__)
#define log_debug(...)                         \
	do {                                   \
		if (log_debugging)             \
			log_line(7, __VA_ARGS__); \
	} while (0)

#endif
