/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's state out of a domain and into one: to and from files, and to other hosts. */
#ifndef VM_VM_SAVE_H
#define VM_VM_SAVE_H

#include "vm/vm.h"

/* Who is told how far it is; may be NULL. all 0: not known. */
struct vm_progress {
	void (*tell)(void *arg, const char *what, uint64_t done, uint64_t all);
	void *arg;
};

/*
 * Steps at which the environment's ANEL_FAIL_AT=STEP makes the caller fail, and kill:STEP makes it kill
 * itself: for tests. A step is also where SIGINT, SIGTERM and SIGHUP, which callers block, end the work
 * (-EINTR).
 */
int vm_step(const char *who, const char *step, struct why *why);

/* A descriptor that keeps others from saving or moving the guest while it, or a copy of it, is open; -EBUSY: somebody does. */
int vm_lock(domid_t id, struct why *why);
/* What the store knows of a guest; refused is what would be lost. */
int vm_describe(struct vm_host *host, domid_t id, struct vm_config *config, struct why *why);
/* Asks the guest to suspend itself, and waits until it has. */
int vm_suspend(struct vm_host *host, domid_t id, struct why *why);
/* Lets a suspended guest go on as if nothing had been. 0 too if it is not suspended. */
int vm_resume(struct vm_host *host, domid_t id, struct why *why);
/* The same for whoever finds that a saver was killed: the guest may still be about to suspend itself. */
int vm_recover(struct vm_host *host, domid_t id, struct why *why);
int vm_set_name(struct vm_host *host, domid_t id, const char *name);
/*
 * The guest's stream in xl's file, to fd; afterwards, also after a failure, it may be suspended. LIVE: memory while it runs.
 * BRIEF: pages of zeros without contents, which vm_receive() alone takes. HOLES: fd is a new file, and they become holes.
 */
enum { VM_SEND_LIVE = 1, VM_SEND_BRIEF = 2, VM_SEND_HOLES = 4 };
int vm_send(struct vm_host *host, domid_t id, unsigned how, const struct vm_progress *progress, int fd, struct why *why);
/* The same into a file, whole or not at all. The guest runs on if that fails, else it is still suspended. */
int vm_save(struct vm_host *host, domid_t id, const char *path, const struct vm_progress *progress, struct why *why);

/*
 * Makes a domain of a stream: paused, its devices connected. suffix: of its name for now, or ""; the name without it is held
 * (vm_names.h), with a suffix until the caller releases `held`. made (may be NULL) is called as soon as there is a domain. On
 * failure nothing is left of it, and the name is free.
 */
struct vm_receive {
	int fd;
	const char *suffix;
	int patience;	/* milliseconds without a byte, after which the other side is given up; 0: none */
	void (*made)(void *arg, domid_t id);
	void *arg;
	const struct vm_progress *progress;
	domid_t id;
	struct vm_config config;
	char name[64];		/* without the suffix */
	int held;
};
int vm_receive(struct vm_host *host, struct vm_receive *r, struct why *why);
/* Until something, or the end, is to be read; -ETIMEDOUT, or another negative errno. patience as above. */
int vm_await(int fd, int patience);

#endif
