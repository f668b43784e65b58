/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of the xenstore daemon (xen/io/xs_wire.h) over its socket. Changes are gathered and sent at once, so that a whole
 * domain's nodes cost two round trips. Functions return 0 or a negative errno unless they say otherwise.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
/* NULL with errno set. */
struct store *store_open(void);
void store_close(struct store *s);

/* Readable: there may be events, for store_wait(). */
int store_fd(const struct store *s);

/* The value, for free(), with a zero after it; NULL with errno set. */
char *store_read(struct store *s, const char *path);
/* The same of "base/name". */
char *store_read_at(struct store *s, const char *base, const char *name);
/* The children's names, each with its zero, for free(); *n is their number. NULL with errno set. */
char *store_list(struct store *s, const char *path, unsigned *n);
int store_write(struct store *s, const char *path, const char *value);
int store_remove(struct store *s, const char *path);
int store_introduce(struct store *s, unsigned domain, uint64_t frame, unsigned port);
int store_release(struct store *s, unsigned domain);
/* A domain that had shut down goes on. */
int store_resume(struct store *s, unsigned domain);

/* Changes that happen together or not at all. The functions that add to it remember a failure for store_commit. */
struct store_change;
struct store_change *store_change(void);
/* perms: "n0,r5" as in xenstore-ls -p, or NULL: as the parent's. */
void store_put(struct store_change *c, const char *perms, const char *value, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void store_drop(struct store_change *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Only if this node is there: else the commit does nothing and returns -ENOENT. */
void store_require(struct store_change *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees the change, whatever comes of it. A node that is dropped and is not there is no failure. */
int store_commit(struct store *s, struct store_change *c);

int store_watch(struct store *s, const char *path, const char *token);
int store_unwatch(struct store *s, const char *path, const char *token);
/* The next event's path, for free(), or NULL with errno ETIMEDOUT after so many milliseconds. token has room for 64. */
char *store_wait(struct store *s, int milliseconds, char *token);

#endif
