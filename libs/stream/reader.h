/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the readers of the two layers share. */
#ifndef STREAM_READER_H
#define STREAM_READER_H

#include "stream/stream.h"

struct reader {
	stream_read_fn *read;
	void *from;
	const struct stream_taker *taker;
	void *arg;
	struct why *why;
	uint64_t at;		/* bytes read so far */
	uint8_t *body;		/* of the record at hand */
	size_t room;
};

struct record { uint32_t type, size; };

int reader_bytes(struct reader *r, void *to, size_t n);
/* A record's head, and its body of up to `limit` bytes, padding left out, in r->body. */
int reader_head(struct reader *r, struct record *rec);
int reader_body(struct reader *r, const struct record *rec, size_t limit);
/* Makes r->body hold n bytes; what it had is lost. */
int reader_room(struct reader *r, size_t n);
int reader_refuse(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* libxc's image, from its header to its END. */
int image_read(struct reader *r);

#endif
