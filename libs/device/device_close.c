/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>
#include "device/device.h"
#include "clock/clock.h"
#include "device/device_plug.h"

#define PATIENCE 20000	/* milliseconds for a back end to let go */

/* A back end whose node says Closing when it loses its front end says Closed when it is through. */
struct closing {
	char back[160];
	bool done;
};
struct device_closing {
	unsigned domain, n, room;
	struct closing *list;
};

static int remember(struct device_closing *c, const char *back)
{
	struct closing *more;

	if (c->n == c->room) {
		c->room = c->room * 2 + 8;
		more = realloc(c->list, c->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->list = more;
	}
	c->list[c->n] = (struct closing){ .done = false };
	snprintf(c->list[c->n++].back, sizeof(c->list[0].back), "%s", back);
	return 0;
}

/* Only paths of the form that we write: they are removed later. */
static bool is_back(const char *path)
{
	return !strncmp(path, "/local/domain/0/backend/", 24) && strlen(path) < 150 && path[24];
}

static int list_kind(struct store *s, struct device_closing *c, const char *kind)
{
	char path[160], *ids, *id, *back;
	unsigned n;
	int rc = 0;

	snprintf(path, sizeof(path), "/libxl/%u/device/%.64s", c->domain, kind);
	ids = store_list(s, path, &n);
	id = ids;
	for (unsigned i = 0; ids && i < n && !rc; i++, id += strlen(id) + 1) {
		snprintf(path, sizeof(path), "/libxl/%u/device/%.64s/%.16s/backend", c->domain, kind, id);
		back = store_read(s, path);
		if (back && is_back(back))
			rc = remember(c, back);
		free(back);
	}
	free(ids);
	return rc;
}

static int list_all(struct store *s, struct device_closing *c)
{
	char path[64], *kinds, *kind;
	unsigned n;
	int rc = 0;

	snprintf(path, sizeof(path), "/libxl/%u/device", c->domain);
	kinds = store_list(s, path, &n);
	kind = kinds;
	for (unsigned i = 0; kinds && i < n && !rc; i++, kind += strlen(kind) + 1)
		rc = list_kind(s, c, kind);
	free(kinds);
	return rc;
}

/* The console's back end is a daemon that goes by the domain, not by this protocol. */
static bool follows_states(const struct closing *c)
{
	return strncmp(c->back + 24, "console/", 8) != 0;
}

int device_close_all(struct store *s, unsigned domain, struct device_closing **closing, struct why *why)
{
	struct device_closing *c = calloc(1, sizeof(*c));
	struct store_change *change;
	int rc;

	if (!c)
		return why_set(why, -ENOMEM, "no memory");
	c->domain = domain;
	rc = list_all(s, c);
	if (!rc) {
		change = store_change();
		for (unsigned i = 0; i < c->n; i++) {
			if (!follows_states(&c->list[i]))
				continue;
			store_put(change, NULL, "0", "%s/online", c->list[i].back);
			store_put(change, NULL, "5", "%s/state", c->list[i].back);
		}
		store_drop(change, "/local/domain/%u/device", domain);
		rc = store_commit(s, change);
	}
	if (rc) {
		free(c->list);
		free(c);
		return why_set(why, rc, "devices cannot be closed: %s", strerror(-rc));
	}
	*closing = c;
	return 0;
}

static bool closed(struct store *s, const struct closing *c)
{
	char *state = store_read_at(s, c->back, "state");
	bool yes = !state || atoi(state) == XenbusStateClosed;

	free(state);
	return yes;
}

static int wait_one(struct store *s, struct closing *c, unsigned i, long until)
{
	char path[176], token[64], number[16], *event = NULL;
	long left;
	int rc;

	if (!follows_states(c))
		return 0;
	snprintf(path, sizeof(path), "%s/state", c->back);
	snprintf(number, sizeof(number), "close%u", i);
	rc = store_watch(s, path, number);
	while (!rc && !closed(s, c)) {
		left = until - clock_ms(CLOCK_MONOTONIC);
		event = store_wait(s, left > 0 ? left : 0, token);
		rc = event ? 0 : -errno;
		free(event);
	}
	store_unwatch(s, path, number);
	return rc;
}

int device_wait_closed(struct store *s, struct device_closing *c, struct why *why)
{
	static const char *const kinds[] = { "vbd", "vif", "console" };
	long until = clock_ms(CLOCK_MONOTONIC) + PATIENCE;
	struct store_change *change;
	char back[64];
	int rc = 0, one;

	for (unsigned i = 0; i < c->n; i++) {
		one = wait_one(s, &c->list[i], i, until);
		if (one)
			rc = why_set(why, one, "%s does not close: %s", c->list[i].back, strerror(-one));
	}
	change = store_change();
	for (unsigned i = 0; i < c->n; i++)
		store_drop(change, "%s", c->list[i].back);
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u", kinds[i], c->domain);
		device_drop_back(change, back);
	}
	one = store_commit(s, change);
	if (one && !rc)
		rc = why_set(why, one, "the devices' nodes cannot be removed: %s", strerror(-one));
	free(c->list);
	free(c);
	return rc;
}
