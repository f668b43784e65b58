/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "watch.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "args.h"
#include "domains.h"
#include "show.h"

#define LOOK_AGAIN 1000 /* milliseconds; of a pause nobody tells */

static void add(json_t *events, const char *what, const struct watched *d)
{
	json_t *name = domains_text(d->name);

	json_array_append_new(events, json_pack("{s:s, s:i, s:o, s:s}", "event", what, "id", (int)d->id, "name", name,
						"state", d->state));
}

json_t *watch_events(const struct watched *before, int n, const struct watched *now, int m)
{
	json_t *events = json_array();
	bool same;

	for (int i = 0, k = 0; i < n || k < m;) {
		same = i < n && k < m && before[i].id == now[k].id && !memcmp(before[i].handle, now[k].handle, 16);
		if (same) {
			if (strcmp(before[i].name, now[k].name))
				add(events, "renamed", &now[k]);
			if (strcmp(before[i].state, now[k].state))
				add(events, "state", &now[k]);
			i++;
			k++;
		} else if (k == m || (i < n && before[i].id <= now[k].id)) {
			add(events, "gone", &before[i++]);
		} else {
			add(events, "new", &now[k++]);
		}
	}
	return events;
}

static int look(struct vm_host *host, struct watched **list, struct why *why)
{
	struct xen_domctl_getdomaininfo *info;
	int n = domains_read(host, NULL, 0, &info, why);
	const char *state;
	char *name;

	*list = n < 0 ? NULL : calloc(n + 1, sizeof(**list));
	for (int i = 0; *list && i < n; i++) {
		struct watched *w = *list + i;

		w->id = info[i].domain;
		memcpy(w->handle, info[i].handle, sizeof(w->handle));
		state = show_state(&info[i]);
		w->state = strcmp(state, "idle") ? state : "running";
		name = vm_name(host, w->id);
		snprintf(w->name, sizeof(w->name), "%s", name ? name : "");
		free(name);
	}
	if (n >= 0)
		free(info);
	return n >= 0 && !*list ? why_set(why, -ENOMEM, "no memory") : n;
}

static void tell(const json_t *events)
{
	struct timespec now;
	json_t *event;
	size_t i;

	clock_gettime(CLOCK_REALTIME, &now);
	json_array_foreach(events, i, event)
	{
		json_object_set_new(event, "time", json_real(now.tv_sec + now.tv_nsec / 1000000 / 1e3));
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
	}
	fflush(stdout);
}

static int follow(struct vm_host *host, struct why *why)
{
	struct watched *before = NULL, *now;
	char token[64], *event;
	json_t *events;
	int n = 0, m;

	for (;;) {
		m = look(host, &now, why);
		if (m < 0)
			break;
		events = watch_events(before, n, now, m);
		tell(events);
		json_decref(events);
		free(before);
		before = now;
		n = m;
		if (ferror(stdout)) {
			m = 0;
			break;
		}
		event = store_wait(host->store, LOOK_AGAIN, token);
		if (!event && errno != ETIMEDOUT) {
			m = why_set(why, -errno, "the store is gone: %s", strerror(errno));
			break;
		}
		free(event);
	}
	free(before);
	return m;
}

int verb_watch(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { .full = "--json" }, { 0 } };
	int rc = args_read(argc, argv, args, NULL, 0, why);

	if (!rc)
		rc = store_watch(host->store, "@introduceDomain", "watch");
	if (!rc)
		rc = store_watch(host->store, "@releaseDomain", "watch");
	if (rc && rc != -EINVAL)
		why_set(why, rc, "the store does not tell of domains: %s", strerror(-rc));
	return rc ? rc : follow(host, why);
}
