/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU's storage daemon for one image: an unprivileged process that has the image and one socket. */
#ifndef DEVD_QEMU_H
#define DEVD_QEMU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "why/why.h"

struct qemu_options {
	const char *program, *given;	/* qemu-storage-daemon, and the library of given.c */
	const char *folder;		/* of the daemon's own, for a socket's name */
	uid_t first_uid;		/* each image has a user of its own, from here on; 0: the daemon's own */
};
struct qemu_image {
	int fd;
	const char *driver;		/* QEMU's name of the format */
	bool writable;
	unsigned number;		/* of the image's user */
};
struct qemu {
	int pidfd, link;		/* the process; an NBD link to it, past the handshake */
	uint64_t size;
	uint16_t flags;			/* NBD's, of the transmission */
};

/*
 * `kept` is called with the process's descriptor before it runs anything: it must be with whoever survives the daemon by then.
 * Takes up to 20 seconds.
 */
int qemu_start(const struct qemu_options *o, const struct qemu_image *i, void (*kept)(void *data, int pidfd), void *data,
	       struct qemu *q, struct why *why);
/* Ends it. */
void qemu_kill(int pidfd);

#endif
