// SPDX-License-Identifier: GPL-2.0-or-later
/* Clients of a store, each with one request under way: what one operation takes, and how much of the daemon's CPU time. */
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { DIRECTORY = 1, READ = 2, WATCH = 4, START = 6, END = 7, WRITE = 11, MKDIR = 12, RM = 13, EVENT = 15, ERROR = 16 };

struct head {
	uint32_t type, id, tx, len;
};

/* A step: type and body; %d is the client's number. "|" stands for a zero byte, and one ends the body but for WRITE's. */
struct step {
	uint32_t type;
	const char *body;
	int in_tx;
};

struct row {
	const char *name;
	struct step before, step[6];
	int messages;		/* that end a step: with an event beside the reply, two */
};

static const struct row rows[] = {
	{ "read", { WRITE, "/b/%d/v|value of a usual length", 0 }, { { READ, "/b/%d/v", 0 } }, 1 },
	{ "write", { 0 }, { { WRITE, "/b/%d/v|value of a usual length", 0 } }, 1 },
	{ "directory", { 0 }, { { DIRECTORY, "/dir", 0 } }, 1 },
	{ "mkdir, rm", { 0 }, { { MKDIR, "/b/%d/new", 0 }, { RM, "/b/%d/new", 0 } }, 1 },
	{ "watch event", { WATCH, "/b/%d/w|token", 0 }, { { WRITE, "/b/%d/w|value of a usual length", 0 } }, 2 },
	{ "transaction", { WRITE, "/b/%d/v|1", 0 },
	  { { START, "", 0 }, { READ, "/b/%d/v", 1 }, { WRITE, "/b/%d/v|2", 1 }, { END, "T", 1 } }, 1 },
	{ "read beside a flood", { WRITE, "/b/%d/v|value of a usual length", 0 }, { { READ, "/b/%d/v", 0 } }, 1 },
	{ "connect, read, close", { 0 }, { { READ, "/dir", 0 } }, 1 },
};

struct client {
	int fd, number, step, got;
	uint32_t tx;
	size_t have;
	char in[8192];
};

static const char *path;
static const struct row *row;
static long operations, again;

static int connect_to(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	while (connect(fd, (struct sockaddr *)&at, sizeof(at)))
		if (errno != EAGAIN && errno != EINTR)
			fail("%s: %s", path, strerror(errno));
	return fd;
}

static void ask(struct client *c, const struct step *s)
{
	char out[256];
	struct head *head = (struct head *)out;
	int len = snprintf(out + sizeof(*head), sizeof(out) - sizeof(*head), s->body, c->number);

	for (char *p = out + sizeof(*head); *p; p++)
		if (*p == '|')
			*p = 0;
	*head = (struct head){ s->type, 1, s->in_tx ? c->tx : 0, len + (s->type != WRITE) };
	if (send(c->fd, out, sizeof(*head) + head->len, MSG_NOSIGNAL) < 0)
		fail("send: %s", strerror(errno));
}

/* Reads once; true when what ends the step has come. */
static int answered(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->have, sizeof(c->in) - c->have, 0);
	size_t at = 0;
	struct head *head;

	if (n <= 0)
		fail("recv: %s", n ? strerror(errno) : "closed");
	c->have += n;
	for (; c->have - at >= sizeof(*head); at += sizeof(*head) + head->len) {
		head = (struct head *)(c->in + at);
		if (c->have - at < sizeof(*head) + head->len)
			break;
		if (head->type == ERROR && strcmp((char *)(head + 1), "EAGAIN"))
			fail("%s: %s", row->name, (char *)(head + 1));
		again += head->type == ERROR;
		if (head->type == START)
			c->tx = atoi((char *)(head + 1));
		c->got++;
	}
	memmove(c->in, c->in + at, c->have - at);
	c->have -= at;
	return c->got >= row->messages;
}

static void wait_for(struct client *c)
{
	while (!answered(c))
		;
	c->got = 0;
}

static void just_ask(struct client *c, uint32_t type, const char *body)
{
	struct step s = { type, body, 0 };

	ask(c, &s);
	wait_for(c);
}

/* The next step's request, or the first of the next operation. */
static void advance(struct client *c)
{
	c->got = 0;
	c->step++;
	if (!row->step[c->step].type) {
		operations++;
		c->step = 0;
	}
	ask(c, &row->step[c->step]);
}

static void prepare(struct client *c, int number)
{
	static const struct row any = { .messages = 1, .name = "preparing" };
	const struct row *wanted = row;

	row = &any;
	c->number = number;
	c->fd = connect_to();
	just_ask(c, WRITE, "/b/%d/v|1");
	if (!number)
		for (c->number = 0; c->number < 100; c->number++)
			just_ask(c, WRITE, "/dir/a-name-%d|x");
	c->number = number;
	if (wanted->before.type) {
		/* The first event of a watch may come with the reply or after it. */
		row = wanted->before.type == WATCH ? wanted : row;
		just_ask(c, wanted->before.type, wanted->before.body);
	}
	row = wanted;
}

/* A process that asks and asks, as much at a time as the daemon takes. Nice, as the daemon's CPU is what they are to share. */
static int flood(void)
{
	static char out[32768], in[65536];
	struct client c = { .fd = connect_to() };
	struct pollfd p = { .fd = c.fd, .events = POLLIN | POLLOUT };
	size_t size = 0, at = 0;
	int pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (nice(19) < 0)
		_exit(1);
	for (struct head h = { READ, 1, 0, 5 }; size + sizeof(h) + h.len <= sizeof(out); size += sizeof(h) + h.len) {
		memcpy(out + size, &h, sizeof(h));
		memcpy(out + size + sizeof(h), "/dir", 5);
	}
	while (poll(&p, 1, -1) > 0) {
		ssize_t n = send(c.fd, out + at, size - at, MSG_DONTWAIT | MSG_NOSIGNAL);

		at = n > 0 ? (at + n) % size : at;
		while (recv(c.fd, in, sizeof(in), MSG_DONTWAIT) == sizeof(in))
			;
	}
	_exit(0);
}

/* Seconds that the daemon has run. */
static double cpu_of(int pid)
{
	char name[64], text[64] = "";
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/schedstat", pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		fail("%s: %s", name, strerror(errno));
	close(fd);
	return strtoull(text, NULL, 10) * 1e-9;
}

static void connecting(struct client *c, int count, double until)
{
	for (int i = 0; now() < until; i = (i + 1) % count) {
		close(c[i].fd);
		c[i].fd = connect_to();
		ask(&c[i], &row->step[0]);
		wait_for(&c[i]);
		operations++;
	}
}

static void one(struct client *c, double until)
{
	ask(c, &row->step[0]);
	while (now() < until) {
		wait_for(c);
		advance(c);
	}
	wait_for(c);
}

static void crowd(struct client *c, int count, double until)
{
	struct epoll_event events[64], e = { .events = EPOLLIN };
	int set = epoll_create1(EPOLL_CLOEXEC), n;

	for (int i = 0; i < count; i++) {
		e.data.ptr = &c[i];
		epoll_ctl(set, EPOLL_CTL_ADD, c[i].fd, &e);
		ask(&c[i], &row->step[0]);
	}
	while (now() < until) {
		n = epoll_wait(set, events, 64, 10000);
		for (int i = 0; i < n; i++) {
			struct client *ready = events[i].data.ptr;

			if (answered(ready))
				advance(ready);
		}
	}
	close(set);
}

int cmd_store(int argc, char **argv)
{
	int flooding, count = argc == 6 ? atoi(argv[3]) : 0, pid = argc == 6 ? atoi(argv[2]) : 0;
	struct client *c = calloc(count, sizeof(*c));
	double seconds = argc == 6 ? atof(argv[5]) : 0, start, cpu;

	for (size_t i = 0; argc == 6 && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(rows[i].name, argv[4]))
			row = &rows[i];
	if (!row || count < 1)
		fail("store SOCKET PID CLIENTS ROW SECONDS");
	path = argv[1];
	for (int i = 0; i < count; i++)
		prepare(&c[i], i);
	flooding = strstr(row->name, "flood") ? flood() : 0;
	cpu = cpu_of(pid);
	start = now();
	mark_begin(SECTION_STORE);
	if (!strncmp(row->name, "connect", 7))
		connecting(c, count, start + seconds);
	else if (count == 1)
		one(c, start + seconds);
	else
		crowd(c, count, start + seconds);
	mark_end(SECTION_STORE);
	seconds = now() - start;
	cpu = cpu_of(pid) - cpu;
	if (flooding)
		kill(flooding, SIGKILL);
	printf("{\"row\": \"%s\", \"clients\": %d, \"n\": %ld, \"seconds\": %.9f, \"cpu\": %.9f, \"again\": %ld}\n", row->name, count,
	       operations, seconds, cpu, again);
	return 0;
}
