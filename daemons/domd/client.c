/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xen/sched.h>

#include "domd_proto.h"
#include "skel/listen.h"
#include "skel/log.h"
#include "skel/mem.h"

struct client {
	struct loop_source source;
	struct list all;
	struct server *server;
	unsigned number;
	bool listens; /* to events */
	bool gone;    /* to be hung up on */
	char *in, *out;
	size_t in_size, out_size, out_room;
};

static void hang_up(struct client *c)
{
	loop_remove(&c->server->loop, &c->source);
	close(c->source.fd);
	list_remove(&c->all);
	c->server->nr_clients--;
	free(c->in);
	free(c->out);
	free(c);
}

/* As much as the socket takes. */
static void flush(struct client *c)
{
	ssize_t n = c->out_size ? send(c->source.fd, c->out, c->out_size, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		shutdown(c->source.fd, SHUT_RDWR);
		c->gone = true;
	}
	n = n < 0 ? 0 : n;
	memmove(c->out, c->out + n, c->out_size - n);
	c->out_size -= n;
	loop_change(&c->server->loop, &c->source, EPOLLIN | (c->out_size ? EPOLLOUT : 0));
}

static void say(struct client *c, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	size_t n = text ? strlen(text) : 0;

	json_decref(o);
	if (!text || c->gone || c->out_size + n + 1 > DOMD_BACKLOG_MAX) {
		/* It is woken by this, and hung up on. */
		shutdown(c->source.fd, SHUT_RDWR);
		c->gone = true;
		free(text);
		return;
	}
	if (c->out_room < c->out_size + n + 1) {
		c->out_room = c->out_size + n + 4096;
		c->out = mem_realloc(c->out, c->out_room);
	}
	memcpy(c->out + c->out_size, text, n);
	c->out[c->out_size + n] = '\n';
	c->out_size += n + 1;
	free(text);
	flush(c);
}

void client_answer(struct server *v, const struct call *call, int rc, const struct why *why, json_t *result)
{
	struct client *c;
	json_t *id = call->id ? call->id : json_null(), *o;

	if (rc)
		o = json_pack("{s:o, s:{s:i, s:s}}", "id", id, "error", "errno", -rc, "message", why->text);
	else
		o = json_pack("{s:o, s:O}", "id", id, "result", result);
	json_decref(result);
	list_each(c, &v->clients, struct client, all) if (c->number == call->client)
	{
		say(c, json_incref(o));
		break;
	}
	json_decref(o);
}

void client_event(struct server *v, const char *event, const struct guest *g, json_t *more)
{
	struct timespec now;
	struct client *c;
	json_t *o;

	clock_gettime(CLOCK_REALTIME, &now);
	o = json_pack("{s:s, s:f, s:s, s:s, s:i}", "event", event, "time", now.tv_sec + now.tv_nsec / 1000000 / 1e3, "uuid",
		      g->uuid, "name", g->name, "domain", (int)g->domain);
	if (more)
		json_object_update(o, more);
	json_decref(more);
	list_each(c, &v->clients, struct client, all) if (c->listens) say(c, json_incref(o));
	json_decref(o);
}

/* --- methods: 0: *result is the answer; 1: it comes later; or a negative errno --- */

struct request {
	struct client *c;
	struct server *server;
	json_t *whole;
	struct call call;
	struct why *why;
	json_t *result;
};

static int do_version(struct request *r)
{
	r->result = json_pack("{s:i}", "version", DOMD_VERSION);
	return 0;
}

static int do_list(struct request *r)
{
	json_t *guests = json_array();
	struct care *c;

	server_learn_names(r->server);
	list_each(c, &r->server->cares, struct care, all)
	{
		const struct guest *g = &c->g;

		json_array_append_new(guests, json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "uuid", g->uuid, "name",
							g->name, "domain", (int)g->domain, "phase", guest_phase_names[g->phase],
							"on_poweroff", guest_action_names[guest_action(g, SHUTDOWN_poweroff)],
							"on_reboot", guest_action_names[guest_action(g, SHUTDOWN_reboot)],
							"on_crash", guest_action_names[guest_action(g, SHUTDOWN_crash)],
							"on_watchdog", guest_action_names[guest_action(g, SHUTDOWN_watchdog)]));
	}
	r->result = json_pack("{s:o}", "guests", guests);
	return 0;
}

static int do_create(struct request *r)
{
	bool paused = json_is_true(json_object_get(r->whole, "paused"));

	return server_create(r->server, json_object_get(r->whole, "config"), paused, r->call, r->why);
}

static int do_adopt(struct request *r)
{
	json_int_t domain = json_integer_value(json_object_get(r->whole, "domain"));
	char uuid[37];
	int rc;

	if (domain <= 0 || domain >= DOMID_FIRST_RESERVED)
		return why_set(r->why, -EINVAL, "domain: no such number");
	rc = server_adopt(r->server, json_object_get(r->whole, "config"), domain, uuid, r->why);
	if (!rc)
		r->result = json_pack("{s:s}", "uuid", uuid);
	return rc;
}

static struct care *guest_of(struct request *r, int *rc)
{
	struct care *c = server_find(r->server, json_object_get(r->whole, "guest"));

	*rc = c ? 0 : why_set(r->why, -ESRCH, "no such guest is in anel-domd's care");
	return c;
}

static int do_destroy(struct request *r)
{
	int rc;
	struct care *c = guest_of(r, &rc);

	return rc ? rc : server_destroy(r->server, c, r->call, r->why);
}

static int do_shutdown(struct request *r)
{
	int rc;
	struct care *c = guest_of(r, &rc);

	return rc ? rc : server_ask(r->server, c, ACT_SHUTDOWN, r->call, r->why);
}

static int do_reboot(struct request *r)
{
	int rc;
	struct care *c = guest_of(r, &rc);

	return rc ? rc : server_ask(r->server, c, ACT_REBOOT, r->call, r->why);
}

static int do_events(struct request *r)
{
	r->c->listens = true;
	r->result = json_object();
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct request *);
} methods[] = {
#define METHOD(name, members, what) {#name, do_##name},
	DOMD_METHODS(METHOD)
#undef METHOD
};

static int dispatch(struct request *r)
{
	const char *method = json_string_value(json_object_get(r->whole, "method"));

	for (size_t i = 0; method && i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!strcmp(method, methods[i].name))
			return methods[i].run(r);
	return why_set(r->why, -ENOSYS, "there is no such method");
}

static void serve(struct client *c, const char *line, size_t size)
{
	struct why why = {""};
	struct request r = {.c = c, .server = c->server, .why = &why};
	json_error_t error;
	int rc;

	r.whole = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(r.whole)) {
		rc = why_set(&why, -EINVAL, "no object of JSON: %.100s", r.whole ? "" : error.text);
	} else {
		r.call.client = c->number;
		r.call.id = json_incref(json_object_get(r.whole, "id"));
		rc = dispatch(&r);
	}
	r.call.client = c->number;
	if (rc <= 0)
		client_answer(c->server, &r.call, rc, &why, r.result);
	json_decref(r.whole);
}

static void on_input(struct client *c)
{
	char *start = c->in, *end;
	ssize_t n = recv(c->source.fd, c->in + c->in_size, DOMD_LINE_MAX - c->in_size, MSG_DONTWAIT);

	if (n <= 0) {
		c->gone = n == 0 || (errno != EAGAIN && errno != EINTR);
		return;
	}
	c->in_size += n;
	while (!c->gone && (end = memchr(start, '\n', c->in + c->in_size - start))) {
		serve(c, start, end - start);
		start = end + 1;
	}
	c->in_size -= start - c->in;
	memmove(c->in, start, c->in_size);
	if (c->in_size == DOMD_LINE_MAX)
		c->gone = true;
}

static void on_client(struct loop_source *source, uint32_t events)
{
	struct client *c = (struct client *)source;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		on_input(c);
	if (events & EPOLLOUT)
		flush(c);
	if (c->gone)
		hang_up(c);
}

static bool may(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == 0 || peer.uid == geteuid());
}

static void on_caller(struct loop_source *source, uint32_t events)
{
	struct server *v = (struct server *)((char *)source - offsetof(struct server, listener));
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	(void)events;
	if (fd < 0)
		return;
	if (v->nr_clients == DOMD_CLIENTS_MAX || !may(fd)) {
		close(fd);
		return;
	}
	c = mem_zalloc(sizeof(*c));
	c->source = (struct loop_source){on_client, fd};
	c->server = v;
	c->number = ++v->last_client;
	c->in = mem_alloc(DOMD_LINE_MAX);
	list_append(&v->clients, &c->all);
	v->nr_clients++;
	if (loop_add(&v->loop, &c->source, EPOLLIN))
		hang_up(c);
}

int client_listen(struct server *v, const char *path)
{
	int fd = listen_at(path, SOCK_STREAM, 16), rc;

	if (fd < 0)
		return fd;
	v->listener = (struct loop_source){on_caller, fd};
	rc = loop_add(&v->loop, &v->listener, EPOLLIN);
	if (rc)
		close(fd);
	return rc;
}
