/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A child that shares the daemon's table of descriptors and sleeps: the table outlives a SIGKILL of the daemon, and a client
 * that comes costs nothing for it. The successor asks it for the clients' sockets, through a socket pair of which whoever starts
 * us keeps one end. It closes all others first, and with them gives up the state's lock, which the successor waits for.
 */
#ifndef STORED_HOLDER_H
#define STORED_HOLDER_H

#include <sys/types.h>

#include "skel/loop.h"
#include "slots.h"

struct holder {
	const struct slots *slots;
	int ask, answer;		/* the pair's ends: the successor's and the child's */
	pid_t pid;			/* 0: there is none */
	struct loop_source end;		/* tells that it has ended */
};

/* To be called before there is much in memory: the child gets a copy. 0 or -errno. */
int holder_start(struct holder *, const struct slots *);
/* From here on a child that ends is followed by another. */
int holder_watch(struct holder *, struct loop *);
void holder_stop(struct holder *);

/* The clients' sockets from the child of a daemon that died. It stays until it is dismissed. */
void holder_ask(int ask, void (*take)(void *data, uint32_t index, uint32_t generation, int fd), void *data);
void holder_dismiss(int ask);

#endif
