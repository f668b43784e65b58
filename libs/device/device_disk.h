/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk's way from its target to the block device that blkback serves. For libs/device alone. */
#ifndef DEVICE_DEVICE_DISK_H
#define DEVICE_DEVICE_DISK_H

#include "device/device.h"

/* Looks for mistakes: a name for a disk, and a target that can be one. */
int disk_check(struct device *d, struct why *why);
/* Finds or makes the block device: node, major, minor and, if it was made, held. */
int disk_open(struct device *d, struct why *why);
/* Has blkback the block device open? Where there is no blkback, nothing is waited for. */
bool disk_taken(unsigned domain, const struct device *d);
/*
 * -EBUSY: another guest has it too, and one of the two may write. To be asked once blkback has it, so that of two who ask at
 * once one sees the other.
 */
int disk_shared(struct store *s, unsigned domain, const struct device *d, struct why *why);

#endif
