/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changes to the tree, and transactions: a snapshot of the tree, a list of what was looked at in it, and a list of changes.
 * At its end the transaction holds if nothing that was looked at has another generation in the store than in the snapshot;
 * then its changes are applied to the store, in order.
 */
#ifndef STORED_TX_H
#define STORED_TX_H

#include "store.h"

enum change_kind { CHANGE_WRITE, CHANGE_MKDIR, CHANGE_RM, CHANGE_PERMS };

struct change {
	enum change_kind kind;
	const char *path;
	const void *value;		/* CHANGE_WRITE */
	size_t len;
	struct perms *perms;		/* CHANGE_PERMS */
	uint16_t creator;		/* owner of the nodes that come to be; DOMIDS: the owner of their parent */
};

/*
 * Applies a change, which must be permitted, to the tree at root. Real ones, to the store itself, count for the owners of
 * nodes and wake watches. Returns the number of nodes that came to be; what is gone already is no change.
 */
int change_apply(struct store *, struct node **root, const struct change *, bool real);

#define TX_FEW	 8u
#define TX_SPACE 384u

struct tx {
	struct list of_conn;
	uint32_t id;
	struct node *root, *base;	/* now, and at the start; NULL if it will fail in any case */
	uint32_t created;		/* nodes */
	struct tx_change *pending;	/* the last change, not in root before somebody looks: most end with it */
	uint64_t pending_gen;
	struct tx_seen **seen;		/* hash of what was looked at */
	uint32_t seen_count, seen_room;
	struct list changes;
	struct tx_seen *few[TX_FEW];	/* the first `seen` */
	uint32_t used;			/* of space */
	char space[TX_SPACE] __attribute__((aligned(8)));	/* the first that is noted: most need no more */
};

struct tx *tx_new(struct store *, struct conn *, uint32_t id);
void tx_free(struct tx *);
struct tx *tx_find(struct conn *, uint32_t id);
/* Path was looked at: its value and permissions, or with children its list of children too. n: what root has there, or NULL. */
void tx_note(struct tx *, const char *path, const struct node *n, bool children);
/* Before root or created is looked at. */
void tx_settle(struct store *, struct tx *);
void tx_change(struct store *, struct tx *, const struct change *);
/* 0, or -EAGAIN: changes of others came between. Does not free it. */
int tx_commit(struct store *, struct tx *);
/* It will end with EAGAIN; what it holds is given back. */
void tx_doom(struct tx *);

/* For the snapshot. */
struct tx_seen {
	struct tx_seen *next;
	uint64_t gen, child_gen;	/* in the base; 0 if there was nothing */
	uint32_t hash;
	bool children;
	char path[];
};
struct tx_change {
	struct list of_tx;
	struct change change;
	char bytes[];			/* path, then value */
};
void tx_add_seen(struct tx *, const char *path, uint64_t gen, uint64_t child_gen, bool children);
struct tx_change *tx_add_change(struct tx *, const struct change *);

#endif
