// SPDX-License-Identifier: GPL-2.0-or-later
/* Other programs as one operation. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(char **argv)
{
	pid_t pid = fork();

	if (!pid) {
		execvp(argv[0], argv);
		fail("no %s", argv[0]);
	}
	return pid;
}

static void must_succeed(pid_t pid, const char *name)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		fail("%s failed (status %#x)", name, status);
}

int cmd_run(int argc, char **argv)
{
	unsigned section = argc > 3 ? atoi(argv[2]) : 0;
	double begun = now();

	if (!section)
		fail("run ROW SECTION COMMAND...");
	mark_begin(section);
	must_succeed(start(argv + 3), argv[3]);
	mark_end(section);
	report(argv[1], section, now() - begun, 1);
	return 0;
}

/* Whether the file has the text. It is at most the start of a guest's console. */
static int has(const char *path, const char *text)
{
	static char buffer[1 << 20];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer));

	if (fd >= 0)
		close(fd);
	return n > 0 && memmem(buffer, n, text, strlen(text));
}

/* Waits without polling, so that the guest has the CPUs; 120 s at most. */
static void wait_for(int watch, const char *path, const char *text)
{
	struct pollfd p = { .fd = watch, .events = POLLIN };
	char events[4096];

	for (double end = now() + 120; !has(path, text);) {
		if (now() > end)
			fail("no %s in %s", text, path);
		if (poll(&p, 1, 1000) > 0 && read(watch, events, sizeof(events)) < 0)
			fail("inotify");
	}
}

/* The log must exist, empty. */
int cmd_create(int argc, char **argv)
{
	unsigned section = argc > 4 ? atoi(argv[1]) : 0;
	const char *log = argv[2], *text = argv[3];
	int watch = inotify_init1(IN_NONBLOCK), to_child[2];
	double begun, returned, seen;
	pid_t waiter;

	if (!section || inotify_add_watch(watch, log, IN_MODIFY) < 0 || pipe(to_child))
		fail("create SECTION LOG TEXT COMMAND...");
	begun = now();
	waiter = fork();
	if (!waiter) {
		wait_for(watch, log, text);
		seen = now();
		_exit(write(to_child[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	mark_begin(section);
	must_succeed(start(argv + 4), argv[4]);
	mark_end(section);
	returned = now();
	must_succeed(waiter, "the wait for the guest's console");
	if (read(to_child[0], &seen, sizeof(seen)) != sizeof(seen))
		fail("pipe");
	report("create", section, returned - begun, 1);
	report("first line", 0, seen - begun, 1);
	return 0;
}
