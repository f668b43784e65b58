/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which domains and consoles there are, by the store and the hypervisor's list, and whose turn it is. */
#ifndef CONSOLED_SERVER_H
#define CONSOLED_SERVER_H

#include "console.h"
#include "hvlog.h"
#include "store/store.h"

/* A domain's further consoles have numbers from 1 to this: each costs dom0 a pty and a log. */
#define MAX_NUMBER 15

struct domain {
	struct list all, consoles;
	uint16_t domid;
	uint8_t handle[SLOT_HANDLE];
	bool dirty, seen;
	struct budget scans;		/* a guest can write to its nodes as often as it likes */
};

struct server {
	struct loop loop;
	struct console_host host;
	struct store *store;
	struct list domains;
	struct loop_source events, store_events, opens, timer;
	struct console **by_port;
	unsigned ports;
	bool ticking, failed;
	bool list_domains;		/* domains came or went */
	bool dirty;			/* some domain is */
	bool more;			/* the store has more events than one turn takes */
	struct hvlog hypervisor;
};

/* Before privileges are given away; what it may need later it opens now. 0 or -errno. */
int server_init(struct server *, int state_dir);
void server_take_fd(struct server *, const char *name, int fd);
/* Finds all domains, and frees what was kept of those that are gone. The hypervisor's log goes to that folder, if it is one. */
int server_start(struct server *, int hypervisor_dir);
/* Until it is told to stop (0) or the store is gone (-errno). */
int server_run(struct server *);

#endif
