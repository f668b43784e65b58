/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every daemon begins with: it says what it keeps and gives away the rest, and it talks to whoever started it, by
 * sd_notify(3): that it is ready, and which descriptors to keep for its successor should it die.
 */
#ifndef SKEL_H
#define SKEL_H

#include <stdint.h>

struct skel_privileges {
	const char *daemon;
	uint64_t capabilities;		/* bits of linux/capability.h */
	const char *keeps;		/* in words, for the log: descriptors opened before */
	const char *user;		/* NULL: the process stays who it is */
};

/*
 * From here on the process has these capabilities and no others, for good; no program that it runs gets any back.
 * Open what needs more before. 0 or -errno.
 */
int skel_drop_privileges(const struct skel_privileges *);

/* The process's number, for scripts; NULL: nowhere. */
void skel_write_pid(const char *path);
/* For `return skel_fail(...)` in main(): logs what failed and why, returns 1. */
int skel_fail(const char *what, int err);

void skel_ready(const char *status);
/* The starter keeps a copy of the descriptor by this name, until skel_forget_fd() or until its peer hangs up. */
void skel_keep_fd(const char *name, int fd);
/* The same of a descriptor that has no peer at times. */
void skel_keep_lonely_fd(const char *name, int fd);
void skel_forget_fd(const char *name);
/* Calls with each descriptor that was kept or made for us, once. */
void skel_kept_fds(void (*take)(void *data, const char *name, int fd), void *data);

#endif
