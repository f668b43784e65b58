// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * anel-keep: what systemd does for a daemon of ours, where there is no systemd: starts it, keeps descriptors for it by the
 * protocol of sd_notify(3), and starts it again with them when it dies. It goes to the background once the daemon is ready.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "skel/log.h"

#define MAX_FDS 6000
#define FIRST 3			/* SD_LISTEN_FDS_START */

struct kept {
	int fd;
	char name[64];
};

static struct {
	char **command;
	int notices, signals, epoll, parent;	/* parent: a pipe to whoever waits for the daemon to be ready */
	pid_t pid;
	bool ready, stopping;
	struct kept kept[MAX_FDS];
	int count;
} keep;

static void forget(int i)
{
	/* The daemon may have it open yet: the set would go on to tell of this number, which will be another's. */
	epoll_ctl(keep.epoll, EPOLL_CTL_DEL, keep.kept[i].fd, NULL);
	close(keep.kept[i].fd);
	keep.kept[i] = keep.kept[--keep.count];
}

static void keep_fd(const char *name, int fd, bool poll)
{
	struct epoll_event e = { .events = 0, .data.fd = fd };

	if (keep.count == MAX_FDS) {
		log_warning("no room to keep %s", name);
		close(fd);
		return;
	}
	keep.kept[keep.count].fd = fd;
	snprintf(keep.kept[keep.count++].name, sizeof(keep.kept[0].name), "%s", name);
	/* No events asked for: it tells when the peer has hung up. */
	if (poll)
		epoll_ctl(keep.epoll, EPOLL_CTL_ADD, fd, &e);
}

static void forget_named(const char *name)
{
	for (int i = keep.count; i-- > 0;)
		if (!strcmp(keep.kept[i].name, name))
			forget(i);
}

static void hung_up(int fd)
{
	struct pollfd p = { .fd = fd };

	/* The number may be another's since the set told of it. */
	if (poll(&p, 1, 0) <= 0)
		return;
	for (int i = 0; i < keep.count; i++)
		if (keep.kept[i].fd == fd) {
			forget(i);
			return;
		}
}

static void ready(void)
{
	char yes = 1;

	keep.ready = true;
	if (keep.parent < 0)
		return;
	if (write(keep.parent, &yes, 1) < 0)
		log_warning("nobody waits: %s", strerror(errno));
	close(keep.parent);
	keep.parent = -1;
}

/* The lines of one notice. Descriptors that it does not name a use for are closed. */
static void notice(char *text, int fd)
{
	const char *name = "unnamed";
	bool store = false, drop = false, poll = true;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, "FDNAME=", 7))
			name = line + 7;
		else if (!strcmp(line, "FDSTORE=1"))
			store = true;
		else if (!strcmp(line, "FDSTOREREMOVE=1"))
			drop = true;
		else if (!strcmp(line, "FDPOLL=0"))
			poll = false;
		else if (!strcmp(line, "READY=1"))
			ready();
		else if (!strcmp(line, "STOPPING=1"))
			keep.stopping = true;
	}
	if (drop)
		forget_named(name);
	if (fd >= 0 && store)
		keep_fd(name, fd, poll);
	else if (fd >= 0)
		close(fd);
}

static int fd_of(struct msghdr *m)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(m);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len >= CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* What the daemon has said so far, also if it is dead. */
static void take_notices(void)
{
	char text[1024];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} more;
	struct iovec iov = { text, sizeof(text) - 1 };

	for (;;) {
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &more, .msg_controllen = sizeof(more) };
		ssize_t n = recvmsg(keep.notices, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n < 0)
			return;
		text[n] = 0;
		notice(text, fd_of(&m));
	}
}

static size_t names(char *text, size_t size)
{
	size_t len = 0;

	text[0] = 0;
	for (int i = 0; i < keep.count && len < size; i++)
		len += snprintf(text + len, size - len, i ? ":%s" : "%s", keep.kept[i].name);
	return len;
}

/* In the child: the kept descriptors from FIRST on, no others. */
static void run(void)
{
	static char list[MAX_FDS * 16];
	char number[16];
	sigset_t none;
	int high[MAX_FDS];

	for (int i = 0; i < keep.count; i++)
		high[i] = fcntl(keep.kept[i].fd, F_DUPFD_CLOEXEC, FIRST + keep.count);
	for (int i = 0; i < keep.count; i++)
		if (high[i] < 0 || dup2(high[i], FIRST + i) < 0)
			_exit(126);
	snprintf(number, sizeof(number), "%d", getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%d", keep.count);
	setenv("LISTEN_FDS", number, 1);
	names(list, sizeof(list));
	setenv("LISTEN_FDNAMES", list, 1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(keep.command[0], keep.command);
	log_error("%s: %s", keep.command[0], strerror(errno));
	_exit(127);
}

static void start(void)
{
	keep.ready = false;
	while ((keep.pid = fork()) < 0) {
		log_error("fork: %s", strerror(errno));
		usleep(100000);
	}
	if (keep.pid == 0)
		run();
}

/* False: nothing is left to do. */
static bool child_ended(void)
{
	int status;

	if (keep.pid <= 0 || waitpid(keep.pid, &status, WNOHANG) != keep.pid)
		return true;
	take_notices();
	if (keep.stopping || (WIFEXITED(status) && !WEXITSTATUS(status)))
		return false;
	/* Whoever waits hears that it failed, and it is not tried any more. */
	if (keep.parent >= 0)
		return false;
	log_warning("%s ended by %s %d, it is started again", keep.command[0], WIFSIGNALED(status) ? "signal" : "exit code",
		    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (!keep.ready)
		usleep(100000);
	start();
	return true;
}

static bool on_signal(void)
{
	struct signalfd_siginfo info;

	if (read(keep.signals, &info, sizeof(info)) != sizeof(info))
		return true;
	if (info.ssi_signo == SIGCHLD)
		return child_ended();
	keep.stopping = true;
	if (keep.pid > 0)
		kill(keep.pid, SIGTERM);
	return true;
}

static int add(int fd)
{
	struct epoll_event e = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(keep.epoll, EPOLL_CTL_ADD, fd, &e);
}

static int prepare(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct rlimit limit = { 2 * MAX_FDS, 2 * MAX_FDS };
	char name[64];
	sigset_t set;

	setrlimit(RLIMIT_NOFILE, &limit);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	keep.signals = signalfd(-1, &set, SFD_CLOEXEC);
	keep.epoll = epoll_create1(EPOLL_CLOEXEC);
	keep.notices = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* An abstract name, which goes with the process. */
	snprintf(name, sizeof(name), "@anel-keep/%d", getpid());
	strcpy(at.sun_path + 1, name + 1);
	if (bind(keep.notices, (struct sockaddr *)&at, offsetof(struct sockaddr_un, sun_path) + strlen(name)) < 0)
		return -errno;
	setenv("NOTIFY_SOCKET", name, 1);
	return add(keep.notices) < 0 || add(keep.signals) < 0 ? -errno : 0;
}

static int serve(void)
{
	struct epoll_event events[16];
	bool going = true;

	start();
	while (going) {
		int n = epoll_wait(keep.epoll, events, 16, -1);

		for (int i = 0; i < n && going; i++) {
			if (events[i].data.fd == keep.signals)
				going = on_signal();
			else if (events[i].data.fd == keep.notices)
				take_notices();
			else
				hung_up(events[i].data.fd);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int pipe_fds[2], err;
	char yes;

	if (argc < 2 || argv[1][0] != '/') {
		fputs("anel-keep /PROGRAM [ARGUMENTS]: keeps it running, and returns when it is ready\n", stderr);
		return 2;
	}
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return 1;
	if (fork() > 0) {
		close(pipe_fds[1]);
		return read(pipe_fds[0], &yes, 1) == 1 ? 0 : 1;
	}
	close(pipe_fds[0]);
	setsid();
	keep.command = argv + 1;
	keep.parent = pipe_fds[1];
	err = prepare();
	if (err) {
		log_error("anel-keep: %s", strerror(-err));
		return 1;
	}
	return serve();
}
