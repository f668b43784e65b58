/* SPDX-License-Identifier: MIT */
/*
 * The protocol of anel-domd: lines of JSON (UTF-8, none longer than DOMD_LINE_MAX bytes with its end) over a stream socket. The
 * peer's credentials are the kernel's (SO_PEERCRED): root, and the user that the daemon runs as, may do everything; others are hung
 * up on.
 *
 * A request is an object { "id": any, "method": NAME, ... }. Each has one answer with the same id, which may come after those of
 * later requests: { "id": ..., "result": {...} } or { "id": ..., "error": { "errno": number, "message": sentence } }. What is said
 * to change a guest is answered when it is done. A guest is named by its UUID, its name or its domain's number ("guest": "demo",
 * "guest": 5). Only guests in the daemon's care are found.
 *
 * An event is { "event": NAME, "time": seconds of 1970, "uuid", "name", "domain": number, ... } and has no id. A client that does
 * not read is hung up on at DOMD_BACKLOG_MAX bytes; events that happen while a client is away are not kept: it asks for a list
 * anew.
 */
#ifndef ABI_DOMD_PROTO_H
#define ABI_DOMD_PROTO_H

#define DOMD_SOCKET	 "/run/anel-domd/socket"
#define DOMD_VERSION	 1
#define DOMD_LINE_MAX	 (256 * 1024)
#define DOMD_BACKLOG_MAX (1024 * 1024)
#define DOMD_CLIENTS_MAX 64

/* X(method, members beside id and method, what it does and answers) */
#define DOMD_METHODS(X)                                                                                                 \
	X(version, "", "{ version }")                                                                                   \
	X(list, "", "{ guests: [{ uuid, name, domain, phase, on_poweroff, on_reboot, on_crash, on_watchdog }] }")       \
	X(create, "config, paused (false)", "makes a guest of a configuration as xl saves it (JSON); { uuid, domain }") \
	X(adopt, "config, domain", "takes a domain that the caller made, or a guest's that it has, into its care; { uuid }") \
	X(destroy, "guest", "ends it at once, and does nothing of what is configured for its end; {}")                  \
	X(shutdown, "guest", "asks its kernel to power off; {} when it is asked")                                       \
	X(reboot, "guest", "asks its kernel to start anew; {} when it is asked")                                        \
	X(events, "", "{}, and from then on each event on this connection")

/* X(event, members beside event, time, uuid, name and domain, when) */
#define DOMD_EVENTS(X)                                                                                                   \
	X(created, "", "a guest is in the daemon's care")                                                                \
	X(moved, "", "the guest is this domain now: it was moved to the host that it was on")                            \
	X(died, "reason, action, delay (milliseconds)", "its domain has shut down, and what is done now")                \
	X(renamed, "to_name, to_uuid", "its dead domain stays under these; the guest is started again beside it")        \
	X(restarted, "", "the guest runs in this domain")                                                                \
	X(preserved, "", "its dead domain stays as it is")                                                               \
	X(destroyed, "", "its domain is gone and it is in nobody's care any more; domain is its last, 0 if it had none") \
	X(failed, "message", "what was begun failed; it is tried again if the guest is still listed")

/* A guest's phase: what is going on, and after a restart of the daemon goes on. */
#define DOMD_PHASES(X)                                                                                   \
	X(CREATING, "creating")	  /* for a client; undone by a restart */                                \
	X(STARTED, "started")	  /* the domain is whole, and is to be unpaused */                       \
	X(RUNNING, "running")	  /* nothing to do until it ends */                                      \
	X(DUMPING, "dumping")	  /* the dead domain's memory is being written to a file */              \
	X(ENDING, "ending")	  /* the old domain is being taken away */                               \
	X(ASIDE, "aside")	  /* the old domain gets another name and UUID, and loses its devices */ \
	X(STARTING, "starting")	  /* there is no domain; one is made, or waits for its time */           \
	X(PRESERVED, "preserved") /* the dead domain stays until somebody destroys it */

/* Why a domain shut down: SHUTDOWN_* of xen/sched.h, in its order. */
#define DOMD_REASONS { "poweroff", "reboot", "suspend", "crash", "watchdog", "soft-reset" }
/* What is done then; in a configuration "_" may stand for "-". */
#define DOMD_ACTIONS { "destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart" }

#endif
