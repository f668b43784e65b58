/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Doubly linked lists; an empty head and an element in no list point to themselves. */
#ifndef SKEL_LIST_H
#define SKEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

/* Of an element in no list: nothing. */
static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

#define list_entry(l, type, member) ((type *)((char *)(l) - offsetof(type, member)))
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_each(pos, head, type, member) \
	for (pos = list_entry((head)->next, type, member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, type, member))
/* The element may be removed, no other. */
#define list_each_safe(pos, tmp, head, type, member) \
	for (pos = list_entry((head)->next, type, member), tmp = list_entry(pos->member.next, type, member); \
	     &pos->member != (head); pos = tmp, tmp = list_entry(tmp->member.next, type, member))

#endif
