// SPDX-License-Identifier: GPL-2.0-or-later
/* Turns: from a client's bytes to records, and its stream back to it. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "request.h"
#include "ring.h"
#include "server.h"

/* Requests a turn, with others about and without. */
#define TURN_SHARED 2
#define TURN_ALONE 32
#define ALONE_AFTER 64
/* With so much unread, requests wait; with more, events become one a watch. */
#define BACKLOG_REQUESTS (64u << 10)
/* Of who has sent more than its turn, so many bytes of replies go at once: sending and waking it are most of a request's cost. */
#define REPLIES_AT_ONCE 4096u
#define BACKLOG_EVENTS_RING (64u << 10)
#define BACKLOG_EVENTS_SOCKET (1u << 20)
/* A request of so many bytes at most may stay in its socket, where as many are already. */
#define STAY 256
/* So many requests in a row must have come alone. */
#define HABIT 16
/* ... and so many of its turns without another's between: in a crowd, taking several later costs more than it saves. */
#define ALONE_STAYS 4

void server_wake(struct server *v, struct client *cl)
{
	if (list_empty(&cl->run))
		list_append(&v->run, &cl->run);
}

static uint64_t backlog(const struct client *cl)
{
	return cl->conn->out_end - slot_out(cl->slot);
}

/* Bytes that have come and were not executed. */
static uint64_t unexecuted(const struct client *cl)
{
	uint64_t pos = cl->conn->in_pos, end = slot_in(cl->slot);

	return end > pos ? end - pos : 0;
}

/* 1: a whole message is there; 0: not yet; -EPROTO: it cannot be one. */
static int next_message(const struct client *cl, struct xsd_sockmsg *msg)
{
	uint64_t there = unexecuted(cl);

	if (there < sizeof(*msg))
		return 0;
	slot_copy(cl->slot, cl->conn->in_pos, msg, sizeof(*msg));
	if (msg->len > XENSTORE_PAYLOAD_MAX)
		return -EPROTO;
	return there >= sizeof(*msg) + msg->len;
}

/* XS_INTRODUCE acts on the world outside: that comes first, and the record says how it went. */
static struct slot *prepare_introduce(struct server *v, struct request_record *q, struct client *cl, struct shared_page *ring)
{
	struct request r = { &v->store, cl->conn, NULL, &q->head, &q->msg, q->body };
	struct slot *slot;
	uint32_t domid, port;
	uint64_t gfn;
	uint16_t index;

	/* What request_run refuses must not have acted. */
	if (!cl->conn->privileged || (q->msg.tx_id && !tx_find(cl->conn, q->msg.tx_id)) ||
	    request_introduce_arguments(&r, &domid, &gfn, &port))
		return NULL;
	q->head.result = -ENOENT;
	if (!xen_is_open())
		return NULL;
	slot = server_new_slot(v, &index, 0, 0);
	q->head.result = slot ? server_attach_ring(v, ring, domid, gfn, port) : -ENOMEM;
	if (q->head.result)
		return NULL;
	ring_reset(ring->page);
	q->head.a = index;
	q->head.b = slot->generation;
	return slot;
}

static struct request_record *new_request(struct server *v, const struct client *cl)
{
	return (struct request_record *)server_record(v, REC_REQUEST, cl->conn->slot, 0, 0);
}

/* A whole message is in the record. */
static void execute(struct server *v, struct client *cl, struct request_record *q)
{
	struct shared_page ring = { .port = -1 };
	struct slot *slot = NULL;

	q->head.size = request_record_size(q->msg.len);
	/* What follows the body is at most this. */
	memset(q->body + q->msg.len, 0, 8);
	if (q->msg.type == XS_INTRODUCE)
		slot = prepare_introduce(v, q, cl, &ring);
	server_commit(v, &q->head);
	if (!slot)
		return;
	cl = server_new_client(v, v->store.conns[q->head.a], slot);
	server_set_ring(v, cl, &ring);
	shared_notify(&cl->ring);
}

static void execute_received(struct server *v, struct client *cl, const struct xsd_sockmsg *msg)
{
	struct request_record *q = new_request(v, cl);

	q->msg = *msg;
	slot_copy(cl->slot, cl->conn->in_pos + sizeof(*msg), q->body, msg->len);
	execute(v, cl, q);
}

static bool may_stay(const struct server *v, const struct client *cl)
{
	uint64_t pos = cl->conn->in_pos, end = slot_in(cl->slot);

	return v->solo >= ALONE_STAYS && cl->alone > 0 && cl->readable && !cl->conn->ring && end <= pos && pos - end <= STAY &&
	       backlog(cl) < BACKLOG_REQUESTS;
}

/*
 * Who waits for each reply has one request in its socket. That is looked at, straight into the record, executed, and stays where
 * it is: a kill takes nothing away, so nobody must note what was taken. And the kernel does not wake its client for the room that
 * taking it makes, before there is a reply. Several are taken together later. False: there is something else than one small
 * request, and nothing was done.
 */
static bool execute_in_socket(struct server *v, struct client *cl)
{
	int32_t executed = cl->conn->in_pos - slot_in(cl->slot);
	struct request_record *q;
	ssize_t n;

	if (executed != cl->looks_at) {
		if (setsockopt(cl->source.fd, SOL_SOCKET, SO_PEEK_OFF, &executed, sizeof(executed)) < 0)
			return false;
		cl->looks_at = executed;
	}
	q = new_request(v, cl);
	n = recv(cl->source.fd, &q->msg, STAY + 1, MSG_PEEK | MSG_DONTWAIT);
	if (n > 0)
		cl->looks_at += n;
	if (n < (ssize_t)sizeof(q->msg) || n > STAY || (size_t)n != sizeof(q->msg) + q->msg.len) {
		cl->alone = -HABIT;
		return false;
	}
	cl->readable = cl->ended;
	cl->more = false;
	execute(v, cl, q);
	if (cl->conn && list_empty(&cl->stays))
		server_stays(v, cl);
	return true;
}

/* Do its requests come one at a time? */
static void note_habit(struct client *cl, uint32_t n)
{
	uint64_t there = unexecuted(cl);
	bool alone = there >= sizeof(struct xsd_sockmsg) && there <= n;

	if (alone) {
		struct xsd_sockmsg msg;

		slot_copy(cl->slot, cl->conn->in_pos, &msg, sizeof(msg));
		alone = there == sizeof(msg) + (uint64_t)msg.len;
	}
	if (!alone)
		cl->alone = -HABIT;
	else if (cl->alone <= 0)
		cl->alone++;
}

static void receive_socket(struct server *v, struct client *cl)
{
	uint32_t room = slot_room(cl->slot, cl->conn->in_pos);
	int n = slot_receive(cl->slot, cl->source.fd, cl->conn->in_pos);

	/* The loop tells once of what comes. Less than there was room for is all, but for the end that it told of. */
	cl->readable = n == -EINTR || (n > 0 && (cl->ended || (uint32_t)n == room));
	if (n > 0) {
		if (cl->looks_at > 0)
			cl->looks_at = cl->looks_at > n ? cl->looks_at - n : 0;
		note_habit(cl, n);
	} else if (n != -EAGAIN && n != -EINTR) {
		server_commit(v, server_record(v, REC_DISCONNECT, cl->conn->slot, 0, 0));
	}
}

void server_take(struct server *v, struct client *cl)
{
	if (slot_in(cl->slot) < cl->conn->in_pos)
		receive_socket(v, cl);
	if (cl->conn)
		server_wake(v, cl);
}

/* More of its bytes. False: it is gone or broken. */
static bool receive(struct server *v, struct client *cl)
{
	int n;

	if (!cl->conn->ring) {
		receive_socket(v, cl);
		return cl->conn;
	}
	if (!cl->ring.page)
		return false;
	if (ring_wants_reconnect(cl->ring.page))
		server_reconnect(v, cl);
	if (cl->conn->broken)
		return false;
	n = ring_receive(cl->ring.page, cl->slot, cl->conn->in_pos);
	if (n < 0) {
		server_break(v, cl, XENSTORE_ERROR_RINGIDX);
		return false;
	}
	/* The guest may add more until it has seen that there is room: then it sends an event. */
	cl->readable = n > 0;
	cl->notify |= n > 0;
	return true;
}

bool server_serve(struct server *v, struct client *cl)
{
	int turn, ready = 1;
	bool executed = false;
	struct xsd_sockmsg msg;

	v->solo = cl == v->last ? v->solo + 1 : 0;
	v->last = cl;
	cl->more = false;
	turn = v->solo > ALONE_AFTER ? TURN_ALONE : TURN_SHARED;
	if (may_stay(v, cl) && execute_in_socket(v, cl))
		return cl->conn && cl->readable && backlog(cl) < BACKLOG_REQUESTS;
	while (turn-- > 0 && backlog(cl) < BACKLOG_REQUESTS) {
		ready = next_message(cl, &msg);
		while (!ready && cl->readable) {
			/* The end of its stream may be next: replies go out before. */
			if (executed && !cl->conn->ring)
				return true;
			if (!receive(v, cl))
				return false;
			ready = next_message(cl, &msg);
		}
		if (ready <= 0)
			break;
		execute_received(v, cl, &msg);
		executed = true;
		if (!cl->conn)
			return false;
	}
	if (ready < 0) {
		server_break(v, cl, XENSTORE_ERROR_PROTO);
		return false;
	}
	cl->more = ready > 0 && next_message(cl, &msg) > 0;
	/* A client that has too much to read gets its next turn when it has read. */
	return backlog(cl) < BACKLOG_REQUESTS && (cl->readable || cl->more);
}

static void flush_socket(struct server *v, struct client *cl)
{
	struct conn *c = cl->conn;
	int n = 0;

	while (backlog(cl) && n >= 0) {
		uint64_t from = slot_out(cl->slot);
		uint64_t len = c->out_end - from;

		n = slot_send(cl->slot, cl->source.fd, c->out + (from - c->out_start), len < (1u << 20) ? len : 1u << 20);
	}
	conn_sent(c, slot_out(cl->slot));
	/* That the peer is gone shows when it is read. */
	if ((n == -EAGAIN) != cl->blocked) {
		cl->blocked = n == -EAGAIN;
		server_watch(v, cl, SOCKET_EVENTS | (cl->blocked ? EPOLLOUT : 0));
	}
	if (n < 0 && n != -EAGAIN)
		server_commit(v, server_record(v, REC_DISCONNECT, c->slot, 0, 0));
}

static void flush_ring(struct server *v, struct client *cl)
{
	struct conn *c = cl->conn;
	int n = 1;

	/* Guests tell that they have read only when the ring was full: it must be seen full after the last was put in. */
	while (backlog(cl) && n > 0) {
		uint64_t from = slot_out(cl->slot), len = c->out_end - from;

		n = ring_send(cl->ring.page, cl->slot, c->out + (from - c->out_start),
			      len < XENSTORE_RING_SIZE ? len : XENSTORE_RING_SIZE);
		cl->notify |= n > 0;
	}
	conn_sent(c, slot_out(cl->slot));
	if (n < 0)
		server_break(v, cl, XENSTORE_ERROR_RINGIDX);
}

static void flush(struct server *v, struct client *cl)
{
	struct conn *c = cl->conn;
	bool full = backlog(cl) >= BACKLOG_REQUESTS;

	if (c->broken || (c->ring && !cl->ring.page))
		return;
	if (c->ring)
		flush_ring(v, cl);
	else
		flush_socket(v, cl);
	if (cl->conn != c || c->broken)
		return;
	if (c->coalesce && !backlog(cl))
		server_commit(v, server_record(v, REC_RESUME, c->slot, 0, 0));
	else if (!c->coalesce && backlog(cl) > (c->ring ? BACKLOG_EVENTS_RING : BACKLOG_EVENTS_SOCKET))
		server_commit(v, server_record(v, REC_COALESCE, c->slot, 0, 0));
	if (full && backlog(cl) < BACKLOG_REQUESTS)
		server_wake(v, cl);
}

void server_flush(struct server *v)
{
	while (!list_empty(&v->store.dirty)) {
		struct conn *c = list_first(&v->store.dirty, struct conn, dirty);

		list_remove(&c->dirty);
		if (c->port) {
			struct client *cl = c->port;

			/* Its next turn comes soon, and has a reply too. */
			if (cl->more && !c->ring && backlog(cl) < REPLIES_AT_ONCE)
				continue;
			flush(v, cl);
			if (cl->notify && cl->ring.page)
				shared_notify(&cl->ring);
			cl->notify = false;
		}
	}
	server_reap(v);
}
