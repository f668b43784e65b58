/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between the clients and the state: messages become records, streams go out. Clients that have something to do stand in a
 * queue, and each gets a turn of a few requests, so that one that floods does not hold up the others.
 */
#ifndef STORED_SERVER_H
#define STORED_SERVER_H

#include "holder.h"
#include "journal.h"
#include "skel/loop.h"
#include "slots.h"
#include "xen.h"

struct client {
	struct loop_source source;	/* of a socket */
	struct list run;		/* in server.run if it may have something to do */
	struct list gone;		/* in server.gone when its connection has ended */
	struct conn *conn;
	struct slot *slot;
	struct shared_page ring;	/* of a domain */
	struct list stays;		/* in server.stays: some of its requests were executed and may still be in its socket */
	uint64_t stayed;		/* in_pos at the last look */
	struct list young;		/* in server.young: whoever starts us has no copy of its socket yet */
	bool readable, blocked, notify;
	bool watched;			/* the loop has its socket: not before its first turn, for mostly its request is there */
	bool copied;			/* somebody else has its socket */
	bool aged;			/* was young at the last look */
	bool more;			/* whole requests of it wait for its next turn */
	bool ended;			/* its socket has: nothing tells again that something is to be read */
	int8_t alone;			/* above 0: its requests come one at a time, and are executed from within the socket */
	int32_t looks_at;		/* where in the socket that looks, from what is unread; -1: the kernel has not been told */
};

/* Edges only: a socket that was read empty is not looked at again before something comes. */
#define SOCKET_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLET)

struct server {
	struct store store;
	struct journal journal;
	struct slots slots;
	struct loop loop;
	struct holder holder;
	struct loop_source listen, events, ages;
	bool aging;			/* the timer of ages is armed */
	struct list stays;
	int old[8];			/* ways to the holders of our predecessors */
	unsigned olds;
	struct list run, gone, young;
	struct client **by_port;	/* clients with rings */
	unsigned ports;
	unsigned solo;			/* turns since another client than the last had one */
	struct client *last;
	uint64_t doom_at;		/* records at which transactions are looked at again */
	uint32_t first_free;		/* no slot below is free */
};

/* Loads the state from the folder or begins a new one. 0 or -errno. */
int server_init(struct server *, int dir);
/* A descriptor that was kept: the listening socket or a client's. */
void server_take_fd(struct server *, const char *name, int fd);
/* Rings of all domains and sockets of all clients are there again, or their connections end; dom0 is introduced. */
void server_attach(struct server *);
int server_listen(struct server *, int fd);
void server_run(struct server *);
/* All that a successor needs is with whoever starts us. */
void server_stop(struct server *);

/* server_io.c */
bool server_serve(struct server *, struct client *);
void server_flush(struct server *);
/* Takes from its socket what was executed there. */
void server_take(struct server *, struct client *);
void server_wake(struct server *, struct client *);

/* server_conn.c */
struct record *server_record(struct server *, enum record_kind, uint16_t slot, uint32_t a, uint32_t b);
void server_commit(struct server *, const struct record *);
/* A free slot for a new connection, reset; NULL if there is none. */
struct slot *server_new_slot(struct server *, uint16_t *index, uint64_t in, uint64_t out);
struct client *server_new_client(struct server *, struct conn *, struct slot *);
void server_set_ring(struct server *, struct client *, const struct shared_page *);
/* A ring for that domain. One that it has already stays, and goes with its connection; if this fails, the domain keeps it. */
int server_attach_ring(struct server *, struct shared_page *ring, uint16_t domid, uint64_t gfn, uint32_t port);
int server_add_socket(struct server *, int fd);
int server_watch(struct server *, struct client *, uint32_t events);
void server_reconnect(struct server *, struct client *);
void server_break(struct server *, struct client *, uint32_t error);
void server_reap(struct server *);
/* Some of its requests stay in its socket. */
void server_stays(struct server *, struct client *);
void server_check_domains(struct server *);

#endif
