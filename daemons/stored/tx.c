// SPDX-License-Identifier: GPL-2.0-or-later
#include "tx.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "skel/mem.h"
#include "watch.h"

static struct perms *perms_of_new(struct perms *parent, uint16_t creator)
{
	struct perms *perms;

	if (creator == DOMIDS || parent->p[0].domid == creator)
		return perms_get(parent);
	perms = perms_new(parent->p, parent->count);
	perms->p[0].domid = creator;
	return perms;
}

/* Makes what is missing of a path below n; the last of it. */
static struct node *create(struct store *s, struct node *n, const char *rest, uint16_t creator, bool real, int *created)
{
	while (*rest) {
		const char *name = rest + 1, *end = strchrnul(name, '/');
		struct perms *perms = perms_of_new(n->perms, creator);

		n = node_add_child(n, node_new(name, end - name, perms, s->gen), s->gen);
		perms_put(perms);
		if (real)
			account_nodes(s, n->perms->p[0].domid, 1);
		++*created;
		rest = end;
	}
	return n;
}

/* Of a subtree that goes: owners' counts, and watches on just these nodes. */
static void leave(struct store *s, char *path, size_t len, const struct node *n, const struct node *parent, bool top)
{
	account_nodes(s, n->perms->p[0].domid, -1);
	watch_fire(s, path, !top, n->perms, parent->perms);
	for (uint32_t i = 0; i < n->children; i++) {
		const struct node *child = n->child[i];

		path[len] = '/';
		memcpy(path + len + 1, child->name, child->name_len + 1);
		leave(s, path, len + 1 + child->name_len, child, n, false);
		path[len] = 0;
	}
}

static int apply_rm(struct store *s, struct node **root, const struct change *ch, bool real)
{
	const char *slash = strrchr(ch->path, '/'), *rest;
	struct name name = name_of(slash + 1, strlen(slash + 1));
	char path[XENSTORE_ABS_PATH_MAX + XENSTORE_PAYLOAD_MAX];
	size_t parent_len = slash - ch->path;
	struct node *parent;

	if (!tree_find(*root, ch->path))
		return 0;
	memcpy(path, ch->path, parent_len);
	path[parent_len] = 0;
	parent = tree_own(root, path, &rest);
	if (real) {
		strcpy(path, ch->path);
		leave(s, path, strlen(path), node_child(parent, &name), parent, true);
	}
	node_remove_child(parent, &name, ++s->gen);
	return 0;
}

static int apply_perms(struct store *s, struct node **root, const struct change *ch, bool real)
{
	const char *rest;
	struct node *n = tree_own(root, ch->path, &rest);
	struct perms *old;

	if (*rest)
		return 0;
	old = perms_get(n->perms);
	node_set_perms(n, ch->perms, ++s->gen);
	if (real) {
		account_nodes(s, old->p[0].domid, -1);
		account_nodes(s, n->perms->p[0].domid, 1);
		watch_fire(s, ch->path, false, n->perms, old);
	}
	perms_put(old);
	return 0;
}

int change_apply(struct store *s, struct node **root, const struct change *ch, bool real)
{
	struct node *n, *nearest;
	const char *rest;
	int created = 0;

	if (ch->kind == CHANGE_RM)
		return apply_rm(s, root, ch, real);
	if (ch->kind == CHANGE_PERMS)
		return apply_perms(s, root, ch, real);
	nearest = tree_own(root, ch->path, &rest);
	s->gen++;
	n = create(s, nearest, rest, ch->creator, real, &created);
	if (ch->kind == CHANGE_WRITE)
		node_set_value(n, ch->value, ch->len, s->gen);
	if (real && (created || ch->kind == CHANGE_WRITE))
		watch_fire(s, ch->path, false, n->perms, created ? nearest->perms : NULL);
	return created;
}

/* Transactions that ended: the next ones have their memory. */
#define SPARE 64
static struct tx *spare[SPARE];
static unsigned spares;

struct tx *tx_new(struct store *s, struct conn *c, uint32_t id)
{
	struct tx *tx = spares ? spare[--spares] : mem_alloc(sizeof(*tx));

	memset(tx, 0, offsetof(struct tx, space));
	tx->id = id;
	tx->seen = tx->few;
	tx->seen_room = TX_FEW;
	tx->base = node_get(s->root);
	tx->root = node_get(s->root);
	list_init(&tx->changes);
	list_append(&c->tx_list, &tx->of_conn);
	return tx;
}

static void *get_space(struct tx *tx, size_t size)
{
	void *at = tx->space + tx->used;

	if (size > TX_SPACE - tx->used)
		return mem_alloc(size);
	tx->used += (size + 7) & ~7u;
	return at;
}

static void give_back(struct tx *tx, void *p)
{
	if ((char *)p < tx->space || (char *)p >= tx->space + TX_SPACE)
		free(p);
}

static void free_table(struct tx *tx)
{
	if (tx->seen != tx->few)
		free(tx->seen);
}

void tx_doom(struct tx *tx)
{
	struct tx_change *ch, *next;

	list_each_safe(ch, next, &tx->changes, struct tx_change, of_tx) {
		list_remove(&ch->of_tx);
		perms_put(ch->change.perms);
		give_back(tx, ch);
	}
	for (uint32_t i = 0; i < tx->seen_room; i++)
		while (tx->seen[i]) {
			struct tx_seen *gone = tx->seen[i];

			tx->seen[i] = gone->next;
			give_back(tx, gone);
		}
	free_table(tx);
	tx->seen = NULL;
	tx->seen_count = tx->seen_room = 0;
	node_put(tx->root);
	node_put(tx->base);
	tx->root = tx->base = NULL;
	tx->pending = NULL;
}

void tx_free(struct tx *tx)
{
	tx_doom(tx);
	list_remove(&tx->of_conn);
	if (spares < SPARE)
		spare[spares++] = tx;
	else
		free(tx);
}

struct tx *tx_find(struct conn *c, uint32_t id)
{
	struct tx *tx;

	list_each(tx, &c->tx_list, struct tx, of_conn)
		if (tx->id == id)
			return tx;
	return NULL;
}

static uint32_t hash_of(const char *path)
{
	uint32_t h = 2166136261u;

	while (*path)
		h = (h ^ (unsigned char)*path++) * 16777619u;
	return h ^ (h >> 15);
}

static struct tx_seen *find_seen(struct tx *tx, const char *path, uint32_t hash)
{
	struct tx_seen *seen = tx->seen_room ? tx->seen[hash % tx->seen_room] : NULL;

	while (seen && (seen->hash != hash || strcmp(seen->path, path)))
		seen = seen->next;
	return seen;
}

static void grow_seen(struct tx *tx)
{
	uint32_t room = tx->seen_room ? tx->seen_room * 4 : TX_FEW;
	struct tx_seen **more = mem_zalloc(room * sizeof(*more));

	for (uint32_t i = 0; i < tx->seen_room; i++)
		while (tx->seen[i]) {
			struct tx_seen *seen = tx->seen[i];

			tx->seen[i] = seen->next;
			seen->next = more[seen->hash % room];
			more[seen->hash % room] = seen;
		}
	free_table(tx);
	tx->seen = more;
	tx->seen_room = room;
}

static void add_seen(struct tx *tx, const char *path, uint32_t hash, uint64_t gen, uint64_t child_gen, bool children)
{
	size_t len = strlen(path) + 1;
	struct tx_seen *seen = get_space(tx, sizeof(*seen) + len);

	if (tx->seen_count >= tx->seen_room)
		grow_seen(tx);
	seen->gen = gen;
	seen->child_gen = child_gen;
	seen->hash = hash;
	seen->children = children;
	memcpy(seen->path, path, len);
	seen->next = tx->seen[seen->hash % tx->seen_room];
	tx->seen[seen->hash % tx->seen_room] = seen;
	tx->seen_count++;
}

void tx_add_seen(struct tx *tx, const char *path, uint64_t gen, uint64_t child_gen, bool children)
{
	add_seen(tx, path, hash_of(path), gen, child_gen, children);
}

void tx_note(struct tx *tx, const char *path, const struct node *n, bool children)
{
	struct tx_seen *seen;
	uint32_t hash;

	if (!tx->base)
		return;
	hash = hash_of(path);
	seen = find_seen(tx, path, hash);
	if (seen) {
		seen->children |= children;
		return;
	}
	if (tx->root != tx->base)
		n = tree_find(tx->base, path);
	add_seen(tx, path, hash, n ? n->gen : 0, n ? n->child_gen : 0, children);
}

void tx_settle(struct store *s, struct tx *tx)
{
	uint64_t now = s->gen;

	if (!tx->pending)
		return;
	s->gen = tx->pending_gen - 1;
	tx->created += change_apply(s, &tx->root, &tx->pending->change, false);
	s->gen = now;
	tx->pending = NULL;
}

struct tx_change *tx_add_change(struct tx *tx, const struct change *ch)
{
	size_t path_len = strlen(ch->path) + 1;
	struct tx_change *copy = get_space(tx, sizeof(*copy) + path_len + ch->len);

	copy->change = *ch;
	copy->change.path = memcpy(copy->bytes, ch->path, path_len);
	copy->change.value = copy->bytes + path_len;
	if (ch->len)
		memcpy(copy->bytes + path_len, ch->value, ch->len);
	if (ch->perms)
		perms_get(ch->perms);
	list_append(&tx->changes, &copy->of_tx);
	return copy;
}

void tx_change(struct store *s, struct tx *tx, const struct change *ch)
{
	struct tx_change *pending;

	if (!tx->root)
		return;
	tx_settle(s, tx);
	pending = tx_add_change(tx, ch);
	if (ch->kind != CHANGE_WRITE && ch->kind != CHANGE_MKDIR) {
		change_apply(s, &tx->root, ch, false);
		return;
	}
	/* The generation is taken now: it does not depend on when somebody looks. */
	tx->pending = pending;
	tx->pending_gen = ++s->gen;
}

static bool holds(struct store *s, const struct tx *tx)
{
	for (uint32_t i = 0; i < tx->seen_room; i++)
		for (const struct tx_seen *seen = tx->seen[i]; seen; seen = seen->next) {
			const struct node *n = tree_find(s->root, seen->path);

			if ((n ? n->gen : 0) != seen->gen || (seen->children && n && n->child_gen != seen->child_gen))
				return false;
		}
	return true;
}

int tx_commit(struct store *s, struct tx *tx)
{
	struct tx_change *ch;

	if (!tx->base || !holds(s, tx))
		return -EAGAIN;
	/* With the snapshot gone the store's nodes are its own again, and change in place. */
	node_put(tx->root);
	node_put(tx->base);
	tx->root = tx->base = NULL;
	tx->pending = NULL;
	list_each(ch, &tx->changes, struct tx_change, of_tx)
		change_apply(s, &s->root, &ch->change, true);
	return 0;
}
