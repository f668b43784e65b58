/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drives the store's state by records, as the daemon does, and takes apart what comes out. */
#ifndef DRIVE_H
#define DRIVE_H

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stored/record.h"

struct reply {
	uint32_t type, tx_id, len;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

static inline void other(struct store *s, enum record_kind kind, uint16_t slot, uint32_t a, uint32_t b)
{
	struct record r = { sizeof(r), kind, slot, a, b, 0, 0 };

	assert(record_valid(s, &r, sizeof(r)));
	record_apply(s, &r);
}

/* A record of a request; malloc'd. */
static inline struct request_record *request(uint16_t slot, uint32_t type, uint32_t tx, const void *body, uint32_t len)
{
	struct request_record *q = calloc(1, request_record_size(len));

	q->head = (struct record){ request_record_size(len), REC_REQUEST, slot, 0, 0, 0, 0 };
	q->msg = (struct xsd_sockmsg){ type, 77, tx, len };
	if (len)
		memcpy(q->body, body, len);
	return q;
}

/* The next message of a connection's stream; false: there is none. */
static inline int next(struct store *s, uint16_t slot, struct reply *reply)
{
	struct conn *c = s->conns[slot];
	struct xsd_sockmsg msg;

	if (c->out_end - c->out_start < sizeof(msg))
		return 0;
	memcpy(&msg, c->out, sizeof(msg));
	assert(msg.len <= XENSTORE_PAYLOAD_MAX && c->out_end - c->out_start >= sizeof(msg) + msg.len);
	memcpy(reply->body, c->out + sizeof(msg), msg.len);
	reply->body[msg.len] = 0;
	reply->type = msg.type;
	reply->tx_id = msg.tx_id;
	reply->len = msg.len;
	conn_sent(c, c->out_start + sizeof(msg) + msg.len);
	return 1;
}

/* Asks and returns the reply; events before it are dropped. */
static inline struct reply *ask_raw(struct store *s, uint16_t slot, uint32_t type, uint32_t tx, const void *body, uint32_t len)
{
	static struct reply reply;
	struct request_record *q = request(slot, type, tx, body, len);

	assert(record_valid(s, &q->head, q->head.size));
	record_apply(s, &q->head);
	free(q);
	while (next(s, slot, &reply))
		if (reply.type != XS_WATCH_EVENT)
			return &reply;
	return NULL;
}

/* The arguments are strings, each with its 0. */
static inline struct reply *ask(struct store *s, uint16_t slot, uint32_t type, uint32_t tx, int strings, ...)
{
	char body[XENSTORE_PAYLOAD_MAX];
	uint32_t len = 0;
	va_list ap;

	va_start(ap, strings);
	while (strings-- > 0) {
		const char *text = va_arg(ap, const char *);

		memcpy(body + len, text, strlen(text) + 1);
		len += strlen(text) + 1;
	}
	va_end(ap);
	return ask_raw(s, slot, type, tx, body, len);
}

static inline struct reply *write_node(struct store *s, uint16_t slot, uint32_t tx, const char *path, const char *value)
{
	char body[XENSTORE_PAYLOAD_MAX];
	size_t len = strlen(path) + 1;

	memcpy(body, path, len);
	memcpy(body + len, value, strlen(value));
	return ask_raw(s, slot, XS_WRITE, tx, body, len + strlen(value));
}

#define OK(got) assert_string_equal((got)->body, "OK")
#define SAYS(got, text) assert_string_equal((got)->body, text)
#define FAILS(got, error)                                     \
	do {                                                  \
		struct reply *r_ = (got);                     \
		assert_int_equal(r_->type, XS_ERROR);         \
		assert_string_equal(r_->body, error);         \
	} while (0)

/* Introduces a domain whose connection is in the slot. */
static inline void introduce(struct store *s, const char *domid, uint16_t slot)
{
	char body[64];
	uint32_t len = snprintf(body, sizeof(body), "%s%c1%c5%c", domid, 0, 0, 0);
	struct request_record *q = request(0, XS_INTRODUCE, 0, body, len);
	struct reply reply;

	q->head.a = slot;
	q->head.b = 1;
	record_apply(s, &q->head);
	free(q);
	while (next(s, 0, &reply))
		assert(reply.type != XS_ERROR);
}

/* A store with a client of dom0 in slot 0. */
static inline void start(struct store *s)
{
	store_init(s, 12345);
	other(s, REC_CONNECT, 0, 1, 0);
}

#endif
