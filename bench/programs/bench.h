// SPDX-License-Identifier: GPL-2.0-or-later
/* What the measuring programs share. All are one static executable, anel-bench; main.c has the list. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

/* Sections that the plugin counts apart; the host joins them with the times by number. */
enum section {
	SECTION_READY = 1,
	SECTION_FORK_EXEC,
	SECTION_FORK,
	SECTION_SYSCALL,
	SECTION_FAULT,
	SECTION_SIGNAL,
	SECTION_PIPE,
	SECTION_COMPUTE,
	SECTION_HYPERCALL,
	SECTION_IOCTL,
	SECTION_EVENT,
	SECTION_EVENT_ACROSS,
	SECTION_TIMER,
	SECTION_DISK_Q1,
	SECTION_DISK_Q16,
	SECTION_DISK_READ,
	SECTION_DISK_WRITE,
	SECTION_NET_SEND,
	SECTION_NET_RECEIVE,
	SECTION_NET_PING,
	SECTION_CROWD,
	SECTION_STORE,
	SECTION_RUN = 64,	/* and on: commands run by "run" */
};

void mark_begin(unsigned section);
void mark_end(unsigned section);

double now(void);
void pin(int cpu);
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);

/* How often to do what is done n times: counts need fewer than times (the environment's ANEL_BENCH_SHORT). */
long times(long n);

/* One line of JSON: so many operations took so long. */
void report(const char *row, unsigned section, double seconds, long operations);

/* One line of JSON: the distribution of `n` values in seconds. Sorts them. */
void report_times(const char *row, unsigned section, double *values, size_t n, double seconds);

typedef int command(int argc, char **argv);
command cmd_process, cmd_hypercall, cmd_event, cmd_domains, cmd_timer, cmd_disk, cmd_net_serve, cmd_net_to,
	cmd_net_from, cmd_net_ping, cmd_run, cmd_create, cmd_mark, cmd_crowd, cmd_store, cmd_work;

#endif
