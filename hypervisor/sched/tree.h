/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ordered set with room for equal keys: a treap, whose balance comes from pseudo-random priorities. Links live in the
 * caller's object: nothing is allocated, so insertion cannot fail. All operations O(log n) expected. No locking of its own.
 */
#ifndef SCHED_TREE_H
#define SCHED_TREE_H
#include "lib/types.h"

struct tree_node {
	struct tree_node *up, *child[2];
	uint64_t key;		/* constant while in a tree */
	uint32_t prio;
};
struct tree { struct tree_node *root; uint32_t seed; };

/* Among equal keys, later insertions come later. */
void tree_insert(struct tree *t, struct tree_node *n, uint64_t key);
void tree_remove(struct tree *t, struct tree_node *n);	/* n must be in t */
struct tree_node *tree_first(const struct tree *t);	/* NULL: empty */
struct tree_node *tree_next(const struct tree_node *n);	/* NULL: n is the last */
static inline bool tree_empty(const struct tree *t) { return !t->root; }
#endif
