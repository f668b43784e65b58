/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of the store, and how it changes. It is a function of the records (record.h) that were applied to it, and of
 * nothing else: no clock, no descriptor, no random number. So it can be had again from a snapshot and the records after it,
 * with every connection's outgoing stream byte for byte the same. Who applies records: journal.c.
 */
#ifndef STORED_STORE_H
#define STORED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "node.h"
#include "skel/list.h"

#define DOMIDS 0x7ff0u		/* DOMID_FIRST_RESERVED */
#define MAX_CONNS 4096u
#define WATCH_BUCKETS 4096u
/* What one request may add to another connection's stream before its events are coalesced. */
#define EVENT_BURST (256u << 10)

enum quota { QUOTA_NODES, QUOTA_WATCHES, QUOTA_TRANSACTIONS, QUOTA_SIZE, QUOTA_PERMS, QUOTA_PATH, QUOTA_TX_NODES, QUOTAS };
extern const char *const quota_names[QUOTAS];
extern const uint32_t quota_defaults[QUOTAS];

struct domain {
	uint16_t domid, target;		/* target: DOMIDS if none */
	bool shutdown;
	uint32_t port;			/* the domain's end of the channel */
	uint64_t gfn;
	struct conn *conn;
};

struct conn {
	uint16_t slot, domid;
	uint32_t generation;		/* of the slot */
	bool ring, privileged;
	bool broken;			/* violated the protocol: nothing more is read or written */
	bool coalesce;			/* its events wait as bits of its watches */
	uint32_t next_tx, watches, transactions;
	uint64_t in_pos;		/* bytes of its incoming stream that were executed */
	uint64_t out_start, out_end;	/* positions in its outgoing stream of what `out` holds */
	uint64_t burst_start;		/* out_end when record number burst_record began */
	uint64_t burst_record;
	char *out;
	size_t out_room;
	struct list watch_list, tx_list;
	struct list dirty;		/* in store.dirty if something was added to `out` */
	void *port;			/* the way to the client; not part of the state */
};

struct watch {
	struct list of_conn, of_bucket;
	struct conn *conn;
	char *path, *token;		/* path is absolute, or begins with '@' */
	uint32_t hash;
	uint16_t prefix;		/* how much of path the client does not see */
	int32_t depth;			/* levels below path that count; -1: all */
	bool pending;
};

struct store {
	struct node *root;
	struct perms *special[2];	/* of @introduceDomain, @releaseDomain */
	uint64_t gen;
	uint32_t hash_seed;
	uint32_t quota[QUOTAS];
	uint32_t *nodes_of;		/* by domid: nodes that the domain owns */
	uint32_t *watches_of;
	struct domain **domains;	/* by domid */
	struct conn **conns;		/* by slot */
	struct list watch_buckets[WATCH_BUCKETS];
	struct list dirty;		/* connections with new output */
	void (*on_gone)(struct conn *);	/* a connection with a port ends; not part of the state */
	uint64_t record;		/* number of the record under way, for burst_record */
};

void store_init(struct store *, uint32_t hash_seed);
void store_free(struct store *);

struct conn *conn_new(struct store *, uint16_t slot, uint32_t generation, bool ring, uint16_t domid);
void conn_free(struct store *, struct conn *);
/* Watches and transactions go; its streams stay. */
void conn_forget(struct store *, struct conn *);
/* Appends a message to the connection's stream. */
void conn_send(struct store *, struct conn *, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *body, size_t len);
/* Drops what was sent: out_start becomes pos. */
void conn_sent(struct conn *, uint64_t pos);

struct domain *domain_new(struct store *, uint16_t domid);
/* The domain is gone: its connection, its nodes, and what others let it do. */
void domain_free(struct store *, struct domain *);

/* What the connection may do by these permissions: PERM_*. */
unsigned perms_for(const struct store *, const struct conn *, const struct perms *);
void account_nodes(struct store *, uint16_t domid, int delta);

/* "" or why the invariants do not hold: counts against the tree. */
const char *store_check(struct store *);

#endif
