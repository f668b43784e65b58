// SPDX-License-Identifier: GPL-2.0-or-later
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "skel/mem.h"
#include "tx.h"
#include "watch.h"

#define VERSION 1u
#define NO_NODE UINT32_MAX

struct out {
	char *bytes;
	size_t len, room;
	uint32_t nodes;
	uint64_t epoch;
};

static void put(struct out *o, const void *bytes, size_t len)
{
	if (o->len + len > o->room) {
		o->room = (o->len + len) * 2;
		o->bytes = mem_realloc(o->bytes, o->room);
	}
	if (len)
		memcpy(o->bytes + o->len, bytes, len);
	o->len += len;
}

static void put32(struct out *o, uint32_t v)
{
	put(o, &v, sizeof(v));
}

static void put64(struct out *o, uint64_t v)
{
	put(o, &v, sizeof(v));
}

static void put_blob(struct out *o, const void *bytes, size_t len)
{
	put32(o, len);
	put(o, bytes, len);
}

static void put_text(struct out *o, const char *text)
{
	put_blob(o, text, strlen(text) + 1);
}

static void put_perms(struct out *o, const struct perms *perms)
{
	put32(o, perms->count);
	for (uint32_t i = 0; i < perms->count; i++)
		put32(o, perms->p[i].domid | (uint32_t)perms->p[i].bits << 16);
}

/* Children before their parents, each node once. */
static void put_nodes(struct out *o, struct node *n)
{
	if (!n || n->mark >> 32 == o->epoch)
		return;
	for (uint32_t i = 0; i < n->children; i++)
		put_nodes(o, n->child[i]);
	n->mark = o->epoch << 32 | o->nodes++;
	put_blob(o, n->name, n->name_len);
	put64(o, n->gen);
	put64(o, n->child_gen);
	put_perms(o, n->perms);
	put_blob(o, n->value, n->value_len);
	put32(o, n->children);
	for (uint32_t i = 0; i < n->children; i++)
		put32(o, n->child[i]->mark);
}

static void put_tx(struct out *o, const struct tx *tx)
{
	struct tx_change *ch;
	uint32_t changes = 0;

	put32(o, tx->id);
	put32(o, tx->created);
	put32(o, tx->root ? (uint32_t)tx->root->mark : NO_NODE);
	put32(o, tx->base ? (uint32_t)tx->base->mark : NO_NODE);
	put32(o, tx->seen_count);
	for (uint32_t i = 0; i < tx->seen_room; i++)
		for (const struct tx_seen *seen = tx->seen[i]; seen; seen = seen->next) {
			put_text(o, seen->path);
			put64(o, seen->gen);
			put64(o, seen->child_gen);
			put32(o, seen->children);
		}
	list_each(ch, &tx->changes, struct tx_change, of_tx)
		changes++;
	put32(o, changes);
	list_each(ch, &tx->changes, struct tx_change, of_tx) {
		put32(o, ch->change.kind);
		put32(o, ch->change.creator);
		put_text(o, ch->change.path);
		put_blob(o, ch->change.value, ch->change.len);
		put32(o, ch->change.perms != NULL);
		if (ch->change.perms)
			put_perms(o, ch->change.perms);
	}
}

static void put_conn(struct out *o, const struct conn *c)
{
	struct watch *w;
	struct tx *tx;

	put32(o, c->slot);
	put32(o, c->generation);
	put32(o, c->domid | (uint32_t)c->ring << 16 | (uint32_t)c->broken << 17 | (uint32_t)c->coalesce << 18);
	put32(o, c->next_tx);
	put64(o, c->in_pos);
	put64(o, c->out_start);
	put_blob(o, c->out, c->out_end - c->out_start);
	put32(o, c->watches);
	list_each(w, &c->watch_list, struct watch, of_conn) {
		put_text(o, w->path);
		put_text(o, w->token);
		put32(o, w->prefix);
		put32(o, w->depth);
		put32(o, w->pending);
	}
	put32(o, c->transactions);
	list_each(tx, &c->tx_list, struct tx, of_conn)
		put_tx(o, tx);
}

static void put_all_nodes(struct out *o, struct store *s)
{
	size_t count_at = o->len;
	struct tx *tx;

	put32(o, 0);
	put_nodes(o, s->root);
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (s->conns[i])
			list_each(tx, &s->conns[i]->tx_list, struct tx, of_conn) {
				tx_settle(s, tx);
				put_nodes(o, tx->root);
				put_nodes(o, tx->base);
			}
	memcpy(o->bytes + count_at, &o->nodes, sizeof(o->nodes));
	put32(o, s->root->mark);
}

void *snapshot_write(struct store *s, size_t *size)
{
	static uint64_t epochs;
	struct out o = { .epoch = ++epochs };

	put32(&o, VERSION);
	put64(&o, s->gen);
	put32(&o, s->hash_seed);
	for (unsigned i = 0; i < QUOTAS; i++)
		put32(&o, s->quota[i]);
	put_perms(&o, s->special[0]);
	put_perms(&o, s->special[1]);
	put_all_nodes(&o, s);
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (s->conns[i])
			put_conn(&o, s->conns[i]);
	put32(&o, MAX_CONNS);
	for (unsigned i = 0; i < DOMIDS; i++) {
		const struct domain *d = s->domains[i];

		if (!d)
			continue;
		put32(&o, d->domid | (uint32_t)d->target << 16);
		put32(&o, d->shutdown);
		put32(&o, d->port);
		put64(&o, d->gfn);
		put32(&o, d->conn ? d->conn->slot : MAX_CONNS);
	}
	put32(&o, DOMIDS);
	*size = o.len;
	return o.bytes;
}

/* Reading. What does not fit sets `bad`, and zeroes come. */
struct in {
	const char *at, *end;
	bool bad;
	struct node **nodes;
	uint32_t count;
	struct perms *last;
};

static const char *take(struct in *in, size_t len)
{
	const char *at = in->at;

	if (in->bad || (size_t)(in->end - at) < len) {
		in->bad = true;
		return NULL;
	}
	in->at += len;
	return at;
}

static uint32_t get32(struct in *in)
{
	const char *at = take(in, 4);
	uint32_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return v;
}

static uint64_t get64(struct in *in)
{
	const char *at = take(in, 8);
	uint64_t v = 0;

	if (at)
		memcpy(&v, at, sizeof(v));
	return v;
}

static const char *get_blob(struct in *in, uint32_t *len)
{
	const char *at;

	*len = get32(in);
	at = take(in, *len);
	if (!at)
		*len = 0;
	return at;
}

static const char *get_text(struct in *in)
{
	uint32_t len;
	const char *at = get_blob(in, &len);

	if (at && len && !at[len - 1])
		return at;
	in->bad = true;
	return "";
}

/* A reference. Equal ones in a row become one. */
static struct perms *get_perms(struct in *in)
{
	uint32_t count = get32(in);
	struct perms *perms;

	if (!count || count > 4096)
		in->bad = true;
	perms = mem_zalloc(sizeof(*perms) + (in->bad ? 1 : count) * sizeof(perms->p[0]));
	perms->refs = 1;
	perms->count = in->bad ? 1 : count;
	for (uint32_t i = 0; i < perms->count; i++) {
		uint32_t v = get32(in);

		perms->p[i].domid = v;
		perms->p[i].bits = v >> 16;
	}
	if (in->last && in->last->count == perms->count && !memcmp(in->last->p, perms->p, perms->count * sizeof(perms->p[0]))) {
		free(perms);
		return perms_get(in->last);
	}
	perms_put(in->last);
	in->last = perms_get(perms);
	return perms;
}

static struct node *get_ref(struct in *in)
{
	uint32_t i = get32(in);

	if (i == NO_NODE)
		return NULL;
	if (i >= in->count) {
		in->bad = true;
		return NULL;
	}
	return node_get(in->nodes[i]);
}

static struct node *get_node(struct in *in)
{
	uint32_t len, value_len, children;
	const char *name = get_blob(in, &len);
	uint64_t gen = get64(in), child_gen = get64(in);
	struct perms *perms = get_perms(in);
	struct node *n = node_new(name ? name : "", len, perms, gen);
	const char *value = get_blob(in, &value_len);

	perms_put(perms);
	node_set_value(n, value, value_len, gen);
	children = get32(in);
	for (uint32_t i = 0; i < children && !in->bad; i++) {
		struct node *child = get_ref(in);

		if (child)
			node_add_child(n, child, gen);
	}
	n->child_gen = child_gen;
	return n;
}

static bool get_nodes(struct in *in, struct store *s)
{
	uint32_t count = get32(in);

	if (count > (size_t)(in->end - in->at))
		return false;
	in->nodes = mem_alloc(count * sizeof(in->nodes[0]));
	while (in->count < count && !in->bad) {
		struct node *n = get_node(in);

		in->nodes[in->count++] = n;
	}
	node_put(s->root);
	s->root = get_ref(in);
	return s->root && !in->bad;
}

static void get_tx(struct in *in, struct store *s, struct conn *c)
{
	struct tx *tx = tx_new(s, c, get32(in));
	uint32_t n;

	tx->created = get32(in);
	node_put(tx->root);
	node_put(tx->base);
	tx->root = get_ref(in);
	tx->base = get_ref(in);
	for (n = get32(in); n && !in->bad; n--) {
		const char *path = get_text(in);
		uint64_t gen = get64(in), child_gen = get64(in);

		tx_add_seen(tx, path, gen, child_gen, get32(in));
	}
	for (n = get32(in); n && !in->bad; n--) {
		struct change ch = { .perms = NULL };
		uint32_t len;

		ch.kind = get32(in);
		ch.creator = get32(in);
		ch.path = get_text(in);
		ch.value = get_blob(in, &len);
		ch.len = len;
		if (get32(in))
			ch.perms = get_perms(in);
		tx_add_change(tx, &ch);
		perms_put(ch.perms);
	}
}

static void get_watch(struct in *in, struct store *s, struct conn *c)
{
	const char *path = get_text(in), *token = get_text(in);
	uint32_t prefix = get32(in), depth = get32(in);
	struct watch *w;

	if (in->bad || prefix > strlen(path)) {
		in->bad = true;
		return;
	}
	w = watch_add(s, c, path, token, prefix, depth);
	w->pending = get32(in);
}

static void get_conn(struct in *in, struct store *s, uint32_t slot)
{
	uint32_t generation = get32(in), flags = get32(in), len, n;
	struct conn *c;
	const char *out;

	if (in->bad || s->conns[slot] || (flags & 0xffff) >= DOMIDS) {
		in->bad = true;
		return;
	}
	c = conn_new(s, slot, generation, flags >> 16 & 1, flags);
	c->broken = flags >> 17 & 1;
	c->coalesce = flags >> 18 & 1;
	c->next_tx = get32(in);
	c->in_pos = get64(in);
	c->out_start = get64(in);
	out = get_blob(in, &len);
	c->out_end = c->out_start + len;
	if (len) {
		c->out = memcpy(mem_alloc(len), out, len);
		c->out_room = len;
	}
	for (n = get32(in); n && !in->bad; n--)
		get_watch(in, s, c);
	c->transactions = get32(in);
	for (n = c->transactions; n && !in->bad; n--)
		get_tx(in, s, c);
}

static void get_domain(struct in *in, struct store *s, uint32_t head)
{
	struct domain *d;
	uint32_t slot;

	if ((head & 0xffff) >= DOMIDS || s->domains[head & 0xffff]) {
		in->bad = true;
		return;
	}
	d = domain_new(s, head);
	d->target = head >> 16;
	d->shutdown = get32(in);
	d->port = get32(in);
	d->gfn = get64(in);
	slot = get32(in);
	if (slot < MAX_CONNS)
		d->conn = s->conns[slot];
}

static void count_nodes(struct store *s, const struct node *n)
{
	account_nodes(s, n->perms->p[0].domid, 1);
	for (uint32_t i = 0; i < n->children; i++)
		count_nodes(s, n->child[i]);
}

static void get_all(struct in *in, struct store *s)
{
	uint32_t v;

	for (unsigned i = 0; i < QUOTAS; i++)
		s->quota[i] = get32(in);
	for (unsigned i = 0; i < 2; i++) {
		perms_put(s->special[i]);
		s->special[i] = get_perms(in);
	}
	if (!get_nodes(in, s)) {
		in->bad = true;
		return;
	}
	s->nodes_of[0] = 0;
	count_nodes(s, s->root);
	while (!in->bad && (v = get32(in)) < MAX_CONNS)
		get_conn(in, s, v);
	while (!in->bad && (v = get32(in)) != DOMIDS)
		get_domain(in, s, v);
}

bool snapshot_read(struct store *s, const void *bytes, size_t size)
{
	struct in in = { .at = bytes, .end = (const char *)bytes + size };
	uint32_t version = get32(&in);
	uint64_t gen = get64(&in);

	store_init(s, get32(&in));
	if (version == VERSION && !in.bad)
		get_all(&in, s);
	s->gen = gen;
	for (uint32_t i = 0; i < in.count; i++)
		node_put(in.nodes[i]);
	free(in.nodes);
	perms_put(in.last);
	if (version == VERSION && !in.bad)
		return true;
	if (!s->root)
		s->root = node_new("", 0, s->special[0], 1);
	store_free(s);
	return false;
}
