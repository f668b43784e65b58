// SPDX-License-Identifier: GPL-2.0-or-later
/* Connections come and go. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "ring.h"
#include "server.h"
#include "skel/log.h"
#include "skel/mem.h"
#include "skel/skel.h"
#include "tx.h"

#define DOOM_EVERY 1024u
#define DOOM_SPARE 65536u
/* How long a client's socket is the holder's alone: one to two of these; and how many are handed on at a time. */
#define AGE_NS 500000000
#define HAND_ON 32
#define HAND_ON_NS 20000000

/* The name that a holder's descriptor has with whoever starts us begins so. */
#define HOLDER "holder."

static struct client *client_of(struct loop_source *source)
{
	return list_entry(source, struct client, source);
}

/* Not before the journal has room for it: with no memory for a new one everything waits. */
static void *make_room(struct server *v, uint32_t size)
{
	void *record;

	while (!(record = journal_record(&v->journal, size))) {
		int err = journal_renew(&v->journal, &v->store, v->journal.instance);

		if (err) {
			log_error("journal: %s", strerror(-err));
			usleep(100000);
		}
	}
	return record;
}

struct record *server_record(struct server *v, enum record_kind kind, uint16_t slot, uint32_t a, uint32_t b)
{
	struct record *r = make_room(v, RECORD_MAX);

	*r = (struct record){ sizeof(*r), kind, slot, a, b, 0, 0 };
	return r;
}

void server_commit(struct server *v, const struct record *r)
{
	journal_commit(&v->journal, &v->store, r);
}

struct slot *server_new_slot(struct server *v, uint16_t *index, uint64_t in, uint64_t out)
{
	struct slot *slot;
	uint32_t i = v->first_free;

	while (i < MAX_CONNS && v->store.conns[i])
		i++;
	v->first_free = i;
	slot = i < MAX_CONNS ? slots_get(&v->slots, i) : NULL;
	if (slot)
		slot_reset(slot, slot->generation + 1, in, out);
	*index = i;
	return slot;
}

struct client *server_new_client(struct server *v, struct conn *c, struct slot *slot)
{
	struct client *cl = mem_zalloc(sizeof(*cl));

	cl->conn = c;
	cl->slot = slot;
	cl->source.fd = -1;
	cl->ring.port = -1;
	cl->readable = true;
	cl->alone = -2;
	cl->looks_at = -1;
	list_init(&cl->run);
	list_init(&cl->gone);
	list_init(&cl->young);
	list_init(&cl->stays);
	c->port = cl;
	server_wake(v, cl);
	return cl;
}

int server_attach_ring(struct server *v, struct shared_page *ring, uint16_t domid, uint64_t gfn, uint32_t port)
{
	const struct domain *d = v->store.domains[domid];
	struct client *cl = d && d->conn ? d->conn->port : NULL;
	int before = cl ? cl->ring.port : -1;
	int err = xen_attach(ring, cl && d->port == port ? &cl->ring : NULL, domid, gfn, port);

	if (before >= 0 && cl->ring.port < 0)
		v->by_port[before] = NULL;
	return err;
}

static void detach_ring(struct server *v, struct client *cl)
{
	if (cl->ring.port >= 0 && v->by_port[cl->ring.port] == cl)
		v->by_port[cl->ring.port] = NULL;
	if (cl->ring.page)
		shared_detach(&cl->ring);
}

void server_set_ring(struct server *v, struct client *cl, const struct shared_page *ring)
{
	unsigned port = ring->port;

	cl->ring = *ring;
	if (port >= v->ports) {
		v->by_port = mem_realloc(v->by_port, (port + 64) * sizeof(v->by_port[0]));
		memset(v->by_port + v->ports, 0, (port + 64 - v->ports) * sizeof(v->by_port[0]));
		v->ports = port + 64;
	}
	v->by_port[port] = cl;
}

static void on_socket(struct loop_source *source, uint32_t events);

static struct server *the_server;	/* of the callbacks below */

static void on_gone(struct conn *c)
{
	struct client *cl = c->port;

	cl->conn = NULL;
	c->port = NULL;
	if (c->slot < the_server->first_free)
		the_server->first_free = c->slot;
	list_remove(&cl->run);
	list_remove(&cl->young);
	list_remove(&cl->stays);
	list_append(&the_server->gone, &cl->gone);
	the_server->slots.fds[c->slot] = 0;
	/* Whoever keeps a copy of it sees that it is over, and drops it. */
	if (cl->copied)
		shutdown(cl->source.fd, SHUT_RDWR);
}

static void on_socket(struct loop_source *source, uint32_t events)
{
	struct client *cl = client_of(source);

	if (!cl->conn)
		return;
	if (events & ~EPOLLOUT)
		cl->readable = true;
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		cl->ended = true;
	if ((events & EPOLLOUT) && list_empty(&cl->conn->dirty))
		list_append(&the_server->store.dirty, &cl->conn->dirty);
	server_wake(the_server, cl);
}

/* After all that might still point to them. */
void server_reap(struct server *v)
{
	while (!list_empty(&v->gone)) {
		struct client *cl = list_first(&v->gone, struct client, gone);

		list_remove(&cl->gone);
		if (v->last == cl)
			v->last = NULL;
		detach_ring(v, cl);
		if (cl->source.fd >= 0) {
			/* A copy would keep it in the set. */
			if (cl->watched && cl->copied)
				loop_remove(&v->loop, &cl->source);
			close(cl->source.fd);
		}
		free(cl);
	}
}

int server_watch(struct server *v, struct client *cl, uint32_t events)
{
	int err = cl->watched ? loop_change(&v->loop, &cl->source, events) : loop_add(&v->loop, &cl->source, events);

	cl->watched |= !err;
	return err;
}

/* Whoever started us gets a copy of the socket. */
static void hand_on(struct client *cl)
{
	char name[32];

	snprintf(name, sizeof(name), "c%u.%u", cl->conn->slot, cl->conn->generation);
	skel_keep_fd(name, cl->source.fd);
	cl->copied = true;
	list_remove(&cl->young);
}

static void look_again(struct server *v, long ns)
{
	struct itimerspec at = { .it_value.tv_nsec = ns };

	v->aging = timerfd_settime(v->ages.fd, 0, &at, NULL) == 0;
}

/* Most clients are gone soon: the holder has their sockets; the others' are handed on, should the holder be killed with us. */
static void begin_life(struct server *v, struct client *cl)
{
	if (!v->holder.pid)
		return hand_on(cl);
	list_append(&v->young, &cl->young);
	if (!v->aging)
		look_again(v, AGE_NS);
}

void server_stays(struct server *v, struct client *cl)
{
	list_append(&v->stays, &cl->stays);
	cl->stayed = 0;
	if (!v->aging)
		look_again(v, AGE_NS);
}

/* A client that has asked nothing since the last look may wait for room to ask: its socket may be as small as it likes. */
static void take_what_stays(struct server *v)
{
	struct client *cl, *next;

	list_each_safe(cl, next, &v->stays, struct client, stays) {
		if (cl->stayed == cl->conn->in_pos) {
			list_remove(&cl->stays);
			server_take(v, cl);
		} else {
			cl->stayed = cl->conn->in_pos;
		}
	}
}

static void on_ages(struct loop_source *source, uint32_t events)
{
	struct server *v = the_server;
	struct client *cl, *next;
	uint64_t times;
	int left = HAND_ON;

	(void)events;
	if (read(source->fd, &times, sizeof(times)) < 0 && errno != EAGAIN)
		return;
	v->aging = false;
	take_what_stays(v);
	list_each_safe(cl, next, &v->young, struct client, young) {
		if (cl->aged && !left--)
			return look_again(v, HAND_ON_NS);
		if (cl->aged)
			hand_on(cl);
		cl->aged = true;
	}
	if (!list_empty(&v->young) || !list_empty(&v->stays))
		look_again(v, AGE_NS);
}

void server_stop(struct server *v)
{
	while (!list_empty(&v->young))
		hand_on(list_first(&v->young, struct client, young));
	holder_stop(&v->holder);
}

/* A client of the listening socket `from`, or, if that is -1, of the socket fd. */
static int add_socket(struct server *v, int from, int fd)
{
	uint16_t index;
	struct slot *slot = server_new_slot(v, &index, 0, 0);
	struct client *cl;

	if (from >= 0)
		fd = accept4(from, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (!slot) {
		log_warning("no room for another client");
		close(fd);
		return -ENOSPC;
	}
	server_commit(v, server_record(v, REC_CONNECT, index, slot->generation, 0));
	cl = server_new_client(v, v->store.conns[index], slot);
	cl->source = (struct loop_source){ on_socket, fd };
	cl->copied = from < 0;
	/* The holder has it before the client hears anything: a kill before this is the client's loss. */
	*(volatile int32_t *)&v->slots.fds[index] = fd + 1;
	begin_life(v, cl);
	/* Who has just connected has mostly not asked yet: that comes by the loop. */
	if (from >= 0 && server_watch(v, cl, SOCKET_EVENTS) == 0) {
		cl->readable = false;
		list_remove(&cl->run);
	}
	return 0;
}

int server_add_socket(struct server *v, int fd)
{
	return add_socket(v, -1, fd);
}

void server_reconnect(struct server *v, struct client *cl)
{
	struct conn *old = cl->conn;
	uint16_t domid = old->domid, old_slot = old->slot, index;
	struct slot *slot = server_new_slot(v, &index, 0, 0);

	if (!slot)
		return;
	/* The way to the guest stays, everything else begins anew. */
	old->port = NULL;
	server_commit(v, server_record(v, REC_RECONNECT, index, slot->generation, domid));
	cl->conn = v->store.conns[index];
	cl->conn->port = cl;
	cl->slot = slot;
	ring_reset(cl->ring.page);
	cl->notify = true;
	if (old_slot < v->first_free)
		v->first_free = old_slot;
}

void server_break(struct server *v, struct client *cl, uint32_t error)
{
	if (!cl->conn->ring) {
		server_commit(v, server_record(v, REC_DISCONNECT, cl->conn->slot, 0, 0));
		return;
	}
	log_warning("domain %u breaks the protocol of its ring: error %u", cl->conn->domid, error);
	server_commit(v, server_record(v, REC_BROKEN, cl->conn->slot, 0, 0));
	ring_set_error(cl->ring.page, error);
	cl->notify = true;
}

void server_check_domains(struct server *v)
{
	for (unsigned d = 1; d < DOMIDS; d++) {
		struct domain *dom = v->store.domains[d];
		enum xen_life life = dom ? xen_life(d) : XEN_LIVES;

		if (life == XEN_GONE)
			server_commit(v, server_record(v, REC_DEAD, 0, d, 0));
		else if (life == XEN_SHUTDOWN && !dom->shutdown)
			server_commit(v, server_record(v, REC_SHUTDOWN, 0, d, 0));
	}
}

/* What transactions hold of the past is bounded by the size of the present. */
static void doom_transactions(struct server *v)
{
	uint64_t present = 0;
	struct tx *tx;

	v->doom_at = v->journal.records + DOOM_EVERY;
	if (node_sums.nodes < DOOM_SPARE)
		return;
	for (unsigned d = 0; d < DOMIDS; d++)
		present += v->store.nodes_of[d];
	if (node_sums.nodes < 2 * present + DOOM_SPARE)
		return;
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (v->store.conns[i] && !v->store.conns[i]->privileged)
			list_each(tx, &v->store.conns[i]->tx_list, struct tx, of_conn)
				if (tx->base)
					server_commit(v, server_record(v, REC_DOOM, i, tx->id, 0));
}

/* One at a time: mostly there is one, and the next look at the loop's descriptors costs no more than asking in vain. */
static void on_listen(struct loop_source *source, uint32_t events)
{
	(void)events;
	add_socket(the_server, source->fd, -1);
}

static void on_events(struct loop_source *source, uint32_t events)
{
	int port;

	(void)source;
	(void)events;
	/* Nothing is sent from here: a client that this shows to be gone would be freed before the loop comes to its own news. */
	while ((port = shared_next_event()) >= 0) {
		shared_unmask(port);
		if (port == xen_death_port()) {
			server_check_domains(the_server);
		} else if ((unsigned)port < the_server->ports && the_server->by_port[port]) {
			struct client *cl = the_server->by_port[port];

			cl->readable = true;
			if (list_empty(&cl->conn->dirty))
				list_append(&the_server->store.dirty, &cl->conn->dirty);
			server_wake(the_server, cl);
		}
	}
}

int server_listen(struct server *v, int fd)
{
	v->listen = (struct loop_source){ on_listen, fd };
	return loop_add(&v->loop, &v->listen, EPOLLIN);
}

/* Fresh: what every store holds from the start. */
static int begin(struct server *v, int dir)
{
	struct change ch = { .kind = CHANGE_MKDIR, .path = "/tool/xenstored", .creator = DOMIDS };
	uint64_t instance;
	uint32_t seed;

	if (getentropy(&instance, sizeof(instance)) < 0 || getentropy(&seed, sizeof(seed)) < 0)
		return -errno;
	store_init(&v->store, seed);
	change_apply(&v->store, &v->store.root, &ch, false);
	v->store.nodes_of[0] += 2;
	v->journal.dir = dir;
	*v->slots.instance = instance;
	return journal_renew(&v->journal, &v->store, instance);
}

int server_init(struct server *v, int dir)
{
	int err;

	memset(v, 0, sizeof(*v));
	the_server = v;
	list_init(&v->run);
	list_init(&v->gone);
	list_init(&v->young);
	list_init(&v->stays);
	v->listen.fd = -1;
	v->ages = (struct loop_source){ on_ages, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK) };
	err = v->ages.fd < 0 ? -errno : slots_open(&v->slots, dir);
	if (!err)
		err = holder_start(&v->holder, &v->slots);
	if (!err)
		err = journal_load(&v->journal, dir, &v->store, *v->slots.instance);
	if (err == 0)
		err = begin(v, dir);
	v->store.on_gone = on_gone;
	return err < 0 ? err : 0;
}

/* The client whose socket this is; NULL if it is not known, or if it has its socket already. */
static struct client *take_client(struct server *v, unsigned slot, unsigned generation, int fd)
{
	struct conn *c = slot < MAX_CONNS ? v->store.conns[slot] : NULL;
	struct client *cl;

	if (!c || c->generation != generation || c->ring || c->port)
		return NULL;
	cl = server_new_client(v, c, slots_get(&v->slots, slot));
	cl->source = (struct loop_source){ on_socket, fd };
	cl->copied = true;
	conn_sent(c, slot_out(cl->slot));
	list_remove(&c->dirty);
	list_append(&v->store.dirty, &c->dirty);
	return cl;
}

static void take_held(void *data, uint32_t slot, uint32_t generation, int fd)
{
	struct client *cl = take_client(data, slot, generation, fd);

	if (cl)
		begin_life(data, cl);
	else
		close(fd);
}

/* What the holder of the process before us has; then ours has all that, and the old one is not needed. */
static void take_over(struct server *v)
{
	char name[32];

	for (unsigned i = 0; i < v->olds; i++)
		holder_ask(v->old[i], take_held, v);
	for (unsigned i = 0; i < MAX_CONNS; i++) {
		const struct client *cl = v->store.conns[i] ? v->store.conns[i]->port : NULL;

		v->slots.fds[i] = cl && cl->source.fd >= 0 ? cl->source.fd + 1 : 0;
	}
	snprintf(name, sizeof(name), HOLDER "%d", getpid());
	skel_keep_fd(name, v->holder.ask);
	for (unsigned i = 0; i < v->olds; i++) {
		holder_dismiss(v->old[i]);
		close(v->old[i]);
	}
	v->olds = 0;
}

void server_take_fd(struct server *v, const char *name, int fd)
{
	int listening = 0;
	socklen_t len = sizeof(listening);
	unsigned slot, generation;

	if (!strncmp(name, HOLDER, strlen(HOLDER))) {
		if (v->olds < sizeof(v->old) / sizeof(v->old[0]))
			v->old[v->olds++] = fd;
		else
			close(fd);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 && listening) {
		server_listen(v, fd);
		return;
	}
	if (sscanf(name, "c%u.%u", &slot, &generation) == 2 && take_client(v, slot, generation, fd))
		return;
	/* Another's, or its connection ended when we were killed: it begins anew. */
	skel_forget_fd(name);
	server_add_socket(v, fd);
}

static void attach_domain(struct server *v, struct domain *d)
{
	struct shared_page ring = { .port = -1 };
	struct conn *c = d->conn;
	struct client *cl;
	uint32_t port;
	int err = !c ? -ENOTCONN : d->domid ? xen_attach(&ring, NULL, d->domid, d->gfn, d->port) : xen_attach_dom0(&ring, &port);

	if (err) {
		log_warning("domain %u: its ring is not there any more: %s", d->domid, strerror(-err));
		return;
	}
	cl = server_new_client(v, c, slots_get(&v->slots, c->slot));
	server_set_ring(v, cl, &ring);
	conn_sent(c, slot_out(cl->slot));
	list_remove(&c->dirty);
	list_append(&v->store.dirty, &c->dirty);
	ring_publish(ring.page, cl->slot);
	shared_notify(&cl->ring);
}

static void introduce_dom0(struct server *v)
{
	const struct xenstore_domain_interface *page;
	struct shared_page ring = { .port = -1 };
	uint32_t port;
	uint16_t index;
	struct slot *slot;
	struct record *r;
	int err = xen_attach_dom0(&ring, &port);

	if (err) {
		log_error("dom0's ring: %s", strerror(-err));
		return;
	}
	page = ring.page;
	slot = server_new_slot(v, &index, page->req_cons, page->rsp_prod);
	r = server_record(v, REC_DOM0, index, slot->generation, port);
	r->result = slot_in(slot);
	r->c = slot_out(slot);
	server_commit(v, r);
	server_set_ring(v, server_new_client(v, v->store.conns[index], slot), &ring);
	shared_notify(&ring);
}

void server_attach(struct server *v)
{
	take_over(v);
	loop_add(&v->loop, &v->ages, EPOLLIN);
	holder_watch(&v->holder, &v->loop);
	for (unsigned i = 0; i < MAX_CONNS; i++) {
		struct conn *c = v->store.conns[i];

		if (c && !c->ring && !c->port)
			server_commit(v, server_record(v, REC_DISCONNECT, i, 0, 0));
	}
	v->first_free = 0;
	if (!xen_is_open())
		return;
	v->events = (struct loop_source){ on_events, shared_event_fd() };
	loop_add(&v->loop, &v->events, EPOLLIN);
	server_check_domains(v);
	for (unsigned d = 0; d < DOMIDS; d++)
		if (v->store.domains[d])
			attach_domain(v, v->store.domains[d]);
	if (!v->store.domains[0])
		introduce_dom0(v);
}

/* True: some have their answer, and others in the queue have sent more than their turns took. */
static bool turns(struct server *v)
{
	bool answered = false, more = false;
	struct list now;

	/* One turn for each that stands in the queue now, then those that came meanwhile are looked at. */
	list_init(&now);
	while (!list_empty(&v->run)) {
		struct list *first = v->run.next;

		list_remove(first);
		list_append(&now, first);
	}
	while (!list_empty(&now)) {
		struct client *cl = list_first(&now, struct client, run);

		list_remove(&cl->run);
		if (server_serve(v, cl))
			server_wake(v, cl);
		answered |= !cl->more;
		more |= cl->more;
		if (cl->conn && !cl->conn->ring && !cl->watched && server_watch(v, cl, SOCKET_EVENTS) < 0)
			server_commit(v, server_record(v, REC_DISCONNECT, cl->conn->slot, 0, 0));
		if (cl->conn && cl->conn->ring && list_empty(&cl->conn->dirty))
			list_append(&v->store.dirty, &cl->conn->dirty);
		server_flush(v);
	}
	return answered && more;
}

void server_run(struct server *v)
{
	server_flush(v);
	while (!v->loop.stop && loop_once(&v->loop, list_empty(&v->run)) >= 0) {
		bool flooded = turns(v);

		server_flush(v);
		/* Who has an answer may ask again before the flood's next turn, also where it shares this CPU. */
		if (flooded)
			sched_yield();
		if (journal_due(&v->journal))
			journal_renew(&v->journal, &v->store, v->journal.instance);
		if (v->journal.records >= v->doom_at)
			doom_transactions(v);
	}
}
