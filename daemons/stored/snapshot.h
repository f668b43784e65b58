/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The whole state as bytes, and back. Nodes that trees share are written once and shared again. */
#ifndef STORED_SNAPSHOT_H
#define STORED_SNAPSHOT_H

#include "store.h"

/* Malloc'd. */
void *snapshot_write(struct store *, size_t *size);
/* Into a store that is not initialised. False: these bytes are no snapshot. */
bool snapshot_read(struct store *, const void *bytes, size_t size);

#endif
