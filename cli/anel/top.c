/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "args.h"
#include "output.h"
#include "usage.h"

#define FIRST_LOOK 500 /* milliseconds until there is something to see */

struct top {
	struct vm_host *host;
	bool batch, json;
	unsigned delay; /* milliseconds */
	uint64_t count; /* 0: for ever */
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	stopped = signal;
}

static const struct column columns[] = {
	{ "NAME", "name", COLUMN_SHRINKS },
	{ "ID", "id", COLUMN_RIGHT },
	{ "STATE", "state", COLUMN_SPARE },
	{ "CPU%", "cpu_percent", COLUMN_RIGHT },
	{ "CPU-S", "cpu_seconds", COLUMN_RIGHT | COLUMN_SPARE },
	{ "MIB", "memory_mib", COLUMN_RIGHT },
	{ "VCPUS", "vcpus", COLUMN_RIGHT | COLUMN_SPARE },
	{ "SENT-K/S", "network_sent_kib_s", COLUMN_RIGHT },
	{ "RECV-K/S", "network_received_kib_s", COLUMN_RIGHT },
	{ "READ-K/S", "disk_read_kib_s", COLUMN_RIGHT },
	{ "WRITE-K/S", "disk_written_kib_s", COLUMN_RIGHT },
};

static void show(const struct top *t, const json_t *rows)
{
	struct xen_sysctl_physinfo p;
	json_t *line;

	if (t->json) {
		line = json_pack("{s:f, s:O}", "time", (double)time(NULL), "domains", rows);
		json_dumpf(line, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(line);
	} else {
		if (!t->batch)
			printf("\033[H\033[J");
		if (!t->batch && hcall_physinfo(t->host->hcall, &p) == 0)
			printf("%u CPUs, %llu MiB, %llu MiB free; q ends\n\n", p.nr_cpus,
			       (unsigned long long)(p.total_pages >> 8), (unsigned long long)(p.free_pages >> 8));
		output_table(columns, sizeof(columns) / sizeof(columns[0]), rows);
		if (t->batch)
			putchar('\n');
	}
	fflush(stdout);
}

/* False: the person wants to end. */
static bool pause_for(const struct top *t, unsigned milliseconds)
{
	struct pollfd p = { .fd = t->batch ? -1 : STDIN_FILENO, .events = POLLIN };
	char key = 0;

	if (poll(&p, 1, milliseconds) <= 0)
		return !stopped;
	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q' && !stopped;
}

static int run(const struct top *t, struct why *why)
{
	struct usage before, now;
	json_t *rows;
	unsigned wait = t->batch || t->delay < FIRST_LOOK ? t->delay : FIRST_LOOK;
	int rc = usage_read(t->host, &before, why);

	for (uint64_t i = 0; !rc && (!t->count || i < t->count) && pause_for(t, wait); i++) {
		rc = usage_read(t->host, &now, why);
		if (rc)
			break;
		rows = usage_rows(t->host, &before, &now);
		show(t, rows);
		json_decref(rows);
		usage_free(&before);
		before = now;
		wait = t->delay;
		if (ferror(stdout))
			break;
	}
	if (!rc)
		usage_free(&before);
	return rc;
}

static int on_terminal(const struct top *t, struct why *why)
{
	const struct sigaction act = { .sa_handler = on_signal };
	struct termios before, raw;
	int rc;

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	if (tcgetattr(STDIN_FILENO, &before) < 0)
		return why_set(why, -errno, "standard input is no terminal; anel top -b writes lines");
	raw = before;
	raw.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	rc = run(t, why);
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return rc;
}

/* "2", "0.5" */
static int read_delay(const char *text, unsigned *milliseconds, struct why *why)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600))
		return why_set(why, -EINVAL, "-d: \"%s\" is not a time between 0.1 and 3600 seconds", text);
	*milliseconds = seconds * 1000;
	return 0;
}

int verb_top(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { .brief = "-b", .full = "--batch" },
			      { .brief = "-d", .full = "--delay", .takes = true },
			      { .brief = "-i", .full = "--iterations", .takes = true },
			      { .full = "--json" },
			      { 0 } };
	struct top t = { .host = host, .delay = 3000 };
	int rc = args_read(argc, argv, args, NULL, 0, why);

	t.json = args[3].given;
	t.batch = args[0].given || t.json;
	if (!rc && args[1].given)
		rc = read_delay(args[1].value, &t.delay, why);
	if (!rc && args[2].given)
		rc = args_number(args[2].value, "-i", 1, UINT32_MAX, &t.count, why);
	if (rc)
		return rc;
	if (!t.batch && !isatty(STDOUT_FILENO))
		t.batch = true;
	return t.batch ? run(&t, why) : on_terminal(&t, why);
}
