/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/reader.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reader_refuse(struct reader *r, const char *format, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return why_set(r->why, -EINVAL, "this is no saved guest that can be used: %s, before byte %llu", text,
		       (unsigned long long)r->at);
}

int reader_bytes(struct reader *r, void *to, size_t n)
{
	int rc = n ? r->read(r->from, to, n) : 0;

	if (rc == -ENODATA)
		return why_set(r->why, rc, "the stream ends too early, after byte %llu", (unsigned long long)r->at);
	if (rc)
		return why_set(r->why, rc, "the stream cannot be read: %s", strerror(-rc));
	r->at += n;
	return 0;
}

int reader_head(struct reader *r, struct record *rec)
{
	uint32_t head[2];
	int rc = reader_bytes(r, head, sizeof(head));

	if (rc)
		return rc;
	rec->type = head[0];
	rec->size = head[1];
	return 0;
}

int reader_room(struct reader *r, size_t n)
{
	if (n <= r->room)
		return 0;
	free(r->body);
	r->room = 0;
	r->body = malloc(n);
	if (!r->body)
		return why_set(r->why, -ENOMEM, "no memory for a part of the stream");
	r->room = n;
	return 0;
}

int reader_body(struct reader *r, const struct record *rec, size_t limit)
{
	uint8_t padding[8];
	int rc;

	if (rec->size > limit)
		return reader_refuse(r, "a record of type %#x has %u bytes, and may have %zu", rec->type, rec->size, limit);
	rc = reader_room(r, rec->size);
	if (!rc)
		rc = reader_bytes(r, r->body, rec->size);
	return rc ? rc : reader_bytes(r, padding, -(size_t)rec->size & 7);
}

/* --- libxl's stream --- */

enum { XL_END, XL_LIBXC_CONTEXT, XL_EMULATOR_STORE, XL_EMULATOR_CONTEXT, XL_CHECKPOINT_END };
#define OPTIONAL (1u << 31)

static int stream_header(struct reader *r)
{
	static const uint8_t want[] = { 'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', 0, 0, 0, 2 };
	uint8_t h[16];
	int rc = reader_bytes(r, h, sizeof(h));

	if (rc)
		return rc;
	if (memcmp(h, want, sizeof(want)))
		return reader_refuse(r, "libxl's stream does not begin as one of version 2");
	if (h[15] & 1)
		return reader_refuse(r, "its numbers are big-endian");
	if (h[12] | h[13] | h[14] | h[15])
		return reader_refuse(r, "libxl's stream has options that are not known");
	return 0;
}

static int read_stream(struct reader *r)
{
	struct record rec = { 1, 0 };
	bool image = false;
	int rc = stream_header(r);

	while (!rc) {
		rc = reader_head(r, &rec);
		if (rc)
			break;
		if (rec.type != XL_LIBXC_CONTEXT && !(rec.type & OPTIONAL) && rec.type != XL_END)
			return reader_refuse(r, "a record of type %#x, which no PV guest has", rec.type);
		rc = reader_body(r, &rec, rec.type & OPTIONAL ? STREAM_CONFIG_MAX : 0);
		if (rc || (rec.type & OPTIONAL))
			continue;
		if (rec.type == XL_END)
			return image ? 0 : reader_refuse(r, "there is no guest in it");
		if (image)
			return reader_refuse(r, "there are two guests in it");
		image = true;
		rc = image_read(r);
	}
	return rc;
}

/* --- xl's file --- */

static const char file_magic[32] = "Xen saved domain, xl format\n \0 \r";
#define FILE_LITTLE	0x01020304u
#define FILE_JSON	1u
#define FILE_STREAM_V2	2u

/* The configuration's length, and then its text. */
static int take_config(struct reader *r, uint32_t size)
{
	uint32_t n;

	if (!size || !r->taker->config)
		return 0;
	if (size < sizeof(n))
		return reader_refuse(r, "its configuration has %u bytes", size);
	memcpy(&n, r->body, sizeof(n));
	if (n > size - sizeof(n))
		return reader_refuse(r, "its configuration has %u bytes of %u", n, size);
	return r->taker->config(r->arg, (char *)r->body + sizeof(n), n, r->why);
}

static int read_file(struct reader *r)
{
	struct { char magic[32]; uint32_t order, must, may, size; } h;
	int rc = reader_bytes(r, &h, sizeof(h));

	if (rc)
		return rc;
	if (memcmp(h.magic, file_magic, sizeof(h.magic)))
		return reader_refuse(r, "it does not begin as xl's files do");
	if (h.order != FILE_LITTLE)
		return reader_refuse(r, "it is from a machine of another byte order");
	if (!(h.must & FILE_STREAM_V2) || (h.must & ~(FILE_JSON | FILE_STREAM_V2)))
		return reader_refuse(r, "its flags are %#x: made by tools too old or too new", h.must);
	if (h.size > STREAM_CONFIG_MAX)
		return reader_refuse(r, "its configuration has %u bytes", h.size);
	/* No padding here: read as bytes. */
	rc = reader_room(r, h.size + 8);
	if (!rc)
		rc = reader_bytes(r, r->body, h.size);
	if (!rc)
		rc = take_config(r, h.size);
	return rc ? rc : read_stream(r);
}

static int run(int (*fn)(struct reader *r), stream_read_fn *read, void *from, const struct stream_taker *taker, void *arg,
	       struct why *why)
{
	struct reader r = { .read = read, .from = from, .taker = taker, .arg = arg, .why = why };
	int rc = fn(&r);

	free(r.body);
	return rc;
}

int stream_read_file(stream_read_fn *read, void *from, const struct stream_taker *taker, void *arg, struct why *why)
{
	return run(read_file, read, from, taker, arg, why);
}

int stream_read_bare(stream_read_fn *read, void *from, const struct stream_taker *taker, void *arg, struct why *why)
{
	return run(read_stream, read, from, taker, arg, why);
}
