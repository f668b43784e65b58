/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_devices.h"
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xenbus.h>
#include "clock/clock.h"
#include "device/learn.h"
#include "vm/vm_times.h"

#define PATH  96
#define LEARN 3000	/* milliseconds for a bridge: a guest that tells where it is does so at once */

static void path_of(char path[PATH], domid_t id, const struct device *d, bool back)
{
	const char *kind = d->kind == DEVICE_DISK ? "vbd" : "vif";

	if (back)
		snprintf(path, PATH, "/local/domain/0/backend/%s/%u/%u/state", kind, id, d->id);
	else
		snprintf(path, PATH, "/local/domain/%u/device/%s/%u/state", id, kind, d->id);
}

/* Device i's end of the guest is number 2i, dom0's 2i + 1. Returns how many there are. */
static unsigned watch_all(struct vm_host *host, domid_t id, const struct vm_config *v, bool on)
{
	char path[PATH], token[16];
	unsigned n = 0;
	int rc;

	for (unsigned i = 0; i < 2 * v->nr_devices; i++) {
		if (device_is_empty(&v->devices[i / 2]))
			continue;
		path_of(path, id, &v->devices[i / 2], i & 1);
		snprintf(token, sizeof(token), "%u", i);
		rc = on ? store_watch(host->store, path, token) : store_unwatch(host->store, path, token);
		n += rc == 0;
	}
	return n;
}

static void look(struct vm_host *host, const char *path, const struct device *d, bool back, int *state)
{
	static const char *const names[] = { "?", "starts", "waits", "has its rings", "is connected", "closes", "is closed" };
	char *text = store_read(host->store, path);
	int now = text ? atoi(text) : 0;

	free(text);
	if (now == *state || now < 0 || now > XenbusStateClosed)
		return;
	*state = now;
	vm_time("there: %s %u: %s end %s", d->kind == DEVICE_DISK ? "disk" : "network card", d->id,
		back ? "dom0's" : "the guest's", names[now]);
}

/* How many ends are left that are not connected. */
static unsigned wait_connected(struct vm_host *host, domid_t id, const struct vm_config *v, int milliseconds)
{
	int64_t until = clock_ms(CLOCK_MONOTONIC) + milliseconds, left;
	int state[2 * VM_MAX_DEVICES] = { 0 };
	unsigned waiting = watch_all(host, id, v, true), i;
	char token[64], path[PATH], *event;

	while (waiting) {
		left = until - clock_ms(CLOCK_MONOTONIC);
		event = left > 0 ? store_wait(host->store, left, token) : NULL;
		if (!event)
			break;
		free(event);
		i = strtoul(token, NULL, 10);
		if (i >= 2 * v->nr_devices || state[i] == XenbusStateConnected)
			continue;
		path_of(path, id, &v->devices[i / 2], i & 1);
		look(host, path, &v->devices[i / 2], i & 1, &state[i]);
		waiting -= state[i] == XenbusStateConnected;
	}
	watch_all(host, id, v, false);
	return waiting;
}

static unsigned list_cards(domid_t id, const struct vm_config *v, struct learn_card *cards, unsigned *numbers)
{
	char name[32];
	unsigned n = 0;
	uint8_t *m;

	for (unsigned i = 0; i < v->nr_devices; i++) {
		const struct device *d = &v->devices[i];

		if (d->kind != DEVICE_CARD)
			continue;
		snprintf(name, sizeof(name), "vif%u.%u", id, d->id);
		cards[n] = (struct learn_card){ .index = if_nametoindex(d->card.name[0] ? d->card.name : name) };
		m = cards[n].mac;
		if (!cards[n].index ||
		    sscanf(d->card.mac, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
			continue;
		numbers[n++] = d->id;
	}
	return n;
}

void vm_devices_wait(struct vm_host *host, domid_t id, const struct vm_config *v, int milliseconds)
{
	struct learn_card cards[VM_MAX_DEVICES];
	unsigned numbers[VM_MAX_DEVICES], n = list_cards(id, v, cards, numbers);
	int fd = learn_open(), i;

	if (wait_connected(host, id, v, milliseconds) == 0 && fd >= 0)
		for (unsigned left = n; left; left--) {
			i = learn_next(fd, cards, n, LEARN);
			if (i < 0)
				break;
			vm_time("there: network card %u: its bridge knows where it is", numbers[i]);
		}
	if (fd >= 0)
		close(fd);
}
