/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/device_plug.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/io/xenbus.h>

#define PATIENCE 10000 /* milliseconds for a guest to let go, as Debian's tools give it */

static const char *kind_name(enum device_kind kind)
{
	return kind == DEVICE_DISK ? "vbd" : "vif";
}

unsigned *device_numbers(struct store *s, unsigned domain, enum device_kind kind, unsigned *n)
{
	char path[64], *names, *name;
	unsigned *numbers;

	snprintf(path, sizeof(path), "/libxl/%u/device/%s", domain, kind_name(kind));
	names = store_list(s, path, n);
	if (!names)
		return NULL;
	numbers = calloc(*n + 1, sizeof(*numbers));
	name = names;
	for (unsigned i = 0; numbers && i < *n; i++, name += strlen(name) + 1)
		numbers[i] = strtoul(name, NULL, 10);
	free(names);
	return numbers;
}

unsigned device_free_card(struct store *s, unsigned domain)
{
	unsigned n, *numbers = device_numbers(s, domain, DEVICE_CARD, &n), id = 0;

	for (unsigned i = 0; numbers && i < n; i++) {
		if (numbers[i] != id)
			continue;
		id++;
		i = -1; /* from the start: they have no order */
	}
	free(numbers);
	return id;
}

int device_back(struct store *s, unsigned domain, enum device_kind kind, unsigned id, char back[160])
{
	char path[80], *text;
	int rc = 0;

	snprintf(path, sizeof(path), "/libxl/%u/device/%s/%u/backend", domain, kind_name(kind), id);
	text = store_read(s, path);
	if (!text)
		return -errno;
	if (strncmp(text, "/local/domain/", 14) || strlen(text) >= 160 || !strstr(text, "/backend/"))
		rc = -EINVAL;
	else
		strcpy(back, text);
	free(text);
	return rc;
}

static void drop_nodes(struct store_change *c, unsigned domain, enum device_kind kind, unsigned id, const char *back)
{
	store_drop(c, "/local/domain/%u/device/%s/%u", domain, kind_name(kind), id);
	store_drop(c, "%s", back);
	store_drop(c, "/libxl/%u/device/%s/%u", domain, kind_name(kind), id);
}

int device_attach(struct store *s, unsigned domain, struct device *d, struct why *why)
{
	struct store_change *change;
	struct why ignored;
	char back[160];
	int rc = device_check(d, why);

	if (rc)
		return rc;
	if (device_back(s, domain, d->kind, d->id, back) != -ENOENT)
		return why_set(why, -EEXIST, "domain %u has a %s already (number %u)", domain,
			       d->kind == DEVICE_DISK ? d->disk.vdev : "card of this number", d->id);
	rc = device_open(d, 1, why);
	if (rc)
		return rc;
	change = store_change();
	device_put(change, domain, d);
	rc = store_commit(s, change);
	if (rc)
		why_set(why, rc, "the store does not take the device: %s", strerror(-rc));
	else
		rc = device_connect(s, domain, d, 1, why);
	device_release(d, 1);
	if (rc)
		device_detach(s, domain, d->kind, d->id, true, &ignored);
	return rc;
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool closed(struct store *s, const char *back)
{
	char *state = store_read_at(s, back, "state");
	bool yes = !state || atoi(state) == XenbusStateClosed;

	free(state);
	return yes;
}

/* Until the back end's state, which is watched as "detach", says Closed. */
static int wait_closed(struct store *s, const char *back)
{
	long until = now_ms() + PATIENCE, left;
	char token[64], *event;

	while (!closed(s, back)) {
		left = until - now_ms();
		event = store_wait(s, left > 0 ? left : 0, token);
		if (!event)
			return -errno;
		free(event);
	}
	return 0;
}

int device_detach(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, struct why *why)
{
	struct store_change *change = store_change();
	char back[160], path[176];
	int rc = device_back(s, domain, kind, id, back);

	if (rc) {
		store_commit(s, change);
		return why_set(why, rc, "domain %u has no %s of number %u", domain, kind_name(kind), id);
	}
	store_put(change, NULL, "0", "%s/online", back);
	store_put(change, NULL, "5", "%s/state", back);
	if (force)
		store_drop(change, "/local/domain/%u/device/%s/%u", domain, kind_name(kind), id);
	rc = store_commit(s, change);
	snprintf(path, sizeof(path), "%s/state", back);
	if (!rc)
		rc = store_watch(s, path, "detach");
	if (rc)
		return why_set(why, rc, "the device cannot be asked for: %s", strerror(-rc));
	rc = wait_closed(s, back);
	store_unwatch(s, path, "detach");
	if (rc == -ETIMEDOUT && !force)
		return why_set(why, -EBUSY,
			       "the guest has not let go of it in %u s (is it mounted?); --force takes it away",
			       PATIENCE / 1000);
	change = store_change();
	drop_nodes(change, domain, kind, id, back);
	rc = store_commit(s, change);
	return rc ? why_set(why, rc, "the device's nodes cannot be removed: %s", strerror(-rc)) : 0;
}
