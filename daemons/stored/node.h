/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Nodes of the store's tree. A tree is its root; a snapshot is one more reference on it. A node with one reference, all of
 * whose ancestors have one, is this tree's own and changed in place; others are copied on the way to a change.
 */
#ifndef STORED_NODE_H
#define STORED_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERM_READ 1u
#define PERM_WRITE 2u
#define PERM_OWNER 4u

struct perm {
	uint16_t domid;
	uint8_t bits;
};

/* The first entry: the owner, and what all domains may that have no entry. Never changed, shared among nodes. */
struct perms {
	uint32_t refs;
	uint32_t count;
	struct perm p[];
};

struct node {
	uint32_t refs;
	uint32_t children, room;
	uint32_t value_len;
	uint64_t gen;		/* changes with value and permissions; no two nodes ever had the same */
	uint64_t child_gen;	/* changes with the list of children */
	uint64_t mark;		/* the snapshot writer's */
	uint64_t key;		/* of the name, as struct name has it */
	struct perms *perms;
	struct node **child;	/* sorted by name */
	char *value;
	char *listing;		/* the children's names, if somebody has asked */
	uint32_t listing_len;
	uint16_t name_len;
	char name[];
};

struct perms *perms_new(const struct perm *p, size_t count);
struct perms *perms_get(struct perms *);
void perms_put(struct perms *);

/* A node without value and children, of the generation gen; takes a reference on perms. */
struct node *node_new(const char *name, size_t len, struct perms *perms, uint64_t gen);
struct node *node_get(struct node *);
void node_put(struct node *);
/* A name to look for: the key is its first 8 bytes as one number, by which names sort as by their bytes. */
struct name {
	const char *text;
	size_t len;
	uint64_t key;
};
struct name name_of(const char *text, size_t len);
struct node *node_child(const struct node *, const struct name *);

/* The children's names, each ended by a 0, of len bytes in all; NULL with more than max. Valid until a child comes or goes. */
const char *node_listing(struct node *, size_t max, size_t *len);

/* These want a node that is its tree's own. */
void node_set_value(struct node *, const void *value, size_t len, uint64_t gen);
void node_set_perms(struct node *, struct perms *, uint64_t gen);
struct node *node_add_child(struct node *parent, struct node *child, uint64_t gen);
void node_remove_child(struct node *parent, const struct name *, uint64_t gen);

/* The node of an absolute path, or NULL. */
struct node *tree_find(struct node *root, const char *path);
/* The deepest node on the way to path that is there; *rest is what of the path is left, "" if all was found. */
struct node *tree_nearest(struct node *root, const char *path, const char **rest);
/* As tree_nearest; it and all its ancestors are the tree's own afterwards. */
struct node *tree_own(struct node **root, const char *path, const char **rest);

/* Nodes that exist, in whatever tree, and the bytes that they take. */
struct node_sums {
	uint64_t nodes, bytes;
};
extern struct node_sums node_sums;

#endif
