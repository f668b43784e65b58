/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Images that are block devices, and clients who want them so. What is known of an image is with the daemon's starter as
 * descriptors and their names ("image-3-qcow2-w", "qemu-3", "link-3-NBD-GENERATION"), and with the kernel; so a successor finds
 * all.
 */
#ifndef DEVD_SERVER_H
#define DEVD_SERVER_H

#include <stdint.h>
#include <stdio.h>

#include "qemu.h"
#include "skel/list.h"
#include "skel/loop.h"

struct server {
	struct loop loop;
	struct qemu_options qemu;
	struct loop_source listen;
	unsigned nr_clients, nr_disks;
	struct list disks, clients;
	struct list gone; /* disks that were released: the loop may still tell of them */
};

/* Listens on `socket`, and takes over what a predecessor had. 0 or -errno. */
int server_init(struct server *v, const char *socket);
int server_run(struct server *v);
/* A line for each image. */
void server_print(const struct server *v, FILE *out);

#endif
