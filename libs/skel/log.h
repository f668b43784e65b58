/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for the journal, on standard error with the priority that sd-daemon(3) describes. A file there begins anew at 4 MiB. */
#ifndef SKEL_LOG_H
#define SKEL_LOG_H

/* Lines of this priority and below are written: 3 errors, 4 warnings, 6 information (what it is at first), 7 debugging. */
extern int log_level;

void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(3, __VA_ARGS__)
#define log_warning(...) log_line(4, __VA_ARGS__)
#define log_info(...) log_line(6, __VA_ARGS__)
#define log_debug(...) log_line(7, __VA_ARGS__)

#endif
