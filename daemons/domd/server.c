/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xen/sched.h>

#include "client.h"
#include "clock/clock.h"
#include "skel/log.h"
#include "skel/mem.h"

#define LOOK_AGAIN  30000 /* milliseconds, should an event have been lost */
#define RETRY	    5000
#define WORKER_LOCK 3 /* a worker's descriptors: the lock, the notes' folder, the outcome */
#define WORKER_DIR  4
#define WORKER_PIPE 5

struct outcome {
	int rc;
	struct why why;
};

static struct care *care_new(struct server *v, const struct guest *g)
{
	struct care *c = mem_zalloc(sizeof(*c));

	c->g = *g;
	list_append(&v->cares, &c->all);
	return c;
}

static void care_free(struct server *v, struct care *c)
{
	list_remove(&c->all);
	guest_fini(&c->g);
	free(c);
}

static struct care *by_uuid(struct server *v, const char *uuid)
{
	struct care *c;

	list_each(c, &v->cares, struct care, all) if (!strcmp(c->g.uuid, uuid)) return c;
	return NULL;
}

static void tell(struct server *v, const char *event, const struct guest *g, json_t *more)
{
	log_info("%s (%u): %s", g->name, g->domain, event);
	client_event(v, event, g, more);
}

/* --- workers --- */

static void on_outcome(struct loop_source *, uint32_t);

/* Of the child: nothing of ours but the lock and the notes; it goes when we do. */
static void __attribute__((noreturn)) work(struct server *v, struct care *c, const struct act *a, int pipe, pid_t parent)
{
	struct outcome o = {0, {""}};
	struct act mine = *a;
	sigset_t none;
	int high[3];

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	high[0] = fcntl(v->lock, F_DUPFD_CLOEXEC, 10);
	high[1] = fcntl(v->dir, F_DUPFD_CLOEXEC, 10);
	high[2] = fcntl(pipe, F_DUPFD_CLOEXEC, 10);
	for (int i = 0; i < 3; i++)
		dup2(high[i], WORKER_LOCK + i);
	closefrom(WORKER_PIPE + 1);
	mine.dir = WORKER_DIR;
	o.rc = act(&mine, &c->g, &o.why);
	if (write(WORKER_PIPE, &o, sizeof(o)) != sizeof(o))
		_exit(1);
	close(WORKER_PIPE);
	act_after();
	_exit(0);
}

static int begin(struct server *v, struct care *c, enum act_kind kind, bool paused, struct call call, struct why *why)
{
	struct act a = {.kind = kind, .paused = paused};
	struct worker *w;
	pid_t pid, parent = getpid();
	int ends[2], rc;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return why_set(why, -errno, "no pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		work(v, c, &a, ends[1], parent);
	rc = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (rc) {
		close(ends[0]);
		return why_set(why, rc, "no process: %s", strerror(-rc));
	}
	w = mem_zalloc(sizeof(*w));
	*w = (struct worker){
		.pipe = {on_outcome, ends[0]}, .server = v, .of = c, .pid = pid, .kind = kind, .from = c->g.phase, .call = call};
	c->worker = w;
	c->retry = 0;
	loop_add(&v->loop, &w->pipe, EPOLLIN);
	return 0;
}

/* Workers that have told their outcome and keep what the next start can use. */
static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void answer_call(struct server *v, struct call *call, const struct outcome *o, const struct guest *g)
{
	client_answer(v, call, o->rc, &o->why, json_pack("{s:s, s:i}", "uuid", g->uuid, "domain", (int)g->domain));
	*call = (struct call){0};
}

static void look(struct server *);
static void on_store(struct loop_source *, uint32_t);
static void start_destroy(struct server *v, struct care *c);

/* The guest after its worker, from its note. */
static void take_over(struct server *v, struct care *c, const struct worker *w, const struct outcome *o)
{
	struct guest before = c->g, now;
	bool left = guest_load(v->dir, before.uuid, &now) == 0;
	bool asks = w->kind == ACT_SHUTDOWN || w->kind == ACT_REBOOT;

	if (o->rc && !asks)
		tell(v, "failed", &before, json_pack("{s:s}", "message", o->why.text));
	if (o->rc && !asks)
		log_warning("%s: %s", before.name, o->why.text);
	if (left) {
		c->g = now;
		if (w->from == GUEST_ASIDE && now.phase != GUEST_ASIDE)
			tell(v, "renamed", &before, json_pack("{s:s, s:s}", "to_name", now.aside_name, "to_uuid", now.aside_uuid));
		if (now.phase == GUEST_RUNNING && !asks)
			tell(v, w->kind == ACT_CREATE ? "created" : "restarted", &now, NULL);
		guest_fini(&before);
		if (o->rc && !asks)
			c->retry = clock_ms(CLOCK_BOOTTIME) + RETRY;
		return;
	}
	if (w->kind != ACT_CREATE)
		tell(v, "destroyed", &before, NULL);
	if (c->to_destroy)
		answer_call(v, &c->destroy, &(struct outcome){0}, &before);
	care_free(v, c);
}

static void on_outcome(struct loop_source *source, uint32_t events)
{
	struct worker *w = (struct worker *)source;
	struct server *v = w->server;
	struct care *c = w->of;
	struct outcome o;
	ssize_t n = read(source->fd, &o, sizeof(o));
	struct guest then = {.domain = 0};

	(void)events;
	if (n != sizeof(o))
		o.rc = why_set(&o.why, -EIO, "the process that worked for it has died");
	loop_remove(&v->loop, source);
	close(source->fd);
	c->worker = NULL;
	memcpy(then.uuid, c->g.uuid, sizeof(then.uuid));
	take_over(v, c, w, &o);
	/* Nothing may be left of it. */
	c = by_uuid(v, then.uuid);
	then.domain = c ? c->g.domain : 0;
	answer_call(v, &w->call, &o, &then);
	free(w);
	if (c && c->to_destroy)
		start_destroy(v, c);
	look(v);
}

/* --- what clients ask --- */

static bool is_domain_of(struct server *v, unsigned domain, const char *uuid)
{
	struct xen_domctl_getdomaininfo info;
	char text[37] = "";

	if (hcall_domains(v->host.hcall, domain, 1, &info) == 1 && info.domain == domain)
		vm_uuid_text(info.handle, text);
	return !strcmp(text, uuid);
}

/* A worker learns it by itself, and the note is its. */
static void learn_name(struct server *v, struct care *c)
{
	bool stays = c->g.phase == GUEST_RUNNING || c->g.phase == GUEST_PRESERVED;
	int rc;

	if (c->worker || !stays || !is_domain_of(v, c->g.domain, c->g.uuid) || !act_learn_name(&v->host, &c->g))
		return;
	rc = guest_save(v->dir, &c->g);
	if (rc)
		log_warning("the note of %s cannot be written: %s", c->g.name, strerror(-rc));
}

/* Events that came with the store's answers wake nobody. */
static void events_meanwhile(struct server *v)
{
	on_store(&v->store, 0);
}

void server_learn_names(struct server *v)
{
	struct care *c;

	list_each(c, &v->cares, struct care, all) learn_name(v, c);
	events_meanwhile(v);
}

static struct care *find(struct server *v, const char *word, json_int_t number)
{
	struct care *c;

	list_each(c, &v->cares, struct care, all) if ((word && (!strcmp(c->g.uuid, word) || !strcmp(c->g.name, word))) ||
						      (number > 0 && c->g.domain == number)) return c;
	return NULL;
}

struct care *server_find(struct server *v, const json_t *guest)
{
	if (json_is_string(guest))
		server_learn_names(v);
	return find(v, json_string_value(guest), json_is_integer(guest) ? json_integer_value(guest) : 0);
}

static int known(struct server *v, const struct guest *g, struct why *why)
{
	struct care *c = find(v, g->name, 0);

	if (c)
		server_learn_names(v);
	list_each(c, &v->cares, struct care, all) if (!strcmp(c->g.uuid, g->uuid) || !strcmp(c->g.name, g->name)) return why_set(
		why, -EEXIST, "there is a guest %s of UUID %s already", c->g.name, c->g.uuid);
	return 0;
}

int server_create(struct server *v, json_t *config, bool paused, struct call call, struct why *why)
{
	struct guest g;
	struct care *c;
	int rc = guest_init(&g, config, why);

	if (rc)
		return rc;
	rc = known(v, &g, why);
	if (rc) {
		guest_fini(&g);
		return rc;
	}
	c = care_new(v, &g);
	rc = begin(v, c, ACT_CREATE, paused, call, why);
	if (rc)
		care_free(v, c);
	return rc ? rc : 1;
}

/* A guest that was moved from this host to this host: the mover takes its old domain away. What is configured for it stays. */
static int follow(struct server *v, struct care *c, unsigned domain, struct why *why)
{
	unsigned before = c->g.domain;
	int rc;

	if (before == domain)
		return 0;
	if (c->worker || c->g.phase != GUEST_RUNNING)
		return why_set(why, -EBUSY, "%s is not running: %s", c->g.name, guest_phase_names[c->g.phase]);
	c->g.domain = domain;
	rc = guest_save(v->dir, &c->g);
	if (rc) {
		c->g.domain = before;
		return why_set(why, rc, "the note of %s cannot be written: %s", c->g.name, strerror(-rc));
	}
	tell(v, "moved", &c->g, NULL);
	look(v);
	return 0;
}

int server_adopt(struct server *v, json_t *config, unsigned domain, char uuid[37], struct why *why)
{
	struct guest g;
	struct care *c;
	int rc = guest_init(&g, config, why);

	if (rc)
		return rc;
	c = by_uuid(v, g.uuid);
	if (!domain || !is_domain_of(v, domain, g.uuid))
		rc = why_set(why, -ESRCH, "there is no domain %u of UUID %s", domain, g.uuid);
	else if (!c)
		rc = known(v, &g, why);
	if (!rc && c) {
		memcpy(uuid, g.uuid, sizeof(g.uuid));
		guest_fini(&g);
		return follow(v, c, domain, why);
	}
	if (!rc) {
		g.phase = GUEST_RUNNING;
		g.domain = domain;
		g.started = clock_ms(CLOCK_BOOTTIME);
		rc = guest_save(v->dir, &g);
		if (rc)
			why_set(why, rc, "the note of %s cannot be written: %s", g.name, strerror(-rc));
	}
	if (rc) {
		guest_fini(&g);
		return rc;
	}
	memcpy(uuid, g.uuid, sizeof(g.uuid));
	tell(v, "created", &care_new(v, &g)->g, NULL);
	look(v);
	return 0;
}

static void start_destroy(struct server *v, struct care *c)
{
	struct outcome o = {0, {""}};

	c->to_destroy = false;
	c->g.phase = GUEST_ENDING;
	c->g.again = false;
	o.rc = guest_save(v->dir, &c->g);
	if (o.rc)
		why_set(&o.why, o.rc, "the note of %s cannot be written: %s", c->g.name, strerror(-o.rc));
	else
		o.rc = begin(v, c, ACT_GO_ON, false, c->destroy, &o.why);
	if (o.rc)
		answer_call(v, &c->destroy, &o, &c->g);
	c->destroy = (struct call){0};
}

int server_destroy(struct server *v, struct care *c, struct call call, struct why *why)
{
	if (c->to_destroy)
		return why_set(why, -EBUSY, "%s is being destroyed already", c->g.name);
	c->destroy = call;
	c->to_destroy = true;
	if (!c->worker)
		start_destroy(v, c);
	return 1;
}

int server_ask(struct server *v, struct care *c, enum act_kind kind, struct call call, struct why *why)
{
	int rc;

	if (c->worker || c->g.phase != GUEST_RUNNING)
		return why_set(why, -EBUSY, "%s is not running: %s", c->g.name, guest_phase_names[c->g.phase]);
	rc = begin(v, c, kind, false, call, why);
	return rc ? rc : 1;
}

/* --- looking --- */

static const struct xen_domctl_getdomaininfo *domain_of(const struct guest *g, const struct xen_domctl_getdomaininfo *list, int n)
{
	char uuid[37];

	for (int i = 0; i < n; i++) {
		if (list[i].domain != g->domain || (list[i].flags & XEN_DOMINF_dying))
			continue;
		vm_uuid_text(list[i].handle, uuid);
		return strcmp(uuid, g->uuid) ? NULL : &list[i];
	}
	return NULL;
}

static void has_died(struct server *v, struct care *c, unsigned reason)
{
	enum guest_action action = guest_action(&c->g, reason);
	struct guest before = c->g;
	int64_t delay = guest_died(&c->g, action, clock_ms(CLOCK_BOOTTIME));
	int rc = guest_save(v->dir, &c->g);

	if (rc) {
		log_error("the note of %s cannot be written: %s", c->g.name, strerror(-rc));
		c->g = before;
		c->retry = clock_ms(CLOCK_BOOTTIME) + RETRY;
		return;
	}
	tell(v, "died", &c->g,
	     json_pack("{s:s, s:s, s:I}", "reason", guest_reason_name(reason), "action", guest_action_names[action], "delay",
		       (json_int_t)delay));
	if (c->g.phase == GUEST_PRESERVED)
		tell(v, "preserved", &c->g, NULL);
}

/* What has come of its domain. False: there is no such guest any more. */
static bool observe(struct server *v, struct care *c, const struct xen_domctl_getdomaininfo *list, int n)
{
	const struct xen_domctl_getdomaininfo *d = domain_of(&c->g, list, n);
	unsigned reason;

	if (!d) {
		guest_forget(v->dir, c->g.uuid);
		tell(v, "destroyed", &c->g, NULL);
		care_free(v, c);
		return false;
	}
	reason = d->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
	if (c->g.phase == GUEST_RUNNING && (d->flags & XEN_DOMINF_shutdown) && reason != SHUTDOWN_suspend)
		has_died(v, c, reason);
	return true;
}

static void consider(struct server *v, struct care *c, const struct xen_domctl_getdomaininfo *list, int n)
{
	int64_t now = clock_ms(CLOCK_BOOTTIME);
	struct why why;

	if (c->worker || c->retry > now)
		return;
	if ((c->g.phase == GUEST_RUNNING || c->g.phase == GUEST_PRESERVED) && !observe(v, c, list, n))
		return;
	if (c->g.phase == GUEST_RUNNING || c->g.phase == GUEST_PRESERVED || (c->g.phase == GUEST_STARTING && c->g.not_before > now))
		return;
	if (begin(v, c, ACT_GO_ON, false, (struct call){0}, &why)) {
		log_error("%s: %s", c->g.name, why.text);
		c->retry = now + RETRY;
	}
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static void arm(struct server *v)
{
	int64_t now = clock_ms(CLOCK_BOOTTIME), wait = LOOK_AGAIN;
	struct itimerspec t = {0};
	struct care *c;

	list_each(c, &v->cares, struct care, all)
	{
		if (c->worker)
			continue;
		if (c->retry > now)
			wait = earlier(wait, c->retry - now);
		else if (c->g.phase == GUEST_STARTING)
			wait = earlier(wait, c->g.not_before - now);
	}
	wait = wait < 1 ? 1 : wait;
	t.it_value = (struct timespec){wait / 1000, wait % 1000 * 1000000};
	timerfd_settime(v->timer.fd, 0, &t, NULL);
}

/* All domains; NULL: the hypervisor does not say. */
static struct xen_domctl_getdomaininfo *all_domains(struct server *v, int *n)
{
	struct xen_domctl_getdomaininfo *list = NULL;
	domid_t first = 0;
	int got;

	*n = 0;
	do {
		list = mem_realloc(list, (*n + 256) * sizeof(*list));
		got = hcall_domains(v->host.hcall, first, 256, list + *n);
		if (got < 0) {
			log_error("the hypervisor does not list its domains: %s", strerror(-got));
			free(list);
			return NULL;
		}
		*n += got;
		first = *n ? list[*n - 1].domain + 1 : 0;
	} while (got == 256);
	return list;
}

static void look(struct server *v)
{
	struct xen_domctl_getdomaininfo *list;
	struct care *c, *next;
	int n;

	list = all_domains(v, &n);
	if (list) {
		list_each_safe(c, next, &v->cares, struct care, all) consider(v, c, list, n);
		free(list);
	}
	arm(v);
}

static void on_store(struct loop_source *source, uint32_t events)
{
	struct server *v = (struct server *)((char *)source - offsetof(struct server, store));
	char token[64], *path;
	bool any = false;

	(void)events;
	while ((path = store_wait(v->host.store, 0, token))) {
		free(path);
		any = true;
	}
	if (errno != ETIMEDOUT)
		v->broken = v->loop.stop = true;
	else if (any)
		look(v);
}

static void on_timer(struct loop_source *source, uint32_t events)
{
	struct server *v = (struct server *)((char *)source - offsetof(struct server, timer));
	uint64_t times;

	(void)events;
	if (read(source->fd, &times, sizeof(times)) == sizeof(times))
		look(v);
}

int server_init(struct server *v, int dir, int lock, const char *socket_path)
{
	struct why why;
	int rc = loop_init(&v->loop);

	v->dir = dir;
	v->lock = lock;
	list_init(&v->cares);
	list_init(&v->clients);
	if (rc)
		return rc;
	rc = vm_host_open(&v->host, &why);
	if (rc) {
		log_error("%s", why.text);
		return rc;
	}
	v->timer = (struct loop_source){on_timer, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
	if (v->timer.fd < 0)
		return -errno;
	v->store = (struct loop_source){on_store, store_fd(v->host.store)};
	rc = loop_add(&v->loop, &v->timer, EPOLLIN);
	if (!rc)
		rc = loop_add(&v->loop, &v->store, EPOLLIN);
	return rc ? rc : client_listen(v, socket_path);
}

static void read_notes(struct server *v)
{
	DIR *d = fdopendir(dup(v->dir));
	struct dirent *e;
	struct guest g;

	if (!d)
		return;
	rewinddir(d);
	while ((e = readdir(d))) {
		if (!guest_is_uuid(e->d_name))
			continue;
		if (guest_load(v->dir, e->d_name, &g)) {
			log_error("the note %s is not understood and is left alone", e->d_name);
			continue;
		}
		log_info("%s (%u): %s", g.name, g.domain, guest_phase_names[g.phase]);
		care_new(v, &g);
	}
	closedir(d);
}

int server_start(struct server *v)
{
	int rc = store_watch(v->host.store, "@releaseDomain", "domd");

	if (!rc)
		rc = store_watch(v->host.store, "@introduceDomain", "domd");
	if (rc)
		return rc;
	read_notes(v);
	look(v);
	return 0;
}

int server_run(struct server *v)
{
	int rc = 0;

	while (!v->loop.stop && rc >= 0) {
		rc = loop_once(&v->loop, true);
		reap();
	}
	return rc < 0 ? rc : v->broken ? -EPIPE : 0;
}
