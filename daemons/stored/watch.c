// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "skel/mem.h"

#define FNV_PRIME 16777619u

static uint32_t hash_more(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * FNV_PRIME;
}

static uint32_t hash_of(const struct store *s, const char *path)
{
	uint32_t h = s->hash_seed;

	while (*path)
		h = hash_more(h, *path++);
	return h;
}

static struct list *bucket(struct store *s, uint32_t hash)
{
	return &s->watch_buckets[(hash ^ (hash >> 16)) % WATCH_BUCKETS];
}

struct watch *watch_find(struct store *s, struct conn *c, const char *path, const char *token)
{
	uint32_t hash = hash_of(s, path);
	struct watch *w;

	list_each(w, bucket(s, hash), struct watch, of_bucket)
		if (w->conn == c && w->hash == hash && !strcmp(w->path, path) && !strcmp(w->token, token))
			return w;
	return NULL;
}

struct watch *watch_add(struct store *s, struct conn *c, const char *path, const char *token, unsigned prefix, int depth)
{
	struct watch *w = mem_zalloc(sizeof(*w));

	w->conn = c;
	w->path = mem_strdup(path);
	w->token = mem_strdup(token);
	w->hash = hash_of(s, path);
	w->prefix = prefix;
	w->depth = depth;
	list_append(&c->watch_list, &w->of_conn);
	list_append(bucket(s, w->hash), &w->of_bucket);
	c->watches++;
	s->watches_of[c->domid]++;
	return w;
}

void watch_remove(struct store *s, struct watch *w)
{
	list_remove(&w->of_conn);
	list_remove(&w->of_bucket);
	w->conn->watches--;
	s->watches_of[w->conn->domid]--;
	free(w->path);
	free(w->token);
	free(w);
}

void watch_event(struct store *s, struct watch *w, const char *path)
{
	struct conn *c = w->conn;
	char body[XENSTORE_PAYLOAD_MAX];
	size_t path_len, token_len = strlen(w->token) + 1;

	if (c->broken)
		return;
	if (c->coalesce) {
		w->pending = true;
		return;
	}
	path += w->prefix;
	path_len = strlen(path) + 1;
	/* The token was checked against the watch's own path; below it the event may not fit. */
	if (path_len + token_len > sizeof(body)) {
		path = w->path + w->prefix;
		path_len = strlen(path) + 1;
	}
	memcpy(body, path, path_len);
	memcpy(body + path_len, w->token, token_len);
	conn_send(s, c, XS_WATCH_EVENT, 0, 0, body, path_len + token_len);
	if (c->out_end - c->burst_start > EVENT_BURST)
		c->coalesce = true;
}

static int levels(const char *rest)
{
	int n = 0;

	for (; *rest; rest++)
		n += *rest == '/';
	return n;
}

/* Watches on the first len bytes of path. */
static void fire_on(struct store *s, uint32_t hash, const char *path, size_t len, const struct perms *a, const struct perms *b)
{
	struct watch *w;

	list_each(w, bucket(s, hash), struct watch, of_bucket) {
		if (w->hash != hash || strncmp(w->path, path, len) || w->path[len])
			continue;
		if (w->depth >= 0 && path[len] && levels(path + (len == 1 ? 0 : len)) > w->depth)
			continue;
		if (((perms_for(s, w->conn, a) | (b ? perms_for(s, w->conn, b) : 0)) & PERM_READ) || w->conn->privileged)
			watch_event(s, w, path);
	}
}

void watch_fire(struct store *s, const char *path, bool exact, const struct perms *a, const struct perms *b)
{
	uint32_t h = s->hash_seed;
	size_t i;

	for (i = 0; path[i]; i++) {
		if (!exact && path[i] == '/' && i > 0)
			fire_on(s, h, path, i, a, b);
		h = hash_more(h, path[i]);
		if (!exact && i == 0 && path[1])
			fire_on(s, h, path, 1, a, b);
	}
	fire_on(s, h, path, i, a, b);
}

void watch_fire_special(struct store *s, const char *name)
{
	watch_fire(s, name, true, s->special[!strcmp(name, RELEASE_DOMAIN)], NULL);
}

void watch_release(struct store *s, struct conn *c)
{
	struct watch *w;

	c->coalesce = false;
	list_each(w, &c->watch_list, struct watch, of_conn) {
		if (!w->pending)
			continue;
		w->pending = false;
		watch_event(s, w, w->path);
	}
}
