// SPDX-License-Identifier: GPL-2.0-or-later
#include "nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xenbus.h>

/* 1: a number from 0 to max; 0: there is none, or something else. -errno: the store does not answer. */
static int number(struct store *s, const char *base, const char *name, uint64_t max, uint64_t *value)
{
	char *text = store_read_at(s, base, name), *end;
	int got = 0;

	if (!text)
		return errno == ENOENT ? 0 : -errno;
	errno = 0;
	if (*text >= '0' && *text <= '9') {
		*value = strtoull(text, &end, 10);
		got = !*end && !errno && *value <= max;
	}
	free(text);
	return got;
}

static int type_is_ours(struct store *s, const char *base)
{
	char *type = store_read_at(s, base, "type");
	int ours = type ? !strcmp(type, "xenconsoled") : errno == ENOENT ? 1 : -errno;

	free(type);
	return ours;
}

int nodes_read(struct store *s, uint16_t domid, uint16_t n, struct nodes *out)
{
	uint64_t port = 0, limit = UINT32_MAX;
	int rc, ready;

	*out = (struct nodes){ 0 };
	snprintf(out->base, sizeof(out->base), n ? "/local/domain/%u/device/console/%u" : "/local/domain/%u/console", domid, n);
	if (n)
		snprintf(out->backend, sizeof(out->backend), "/local/domain/0/backend/console/%u/%u", domid, n);
	rc = type_is_ours(s, out->base);
	if (rc < 0)
		return rc;
	out->ours = rc;
	/* A frame of the first, a grant of the others. */
	ready = number(s, out->base, "ring-ref", n ? UINT32_MAX : UINT64_MAX >> 12, &out->ref);
	rc = ready > 0 ? number(s, out->base, "port", UINT32_MAX, &port) : ready;
	if (rc < 0)
		return rc;
	out->ready = rc && port;
	out->port = port;
	rc = number(s, out->base, "limit", UINT32_MAX, &limit);
	out->limit = limit;
	return rc < 0 ? rc : 0;
}

int nodes_further(struct store *s, uint16_t domid, uint32_t *numbers)
{
	char path[64], *names, *name;
	unsigned n;

	*numbers = 0;
	/* The back end's folder, for a guest could write any number into its own. */
	snprintf(path, sizeof(path), "/local/domain/0/backend/console/%u", domid);
	names = store_list(s, path, &n);
	if (!names)
		return errno == ENOENT ? 0 : -errno;
	for (name = names; n; n--, name += strlen(name) + 1) {
		char *end;
		unsigned long value = strtoul(name, &end, 10);

		if (*name >= '1' && *name <= '9' && !*end && value < 32)
			*numbers |= 1u << value;
	}
	free(names);
	return 0;
}

/* The domain may be destroyed meanwhile: its folder does not come back for this. */
static int put_if_other(struct store *s, const char *base, const char *name, const char *value)
{
	char *now = store_read_at(s, base, name);
	int rc = 0;

	if (!now && errno != ENOENT)
		return -errno;
	if (!now || strcmp(now, value)) {
		struct store_change *c = store_change();

		store_require(c, "%s", base);
		store_put(c, NULL, value, "%s/%s", base, name);
		rc = store_commit(s, c);
		if (rc == -ENOENT)
			rc = 0;
	}
	free(now);
	return rc;
}

int nodes_publish(struct store *s, const struct nodes *nodes, const char *tty, bool connected)
{
	char state[8];
	int rc;

	snprintf(state, sizeof(state), "%d", connected ? XenbusStateConnected : XenbusStateInitWait);
	if (nodes->backend[0]) {
		rc = put_if_other(s, nodes->backend, "tty", tty);
		if (!rc)
			rc = put_if_other(s, nodes->backend, "state", state);
		if (rc)
			return rc;
	}
	return put_if_other(s, nodes->base, "tty", tty);
}

void nodes_log_name(struct store *s, uint16_t domid, uint16_t n, char out[96])
{
	char path[64], *name;
	int len;

	snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
	name = store_read(s, path);
	if (name && *name)
		len = snprintf(out, 80, "guest-%.60s", name);
	else
		len = snprintf(out, 80, "guest-%u", domid);
	free(name);
	for (int i = 0; i < len; i++)
		if (out[i] == '/' || (unsigned char)out[i] < ' ' || out[i] == 127)
			out[i] = '_';
	snprintf(out + len, 96 - len, n ? "-%u.log" : ".log", n);
}
