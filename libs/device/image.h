/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Disk images of a format as block devices: a client of anel-devd (abi/devd_proto.h). */
#ifndef DEVICE_IMAGE_H
#define DEVICE_IMAGE_H

#include <stdbool.h>
#include "why/why.h"

/* A name of a format that can be had beside raw. */
bool image_format(const char *name);
/*
 * The image as a block device: its path, and a descriptor that keeps it; it goes when that is closed and nobody has the
 * device open any more. -EOPNOTSUPP: the daemon does not run.
 */
int image_open(const char *file, const char *format, bool read_only, char node[32], struct why *why);
/* Is there a process behind /dev/nbdNUMBER? 1, 0, or -errno: the daemon does not answer. */
int image_served(unsigned number);

#endif
