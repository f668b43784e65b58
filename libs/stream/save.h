/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PV guest of this host into a stream: at once when it is suspended, or (live) its memory while it runs,
 * round by round what it has written since, and the rest when it is suspended. What the guest says of its
 * memory (its list of frames, its page tables) is not believed: what is not its own is an error, or, while it
 * runs, looked at again later.
 */
#ifndef STREAM_SAVE_H
#define STREAM_SAVE_H

#include "hcall/hcall.h"
#include "stream/writer.h"
#include "why/why.h"

struct save_request {
	bool live;
	/* For our own restore_guest(): frames of zeros are said to be only allocated. Else the writer may skip them. */
	bool brief;
	unsigned xen_major, xen_minor;
	void *arg;
	/* Returns when the guest has suspended itself. */
	int (*suspend)(void *arg, struct why *why);
	/* May be NULL. Before each step: a failure ends the saving there. round 0 is the first. */
	int (*step)(void *arg, const char *step, struct why *why);
	void (*progress)(void *arg, unsigned round, uint64_t done, uint64_t pages);
};

int save_guest(struct hcall *h, domid_t id, const struct save_request *q, struct stream_writer *w, struct why *why);

#endif
