/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain's store page. All in it may change at any moment and hold anything: each of the guest's indexes is read once and
 * judged against our own positions, which the guest cannot touch.
 */
#ifndef STORED_RING_H
#define STORED_RING_H

#include "slots.h"
#include "store_proto.h"

/* Bytes moved from the page to the slot, of which all up to pos was executed; -EPROTO if the guest's index is impossible. */
int ring_receive(struct xenstore_domain_interface *page, struct slot *slot, uint64_t pos);
/* Bytes moved to the page; -EPROTO likewise. */
int ring_send(struct xenstore_domain_interface *page, struct slot *slot, const char *bytes, uint32_t len);
/* Tells the guest again how far we are. */
void ring_publish(struct xenstore_domain_interface *page, const struct slot *slot);
/* An empty ring, connected. */
void ring_reset(struct xenstore_domain_interface *page);
bool ring_wants_reconnect(const struct xenstore_domain_interface *page);
void ring_set_error(struct xenstore_domain_interface *page, uint32_t error);

#endif
