// SPDX-License-Identifier: GPL-2.0-or-later
#include "holder.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "skel/log.h"
#include "skel/skel.h"
#include "store.h"

static const struct skel_privileges privileges = {
	.daemon = "anel-stored's holder",
	.capabilities = 0,
	.keeps = "the daemon's descriptors; no capability",
};

/* A question: GIVE or END, and a number that the last answer has too. */
enum { GIVE = 1, END = 2 };
struct question {
	uint32_t what, number;
};
struct answer {
	uint32_t index, generation;	/* with a descriptor; index MAX_CONNS: the last, generation is the number */
};

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int))];
};

struct held {
	uint32_t index, generation;
	int fd;
};

static int by_fd(const void *a, const void *b)
{
	const struct held *x = a, *y = b;

	return (x->fd > y->fd) - (x->fd < y->fd);
}

/* The clients' sockets as they were when the daemon died: its successor writes its own numbers into the slots. */
static unsigned take_stock(const struct slots *slots, struct held *held)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < MAX_CONNS; i++)
		if (slots->fds[i])
			held[n++] = (struct held){ i, slots_generation(slots, i), slots->fds[i] - 1 };
	qsort(held, n, sizeof(*held), by_fd);
	return n;
}

static void close_others(const struct held *held, unsigned n, int mine)
{
	int next = 0;

	for (unsigned i = 0; i <= n; i++) {
		int end = i < n ? held[i].fd : INT32_MAX;

		if (mine >= next && mine < end) {
			if (mine > next)
				close_range(next, mine - 1, 0);
			next = mine + 1;
		}
		if (end > next)
			close_range(next, end - 1, 0);
		next = end < INT32_MAX ? end + 1 : end;
	}
}

/* fd -1: no descriptor. */
static int answer(int to, uint32_t index, uint32_t generation, int fd)
{
	struct answer a = { index, generation };
	union control more = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { &a, sizeof(a) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		memcpy(CMSG_DATA(&more.head), &fd, sizeof(fd));
		m.msg_control = &more;
		m.msg_controllen = sizeof(more);
	}
	return sendmsg(to, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Until it is dismissed, or nobody is left who could ask. */
static void serve(int fd, const struct held *held, unsigned n)
{
	struct question q;

	while (recv(fd, &q, sizeof(q), 0) == sizeof(q) && q.what == GIVE) {
		for (unsigned i = 0; i < n; i++)
			answer(fd, held[i].index, held[i].generation, held[i].fd);
		answer(fd, MAX_CONNS, q.number, -1);
	}
}

static void child(const struct holder *h, pid_t parent)
{
	static struct held held[MAX_CONNS];
	sigset_t set;
	unsigned n;

	/* A signal for the whole group is the daemon's affair. */
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	prctl(PR_SET_NAME, "stored-holder");
	if (skel_drop_privileges(&privileges))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (getppid() == parent)
		sigwaitinfo(&set, NULL);
	n = take_stock(h->slots, held);
	close_others(held, n, h->answer);
	/* The mapping holds the lock as the descriptor did. */
	slots_unmap(h->slots);
	serve(h->answer, held, n);
	_exit(0);
}

static int make_child(struct holder *h)
{
	pid_t parent = getpid(), pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(h, parent);
	h->pid = pid;
	return 0;
}

int holder_start(struct holder *h, const struct slots *slots)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	h->slots = slots;
	h->ask = ends[0];
	h->answer = ends[1];
	return make_child(h);
}

static void on_end(struct loop_source *source, uint32_t events);

static int watch_child(struct holder *h, struct loop *loop)
{
	int fd = pidfd_open(h->pid, 0);

	if (fd < 0)
		return -errno;
	h->end = (struct loop_source){ on_end, fd };
	return loop_add(loop, &h->end, EPOLLIN);
}

static struct loop *the_loop;

static void on_end(struct loop_source *source, uint32_t events)
{
	struct holder *h = (struct holder *)((char *)source - __builtin_offsetof(struct holder, end));
	int err;

	(void)events;
	waitpid(h->pid, NULL, 0);
	h->pid = 0;
	loop_remove(the_loop, source);
	close(source->fd);
	err = make_child(h);
	if (!err)
		err = watch_child(h, the_loop);
	log_warning("the holder of descriptors has ended, %s", err ? strerror(-err) : "another is there");
}

int holder_watch(struct holder *h, struct loop *loop)
{
	the_loop = loop;
	return h->pid ? watch_child(h, loop) : 0;
}

void holder_stop(struct holder *h)
{
	if (!h->pid)
		return;
	kill(h->pid, SIGKILL);
	waitpid(h->pid, NULL, 0);
	h->pid = 0;
}

void holder_ask(int ask, void (*take)(void *, uint32_t, uint32_t, int), void *data)
{
	struct question q = { GIVE, getpid() };
	union control more;
	struct answer a;
	struct iovec iov = { &a, sizeof(a) };

	if (send(ask, &q, sizeof(q), MSG_NOSIGNAL) < 0)
		return;
	for (;;) {
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &more, .msg_controllen = sizeof(more) };
		struct cmsghdr *c;
		int fd;

		if (recvmsg(ask, &m, MSG_CMSG_CLOEXEC) != sizeof(a))
			return;
		c = CMSG_FIRSTHDR(&m);
		if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len >= CMSG_LEN(sizeof(fd))) {
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
			take(data, a.index, a.generation, fd);
		} else if (a.index == MAX_CONNS && a.generation == q.number) {
			/* Before it may come what a predecessor of ours asked for and did not read. */
			return;
		}
	}
}

void holder_dismiss(int ask)
{
	struct question q = { END, 0 };

	send(ask, &q, sizeof(q), MSG_NOSIGNAL);
}
