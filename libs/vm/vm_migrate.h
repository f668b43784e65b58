/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest to another host, or to this one again. The two sides talk in lines, and the guest's stream stands among them:
 *
 *   receiver: anel migrate 3
 *   sender:   take TOKEN [times]    and then the stream, in xl's file, pages of zeros without contents
 *   receiver: have                  all of it; its domain is complete and paused, under another name
 *   sender:   go                    the guest is the receiver's
 *   receiver: done                  it runs
 *   receiver: up                    and has its devices, or does not take them; the sender destroys its own
 *   sender:   bye
 *
 * If it was asked for times, the receiver tells before "up" its clock's when it heard "go" and when it said "done", and all that it
 * noted (vm_times.h), in nanoseconds:
 *
 *   receiver: clock GO DONE
 *   receiver: time NS WHAT          any number of them
 *
 * or, instead of "have" and "done": fail REASON. The receiver notes in a file called by the token, which it holds locked while
 * it lives, how far it came; what it notes when it reads "go" decides whose the guest is. So whoever asks for the token, when the
 * link is lost, learns it: there is never a moment at which both sides run the guest, nor one at which nobody can find out.
 */
#ifndef VM_VM_MIGRATE_H
#define VM_VM_MIGRATE_H

#include "vm/vm_save.h"

#define VM_MOVES	VM_RUN "/moves"
#define VM_TOKEN	32	/* hexadecimal digits */

/* How far a mover came: what is needed to go on from there. */
struct vm_migrate_state {
	char token[VM_TOKEN + 1], name[80];
	volatile bool told;	/* "go" may have been heard */
	volatile bool moved;	/* the guest is known to run there */
	bool killed;		/* the mover: where it was in its work is not known */
};

struct vm_migrate {
	bool live;
	bool times;		/* afterwards vm_times() has the receiver's too */
	int in, out;		/* from and to the receiver; closed */
	const struct vm_progress *progress;
	/*
	 * Asks the receiver's host about a token: 1: the guest runs there; 0: it does not, and will not; else
	 * it cannot be asked.
	 */
	int (*ask)(void *arg, const char *token, struct why *why);
	void *arg;
	struct vm_migrate_state *state;
};
/* 0: the guest runs on the other side. Else it runs here, or, with -ENOTCONN, is suspended here because nobody knows. */
int vm_migrate(struct vm_host *host, domid_t id, const struct vm_migrate *m, struct why *why);
/* What vm_migrate does after a failure rc with its reason, for whoever finds that it was killed; the link is closed. */
int vm_migrate_settle(struct vm_host *host, domid_t id, const struct vm_migrate *m, int rc, struct why *why);

/* Who is told of a guest that has come and runs, under its own name; may be NULL. */
typedef void vm_taken_fn(const struct vm_config *config, domid_t id);
int vm_migrate_receive(struct vm_host *host, int in, int out, vm_taken_fn *taken, struct why *why);
/*
 * Waits until the receiver of the token has ended. 1: its guest runs, as domain *id; 0: it is not there, and what was left of it
 * is gone.
 */
int vm_migrate_ask(struct vm_host *host, const char *token, domid_t *id, struct why *why);

#endif
