/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Watches: found by a hash of their path, so that a change costs a look-up for each ancestor, not a walk over all watches. */
#ifndef STORED_WATCH_H
#define STORED_WATCH_H

#include "store.h"

#define INTRODUCE_DOMAIN "@introduceDomain"
#define RELEASE_DOMAIN "@releaseDomain"

struct watch *watch_find(struct store *, struct conn *, const char *path, const char *token);
struct watch *watch_add(struct store *, struct conn *, const char *path, const char *token, unsigned prefix, int depth);
void watch_remove(struct store *, struct watch *);
/* An event of this one watch. */
void watch_event(struct store *, struct watch *, const char *path);

/*
 * The node of path changed: events to watches on it and, if not exact, on its ancestors. A connection hears of it if it may
 * read by either set of permissions (b may be NULL): of the node, and of its parent or its own before the change.
 */
void watch_fire(struct store *, const char *path, bool exact, const struct perms *a, const struct perms *b);
void watch_fire_special(struct store *, const char *name);

/* The connection takes events again: those that were kept back, one a watch. */
void watch_release(struct store *, struct conn *);

#endif
