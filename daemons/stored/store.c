// SPDX-License-Identifier: GPL-2.0-or-later
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "skel/mem.h"
#include "tx.h"
#include "watch.h"

/* A stream's buffer larger than this is given back when it is empty. */
#define KEEP_ROOM 16384u

const char *const quota_names[QUOTAS] = {
	"nodes", "watches", "transactions", "size", "permissions", "path-max", "transaction-nodes",
};
const uint32_t quota_defaults[QUOTAS] = { 1000, 128, 10, 2048, 5, 1024, 1024 };

void store_init(struct store *s, uint32_t hash_seed)
{
	struct perm only_dom0 = { 0, 0 };
	struct perms *perms = perms_new(&only_dom0, 1);

	memset(s, 0, sizeof(*s));
	s->hash_seed = hash_seed;
	s->gen = 1;
	memcpy(s->quota, quota_defaults, sizeof(s->quota));
	s->nodes_of = mem_zalloc(DOMIDS * sizeof(s->nodes_of[0]));
	s->watches_of = mem_zalloc(DOMIDS * sizeof(s->watches_of[0]));
	s->domains = mem_zalloc(DOMIDS * sizeof(s->domains[0]));
	s->conns = mem_zalloc(MAX_CONNS * sizeof(s->conns[0]));
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		list_init(&s->watch_buckets[i]);
	list_init(&s->dirty);
	s->root = node_new("", 0, perms, s->gen);
	s->nodes_of[0] = 1;
	s->special[0] = perms_get(perms);
	s->special[1] = perms;
}

void store_free(struct store *s)
{
	for (unsigned i = 0; i < DOMIDS; i++)
		if (s->domains[i])
			free(s->domains[i]);
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (s->conns[i])
			conn_free(s, s->conns[i]);
	node_put(s->root);
	perms_put(s->special[0]);
	perms_put(s->special[1]);
	free(s->nodes_of);
	free(s->watches_of);
	free(s->domains);
	free(s->conns);
}

struct conn *conn_new(struct store *s, uint16_t slot, uint32_t generation, bool ring, uint16_t domid)
{
	struct conn *c = mem_zalloc(sizeof(*c));

	c->slot = slot;
	c->generation = generation;
	c->ring = ring;
	c->domid = domid;
	c->privileged = domid == 0;
	c->next_tx = 1;
	list_init(&c->watch_list);
	list_init(&c->tx_list);
	list_init(&c->dirty);
	s->conns[slot] = c;
	return c;
}

void conn_forget(struct store *s, struct conn *c)
{
	while (!list_empty(&c->watch_list))
		watch_remove(s, list_first(&c->watch_list, struct watch, of_conn));
	while (!list_empty(&c->tx_list))
		tx_free(list_first(&c->tx_list, struct tx, of_conn));
	c->transactions = 0;
}

void conn_free(struct store *s, struct conn *c)
{
	if (c->port && s->on_gone)
		s->on_gone(c);
	conn_forget(s, c);
	list_remove(&c->dirty);
	s->conns[c->slot] = NULL;
	free(c->out);
	free(c);
}

void conn_send(struct store *s, struct conn *c, uint32_t type, uint32_t req_id, uint32_t tx_id, const void *body, size_t len)
{
	struct xsd_sockmsg head = { type, req_id, tx_id, len };
	size_t held = c->out_end - c->out_start, need = held + sizeof(head) + len;

	if (c->broken)
		return;
	if (c->burst_record != s->record) {
		c->burst_record = s->record;
		c->burst_start = c->out_end;
	}
	if (need > c->out_room) {
		c->out_room = need < 512 ? 512 : need + need / 2;
		c->out = mem_realloc(c->out, c->out_room);
	}
	memcpy(c->out + held, &head, sizeof(head));
	if (len)
		memcpy(c->out + held + sizeof(head), body, len);
	c->out_end += sizeof(head) + len;
	if (list_empty(&c->dirty))
		list_append(&s->dirty, &c->dirty);
}

void conn_sent(struct conn *c, uint64_t pos)
{
	size_t left = c->out_end - pos;

	if (left)
		memmove(c->out, c->out + (pos - c->out_start), left);
	c->out_start = pos;
	if (!left && c->out_room > KEEP_ROOM) {
		free(c->out);
		c->out = NULL;
		c->out_room = 0;
	}
}

struct domain *domain_new(struct store *s, uint16_t domid)
{
	struct domain *d = mem_zalloc(sizeof(*d));

	d->domid = domid;
	d->target = DOMIDS;
	s->domains[domid] = d;
	return d;
}

unsigned perms_for(const struct store *s, const struct conn *c, const struct perms *perms)
{
	unsigned target = s->domains[c->domid] ? s->domains[c->domid]->target : DOMIDS;

	if (c->privileged || perms->p[0].domid == c->domid || perms->p[0].domid == target)
		return PERM_READ | PERM_WRITE | PERM_OWNER;
	for (uint32_t i = 1; i < perms->count; i++)
		if (perms->p[i].domid == c->domid || perms->p[i].domid == target)
			return perms->p[i].bits;
	return perms->p[0].bits;
}

void account_nodes(struct store *s, uint16_t domid, int delta)
{
	if (domid < DOMIDS)
		s->nodes_of[domid] += delta;
}

static bool names(const struct perms *perms, uint16_t domid)
{
	for (uint32_t i = 1; i < perms->count; i++)
		if (perms->p[i].domid == domid)
			return true;
	return false;
}

static struct perms *without(const struct perms *old, uint16_t domid)
{
	struct perms *perms = perms_new(old->p, old->count);

	perms->count = 1;
	for (uint32_t i = 1; i < old->count; i++)
		if (old->p[i].domid != domid)
			perms->p[perms->count++] = old->p[i];
	return perms;
}

/* Is there anything of the domain at or below this node? */
static bool concerns(const struct node *n, uint16_t domid)
{
	if (n->perms->p[0].domid == domid || names(n->perms, domid))
		return true;
	for (uint32_t i = 0; i < n->children; i++)
		if (concerns(n->child[i], domid))
			return true;
	return false;
}

/* What the domain owned goes; where it is named in permissions it is named no more: its number will be another's. */
static void forget_nodes(struct store *s, char *path, size_t len, const struct node *n, uint16_t domid)
{
	const char *rest;

	for (uint32_t i = n->children; i-- > 0;) {
		const struct node *child = n->child[i];
		size_t longer = len + 1 + child->name_len;

		if (!concerns(child, domid))
			continue;
		path[len] = '/';
		memcpy(path + len + 1, child->name, child->name_len + 1);
		if (child->perms->p[0].domid == domid) {
			struct change change = { .kind = CHANGE_RM, .path = path };

			change_apply(s, &s->root, &change, true);
		} else {
			struct node *own = tree_own(&s->root, path, &rest);

			if (names(own->perms, domid)) {
				struct perms *fewer = without(own->perms, domid);

				node_set_perms(own, fewer, ++s->gen);
				perms_put(fewer);
			}
			forget_nodes(s, path, longer, own, domid);
		}
		path[len] = 0;
		/* The change may have copied the way to here. */
		n = tree_find(s->root, len ? path : "/");
	}
}

void domain_free(struct store *s, struct domain *d)
{
	char path[XENSTORE_ABS_PATH_MAX + XENSTORE_PAYLOAD_MAX] = "";
	uint16_t domid = d->domid;

	if (d->conn)
		conn_free(s, d->conn);
	s->domains[domid] = NULL;
	free(d);
	forget_nodes(s, path, 0, s->root, domid);
	for (unsigned i = 0; i < 2; i++) {
		struct perms *fewer = without(s->special[i], domid);

		perms_put(s->special[i]);
		s->special[i] = fewer;
	}
}

static void count_nodes(const struct node *n, uint32_t *counts)
{
	if (n->perms->p[0].domid < DOMIDS)
		counts[n->perms->p[0].domid]++;
	for (uint32_t i = 0; i < n->children; i++)
		count_nodes(n->child[i], counts);
}

static bool sorted(const struct node *n)
{
	for (uint32_t i = 0; i < n->children; i++)
		if ((i && strcmp(n->child[i - 1]->name, n->child[i]->name) >= 0) || !sorted(n->child[i]))
			return false;
	return true;
}

const char *store_check(struct store *s)
{
	uint32_t *counts = mem_zalloc(DOMIDS * sizeof(*counts)), *watches = mem_zalloc(DOMIDS * sizeof(*watches));
	const char *bad = "";
	struct watch *w;

	count_nodes(s->root, counts);
	for (unsigned i = 0; i < WATCH_BUCKETS; i++)
		list_each(w, &s->watch_buckets[i], struct watch, of_bucket)
			watches[w->conn->domid]++;
	if (memcmp(counts, s->nodes_of, DOMIDS * sizeof(*counts)))
		bad = "a domain's count of nodes is wrong";
	else if (memcmp(watches, s->watches_of, DOMIDS * sizeof(*watches)))
		bad = "a domain's count of watches is wrong";
	else if (!sorted(s->root))
		bad = "children are out of order";
	free(counts);
	free(watches);
	return bad;
}
