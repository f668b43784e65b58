/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A daemon's control socket, for root and the daemon's own user: SOCK_SEQPACKET, so that one packet is one message. A request
 * is words with single spaces between; the answer is a first byte, 0 or 1 as an exit code is, and text. Its client: cli/ctl.
 */
#ifndef SKEL_CONTROL_H
#define SKEL_CONTROL_H

#include <stdio.h>

#include "loop.h"

#define CONTROL_MAX 4096	/* bytes of a message */

struct control_verb {
	const char *name, *help;
	/* Writes the answer; the argument is what follows the verb, "" if nothing. False: it is an error. */
	bool (*run)(void *data, const char *argument, FILE *out);
};

struct control {
	struct loop_source listen;
	struct loop *loop;
	const struct control_verb *verbs;	/* ends with a name of NULL; "help" and "log" are there in any case */
	void *data;
};

/* Makes it, as "control" in the folder. A daemon serves without one too: what hinders is logged. */
void control_open(struct loop *, const char *folder, const struct control_verb *, void *data);
/* 0 or -errno. */
int control_init(struct control *, struct loop *, const char *path, const struct control_verb *, void *data);

#endif
