// SPDX-License-Identifier: GPL-2.0-or-later
#include "node.h"

#include <stdlib.h>
#include <string.h>

#include "skel/mem.h"

struct node_sums node_sums;

struct perms *perms_new(const struct perm *p, size_t count)
{
	struct perms *perms = mem_alloc(sizeof(*perms) + count * sizeof(*p));

	perms->refs = 1;
	perms->count = count;
	memcpy(perms->p, p, count * sizeof(*p));
	return perms;
}

struct perms *perms_get(struct perms *perms)
{
	perms->refs++;
	return perms;
}

void perms_put(struct perms *perms)
{
	if (perms && --perms->refs == 0)
		free(perms);
}

static inline uint64_t key_of_byte(char c, size_t at)
{
	return at < sizeof(uint64_t) ? (uint64_t)(unsigned char)c << (56 - 8 * at) : 0;
}

struct name name_of(const char *text, size_t len)
{
	struct name name = { text, len, 0 };

	for (size_t i = 0; i < len && i < sizeof(name.key); i++)
		name.key |= key_of_byte(text[i], i);
	return name;
}

static size_t bytes_of(const struct node *n)
{
	return sizeof(*n) + n->name_len + 1 + n->value_len + n->room * sizeof(n->child[0]) + n->listing_len;
}

static void drop_listing(struct node *n)
{
	node_sums.bytes -= n->listing_len;
	free(n->listing);
	n->listing = NULL;
	n->listing_len = 0;
}

const char *node_listing(struct node *n, size_t max, size_t *len)
{
	size_t size = 0;
	char *at;

	if (!n->listing) {
		for (uint32_t i = 0; i < n->children && size <= max; i++)
			size += n->child[i]->name_len + 1;
		if (size > max)
			return NULL;
		at = n->listing = mem_alloc(size);
		for (uint32_t i = 0; i < n->children; i++) {
			memcpy(at, n->child[i]->name, n->child[i]->name_len + 1);
			at += n->child[i]->name_len + 1;
		}
		n->listing_len = size;
		node_sums.bytes += size;
	}
	*len = n->listing_len;
	return n->listing;
}

struct node *node_new(const char *name, size_t len, struct perms *perms, uint64_t gen)
{
	struct node *n = mem_alloc(sizeof(*n) + len + 1);

	memset(n, 0, sizeof(*n));
	n->refs = 1;
	n->gen = n->child_gen = gen;
	n->perms = perms_get(perms);
	n->name_len = len;
	memcpy(n->name, name, len);
	n->name[len] = 0;
	n->key = name_of(name, len).key;
	node_sums.nodes++;
	node_sums.bytes += bytes_of(n);
	return n;
}

struct node *node_get(struct node *n)
{
	n->refs++;
	return n;
}

void node_put(struct node *n)
{
	if (!n || --n->refs)
		return;
	node_sums.nodes--;
	node_sums.bytes -= bytes_of(n);
	for (uint32_t i = 0; i < n->children; i++)
		node_put(n->child[i]);
	perms_put(n->perms);
	free(n->child);
	free(n->value);
	free(n->listing);
	free(n);
}

/* Most names differ in their first bytes: then nothing is called. */
static inline int compare(const struct node *n, const struct name *name)
{
	size_t common;
	int d;

	if (n->key != name->key)
		return n->key < name->key ? -1 : 1;
	if (n->name_len <= sizeof(n->key) && name->len <= sizeof(n->key))
		return 0;
	common = n->name_len < name->len ? n->name_len : name->len;
	d = memcmp(n->name, name->text, common);
	return d ? d : (n->name_len > name->len) - (n->name_len < name->len);
}

/* The place of the child of this name, or, if there is none, of the first one after it. */
static bool place_of(const struct node *n, const struct name *name, uint32_t *place)
{
	uint32_t low = 0, high = n->children;

	while (low < high) {
		uint32_t mid = (low + high) / 2;
		int d = compare(n->child[mid], name);

		if (d == 0) {
			*place = mid;
			return true;
		}
		if (d < 0)
			low = mid + 1;
		else
			high = mid;
	}
	*place = low;
	return false;
}

static struct node **slot_of(const struct node *n, const struct name *name)
{
	uint32_t i;

	return place_of(n, name, &i) ? &n->child[i] : NULL;
}

struct node *node_child(const struct node *n, const struct name *name)
{
	struct node **slot = slot_of(n, name);

	return slot ? *slot : NULL;
}

void node_set_value(struct node *n, const void *value, size_t len, uint64_t gen)
{
	if (len > n->value_len || len < n->value_len / 2) {
		char *copy = len ? mem_alloc(len) : NULL;

		free(n->value);
		n->value = copy;
	}
	if (len)
		memcpy(n->value, value, len);
	node_sums.bytes += (uint64_t)len - n->value_len;
	n->value_len = len;
	n->gen = gen;
}

void node_set_perms(struct node *n, struct perms *perms, uint64_t gen)
{
	perms_get(perms);
	perms_put(n->perms);
	n->perms = perms;
	n->gen = gen;
}

static void set_room(struct node *n, uint32_t room)
{
	node_sums.bytes += ((uint64_t)room - n->room) * sizeof(n->child[0]);
	n->child = mem_realloc(n->child, room * sizeof(n->child[0]));
	n->room = room;
}

struct node *node_add_child(struct node *parent, struct node *child, uint64_t gen)
{
	struct name name = { child->name, child->name_len, child->key };
	uint32_t i;

	place_of(parent, &name, &i);
	drop_listing(parent);
	if (parent->children == parent->room)
		set_room(parent, parent->room ? parent->room + parent->room / 2 + 1 : 4);
	memmove(&parent->child[i + 1], &parent->child[i], (parent->children - i) * sizeof(parent->child[0]));
	parent->child[i] = child;
	parent->children++;
	parent->child_gen = gen;
	return child;
}

void node_remove_child(struct node *parent, const struct name *name, uint64_t gen)
{
	struct node **slot = slot_of(parent, name);
	struct node *gone;

	if (!slot)
		return;
	gone = *slot;
	drop_listing(parent);
	parent->children--;
	memmove(slot, slot + 1, (&parent->child[parent->children] - slot) * sizeof(*slot));
	parent->child_gen = gen;
	if (parent->children < parent->room / 4)
		set_room(parent, parent->room / 2);
	node_put(gone);
}

/* The next component of a path that starts with '/'; false at its end. */
static inline bool component(const char **path, struct name *name)
{
	const char *at = *path + (**path == '/');

	name->text = at;
	name->key = 0;
	for (; *at && *at != '/'; at++)
		name->key |= key_of_byte(*at, at - name->text);
	name->len = at - name->text;
	*path = at;
	return name->len;
}

struct node *tree_nearest(struct node *root, const char *path, const char **rest)
{
	struct node *n = root;
	struct name name;

	for (*rest = path; component(&path, &name); *rest = path) {
		struct node *next = node_child(n, &name);

		if (!next)
			return n;
		n = next;
	}
	*rest = path;
	return n;
}

struct node *tree_find(struct node *root, const char *path)
{
	const char *rest;
	struct node *n = tree_nearest(root, path, &rest);

	return *rest ? NULL : n;
}

static struct node *copy_node(const struct node *old)
{
	struct node *n = node_new(old->name, old->name_len, old->perms, old->gen);

	n->child_gen = old->child_gen;
	if (old->children)
		set_room(n, old->children);
	n->children = old->children;
	for (uint32_t i = 0; i < n->children; i++)
		n->child[i] = node_get(old->child[i]);
	node_set_value(n, old->value, old->value_len, old->gen);
	return n;
}

static struct node *own(struct node **slot)
{
	if ((*slot)->refs > 1) {
		struct node *copy = copy_node(*slot);

		node_put(*slot);
		*slot = copy;
	}
	return *slot;
}

struct node *tree_own(struct node **root, const char *path, const char **rest)
{
	struct node *n = own(root);
	struct name name;

	for (*rest = path; component(&path, &name); *rest = path) {
		struct node **slot = slot_of(n, &name);

		if (!slot)
			return n;
		n = own(slot);
	}
	*rest = path;
	return n;
}
