/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/device_plug.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>
#include "clock/clock.h"
#include "device/device_disk.h"

#define PATIENCE 10000 /* milliseconds for a guest to let go, as Debian's tools give it */

static const char *kind_name(enum device_kind kind)
{
	return kind == DEVICE_DISK ? "vbd" : "vif";
}

unsigned *device_numbers(struct store *s, unsigned domain, enum device_kind kind, unsigned *n)
{
	char path[64], *names[2] = { NULL, NULL };
	unsigned *numbers, count[2] = { 0, 0 };

	snprintf(path, sizeof(path), "/libxl/%u/device/%s", domain, kind_name(kind));
	names[0] = store_list(s, path, &count[0]);
	snprintf(path, sizeof(path), "/libxl/%u/anel/drive", domain);
	if (kind == DEVICE_DISK)
		names[1] = store_list(s, path, &count[1]);
	*n = 0;
	numbers = names[0] || names[1] ? calloc(count[0] + count[1] + 1, sizeof(*numbers)) : NULL;
	for (unsigned k = 0; numbers && k < 2; k++) {
		const char *name = names[k];

		for (unsigned i = 0; name && i < count[k]; i++, name += strlen(name) + 1)
			numbers[(*n)++] = strtoul(name, NULL, 10);
	}
	free(names[0]);
	free(names[1]);
	return numbers;
}

char *device_drive(struct store *s, unsigned domain, unsigned id)
{
	char path[64];

	snprintf(path, sizeof(path), "/libxl/%u/anel/drive/%u", domain, id);
	return store_read(s, path);
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

void device_drop_back(struct store_change *c, const char *back)
{
	const char *rest = strstr(back, "/backend/");

	store_drop(c, "%s", back);
	if (rest)
		store_drop(c, "%.*s/error%s", (int)(rest - back), back, rest);
}

static void drop_nodes(struct store_change *c, unsigned domain, enum device_kind kind, unsigned id, const char *back)
{
	store_drop(c, "/local/domain/%u/device/%s/%u", domain, kind_name(kind), id);
	if (*back)
		device_drop_back(c, back);
	store_drop(c, "/libxl/%u/device/%s/%u", domain, kind_name(kind), id);
	if (kind == DEVICE_DISK)
		store_drop(c, "/libxl/%u/anel/drive/%u", domain, id);
}

/* Also a drive with nothing in it, which has no back end. */
static bool is_noted(struct store *s, unsigned domain, enum device_kind kind, unsigned id)
{
	char back[160], *drive = kind == DEVICE_DISK ? device_drive(s, domain, id) : NULL;
	bool yes = drive || device_back(s, domain, kind, id, back) != -ENOENT;

	free(drive);
	return yes;
}

static int detach(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, const struct device *leave,
		  struct why *why);

/* What was checked. On failure `leave` stays, or nothing. */
static int attach(struct store *s, unsigned domain, struct device *d, const struct device *leave, struct why *why)
{
	struct store_change *change;
	struct why ignored;
	int rc = device_open(d, 1, why);

	if (rc)
		return rc;
	/* device_connect looks again, at what came meanwhile; but a guest that runs should not see a disk come and go. */
	if (d->kind == DEVICE_DISK && !device_is_empty(d))
		rc = disk_shared(s, domain, d, why);
	if (rc) {
		device_release(d, 1);
		return rc;
	}
	change = store_change();
	store_drop(change, "/libxl/%u/anel/drive/%u", domain, d->id);
	device_put(change, domain, d);
	rc = store_commit(s, change);
	if (rc)
		why_set(why, rc, "the store does not take the device: %s", strerror(-rc));
	else
		rc = device_connect(s, domain, d, 1, why);
	device_release(d, 1);
	if (rc)
		detach(s, domain, d->kind, d->id, true, leave, &ignored);
	return rc;
}

int device_attach(struct store *s, unsigned domain, struct device *d, struct why *why)
{
	int rc = device_check(d, why);

	if (rc)
		return rc;
	if (is_noted(s, domain, d->kind, d->id))
		return why_set(why, -EEXIST, "domain %u has a %s already (number %u)", domain,
			       d->kind == DEVICE_DISK ? d->disk.vdev : "card of this number", d->id);
	return attach(s, domain, d, NULL, why);
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
	long until = clock_ms(CLOCK_MONOTONIC) + PATIENCE, left;
	char token[64], *event;

	while (!closed(s, back)) {
		left = until - clock_ms(CLOCK_MONOTONIC);
		event = store_wait(s, left > 0 ? left : 0, token);
		if (!event)
			return -errno;
		free(event);
	}
	return 0;
}

static int ask_to_go(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, const char *back,
		     struct why *why)
{
	struct store_change *change = store_change();
	char path[176];
	int rc;

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
		return why_set(why, -EBUSY, "the guest has not let go of it in %u s (is it mounted?); --force takes it away",
			       PATIENCE / 1000);
	return 0;
}

/* `leave` takes its place in the same change. */
static int detach(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, const struct device *leave,
		  struct why *why)
{
	struct store_change *change;
	char back[160];
	int rc = device_back(s, domain, kind, id, back);

	if (rc && (rc != -ENOENT || !is_noted(s, domain, kind, id)))
		return why_set(why, rc, "domain %u has no %s of number %u", domain, kind_name(kind), id);
	if (!rc) {
		rc = ask_to_go(s, domain, kind, id, force, back, why);
		if (rc)
			return rc;
	} else {
		back[0] = 0;
	}
	change = store_change();
	drop_nodes(change, domain, kind, id, back);
	if (leave)
		device_put(change, domain, leave);
	rc = store_commit(s, change);
	return rc ? why_set(why, rc, "the device's nodes cannot be removed: %s", strerror(-rc)) : 0;
}

int device_detach(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, struct why *why)
{
	return detach(s, domain, kind, id, force, NULL, why);
}

/* The drive with nothing in it, whatever is. */
static int drive(struct store *s, unsigned domain, unsigned id, struct device *d)
{
	char base[64], *vdev = device_drive(s, domain, id), *type = NULL;

	*d = (struct device){ .kind = DEVICE_DISK, .id = id, .disk = { .read_only = true, .cdrom = true } };
	if (!vdev) {
		snprintf(base, sizeof(base), "/libxl/%u/device/vbd/%u", domain, id);
		type = store_read_at(s, base, "device-type");
		vdev = type && !strcmp(type, "cdrom") ? store_read_at(s, base, "dev") : NULL;
	}
	snprintf(d->disk.vdev, sizeof(d->disk.vdev), "%s", vdev ? vdev : "");
	free(vdev);
	free(type);
	return d->disk.vdev[0] ? 0 : -ENOENT;
}

int device_change(struct store *s, unsigned domain, unsigned id, const char *target, struct why *why)
{
	struct device d, empty;
	char back[160];
	int rc = drive(s, domain, id, &empty);

	if (rc)
		return why_set(why, rc, "domain %u has no drive for CDs of number %u (devtype=cdrom)", domain, id);
	d = empty;
	if (snprintf(d.disk.target, sizeof(d.disk.target), "%s", target) >= (int)sizeof(d.disk.target))
		return why_set(why, -ENAMETOOLONG, "%s: this name is too long", target);
	rc = device_check(&d, why);
	if (!rc && device_back(s, domain, DEVICE_DISK, id, back) == 0)
		rc = detach(s, domain, DEVICE_DISK, id, false, &empty, why);
	return rc || !*target ? rc : attach(s, domain, &d, &empty, why);
}
