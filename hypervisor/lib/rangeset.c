/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sorted list of ranges that neither overlap nor touch, under a lock of its own. */
#include "lib/rangeset.h"
#include "lib/list.h"
#include "lib/spinlock.h"
#include "lib/string.h"
#include "lib/errno.h"

struct range {
	struct list_head list;
	unsigned long s, e;
};

struct rangeset {
	spinlock_t lock;
	struct list_head ranges;
	char name[32];
};

struct rangeset *rangeset_new(const char *name)
{
	struct rangeset *r = heap_zalloc(sizeof(*r));

	if (!r)
		return NULL;
	spin_lock_init(&r->lock);
	list_init(&r->ranges);
	strlcpy(r->name, name, sizeof(r->name));
	return r;
}

void rangeset_destroy(struct rangeset *r)
{
	struct range *x, *tmp;

	if (!r)
		return;
	list_for_each_safe(x, tmp, &r->ranges, list)
		heap_free(x);
	heap_free(r);
}

int rangeset_add(struct rangeset *r, unsigned long s, unsigned long e)
{
	struct range *x, *tmp, *fresh;
	struct list_head *after = &r->ranges;

	if (s > e)
		return -EINVAL;
	fresh = heap_zalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	spin_lock(&r->lock);
	list_for_each_safe(x, tmp, &r->ranges, list) {
		if (x->e != ~0ul && x->e + 1 < s) {	/* wholly before */
			after = &x->list;
			continue;
		}
		if (e != ~0ul && e + 1 < x->s)		/* wholly after */
			break;
		s = MIN(s, x->s);
		e = MAX(e, x->e);
		list_del(&x->list);
		heap_free(x);
	}
	fresh->s = s;
	fresh->e = e;
	list_add(&fresh->list, after);
	spin_unlock(&r->lock);
	return 0;
}

int rangeset_remove(struct rangeset *r, unsigned long s, unsigned long e)
{
	struct range *x, *tmp, *fresh;

	if (s > e)
		return -EINVAL;
	fresh = heap_zalloc(sizeof(*fresh));	/* needed where one range becomes two */
	if (!fresh)
		return -ENOMEM;
	spin_lock(&r->lock);
	list_for_each_safe(x, tmp, &r->ranges, list) {
		if (x->e < s)
			continue;
		if (x->s > e)
			break;
		if (x->s < s && x->e > e) {
			fresh->s = e + 1;
			fresh->e = x->e;
			x->e = s - 1;
			list_add(&fresh->list, &x->list);
			fresh = NULL;
			break;
		}
		if (x->s < s) {
			x->e = s - 1;
		} else if (x->e > e) {
			x->s = e + 1;
		} else {
			list_del(&x->list);
			heap_free(x);
		}
	}
	spin_unlock(&r->lock);
	heap_free(fresh);
	return 0;
}

static bool find(const struct rangeset *r, unsigned long s, unsigned long e, bool whole)
{
	struct rangeset *w = (struct rangeset *)r;	/* the lock only */
	struct range *x;
	bool found = false;

	if (s > e)
		return false;
	spin_lock(&w->lock);
	list_for_each(x, &w->ranges, list) {
		if (x->e < s)
			continue;
		found = whole ? x->s <= s && x->e >= e : x->s <= e;
		break;
	}
	spin_unlock(&w->lock);
	return found;
}

bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
	return find(r, s, e, true);
}

bool rangeset_overlaps(const struct rangeset *r, unsigned long s, unsigned long e)
{
	return find(r, s, e, false);
}

/* fn runs without the lock, on a range found after the last one: changes meanwhile are seen or not. */
int rangeset_for_each(const struct rangeset *r, int (*fn)(unsigned long s, unsigned long e, void *arg), void *arg)
{
	struct rangeset *w = (struct rangeset *)r;
	unsigned long from = 0;

	for (;;) {
		unsigned long s = 0, e = 0;
		bool found = false;
		struct range *x;
		int ret;

		spin_lock(&w->lock);
		list_for_each(x, &w->ranges, list) {
			if (x->e < from)
				continue;
			s = MAX(x->s, from);
			e = x->e;
			found = true;
			break;
		}
		spin_unlock(&w->lock);
		if (!found)
			return 0;
		ret = fn(s, e, arg);
		if (ret || e == ~0ul)
			return ret;
		from = e + 1;
	}
}
