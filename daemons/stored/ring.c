// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring.h"

#include <errno.h>
#include <string.h>

#define get(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define set(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define full_barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

int ring_receive(struct xenstore_domain_interface *page, struct slot *slot, uint64_t pos)
{
	uint64_t end = slot_in(slot);
	uint32_t cons = end, ready = get(page->req_prod) - cons, room = SLOT_BUFFER - (uint32_t)(end - pos);
	uint32_t at = MASK_XENSTORE_IDX(cons), first = XENSTORE_RING_SIZE - at;

	if (ready > XENSTORE_RING_SIZE)
		return -EPROTO;
	if (ready > room)
		ready = room;
	if (!ready)
		return 0;
	if (first > ready)
		first = ready;
	slot_put(slot, page->req + at, first, 0);
	slot_put(slot, page->req, ready - first, first);
	slot_set_in(slot, end + ready);
	set(page->req_cons, (uint32_t)(end + ready));
	full_barrier();
	return ready;
}

int ring_send(struct xenstore_domain_interface *page, struct slot *slot, const char *bytes, uint32_t len)
{
	uint64_t out = slot_out(slot);
	uint32_t prod = out, used = prod - get(page->rsp_cons), room = XENSTORE_RING_SIZE - used;
	uint32_t at = MASK_XENSTORE_IDX(prod), first = XENSTORE_RING_SIZE - at;

	if (used > XENSTORE_RING_SIZE)
		return -EPROTO;
	if (len > room)
		len = room;
	if (!len)
		return 0;
	if (first > len)
		first = len;
	memcpy(page->rsp + at, bytes, first);
	memcpy(page->rsp, bytes + first, len - first);
	slot_set_out(slot, out + len);
	set(page->rsp_prod, (uint32_t)(out + len));
	full_barrier();
	return len;
}

void ring_publish(struct xenstore_domain_interface *page, const struct slot *slot)
{
	set(page->req_cons, (uint32_t)slot_in(slot));
	set(page->rsp_prod, (uint32_t)slot_out(slot));
}

void ring_reset(struct xenstore_domain_interface *page)
{
	set(page->req_cons, 0);
	set(page->req_prod, 0);
	set(page->rsp_cons, 0);
	set(page->rsp_prod, 0);
	set(page->error, XENSTORE_ERROR_NONE);
	set(page->server_features,
	    XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR | STORE_FEATURE_WATCH_DEPTH);
	set(page->connection, XENSTORE_CONNECTED);
}

bool ring_wants_reconnect(const struct xenstore_domain_interface *page)
{
	return get(page->connection) == XENSTORE_RECONNECT;
}

void ring_set_error(struct xenstore_domain_interface *page, uint32_t error)
{
	set(page->error, error);
}
