/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb that tells other programs what becomes of the domains. */
#ifndef ANEL_WATCH_H
#define ANEL_WATCH_H

#include <jansson.h>
#include "verbs.h"

/* What is known of a domain: its name, and its state as `anel list` has it, but "running" whether or not it has something to do. */
struct watched {
	domid_t id;
	uint8_t handle[16];
	const char *state;
	char name[64];
};
/* An array of events, oldest first, that lead from one list to another; both are in order of id. */
json_t *watch_events(const struct watched *before, int n, const struct watched *now, int m);

int verb_watch(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
