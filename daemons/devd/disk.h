/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An image that is a block device: QEMU's process, the link from it to the kernel, and what becomes of it when either ends. */
#ifndef DEVD_DISK_H
#define DEVD_DISK_H

#include <stdint.h>

#include "server.h"
#include "why/why.h"

struct disk {
	struct loop_source link; /* fd -1: none */
	struct list all;
	struct server *server;
	struct qemu_image image;
	const char *format;
	int pidfd;
	unsigned index, generation; /* the kernel's number; how many links it has had */
	unsigned starts;	    /* within the minute from `since` on */
	int64_t since;
	bool gone;
};

/* Takes the descriptor. NULL with the reason; then it is closed. */
struct disk *disk_open(struct server *v, const char *format, bool writable, int fd, struct why *why);
/* Frees those that were released, between two rounds of the loop. */
void disk_bury(struct server *v);
/* Of a predecessor: a name and descriptor that it has kept. */
void disk_kept(void *server, const char *name, int fd);
/* After all were told of. */
void disk_take_over(struct server *v);

#endif
