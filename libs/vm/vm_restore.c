/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "stream/restore.h"
#include "vm/vm_json.h"
#include "vm/vm_make.h"
#include "vm/vm_names.h"
#include "vm/vm_room.h"
#include "vm/vm_save.h"

#define WORTH_LOOKING 65536u	/* bytes in which holes of a file are looked for */

struct receiving {
	struct vm_host *host;
	struct vm_receive *r;
	struct restore_request *q;
	struct build_result rings;
};

/* How much of the next n bytes is a hole of the file; or, negated, how much is none. 0: it cannot be told. */
static ssize_t hole(int fd, size_t n)
{
	off_t at = lseek(fd, 0, SEEK_CUR), data = lseek(fd, at, SEEK_DATA), end;

	if (at < 0 || data < at)
		return 0;
	if (data > at) {
		n = (size_t)(data - at) < n ? (size_t)(data - at) : n;
		return lseek(fd, at + n, SEEK_SET) < 0 ? 0 : (ssize_t)n;
	}
	end = lseek(fd, at, SEEK_HOLE);
	if (end <= at || lseek(fd, at, SEEK_SET) != at)
		return 0;
	return -(ssize_t)((size_t)(end - at) < n ? (size_t)(end - at) : n);
}

/* Of n bytes; memory that is new is mostly zero, and reading is cheaper than writing. */
static void make_zero(uint8_t *to, size_t n)
{
	size_t now;

	for (; n; n -= now, to += now) {
		now = n < STREAM_PAGE ? n : STREAM_PAGE;
		if (!stream_is_zero(to, now))
			memset(to, 0, now);
	}
}

static int read_all(void *from, void *to, size_t n)
{
	int fd = ((struct receiving *)from)->r->fd, patience = ((struct receiving *)from)->r->patience, rc;
	ssize_t got, want;

	for (size_t done = 0; done < n; done += got) {
		want = n - done >= WORTH_LOOKING ? hole(fd, n - done) : 0;
		if (want > 0) {
			make_zero((uint8_t *)to + done, want);
			got = want;
			continue;
		}
		rc = vm_await(fd, patience);
		if (rc)
			return rc;
		got = read(fd, (char *)to + done, want ? (size_t)-want : n - done);
		if (got == 0)
			return -ENODATA;
		if (got < 0 && errno != EINTR)
			return -errno;
		got = got < 0 ? 0 : got;
	}
	return 0;
}

static int check(struct receiving *c, struct why *why)
{
	struct vm_config *v = &c->r->config;
	int rc;

	if (strlen(v->name) + strlen(c->r->suffix) >= sizeof(v->name))
		return why_set(why, -EINVAL, "the guest's name is too long");
	snprintf(c->r->name, sizeof(c->r->name), "%s", v->name);
	c->r->held = vm_name_hold(c->r->name, why);
	if (c->r->held < 0)
		return c->r->held;
	/* Of a guest that is moved to the host that it is on, the name is still taken by itself. */
	rc = vm_name_free(c->host, v->name, c->r->suffix[0] ? v->uuid : NULL, why);
	strcat(v->name, c->r->suffix);
	for (unsigned i = 0; i < v->nr_devices && !rc; i++) {
		struct device *d = &v->devices[i];

		/* On the host that it comes from the name is the other's until that is gone. */
		if (d->kind == DEVICE_CARD && d->card.name[0] && if_nametoindex(d->card.name))
			d->card.name[0] = 0;
		rc = device_check(d, why);
	}
	return rc;
}

/* Where in /vm there is room: the guest that it was may be still there. */
static unsigned vm_number(struct vm_host *host, const struct vm_config *v)
{
	char path[80], uuid[37], *there;

	vm_uuid_text(v->uuid, uuid);
	for (unsigned n = 0; ; n++) {
		if (n)
			snprintf(path, sizeof(path), "/vm/%s-%u/name", uuid, n);
		else
			snprintf(path, sizeof(path), "/vm/%s/name", uuid);
		there = store_read(host->store, path);
		free(there);
		if (!there)
			return n;
	}
}

/* Back ends get ready while memory comes. */
static int make(struct receiving *c, struct why *why)
{
	struct vm_receive *r = c->r;
	struct vm_config noted = r->config;
	struct store_change *change;
	int rc = vm_make_domain(c->host, &r->config, &r->id, why);

	if (r->id && r->made)
		r->made(r->arg, r->id);
	if (rc)
		return rc;
	rc = hcall_evtchn_unbound(c->host->hcall, r->id, 0, &c->rings.store_port);
	if (!rc)
		rc = hcall_evtchn_unbound(c->host->hcall, r->id, 0, &c->rings.console_port);
	if (rc)
		return why_set(why, rc, "no event channel for the guest: %s", strerror(-rc));
	noted.name[strlen(noted.name) - strlen(r->suffix)] = 0;
	vm_note_for_xl(&noted, r->id);
	c->q->store_port = c->rings.store_port;
	c->q->console_port = c->rings.console_port;
	rc = device_open(r->config.devices, r->config.nr_devices, why);
	if (!rc) {
		change = store_change();
		vm_put_nodes(change, &r->config, r->id, vm_number(c->host, &r->config));
		rc = store_commit(c->host->store, change);
		if (rc)
			why_set(why, rc, "the store does not take the domain's nodes: %s", strerror(-rc));
	}
	if (!rc)
		rc = device_connect(c->host->store, r->id, r->config.devices, r->config.nr_devices, why);
	device_release(r->config.devices, r->config.nr_devices);
	return rc;
}

static int on_config(void *arg, const char *text, size_t size, domid_t *id, struct why *why)
{
	struct receiving *c = arg;
	int rc = vm_json_get(&c->r->config, text, size, why);

	if (!rc)
		rc = check(c, why);
	if (!rc)
		rc = make(c, why);
	*id = c->r->id;
	return rc;
}

static int on_step(void *arg, const char *step, struct why *why)
{
	return vm_step("receive", step, why);
}

static void on_progress(void *arg, uint64_t pages)
{
	const struct vm_receive *r = ((struct receiving *)arg)->r;

	if (r->progress && r->progress->tell)
		r->progress->tell(r->progress->arg, "memory", pages * 4096, r->config.memory_kib * 1024);
}

static int introduce(struct receiving *c, const struct restore_result *result, struct why *why)
{
	struct store_change *change = store_change();
	int rc;

	c->rings.store_frame = result->store_frame;
	c->rings.console_frame = result->console_frame;
	vm_put_rings(change, c->r->id, &c->rings);
	rc = store_commit(c->host->store, change);
	if (!rc)
		rc = store_introduce(c->host->store, c->r->id, c->rings.store_frame, c->rings.store_port);
	return rc ? why_set(why, rc, "the store does not take the domain: %s", strerror(-rc))
		  : vm_step("receive", "introduced", why);
}

int vm_receive(struct vm_host *host, struct vm_receive *r, struct why *why)
{
	struct restore_request q = { .read = read_all, .config = on_config, .step = on_step, .progress = on_progress };
	struct receiving c = { .host = host, .r = r, .q = &q };
	struct restore_result result;
	struct why ignored;
	int rc;

	q.from = q.arg = &c;
	r->id = 0;
	r->held = -1;
	rc = restore_guest(host->hcall, &q, &result, why);
	if (!rc)
		vm_room_done(host, r->id);
	if (!rc)
		rc = introduce(&c, &result, why);
	if (rc && r->id)
		vm_destroy(host, r->id, &ignored);
	if (rc || !r->suffix[0]) {
		vm_name_release(r->name, r->held);
		r->held = -1;
	}
	return rc;
}
