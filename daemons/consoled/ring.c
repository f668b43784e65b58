// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring.h"

#include <errno.h>

#define get(x) __atomic_load_n(&(x), __ATOMIC_ACQUIRE)
#define set(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELEASE)
#define full_barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define OUT ((uint32_t)sizeof(((struct xencons_interface *)0)->out))
#define IN ((uint32_t)sizeof(((struct xencons_interface *)0)->in))

int ring_receive(struct xencons_interface *page, struct slot *slot)
{
	uint32_t cons = get(page->out_cons), prod = get(page->out_prod), ready = prod - cons;
	uint32_t at = cons % OUT, first = OUT - at;

	if (ready > OUT) {
		set(page->out_cons, prod);
		full_barrier();
		return -EPROTO;
	}
	if (!ready)
		return 0;
	if (first > ready)
		first = ready;
	slot_put(slot, page->out + at, first, 0);
	slot_put(slot, page->out, ready - first, first);
	slot_commit(slot, cons, ready);
	set(page->out_cons, prod);
	full_barrier();
	return ready;
}

bool ring_ready(const struct xencons_interface *page)
{
	return get(page->out_cons) != get(page->out_prod);
}

uint32_t ring_room(const struct xencons_interface *page)
{
	uint32_t used = get(page->in_prod) - get(page->in_cons);

	return used > IN ? 0 : IN - used;
}

uint32_t ring_in_prod(const struct xencons_interface *page)
{
	return get(page->in_prod);
}

void ring_put(struct xencons_interface *page, uint32_t prod, const char *bytes, uint32_t n)
{
	if (n > IN || get(page->in_prod) != prod)
		return;
	for (uint32_t i = 0; i < n; i++)
		page->in[(prod + i) % IN] = bytes[i];
	set(page->in_prod, prod + n);
	full_barrier();
}

void ring_resume(struct xencons_interface *page, const struct slot *slot)
{
	if (slot->batch_size && slot->end == slot->batch_end && get(page->out_cons) == slot->batch_from)
		set(page->out_cons, slot->batch_from + slot->batch_size);
	full_barrier();
}
