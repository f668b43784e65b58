// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <xen/xen.h>

#include "nodes.h"
#include "skel/log.h"
#include "skel/mem.h"
#include "skel/skel.h"
#include "typed.h"

#define AT_ONCE 64
#define EVENTS_AT_ONCE 256
#define STORE_WAIT 300		/* tenths of a second */
#define TYPED "typed"		/* what the pipe is called with whoever starts us */

static const struct budget_limits scan_limits = { .rate = 4, .burst = 40 };
static struct server *the_server;

static void note_port(struct server *v, struct console *c)
{
	unsigned port = c->ring.port;

	if (c->ring.port < 0)
		return;
	if (port >= v->ports) {
		unsigned more = 2 * port + 64;

		v->by_port = mem_realloc(v->by_port, more * sizeof(*v->by_port));
		memset(v->by_port + v->ports, 0, (more - v->ports) * sizeof(*v->by_port));
		v->ports = more;
	}
	v->by_port[port] = c;
}

static void forget_port(struct server *v, struct console *c)
{
	if (c->ring.port >= 0)
		v->by_port[c->ring.port] = NULL;
}

static struct console *find_console(struct domain *d, uint16_t number)
{
	struct console *c;

	list_each(c, &d->consoles, struct console, of_domain)
		if (c->number == number)
			return c;
	return NULL;
}

static void close_console(struct server *v, struct console *c)
{
	forget_port(v, c);
	console_close(c);
}

static int scan_console(struct server *v, struct domain *d, uint16_t number)
{
	struct console *c = find_console(d, number);
	char log_name[96];
	struct nodes nodes;
	int rc = nodes_read(v->store, d->domid, number, &nodes);

	if (rc)
		return rc;
	if (!nodes.ours) {
		if (c)
			close_console(v, c);
		return 0;
	}
	/* The first one's nodes go before the domain does; what is attached stays until then. The others can be unplugged. */
	if (!nodes.ready && (!number || !c))
		return 0;
	if (!c) {
		nodes_log_name(v->store, d->domid, number, log_name);
		c = console_open(&v->host, d->domid, number, d->handle, log_name);
		if (!c)
			return 0;
		list_append(&d->consoles, &c->of_domain);
	}
	c->history = nodes.limit < SLOT_HISTORY ? nodes.limit : SLOT_HISTORY;
	forget_port(v, c);
	if (nodes.ready && console_attach(c, nodes.ref, nodes.port) == 0)
		note_port(v, c);
	else if (!nodes.ready)
		console_detach(c);
	return c->pty.fd >= 0 ? nodes_publish(v->store, &nodes, c->tty, c->ring.page) : 0;
}

static int scan(struct server *v, struct domain *d)
{
	struct console *c, *next;
	uint32_t further;
	int rc = nodes_further(v->store, d->domid, &further);

	further &= (2u << MAX_NUMBER) - 1;
	if (rc)
		return rc;
	list_each_safe(c, next, &d->consoles, struct console, of_domain)
		if (c->number && !(further >> c->number & 1))
			close_console(v, c);
	rc = scan_console(v, d, 0);
	for (uint16_t n = 1; n <= MAX_NUMBER && !rc; n++)
		if (further >> n & 1)
			rc = scan_console(v, d, n);
	return rc;
}

/* What the store refuses is a matter of that domain; that it is gone is ours. */
static bool store_lost(int rc)
{
	return rc == -EPIPE || rc == -ECONNRESET || rc == -EPROTO || rc == -EBADF;
}

static const char *const watched[] = { "/local/domain/%u/console", "/local/domain/%u/device/console",
				       "/local/domain/0/backend/console/%u" };
#define WATCHED (sizeof(watched) / sizeof(watched[0]))

static int watch_domain(struct server *v, uint16_t domid, int (*what)(struct store *, const char *, const char *))
{
	char path[64], token[16];
	int rc = 0;

	snprintf(token, sizeof(token), "d%u", domid);
	for (unsigned i = 0; i < WATCHED && !store_lost(rc); i++) {
		snprintf(path, sizeof(path), watched[i], domid);
		rc = what(v->store, path, token);
	}
	return store_lost(rc) ? rc : 0;
}

static struct domain *find_domain(struct server *v, uint16_t domid)
{
	struct domain *d;

	list_each(d, &v->domains, struct domain, all)
		if (d->domid == domid)
			return d;
	return NULL;
}

static int add_domain(struct server *v, const struct xen_domctl_getdomaininfo *info)
{
	struct domain *d = mem_zalloc(sizeof(*d));

	d->domid = info->domain;
	memcpy(d->handle, info->handle, SLOT_HANDLE);
	v->dirty = d->dirty = d->seen = true;
	d->scans = (struct budget){ scan_limits.burst, console_now() };
	list_init(&d->consoles);
	list_append(&v->domains, &d->all);
	return watch_domain(v, d->domid, store_watch);
}

static int remove_domain(struct server *v, struct domain *d)
{
	uint16_t domid = d->domid;

	while (!list_empty(&d->consoles))
		close_console(v, list_first(&d->consoles, struct console, of_domain));
	list_remove(&d->all);
	free(d);
	return watch_domain(v, domid, store_unwatch);
}

/* The same number, another domain: its end and the next one's begin were told at once. */
static bool same(const struct domain *d, const struct xen_domctl_getdomaininfo *info)
{
	return !memcmp(d->handle, info->handle, SLOT_HANDLE);
}

static bool attached(struct domain *d)
{
	struct console *c = find_console(d, 0);

	return c && c->ring.page;
}

static int see(struct server *v, const struct xen_domctl_getdomaininfo *info)
{
	struct domain *d = find_domain(v, info->domain);
	int rc = 0;

	if (info->domain == 0 || info->flags & XEN_DOMINF_dying)
		return 0;
	if (d && !same(d, info)) {
		rc = remove_domain(v, d);
		d = NULL;
	}
	if (!d)
		return rc ? rc : add_domain(v, info);
	d->seen = true;
	/* Watches tell what changes; but its ring may not have been there when we looked. */
	d->dirty |= !attached(d);
	v->dirty |= d->dirty;
	return 0;
}

static int list_domains(struct server *v)
{
	struct xen_domctl_getdomaininfo info[AT_ONCE];
	struct domain *d, *next;
	domid_t first = 0;
	int n, rc = 0;

	v->list_domains = false;
	list_each(d, &v->domains, struct domain, all)
		d->seen = false;
	do {
		n = xen_domains(first, AT_ONCE, info);
		if (n < 0) {
			log_error("the hypervisor does not list its domains: %s", strerror(-n));
			return 0;
		}
		for (int i = 0; i < n && !rc; i++)
			rc = see(v, &info[i]);
		first = n ? info[n - 1].domain + 1 : 0;
	} while (n == AT_ONCE && !rc);
	list_each_safe(d, next, &v->domains, struct domain, all)
		if (!d->seen && !rc)
			rc = remove_domain(v, d);
	return rc;
}

static void take_events(struct server *v)
{
	char token[64], *path;

	v->more = false;
	for (int i = 0; i < EVENTS_AT_ONCE; i++) {
		struct domain *d;

		path = store_wait(v->store, 0, token);
		if (!path) {
			if (errno != ETIMEDOUT && errno != EINTR)
				v->failed = true;
			return;
		}
		free(path);
		if (token[0] == '@')
			v->list_domains = true;
		d = token[0] == 'd' ? find_domain(v, atoi(token + 1)) : NULL;
		if (d)
			v->dirty = d->dirty = true;
	}
	v->more = true;
}

/* What the events ask for; true: the store was asked, and there may be more events. */
static bool work(struct server *v)
{
	uint64_t now = console_now();
	struct domain *d;
	bool asked = v->list_domains;
	int rc = asked ? list_domains(v) : 0;

	if (!v->dirty)
		return asked;
	v->dirty = false;
	list_each(d, &v->domains, struct domain, all) {
		budget_fill(&d->scans, &scan_limits, now);
		if (d->dirty && !budget_over(&d->scans) && !store_lost(rc)) {
			budget_spend(&d->scans, 1);
			d->dirty = false;
			asked = true;
			rc = scan(v, d);
			if (rc)
				log_warning("domain %u: its consoles: %s", d->domid, strerror(-rc));
		}
		v->dirty |= d->dirty;
	}
	if (store_lost(rc))
		v->failed = true;
	return asked;
}

static void on_store(struct loop_source *source, uint32_t events)
{
	(void)source;
	(void)events;
	take_events(the_server);
}

static void on_events(struct loop_source *source, uint32_t events)
{
	struct server *v = the_server;
	int port;

	(void)source;
	(void)events;
	for (int i = 0; i < AT_ONCE && (port = shared_next_event()) >= 0; i++) {
		if (v->hypervisor.slot && port == v->hypervisor.port)
			hvlog_event(&v->hypervisor, &v->host.log);
		else if ((unsigned)port < v->ports && v->by_port[port])
			console_event(v->by_port[port]);
	}
}

static struct console *of_watch(struct server *v, int watch)
{
	struct console *c;
	struct domain *d;

	list_each(d, &v->domains, struct domain, all)
		list_each(c, &d->consoles, struct console, of_domain)
			if (c->watch == watch)
				return c;
	return NULL;
}

static void on_opens(struct loop_source *source, uint32_t events)
{
	char buffer[4096] __attribute__((aligned(8)));
	ssize_t n = read(source->fd, buffer, sizeof(buffer));
	const struct inotify_event *e;
	int more = 0;

	(void)events;
	ioctl(source->fd, FIONREAD, &more);
	for (int again = 0; again < 2; again++)
		for (char *p = buffer; n > 0 && p < buffer + n; p += sizeof(*e) + e->len) {
			struct console *c;

			e = (const struct inotify_event *)p;
			c = of_watch(the_server, e->wd);
			if (c && again)
				console_settle(c, more);
			else if (c && e->mask & (IN_OPEN | IN_CLOSE))
				console_opened(c, e->mask & IN_OPEN ? 1 : -1);
		}
}

static void on_timer(struct loop_source *source, uint32_t events)
{
	struct list now;
	uint64_t times;

	(void)events;
	the_server->ticking = false;
	if (read(source->fd, &times, sizeof(times)) < 0)
		return;
	/* Those that stand there now; they may go there again. */
	list_init(&now);
	while (!list_empty(&the_server->host.late)) {
		struct list *first = the_server->host.late.next;

		list_remove(first);
		list_append(&now, first);
	}
	while (!list_empty(&now)) {
		struct console *c = list_first(&now, struct console, late);

		list_remove(&c->late);
		list_append(&the_server->host.late, &c->late);
		console_tick(c);
	}
}

static void set_timer(struct server *v)
{
	struct itimerspec in = { .it_value.tv_nsec = CONSOLE_TICK * 1000000 };

	if ((!list_empty(&v->host.late) || v->dirty) && !v->ticking)
		v->ticking = timerfd_settime(v->timer.fd, 0, &in, NULL) == 0;
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *info, void *data)
{
	struct server *v = data;
	struct console *c;
	struct domain *d;

	(void)source;
	(void)info;
	list_each(d, &v->domains, struct domain, all)
		list_each(c, &d->consoles, struct console, of_domain)
			console_reopen_log(c);
	return 0;
}

static int add(struct server *v, struct loop_source *source, void (*ready)(struct loop_source *, uint32_t), int fd)
{
	*source = (struct loop_source){ ready, fd };
	return fd < 0 ? -errno : loop_add(&v->loop, source, EPOLLIN);
}

/* It may be about to start. */
static struct store *wait_for_store(void)
{
	struct store *s = store_open();

	for (int i = 0; !s && i < STORE_WAIT; i++) {
		usleep(100000);
		s = store_open();
	}
	return s;
}

int server_init(struct server *v, int state_dir)
{
	sigset_t set;
	int err;

	the_server = v;
	list_init(&v->domains);
	list_init(&v->host.late);
	list_init(&v->host.doomed);
	memset(v->host.kept, -1, sizeof(v->host.kept));
	v->host.typed = -1;
	v->host.loop = &v->loop;
	err = slots_open(&v->host.slots, state_dir);
	if (!err)
		err = loop_init(&v->loop);
	if (err < 0)
		return err;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sd_event_add_signal(v->loop.event, NULL, SIGHUP, on_hangup, v);
	loop_changed(&v->loop);
	v->store = wait_for_store();
	if (!v->store)
		return -errno;
	v->host.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	err = add(v, &v->opens, on_opens, v->host.inotify);
	if (!err)
		err = add(v, &v->timer, on_timer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (!err)
		err = add(v, &v->events, on_events, shared_event_fd());
	return err ? err : add(v, &v->store_events, on_store, store_fd(v->store));
}

void server_take_fd(struct server *v, const char *name, int fd)
{
	int index = console_of_fd(&v->host, name);

	if (!strcmp(name, TYPED) && v->host.typed < 0) {
		v->host.typed = fd;
		return;
	}
	if (index >= 0 && v->host.kept[index] < 0) {
		v->host.kept[index] = fd;
		return;
	}
	skel_forget_fd(name);
	close(fd);
}

/* Slots of domains that died while nobody looked. */
static void free_unclaimed(struct server *v)
{
	struct console *c;
	struct domain *d;
	static bool claimed[SLOTS];
	char name[32];

	if (v->hypervisor.slot)
		claimed[v->hypervisor.index] = true;
	list_each(d, &v->domains, struct domain, all)
		list_each(c, &d->consoles, struct console, of_domain)
			claimed[c->index] = true;
	for (uint32_t i = 0; i < v->host.slots.limit; i++) {
		if (claimed[i] || !slots_at(&v->host.slots, i)->used)
			continue;
		console_fd_name(&v->host, i, name);
		if (v->host.kept[i] >= 0) {
			skel_forget_fd(name);
			close(v->host.kept[i]);
		}
		slots_free(&v->host.slots, i);
	}
}

static int open_typed(struct server *v)
{
	if (v->host.typed < 0) {
		v->host.typed = typed_pipe();
		if (v->host.typed < 0)
			return v->host.typed;
		skel_keep_lonely_fd(TYPED, v->host.typed);
	}
	typed_resume(&v->host.slots, v->host.typed);
	return 0;
}

int server_start(struct server *v, int hypervisor_dir)
{
	int rc = open_typed(v);

	if (!rc)
		rc = store_watch(v->store, "@introduceDomain", "@");
	if (!rc)
		rc = store_watch(v->store, "@releaseDomain", "@");
	if (rc)
		return rc;
	if (hypervisor_dir >= 0) {
		rc = hvlog_open(&v->hypervisor, &v->host.slots, hypervisor_dir, &v->host.log);
		if (rc)
			log_error("the hypervisor's log is not kept: %s", strerror(-rc));
	}
	v->list_domains = true;
	work(v);
	take_events(v);
	if (!v->failed)
		free_unclaimed(v);
	return v->failed ? -EPIPE : 0;
}

int server_run(struct server *v)
{
	while (!v->loop.stop && !v->failed) {
		while (!v->failed && work(v))
			take_events(v);
		set_timer(v);
		console_free_doomed(&v->host);
		if (loop_once(&v->loop, !v->more) < 0)
			return -errno;
		if (v->more)
			take_events(v);
	}
	return v->failed ? -EPIPE : 0;
}
