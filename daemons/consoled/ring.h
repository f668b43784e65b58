/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's console page (xen/io/console.h). All in it may change at any moment and hold anything: each index is read once and
 * judged. Our own two indexes are the guest's to change too (a kernel that takes over from another begins anew); a guest that
 * makes them impossible loses what was in the ring, nothing else.
 */
#ifndef CONSOLED_RING_H
#define CONSOLED_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/io/console.h>

#include "slots.h"

/* Bytes moved from the page to the slot; -EPROTO: the indexes were impossible, and the ring is now empty. */
int ring_receive(struct xencons_interface *, struct slot *);
/* Whether the guest has written more. */
bool ring_ready(const struct xencons_interface *);
/* How many bytes of input there is room for. */
uint32_t ring_room(const struct xencons_interface *);
/* Input into the ring, n bytes where there is room for them, if its producer index is still this: each byte once. */
uint32_t ring_in_prod(const struct xencons_interface *);
void ring_put(struct xencons_interface *, uint32_t prod, const char *bytes, uint32_t n);
/* After a restart: the guest is told of bytes that the last process took and did not tell of. */
void ring_resume(struct xencons_interface *, const struct slot *);

#endif
