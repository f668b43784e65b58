/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Circular doubly linked list. No locking: the owner of the list says which lock protects it. */
#ifndef LIB_LIST_H
#define LIB_LIST_H
#include "lib/types.h"

struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(n) { &(n), &(n) }
#define LIST_HEAD(n) struct list_head n = LIST_HEAD_INIT(n)
static inline void list_init(struct list_head *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list_head *h) { return h->next == h; }
static inline void list_insert(struct list_head *n, struct list_head *prev, struct list_head *next)
{
	next->prev = n; n->next = next; n->prev = prev; prev->next = n;
}
static inline void list_add(struct list_head *n, struct list_head *h) { list_insert(n, h, h->next); }
static inline void list_add_tail(struct list_head *n, struct list_head *h) { list_insert(n, h->prev, h); }
/* Unlinks n and leaves it an empty list, so that a second list_del is harmless. */
static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next; n->next->prev = n->prev; list_init(n);
}
#define list_entry(p, type, m) container_of(p, type, m)
#define list_first(h, type, m) list_entry((h)->next, type, m)
#define list_for_each(pos, h, m) \
	for (pos = list_entry((h)->next, __typeof__(*pos), m); &pos->m != (h); \
	     pos = list_entry(pos->m.next, __typeof__(*pos), m))
#define list_for_each_safe(pos, tmp, h, m) \
	for (pos = list_entry((h)->next, __typeof__(*pos), m), tmp = list_entry(pos->m.next, __typeof__(*pos), m); \
	     &pos->m != (h); pos = tmp, tmp = list_entry(tmp->m.next, __typeof__(*tmp), m))
#endif
