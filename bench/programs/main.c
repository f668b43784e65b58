// SPDX-License-Identifier: GPL-2.0-or-later
/* anel-bench COMMAND [ARGS]: the measuring programs. They print a line of JSON for each thing measured. */
#define _GNU_SOURCE
#include "bench.h"

#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name, *args;
	command *run;
} commands[] = {
	{ "process", "REPEAT: fork+exec, fork, system call, page fault, signal, pipe, computing", cmd_process },
	{ "hypercall", "REPEAT: a null hypercall through privcmd, and the ioctl without it", cmd_hypercall },
	{ "event", "REPEAT: event round trips between two processes, on one vCPU and, if there are, on two", cmd_event },
	{ "domains", "free pages; pages and CPU time of each domain", cmd_domains },
	{ "timer", "ROW COUNT: how late a sleep of 2 ms ends", cmd_timer },
	{ "disk", "DEVICE REPEAT: 4k at depth 1 and 16, 1M sequential", cmd_disk },
	{ "serve", "answers to, from and ping of others", cmd_net_serve },
	{ "to", "ADDRESS MIB REPEAT: TCP to a server", cmd_net_to },
	{ "from", "ADDRESS MIB REPEAT: TCP from a server", cmd_net_from },
	{ "ping", "ADDRESS COUNT REPEAT: UDP there and back", cmd_net_ping },
	{ "run", "ROW SECTION COMMAND...: a command as one operation", cmd_run },
	{ "create", "SECTION LOG TEXT COMMAND...: a command, and when TEXT came into the file LOG", cmd_create },
	{ "store", "SOCKET PID CLIENTS ROW SECONDS: clients of a store's daemon, in a loop", cmd_store },
	{ "crowd", "HAVE WANT: makes tiny domains until there are WANT", cmd_crowd },
	{ "work", "START SECONDS: rounds of computing within these seconds of the wall clock", cmd_work },
	{ "mark", "SECTION: ends a section that has no beginning", cmd_mark },
	{ "true", "nothing", NULL },
};

/* Each entry of the tables in mark.S takes 16 bytes. */
extern const char mark_begin_table[], mark_end_table[];

void mark_begin(unsigned section)
{
	((void (*)(void))(mark_begin_table + 16 * section))();
}

void mark_end(unsigned section)
{
	((void (*)(void))(mark_end_table + 16 * section))();
}

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("no CPU %d", cpu);
}

void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "anel-bench: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

long times(long n)
{
	return getenv("ANEL_BENCH_SHORT") ? n / 4 : n;
}

void report(const char *row, unsigned section, double seconds, long operations)
{
	printf("{\"row\": \"%s\", \"section\": %u, \"seconds\": %.9f, \"n\": %ld}\n", row, section, seconds, operations);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void report_times(const char *row, unsigned section, double *values, size_t n, double seconds)
{
	qsort(values, n, sizeof(*values), compare);
	printf("{\"row\": \"%s\", \"section\": %u, \"seconds\": %.9f, \"n\": %zu, \"median\": %.9f, \"p99\": %.9f, "
	       "\"max\": %.9f}\n", row, section, seconds, n, values[n / 2], values[n * 99 / 100], values[n - 1]);
	fflush(stdout);
}

int cmd_mark(int argc, char **argv)
{
	mark_end(argc > 1 ? atoi(argv[1]) : SECTION_READY);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run ? commands[i].run(argc - 1, argv + 1) : 0;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		printf("anel-bench %s %s\n", commands[i].name, commands[i].args);
	return 2;
}
