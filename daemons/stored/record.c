// SPDX-License-Identifier: GPL-2.0-or-later
#include "record.h"

#include <stdlib.h>

#include "request.h"
#include "tx.h"
#include "watch.h"

static bool wants_conn(enum record_kind kind)
{
	return kind == REC_REQUEST || (kind >= REC_DISCONNECT && kind <= REC_DOOM);
}

static bool fits(const struct record *r, uint64_t room)
{
	return room >= sizeof(*r) && r->size >= sizeof(*r) && r->size <= room && r->size % 8 == 0 && r->kind < REC_KINDS;
}

bool record_valid(const struct store *s, const struct record *r, uint64_t room)
{
	const struct request_record *q = (const struct request_record *)r;

	if (!fits(r, room))
		return false;
	if (r->slot >= MAX_CONNS || (wants_conn(r->kind) && !s->conns[r->slot]))
		return false;
	if (r->kind == REC_REQUEST)
		return r->size >= sizeof(*q) && q->msg.len <= XENSTORE_PAYLOAD_MAX && r->size == request_record_size(q->msg.len);
	if (r->kind == REC_CONNECT || r->kind == REC_DOM0)
		return !s->conns[r->slot];
	if (r->kind == REC_RECONNECT)
		return !s->conns[r->slot] && r->b < DOMIDS && s->domains[r->b];
	if (r->kind == REC_DEAD || r->kind == REC_SHUTDOWN)
		return r->a < DOMIDS && s->domains[r->a];
	return r->kind != REC_QUOTA || r->a < QUOTAS;
}

static void new_ring(struct store *s, struct domain *d, uint16_t slot, uint32_t generation)
{
	if (d->conn)
		conn_free(s, d->conn);
	d->conn = conn_new(s, slot, generation, true, d->domid);
}

static void apply_domain(struct store *s, const struct record *r)
{
	struct domain *d = r->kind == REC_DOM0 ? domain_new(s, 0) : s->domains[r->kind == REC_RECONNECT ? r->b : r->a];

	switch (r->kind) {
	case REC_DOM0:
		d->port = r->b;
		new_ring(s, d, r->slot, r->a);
		d->conn->in_pos = (uint32_t)r->result;
		d->conn->out_start = d->conn->out_end = r->c;
		break;
	case REC_RECONNECT:
		new_ring(s, d, r->slot, r->a);
		break;
	case REC_SHUTDOWN:
		d->shutdown = true;
		watch_fire_special(s, RELEASE_DOMAIN);
		break;
	default:
		domain_free(s, d);
		watch_fire_special(s, RELEASE_DOMAIN);
	}
}

static void apply_conn(struct store *s, const struct record *r, struct conn *c)
{
	struct tx *tx;

	switch (r->kind) {
	case REC_DISCONNECT:
		conn_free(s, c);
		break;
	case REC_BROKEN:
		conn_forget(s, c);
		c->broken = true;
		break;
	case REC_COALESCE:
		c->coalesce = true;
		break;
	case REC_RESUME:
		watch_release(s, c);
		break;
	default:
		tx = tx_find(c, r->a);
		if (tx)
			tx_doom(tx);
	}
}

void record_apply(struct store *s, const struct record *r)
{
	s->record++;
	switch (r->kind) {
	case REC_REQUEST:
		request_run(s, (const struct request_record *)r);
		break;
	case REC_CONNECT:
		conn_new(s, r->slot, r->a, false, 0);
		break;
	case REC_DOM0:
	case REC_RECONNECT:
	case REC_DEAD:
	case REC_SHUTDOWN:
		apply_domain(s, r);
		break;
	case REC_QUOTA:
		s->quota[r->a] = r->b;
		break;
	default:
		apply_conn(s, r, s->conns[r->slot]);
	}
}
