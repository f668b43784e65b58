/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/device.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xenbus.h>
#include "clock/clock.h"
#include "device/device_disk.h"
#include "device/link.h"
#include "device/lock.h"

#define PATIENCE 40	/* seconds for back ends */

static const char *kind_name(const struct device *d)
{
	return d->kind == DEVICE_DISK ? "vbd" : "vif";
}

/* "ab12" to 27 and 12; false if it has no such form. */
static bool disk_number(const char *p, unsigned *disk, unsigned *partition)
{
	*disk = *partition = 0;
	if (!islower((unsigned char)*p))
		return false;
	for (; islower((unsigned char)*p) && *disk < 1 << 20; p++)
		*disk = *disk * 26 + (*p - 'a' + 1);
	--*disk;
	if (*p == '0' || strlen(p) > 3)
		return false;
	for (; isdigit((unsigned char)*p); p++)
		*partition = *partition * 10 + (*p - '0');
	return !*p && *partition < 256 && *disk < 1 << 20;
}

int device_disk_id(const char *vdev, unsigned *id)
{
	unsigned disk, partition;

	if (!strncmp(vdev, "xvd", 3) && disk_number(vdev + 3, &disk, &partition)) {
		*id = disk < 16 && partition < 16 ? 202 << 8 | disk << 4 | partition : 1u << 28 | disk << 8 | partition;
		return 0;
	}
	if (!strncmp(vdev, "sd", 2) && disk_number(vdev + 2, &disk, &partition) && disk < 16 && partition < 16) {
		*id = 8 << 8 | disk << 4 | partition;
		return 0;
	}
	if (!strncmp(vdev, "hd", 2) && disk_number(vdev + 2, &disk, &partition) && disk < 4 && partition < 64) {
		*id = (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition;
		return 0;
	}
	return -EINVAL;
}

static int check_card(struct device *d, struct why *why)
{
	uint32_t addresses[LOCK_MAX_ADDRESSES];
	int rc = link_mtu(d->card.bridge, &d->card.mtu_now);

	if (rc)
		return why_set(why, rc, "network card %u: there is no bridge %s", d->id, d->card.bridge);
	if (lock_addresses(d->card.ip, addresses) < 0)
		return why_set(why, -EINVAL, "network card %u: ip: \"%s\": up to %d IPv4 addresses with spaces between can be had",
			       d->id, d->card.ip, LOCK_MAX_ADDRESSES);
	if (d->card.mtu && (d->card.mtu < 68 || d->card.mtu > 65535))
		return why_set(why, -EINVAL, "network card %u: an mtu is 68 to 65535", d->id);
	if (d->card.mtu)
		d->card.mtu_now = d->card.mtu;
	return 0;
}

int device_check(struct device *d, struct why *why)
{
	return d->kind == DEVICE_DISK ? disk_check(d, why) : check_card(d, why);
}

int device_open(struct device *list, unsigned n, struct why *why)
{
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++)
		if (list[i].kind == DEVICE_DISK && !device_is_empty(&list[i]))
			rc = disk_open(&list[i], why);
	return rc;
}

void device_release(struct device *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (list[i].kind == DEVICE_DISK && list[i].disk.held) {
			close(list[i].disk.held);
			list[i].disk.held = 0;
		}
}

/* Nodes that the toolstack keeps for itself are the back end's, as the guest cannot change them. */
static void put_disk(struct store_change *c, const char *back, const struct device *d, bool own)
{
	char text[32];

	store_put(c, NULL, d->disk.target, "%s/params", back);
	store_put(c, NULL, "/etc/xen/scripts/block", "%s/script", back);
	store_put(c, NULL, d->disk.cdrom ? "1" : "0", "%s/removable", back);
	store_put(c, NULL, "1", "%s/bootable", back);
	store_put(c, NULL, d->disk.vdev, "%s/dev", back);
	if (own && d->disk.format[0])
		store_put(c, NULL, d->disk.format, "%s/anel-format", back);
	store_put(c, NULL, "phy", "%s/type", back);
	store_put(c, NULL, d->disk.read_only ? "r" : "w", "%s/mode", back);
	store_put(c, NULL, d->disk.cdrom ? "cdrom" : "disk", "%s/device-type", back);
	store_put(c, NULL, d->disk.read_only ? "0" : "1", "%s/discard-enable", back);
	store_put(c, NULL, "xen", "%s/specification", back);
	if (own)
		return;
	snprintf(text, sizeof(text), "%x:%x", d->disk.major, d->disk.minor);
	store_put(c, NULL, d->disk.node, "%s/physical-device-path", back);
	store_put(c, NULL, "connected", "%s/hotplug-status", back);
	store_put(c, NULL, text, "%s/physical-device", back);
}

static void put_card(struct store_change *c, const char *back, const struct device *d)
{
	char text[32];

	snprintf(text, sizeof(text), "%u", d->id);
	store_put(c, NULL, "/etc/xen/scripts/vif-bridge", "%s/script", back);
	store_put(c, NULL, d->card.mac, "%s/mac", back);
	store_put(c, NULL, d->card.bridge, "%s/bridge", back);
	store_put(c, NULL, text, "%s/handle", back);
	store_put(c, NULL, "vif", "%s/type", back);
	if (d->card.name[0])
		store_put(c, NULL, d->card.name, "%s/vifname", back);
	if (d->card.ip[0])
		store_put(c, NULL, d->card.ip, "%s/ip", back);
	if (d->card.mtu) {
		snprintf(text, sizeof(text), "%u", d->card.mtu);
		store_put(c, NULL, text, "%s/mtu", back);
	}
	if (d->card.rate_bytes) {
		snprintf(text, sizeof(text), "%u,%u", d->card.rate_bytes, d->card.rate_us);
		store_put(c, NULL, text, "%s/rate", back);
	}
	store_put(c, NULL, "", "%s/hotplug-status", back);
}

/* The back end's nodes: in its own place, and (own) as the toolstack's own note of them. */
static void put_back(struct store_change *c, unsigned domain, const struct device *d, const char *front, const char *back, bool own)
{
	char at[128], perms[32], text[16];

	snprintf(perms, sizeof(perms), "n0,r%u", domain);
	snprintf(text, sizeof(text), "%u", domain);
	if (own)
		snprintf(at, sizeof(at), "/libxl/%u/device/%s/%u", domain, kind_name(d), d->id);
	else
		snprintf(at, sizeof(at), "%s", back);
	store_put(c, own ? NULL : perms, "", "%s", at);
	store_put(c, NULL, front, "%s/frontend", at);
	if (own)
		store_put(c, NULL, back, "%s/backend", at);
	store_put(c, NULL, text, "%s/frontend-id", at);
	store_put(c, NULL, "1", "%s/online", at);
	store_put(c, NULL, "1", "%s/state", at);
	if (d->kind == DEVICE_DISK)
		put_disk(c, at, d, own);
	else
		put_card(c, at, d);
}

void device_put(struct store_change *c, unsigned domain, const struct device *d)
{
	char front[128], back[128], perms[32], read[32], text[16];

	snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", domain, kind_name(d), d->id);
	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%u", kind_name(d), domain, d->id);
	snprintf(perms, sizeof(perms), "n%u,r0", domain);
	snprintf(read, sizeof(read), "n0,r%u", domain);
	snprintf(text, sizeof(text), "%u", d->id);
	if (device_is_empty(d)) {
		store_put(c, NULL, d->disk.vdev, "/libxl/%u/anel/drive/%u", domain, d->id);
		return;
	}
	put_back(c, domain, d, front, back, true);
	store_put(c, perms, "", "%s", front);
	store_put(c, NULL, back, "%s/backend", front);
	store_put(c, NULL, "0", "%s/backend-id", front);
	store_put(c, NULL, "1", "%s/state", front);
	store_put(c, NULL, "1", "%s/trusted", front);
	if (d->kind == DEVICE_DISK) {
		store_put(c, NULL, text, "%s/virtual-device", front);
		store_put(c, NULL, d->disk.cdrom ? "cdrom" : "disk", "%s/device-type", front);
		store_put(c, NULL, "x86_64-abi", "%s/protocol", front);
	} else {
		store_put(c, NULL, text, "%s/handle", front);
		store_put(c, NULL, d->card.mac, "%s/mac", front);
		snprintf(text, sizeof(text), "%u", d->card.mtu_now);
		store_put(c, read, text, "%s/mtu", front);
	}
	put_back(c, domain, d, front, back, false);
}

static int read_state(struct store *s, const char *back)
{
	char *text = store_read_at(s, back, "state");
	int state = text ? atoi(text) : XenbusStateUnknown;

	free(text);
	return state;
}

/* What the kernel's back end says of its failure. */
static int failed(struct store *s, unsigned domain, const struct device *d, const char *what, struct why *why)
{
	char path[128], *text;

	snprintf(path, sizeof(path), "/local/domain/0/error/backend/%s/%u/%u/error", kind_name(d), domain, d->id);
	text = store_read(s, path);
	why_set(why, -EIO, "%s %s: %s%s%s", d->kind == DEVICE_DISK ? "disk" : "network card",
		d->kind == DEVICE_DISK ? d->disk.vdev : d->card.mac, what, text ? ": " : "", text ? text : "");
	free(text);
	return -EIO;
}

static int lock_card(const char *name, const struct device *d)
{
	struct sock_filter program[LOCK_MAX_PROGRAM];
	uint32_t addresses[LOCK_MAX_ADDRESSES];
	int n = lock_addresses(d->card.ip, addresses);
	uint8_t mac[6];

	if (n <= 0)
		return n;
	if (sscanf(d->card.mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
		return -EINVAL;
	return link_lock(name, program, lock_program(mac, addresses, n, program));
}

static int connect_card(struct store *s, unsigned domain, const struct device *d, const char *back, struct why *why)
{
	char name[IFNAMSIZ], path[160];
	int rc;

	snprintf(name, sizeof(name), "vif%u.%u", domain, d->id);
	rc = lock_card(name, d);
	if (rc)
		return why_set(why, rc, "network card %u: %s cannot be locked to the addresses %s: %s", d->id, name, d->card.ip,
			       strerror(-rc));
	rc = link_join(name, d->card.name, d->card.bridge, d->card.mtu_now);
	if (rc)
		return why_set(why, rc, "network card %u: %s cannot join the bridge %s: %s", d->id, name, d->card.bridge,
			       strerror(-rc));
	snprintf(path, sizeof(path), "%s/hotplug-status", back);
	rc = store_write(s, path, "connected");
	return rc ? why_set(why, rc, "network card %u: %s", d->id, strerror(-rc)) : 0;
}

static int connect_one(struct store *s, unsigned domain, const struct device *d, bool *done, struct why *why)
{
	char back[128];
	int state;

	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/%u/%u", kind_name(d), domain, d->id);
	state = read_state(s, back);
	if (state == XenbusStateClosing || state == XenbusStateClosed)
		return failed(s, domain, d, "the back end gave up", why);
	if (state != XenbusStateInitWait && state != XenbusStateInitialised && state != XenbusStateConnected)
		return 0;
	*done = true;
	return d->kind == DEVICE_CARD ? connect_card(s, domain, d, back, why) : 0;
}

static int watch_states(struct store *s, unsigned domain, const struct device *list, unsigned n, bool on)
{
	char path[128], token[64];
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++) {
		if (device_is_empty(&list[i]))
			continue;
		snprintf(path, sizeof(path), "/local/domain/0/backend/%s/%u/%u/state", kind_name(&list[i]), domain, list[i].id);
		snprintf(token, sizeof(token), "%u", i);
		rc = on ? store_watch(s, path, token) : store_unwatch(s, path, token);
	}
	return rc;
}

/* One event of the watches: 0, or a failure. */
static int connect_next(struct store *s, unsigned domain, const struct device *list, unsigned n, bool *done, long until,
			struct why *why)
{
	long left = until - clock_ms(CLOCK_MONOTONIC);
	char token[64], *event = store_wait(s, left > 0 ? left : 0, token);
	unsigned i;

	if (!event && errno != ETIMEDOUT)
		return why_set(why, -errno, "the store is gone: %s", strerror(errno));
	if (!event) {
		for (i = 0; done[i]; )
			i++;
		return failed(s, domain, &list[i], "no back end in dom0 took it (is its module loaded?)", why);
	}
	free(event);
	i = strtoul(token, NULL, 10);
	return i < n && !done[i] ? connect_one(s, domain, &list[i], &done[i], why) : 0;
}

/* A back end says that it waits for a front end before it has opened the disk. */
static int settle(struct store *s, unsigned domain, const struct device *d, long until, struct why *why)
{
	struct timespec pause = { .tv_nsec = 500000 };
	char back[128];
	int state;

	while (!disk_taken(domain, d)) {
		snprintf(back, sizeof(back), "/local/domain/0/backend/vbd/%u/%u", domain, d->id);
		state = read_state(s, back);
		if (state == XenbusStateClosing || state == XenbusStateClosed)
			return failed(s, domain, d, "the back end gave up", why);
		if (clock_ms(CLOCK_MONOTONIC) > until)
			return failed(s, domain, d, "the back end does not open it", why);
		nanosleep(&pause, NULL);
		pause.tv_nsec += pause.tv_nsec < 50000000 ? pause.tv_nsec : 0;
	}
	return disk_shared(s, domain, d, why);
}

int device_connect(struct store *s, unsigned domain, const struct device *list, unsigned n, struct why *why)
{
	long until = clock_ms(CLOCK_MONOTONIC) + PATIENCE * 1000;
	bool *done = calloc(n + 1, sizeof(*done));
	unsigned first = 0;
	int rc = done ? watch_states(s, domain, list, n, true) : -ENOMEM;

	if (rc)
		why_set(why, rc, "devices cannot be watched: %s", strerror(-rc));
	for (unsigned i = 0; !rc && i < n; i++)
		done[i] = device_is_empty(&list[i]);
	while (first < n && !rc && done[first])
		first++;
	while (!rc && first < n) {
		rc = connect_next(s, domain, list, n, done, until, why);
		while (first < n && done[first])
			first++;
	}
	if (done)
		watch_states(s, domain, list, n, false);
	for (unsigned i = 0; i < n && !rc; i++)
		if (list[i].kind == DEVICE_DISK && !device_is_empty(&list[i]))
			rc = settle(s, domain, &list[i], until, why);
	free(done);
	return rc;
}
