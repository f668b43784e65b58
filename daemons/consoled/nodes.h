/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A console's nodes in the store. What a guest may have written there is checked here. */
#ifndef CONSOLED_NODES_H
#define CONSOLED_NODES_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

struct nodes {
	char base[64];			/* /local/domain/N/console, or .../device/console/M */
	char backend[64];		/* of the further ones: dom0's side, where no guest can write */
	bool ours, ready;		/* its type is ours; ring and port are known */
	uint64_t ref;
	uint32_t port, limit;
};

/* 0, -ENOENT if there is no such console, or another -errno: the store does not answer. */
int nodes_read(struct store *, uint16_t domid, uint16_t number, struct nodes *);
/* The numbers of the further consoles that a toolstack has made: a bit each. 0 or -errno. */
int nodes_further(struct store *, uint16_t domid, uint32_t *numbers);
/* Where clients find the pty; and, to the front end, that the back end is there. */
int nodes_publish(struct store *, const struct nodes *, const char *tty, bool connected);
/* The log's name: of the domain, its number if it has none. No part of a path comes out of it. */
void nodes_log_name(struct store *, uint16_t domid, uint16_t number, char name[96]);

#endif
