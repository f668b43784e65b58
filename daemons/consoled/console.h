/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One console: from the guest's ring to the slot, from there to the log and, if a client has the pty open, to the pty; from
 * the pty to the ring. A client that comes gets what the slot still has. One that does not read loses the oldest; the guest
 * never waits for a client, only for its own budget.
 */
#ifndef CONSOLED_CONSOLE_H
#define CONSOLED_CONSOLE_H

#include "budget.h"
#include "logfile.h"
#include "pty.h"
#include "skel/list.h"
#include "skel/loop.h"
#include "slots.h"
#include "xen.h"

/* What all consoles share. */
struct console_host {
	struct loop *loop;
	struct slots slots;
	int kept[SLOTS];		/* ptys that the last process left, by slot; -1: none */
	int typed;			/* the pipe of what is typed */
	int inotify;
	int log_dir;			/* -1: no logs */
	struct log_limits log;
	struct budget_limits budget;
	struct list late;		/* those with something to do at the next tick */
	struct list doomed;		/* to be freed when no event can name them */
};

struct console {
	struct list of_domain, late;
	struct console_host *host;
	uint16_t domid, number;
	struct slot *slot;
	uint32_t index;			/* of the slot */
	struct shared_page ring;
	uint64_t ref;			/* what is attached: frame or grant, and the guest's port */
	uint32_t remote;
	bool refused;			/* attaching failed and was told */
	bool lied;			/* its indexes were impossible, and that was told */
	struct loop_source pty;		/* fd -1: none */
	char tty[PTY_PATH];
	int watch;			/* of inotify */
	unsigned opens;			/* clients that have it open */
	uint32_t interest;		/* what epoll looks for; 0: it does not know the pty */
	uint64_t greet_at;		/* not 0: a client has come, and gets all then */
	bool full;			/* the client reads too slowly */
	uint32_t history;		/* bytes for who comes */
	struct logfile log;
	struct budget budget;
	bool masked;			/* its event waits until the budget allows */
	uint64_t close_at;		/* not 0: closing, the client has until then to read */
};

uint64_t console_now(void);
/* Its slot, log and pty, taken over from the last process if there are. NULL: no room, which is logged. */
struct console *console_open(struct console_host *, uint16_t domid, uint16_t number, const uint8_t handle[SLOT_HANDLE],
			     const char *log_name);
/* The ring, unless it is attached already: number 0 by frame, others by grant. 0 or -errno. */
int console_attach(struct console *, uint64_t ref, uint32_t port);
void console_detach(struct console *);
/* Its port has fired. */
void console_event(struct console *);
/* The next tick: at most every CONSOLE_TICK ms while it is in `late`. */
#define CONSOLE_TICK 20
void console_tick(struct console *);
/*
 * A client has opened (+1) or closed (-1) it; then, when all such news of the moment are in, console_settle(), which is told
 * whether there is more already.
 */
void console_opened(struct console *, int change);
void console_settle(struct console *, bool more);
void console_reopen_log(struct console *);
/* Takes what is left in the ring and lets go of it; the rest goes when the client has had time to read. */
void console_close(struct console *);
/* Frees those that are closed. Only between turns of the loop. */
void console_free_doomed(struct console_host *);
/* For the starter: the name of a slot's pty. Its slot, or -1 if there is none of this name any more. */
void console_fd_name(const struct console_host *, uint32_t index, char name[32]);
int console_of_fd(const struct console_host *, const char *name);

#endif
