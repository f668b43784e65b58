/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices of a guest that runs: which there are, one more, one less. */
#ifndef DEVICE_PLUG_H
#define DEVICE_PLUG_H

#include "device/device.h"

/* Numbers of the domain's devices of a kind, for free(); *n of them. NULL with errno set, ENOENT: none. */
unsigned *device_numbers(struct store *s, unsigned domain, enum device_kind kind, unsigned *n);
/* The name of a drive for CDs that is empty, for free(); NULL with errno set if it is not such a drive. */
char *device_drive(struct store *s, unsigned domain, unsigned id);
/* A card's number that is free. */
unsigned device_free_card(struct store *s, unsigned domain);
/* The node of its back end, if it is of the form that we write. */
int device_back(struct store *s, unsigned domain, enum device_kind kind, unsigned id, char back[160]);
/* Drops it, or what has them all, with what the back end has said of its errors. */
void device_drop_back(struct store_change *c, const char *back);

/* Checks, makes the nodes and waits until dom0's end is ready. On failure nothing is left. */
int device_attach(struct store *s, unsigned domain, struct device *d, struct why *why);
/*
 * Asks both ends to let go, waits for them and removes the nodes. A guest that uses the device need not: -EBUSY, and it
 * stays asked for. With force the device is taken away whatever the guest does.
 */
int device_detach(struct store *s, unsigned domain, enum device_kind kind, unsigned id, bool force, struct why *why);

/* Puts another target into a drive for CDs, "": none. The guest must let go of what is in it: -EBUSY if it does not. */
int device_change(struct store *s, unsigned domain, unsigned id, const char *target, struct why *why);

#endif
