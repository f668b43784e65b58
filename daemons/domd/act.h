/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is done to a guest, step by step. It runs in a process of its own, and may be killed between any two instructions. */
#ifndef DOMD_ACT_H
#define DOMD_ACT_H

#include "guest.h"
#include "vm/vm.h"

enum act_kind {
	ACT_CREATE, /* of GUEST_CREATING: make it */
	ACT_GO_ON,  /* of any phase: go on until one that stays; of GUEST_CREATING: undo it */
	ACT_SHUTDOWN,
	ACT_REBOOT,
};
struct act {
	enum act_kind kind;
	int dir;     /* of the notes */
	bool paused; /* of ACT_CREATE: leave it so */
};

/* The guest and its note become what is then; if nothing is left of it, there is no note. 0 or -errno. */
int act(const struct act *, struct guest *, struct why *);
/* It may have been renamed since: was it? Names that it has while it moves do not count. */
bool act_learn_name(struct vm_host *, struct guest *);
/* Keeps what the next start can use; when the outcome is told. */
void act_after(void);

#endif
