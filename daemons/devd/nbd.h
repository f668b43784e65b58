/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's client of network block devices (generic netlink, linux/nbd-netlink.h). Functions return 0 or a negative errno. */
#ifndef DEVD_NBD_H
#define DEVD_NBD_H

#include <stdbool.h>
#include <stdint.h>

/* A new device of what the link's other end serves. It stays until nbd_passing() or nbd_disconnect(). */
int nbd_connect(int link, uint64_t size, uint16_t flags, unsigned *index);
/* It goes with its last user. */
int nbd_passing(unsigned index);
/* The same device by another link, once the kernel has seen the end of the one before. */
int nbd_reconnect(unsigned index, int link);
/* What is under way fails, and so does all that comes. */
int nbd_disconnect(unsigned index);
/* Is there somebody who has it, or may have? */
bool nbd_connected(unsigned index);
/* A descriptor that is one of its users. */
int nbd_use(unsigned index);

/* Calls with each connected device that a daemon like us has made. */
void nbd_each(void (*found)(void *data, unsigned index), void *data);

#endif
