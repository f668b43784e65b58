/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guests in our care, who works on them, and the clients. One process for each piece of work; this one only looks and notes. */
#ifndef DOMD_SERVER_H
#define DOMD_SERVER_H

#include <jansson.h>
#include <sys/types.h>

#include "act.h"
#include "guest.h"
#include "skel/list.h"
#include "skel/loop.h"
#include "vm/vm.h"

/* Who waits for an answer; client 0: nobody. */
struct call {
	unsigned client;
	json_t *id;
};

struct worker {
	struct loop_source pipe; /* its outcome comes here */
	struct server *server;
	struct care *of;
	pid_t pid;
	enum act_kind kind;
	enum guest_phase from; /* the phase it began in */
	struct call call;
};

/* A guest, and what is done for it. Its note is the worker's while there is one. */
struct care {
	struct list all;
	struct guest g;
	struct worker *worker;
	struct call destroy; /* it is to be destroyed when the worker has ended */
	bool to_destroy;
	int64_t retry; /* milliseconds since boot: what failed is tried again */
};

struct server {
	struct loop loop;
	struct vm_host host;
	struct list cares, clients;
	unsigned nr_clients, last_client;
	struct loop_source store, listener, timer;
	int dir, lock; /* of the notes; held by us and our workers */
	bool broken;   /* the store is gone */
};

/* The notes are in the folder `dir`; `lock` is held. 0 or -errno. */
int server_init(struct server *, int dir, int lock, const char *socket_path);
/* Reads the notes, and goes on with what they say. */
int server_start(struct server *);
/* Until SIGTERM, or until the store is gone: -EPIPE. */
int server_run(struct server *);

/* What clients ask (client.c calls these). rc < 0: not, with the reason; 1: the answer comes later. */
int server_create(struct server *, json_t *config, bool paused, struct call, struct why *);
int server_adopt(struct server *, json_t *config, unsigned domain, char uuid[37], struct why *);
int server_destroy(struct server *, struct care *, struct call, struct why *);
int server_ask(struct server *, struct care *, enum act_kind, struct call, struct why *);
struct care *server_find(struct server *, const json_t *guest);
/* Whoever renames a guest tells only the store: to be called before names are shown. Guests that are gone may go. */
void server_learn_names(struct server *);

#endif
