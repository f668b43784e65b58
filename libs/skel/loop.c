// SPDX-License-Identifier: GPL-2.0-or-later
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#define AT_ONCE 64

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct loop *loop = data;

	(void)source;
	(void)info;
	loop->stop = true;
	return 0;
}

/* What sd-event has to do, without waiting. It is left armed: its descriptor then wakes us. */
void loop_changed(struct loop *loop)
{
	if (sd_event_get_state(loop->event) == SD_EVENT_ARMED && sd_event_wait(loop->event, 0) > 0)
		sd_event_dispatch(loop->event);
	while (sd_event_get_state(loop->event) == SD_EVENT_INITIAL && sd_event_prepare(loop->event) > 0)
		sd_event_dispatch(loop->event);
}

static void run_event(struct loop_source *source, uint32_t events)
{
	(void)events;
	loop_changed((struct loop *)((char *)source - __builtin_offsetof(struct loop, of_event)));
}

int loop_init(struct loop *loop)
{
	sigset_t set;
	int err;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	loop->stop = false;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0)
		return -errno;
	err = sd_event_new(&loop->event);
	if (err < 0)
		return err;
	sd_event_add_signal(loop->event, NULL, SIGTERM, on_signal, loop);
	sd_event_add_signal(loop->event, NULL, SIGINT, on_signal, loop);
	loop->of_event = (struct loop_source){ run_event, sd_event_get_fd(loop->event) };
	err = loop_add(loop, &loop->of_event, EPOLLIN);
	loop_changed(loop);
	return err;
}

void loop_free(struct loop *loop)
{
	sd_event_unref(loop->event);
	close(loop->epoll);
}

static int control(struct loop *loop, int op, struct loop_source *source, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = source };

	return epoll_ctl(loop->epoll, op, source->fd, &e) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_ADD, source, events);
}

int loop_change(struct loop *loop, struct loop_source *source, uint32_t events)
{
	return control(loop, EPOLL_CTL_MOD, source, events);
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	control(loop, EPOLL_CTL_DEL, source, 0);
}

int loop_once(struct loop *loop, bool wait)
{
	struct epoll_event events[AT_ONCE];
	int n = epoll_wait(loop->epoll, events, AT_ONCE, wait ? -1 : 0);

	for (int i = 0; i < n; i++) {
		struct loop_source *source = events[i].data.ptr;

		source->ready(source, events[i].events);
	}
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	return n;
}
