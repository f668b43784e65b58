/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "verbs.h"

#define WAIT_TTY 10000	/* milliseconds, for who makes the pty */
#define QUIET	 500	/* when nobody types any more, until no more is said */

struct session {
	struct vm_host *host;
	domid_t id;
	unsigned number;
	int pty;
	char waiting[4096];	/* typed, not yet taken */
	unsigned n;
	bool typing, leave;	/* standard input is open; the person leaves */
};

static volatile sig_atomic_t stopped;

static void on_signal(int signal)
{
	stopped = signal;
}

/* Of the further consoles dom0's side is asked first: a guest can write to its own. */
static char *read_tty(struct session *s)
{
	char path[80], *tty = NULL;

	if (s->number) {
		snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u/%u/tty", s->id, s->number);
		tty = store_read(s->host->store, path);
		snprintf(path, sizeof(path), "/local/domain/%u/device/console/%u/tty", s->id, s->number);
	} else {
		snprintf(path, sizeof(path), "/local/domain/%u/console/tty", s->id);
	}
	return tty ? tty : store_read(s->host->store, path);
}

static int open_tty(const char *path)
{
	const char *prefix = "/dev/pts/", *number = path + strlen(prefix);
	struct termios t;
	int fd;

	if (strncmp(path, prefix, strlen(prefix)) || !*number || number[strspn(number, "0123456789")])
		return -1;
	fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd >= 0 && tcgetattr(fd, &t) == 0) {
		cfmakeraw(&t);
		tcsetattr(fd, TCSANOW, &t);
	}
	return fd;
}

static bool domain_lives(struct session *s)
{
	struct hcall_domain info;

	return hcall_domain_info(s->host->hcall, s->id, &info) == 0 && !info.dying;
}

/* Its pty may be about to be made, after the guest's start or a daemon's. */
static int attach(struct session *s, struct why *why)
{
	struct timespec pause = { .tv_nsec = 50000000 };
	char *tty;

	for (int waited = 0; waited < WAIT_TTY && !stopped; waited += 50) {
		tty = read_tty(s);
		s->pty = tty ? open_tty(tty) : -1;
		free(tty);
		if (s->pty >= 0)
			return 0;
		if (!domain_lives(s))
			return why_set(why, -ESRCH, "domain %u has ended", s->id);
		nanosleep(&pause, NULL);
	}
	return why_set(why, -ENOENT, "domain %u has no console %u, or no daemon serves it (anel-consoled, xenconsoled)", s->id,
		       s->number);
}

static void type(struct session *s)
{
	char bytes[1024];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	unsigned len, room = sizeof(s->waiting) - s->n;
	int leave = 0;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	s->typing = n > 0;
	len = n > 0 ? console_typed(bytes, n, &leave) : 0;
	/* What a guest does not take is dropped, so that Ctrl-] is always seen. */
	if (len > room)
		len = room;
	memcpy(s->waiting + s->n, bytes, len);
	s->n += len;
	s->leave = leave;
}

static void send_typed(struct session *s)
{
	ssize_t n = s->n ? write(s->pty, s->waiting, s->n) : 0;

	if (n > 0) {
		s->n -= n;
		memmove(s->waiting, s->waiting + n, s->n);
	}
}

/* False: the pty is gone, or nobody reads us. */
static bool show(struct session *s)
{
	char bytes[4096];
	ssize_t n = read(s->pty, bytes, sizeof(bytes)), done;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	for (ssize_t at = 0; at < n; at += done) {
		done = write(STDOUT_FILENO, bytes + at, n - at);
		if (done < 0 && errno != EINTR)
			return s->leave = true;
		done = done < 0 ? 0 : done;
	}
	return n > 0;
}

/* Until the person leaves (true) or the pty is gone. */
static bool talk(struct session *s)
{
	struct pollfd p[2] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = s->pty } };
	int n;

	while (!stopped) {
		p[0].fd = s->typing ? STDIN_FILENO : -1;
		p[1].events = POLLIN | (s->n ? POLLOUT : 0);
		n = poll(p, 2, s->typing ? -1 : QUIET);
		if (n < 0)
			continue;
		if (n == 0)
			return true;
		if (p[0].revents)
			type(s);
		send_typed(s);
		if (p[1].revents & (POLLIN | POLLHUP | POLLERR) && !show(s))
			return false;
		if (s->leave)
			return true;
	}
	return true;
}

static int run(struct session *s, struct why *why)
{
	bool left;
	int rc;

	for (;;) {
		rc = attach(s, why);
		if (rc)
			return rc;
		left = talk(s);
		close(s->pty);
		if (left)
			return 0;
		if (!domain_lives(s)) {
			fprintf(stderr, "\r\nanel: domain %u has ended\r\n", s->id);
			return 0;
		}
	}
}

static int on_terminal(struct session *s, struct why *why)
{
	const struct sigaction act = { .sa_handler = on_signal };
	bool terminal = isatty(STDIN_FILENO);
	struct termios before, raw;
	int rc;

	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	if (terminal && tcgetattr(STDIN_FILENO, &before) == 0) {
		raw = before;
		cfmakeraw(&raw);
		tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	}
	rc = run(s, why);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
		fputc('\n', stderr);
	}
	return rc;
}

int verb_console(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { NULL };
	struct session s = { .host = host, .pty = -1, .typing = true };
	char *word, *end;
	unsigned flags;
	int rc;

	if (argc && !strcmp(argv[0], "-n")) {
		s.number = argc > 1 ? strtoul(argv[1], &end, 10) : 0;
		if (argc < 2 || argv[1][0] < '0' || argv[1][0] > '9' || *end)
			return why_set(why, -EINVAL, "-n wants a console's number: anel console -n 1 DOMAIN");
		argc -= 2;
		argv += 2;
	}
	rc = verb_options(argc, argv, known, &flags, &word, 1, why);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return why_set(why, -EINVAL, "which domain? anel console [-n NUMBER] DOMAIN");
	rc = vm_find(host, word, &s.id, why);
	return rc ? rc : on_terminal(&s, why);
}
