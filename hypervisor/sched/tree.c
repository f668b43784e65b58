/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sched/tree.h"

static uint32_t next_prio(struct tree *t)
{
	uint32_t x = t->seed ? t->seed : 0x9e3779b9u;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return t->seed = x;
}

/* Puts n (or NULL) in the place of old below old's parent. */
static void replace(struct tree *t, struct tree_node *old, struct tree_node *n)
{
	struct tree_node *up = old->up;

	if (!up)
		t->root = n;
	else
		up->child[up->child[1] == old] = n;
	if (n)
		n->up = up;
}

/* Lifts n above its parent. */
static void rotate_up(struct tree *t, struct tree_node *n)
{
	struct tree_node *p = n->up;
	int side = p->child[1] == n;
	struct tree_node *inner = n->child[!side];

	replace(t, p, n);
	p->child[side] = inner;
	if (inner)
		inner->up = p;
	n->child[!side] = p;
	p->up = n;
}

void tree_insert(struct tree *t, struct tree_node *n, uint64_t key)
{
	struct tree_node *up = NULL, **link = &t->root;

	while (*link) {
		up = *link;
		link = &up->child[key >= up->key];
	}
	*n = (struct tree_node){ .up = up, .key = key, .prio = next_prio(t) };
	*link = n;
	while (n->up && n->up->prio < n->prio)
		rotate_up(t, n);
}

void tree_remove(struct tree *t, struct tree_node *n)
{
	while (n->child[0] && n->child[1])
		rotate_up(t, n->child[n->child[1]->prio > n->child[0]->prio]);
	replace(t, n, n->child[0] ? n->child[0] : n->child[1]);
}

struct tree_node *tree_first(const struct tree *t)
{
	struct tree_node *n = t->root;

	while (n && n->child[0])
		n = n->child[0];
	return n;
}

struct tree_node *tree_next(const struct tree_node *n)
{
	struct tree_node *s = n->child[1];

	if (s) {
		while (s->child[0])
			s = s->child[0];
		return s;
	}
	while (n->up && n->up->child[1] == n)
		n = n->up;
	return n->up;
}
