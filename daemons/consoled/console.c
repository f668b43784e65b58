// SPDX-License-Identifier: GPL-2.0-or-later
#include "console.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"
#include "skel/log.h"
#include "skel/mem.h"
#include "skel/skel.h"
#include "typed.h"

#define WAKE_COST 512		/* of an event, in bytes */
#define LIE_COST  8192
#define LINGER	  300000000u	/* nanoseconds */
#define GREETING  50000000u

uint64_t console_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

void console_fd_name(const struct console_host *host, uint32_t index, char name[32])
{
	snprintf(name, 32, "t%u.%u", index, slots_at(&host->slots, index)->generation);
}

int console_of_fd(const struct console_host *host, const char *name)
{
	unsigned index, generation;

	if (sscanf(name, "t%u.%u", &index, &generation) != 2 || index >= host->slots.limit)
		return -1;
	return slots_at(&host->slots, index)->used && slots_at(&host->slots, index)->generation == generation ? (int)index : -1;
}

static void later(struct console *c)
{
	if (list_empty(&c->late))
		list_append(&c->host->late, &c->late);
}

/* What epoll shall look for, now. A pty that nobody has open is not looked at: its hang-up would be told for ever. */
static void set_interest(struct console *c)
{
	bool room = c->ring.page && ring_room(c->ring.page);
	uint32_t want = !c->opens || c->pty.fd < 0 ? 0 : EPOLLRDHUP | (room ? EPOLLIN : 0) | (c->full ? EPOLLOUT : 0);

	if (want == c->interest)
		return;
	if (!want)
		loop_remove(c->host->loop, &c->pty);
	else if (!c->interest)
		loop_add(c->host->loop, &c->pty, want);
	else
		loop_change(c->host->loop, &c->pty, want);
	c->interest = want;
}

static void to_client(struct console *c)
{
	struct slot *slot = c->slot;
	ssize_t n = 0;

	c->full = false;
	while (c->opens && !c->greet_at && c->pty.fd >= 0 && slot->pty_pos < slot->end) {
		if (slot->pty_pos < slot_oldest(slot))
			slot_set_pty(slot, slot_oldest(slot));
		n = slot_to_pty(&c->host->slots, slot, c->pty.fd);
		if (n <= 0)
			break;
	}
	c->full = n < 0 && errno == EAGAIN;
}

static void from_client(struct console *c)
{
	ssize_t n;

	if (!c->ring.page || c->pty.fd < 0)
		return;
	n = typed_move(&c->host->slots, c->slot, c->host->typed, c->pty.fd, c->ring.page);
	if (n > 0)
		shared_notify(&c->ring);
}

static void greet(struct console *c)
{
	struct slot *slot = c->slot;
	uint64_t begin = slot->end > c->history ? slot->end - c->history : 0;

	/* From the begin of a line. */
	if (begin)
		for (uint64_t at = begin; at < slot->end && at < begin + 1024; at++)
			if (slot_byte(slot, at) == '\n') {
				begin = at + 1;
				break;
			}
	pty_clear(c->pty.fd);
	slot_set_pty(slot, begin);
	slot->attached = 1;
	c->greet_at = 0;
	to_client(c);
}

/* Many clients set the terminal up first, which drops what has come. */
static void client_came(struct console *c)
{
	c->greet_at = console_now() + GREETING;
	later(c);
}

static void client_left(struct console *c)
{
	c->opens = 0;
	c->greet_at = 0;
	c->full = false;
	c->slot->attached = 0;
	pty_clear(c->pty.fd);
}

void console_opened(struct console *c, int change)
{
	if (c->pty.fd < 0)
		return;
	if (change > 0 && c->opens++ == 0)
		client_came(c);
	else if (change < 0 && c->opens)
		c->opens--;
}

void console_settle(struct console *c, bool more)
{
	if (c->pty.fd < 0)
		return;
	if (!pty_in_use(c->pty.fd)) {
		client_left(c);
	} else if (!c->opens && !more) {
		/* Not all who have it open were counted: some opened it before a restart, or at once with others. */
		c->opens = 1;
		c->slot->attached = 1;
		to_client(c);
	}
	/* What one typed that is gone already. */
	from_client(c);
	set_interest(c);
}

static void on_pty(struct loop_source *source, uint32_t events)
{
	struct console *c = list_entry(source, struct console, pty);

	if (c->pty.fd < 0 || !c->interest)
		return;
	if (events & (EPOLLIN | EPOLLHUP))
		from_client(c);
	if (events & EPOLLOUT)
		to_client(c);
	/* Here a client that left at once is not taken for one that is there: inotify tells of who came since. */
	if ((events & EPOLLHUP) && !pty_in_use(c->pty.fd))
		client_left(c);
	set_interest(c);
}

static void take_output(struct console *c)
{
	int n = ring_receive(c->ring.page, c->slot);

	if (n < 0) {
		if (!c->lied)
			log_warning("domain %u: impossible indexes in its console %u", c->domid, c->number);
		c->lied = true;
		budget_spend(&c->budget, LIE_COST);
	}
	if (n <= 0)
		return;
	budget_spend(&c->budget, n);
	shared_notify(&c->ring);
	logfile_write(&c->log, c->slot, &c->host->log);
	to_client(c);
}

static void turn(struct console *c)
{
	if (!c->ring.page)
		return;
	budget_fill(&c->budget, &c->host->budget, console_now());
	if (budget_over(&c->budget)) {
		later(c);
		return;
	}
	take_output(c);
	/* What a client that is gone has typed, too. */
	from_client(c);
	set_interest(c);
	if (c->masked && !budget_over(&c->budget)) {
		c->masked = false;
		shared_unmask(c->ring.port);
	} else if (c->masked) {
		later(c);
	}
}

void console_event(struct console *c)
{
	c->masked = true;
	budget_spend(&c->budget, WAKE_COST);
	turn(c);
}

static void drop(struct console *c)
{
	char name[32];

	if (c->watch >= 0)
		inotify_rm_watch(c->host->inotify, c->watch);
	if (c->pty.fd >= 0) {
		c->opens = 0;
		set_interest(c);
		console_fd_name(c->host, c->index, name);
		skel_forget_fd(name);
		close(c->pty.fd);
		c->pty.fd = -1;
	}
	logfile_close(&c->log);
	slots_free(&c->host->slots, c->index);
	list_remove(&c->late);
	list_append(&c->host->doomed, &c->late);
}

void console_tick(struct console *c)
{
	bool due = c->greet_at && (c->close_at || console_now() >= c->greet_at);

	if (due)
		greet(c);
	if (!c->close_at) {
		list_remove(&c->late);
		if (c->greet_at)
			later(c);
		turn(c);
	} else if (console_now() >= c->close_at) {
		drop(c);
	}
}

static int open_pty(struct console *c, bool *again)
{
	int *kept = &c->host->kept[c->index], fd = *kept;
	char name[32];

	*kept = -1;
	*again = fd >= 0 && pty_path(fd, c->tty) == 0;
	if (*again)
		return fd;
	fd = pty_new(c->tty);
	if (fd < 0)
		return fd;
	console_fd_name(c->host, c->index, name);
	skel_keep_lonely_fd(name, fd);
	return fd;
}

/* Of a client that stayed over a restart nothing is sent again; one that came meanwhile gets all. */
static void meet_client(struct console *c, bool again)
{
	if (!again || !pty_in_use(c->pty.fd)) {
		c->slot->attached = 0;
		return;
	}
	c->opens = 1;
	if (c->slot->attached)
		to_client(c);
	else
		client_came(c);
	set_interest(c);
}

struct console *console_open(struct console_host *host, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE],
			     const char *log_name)
{
	struct console *c = mem_zalloc(sizeof(*c));
	bool again;

	c->host = host;
	c->domid = domid;
	c->number = number;
	c->ring.port = c->watch = c->pty.fd = -1;
	c->history = SLOT_HISTORY;
	c->budget = (struct budget){ host->budget.burst, console_now() };
	list_init(&c->of_domain);
	list_init(&c->late);
	c->slot = slots_find(&host->slots, domid, number, handle, &c->index);
	if (c->slot)
		slot_resume_pty(&host->slots, c->slot);
	else
		c->slot = slots_new(&host->slots, domid, number, handle, &c->index);
	if (!c->slot) {
		log_error("domain %u: no room for its console %u", domid, number);
		free(c);
		return NULL;
	}
	logfile_open(&c->log, host->log_dir, log_name, c->slot, &host->log);
	logfile_write(&c->log, c->slot, &host->log);
	c->pty = (struct loop_source){ on_pty, open_pty(c, &again) };
	if (c->pty.fd < 0) {
		log_error("domain %u: no pty for its console %u: %s", domid, number, strerror(-c->pty.fd));
		return c;
	}
	c->watch = inotify_add_watch(host->inotify, c->tty, IN_OPEN | IN_CLOSE);
	meet_client(c, again);
	return c;
}

int console_attach(struct console *c, uint64_t ref, uint32_t port)
{
	int err;

	if (c->ring.page && c->ref == ref && c->remote == port)
		return 0;
	console_detach(c);
	err = c->number ? shared_attach_grant(&c->ring, c->domid, ref, port) : xen_attach(&c->ring, c->domid, ref, port);
	if (err) {
		if (!c->refused)
			log_warning("domain %u: its console %u cannot be attached: %s", c->domid, c->number, strerror(-err));
		c->refused = true;
		return err;
	}
	c->refused = false;
	c->ref = ref;
	c->remote = port;
	ring_resume(c->ring.page, c->slot);
	typed_give(&c->host->slots, c->slot, c->ring.page);
	/* The guest may have waited for somebody who was not there. */
	shared_notify(&c->ring);
	turn(c);
	return 0;
}

void console_detach(struct console *c)
{
	if (c->ring.page) {
		/* The next ring is another, of which nothing was counted. */
		c->slot->batch_size = c->slot->typing = 0;
		shared_detach(&c->ring);
	}
	c->masked = false;
	set_interest(c);
}

void console_reopen_log(struct console *c)
{
	char name[sizeof(c->log.name)];

	memcpy(name, c->log.name, sizeof(name));
	logfile_close(&c->log);
	logfile_open(&c->log, c->host->log_dir, name, c->slot, &c->host->log);
}

void console_close(struct console *c)
{
	if (c->ring.page)
		take_output(c);
	console_detach(c);
	list_remove(&c->of_domain);
	/* One of whom inotify has not told yet. */
	if (c->pty.fd >= 0 && !c->opens && pty_in_use(c->pty.fd)) {
		c->opens = 1;
		client_came(c);
	}
	/* The next one of this number is another. */
	c->slot->number = UINT16_MAX;
	c->close_at = console_now() + (c->opens ? LINGER : 0);
	later(c);
}

void console_free_doomed(struct console_host *host)
{
	while (!list_empty(&host->doomed)) {
		struct console *c = list_first(&host->doomed, struct console, late);

		list_remove(&c->late);
		free(c);
	}
}
