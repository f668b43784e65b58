/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files as block devices, by loop(4). */
#ifndef DEVICE_LOOPDEV_H
#define DEVICE_LOOPDEV_H

#include <stdbool.h>
#include <stdint.h>
#include "why/why.h"

#define LOOPDEV_MAJOR 7

/*
 * A new loop device of the file, past dom0's page cache where the file system can. Its path, and a descriptor; the kernel takes
 * the device away when nobody has it open any more, so whatever is killed leaves none.
 */
int loopdev_open(const char *file, bool read_only, char node[32], struct why *why);
/* What is behind a loop device: two of the same file give the same. */
struct loopdev_file {
	uint64_t device, inode;
};
int loopdev_file(unsigned minor, struct loopdev_file *file);

#endif
