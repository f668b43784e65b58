/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/frame.h"
#include "lib/panic.h"
#include "mem/m2p.h"
#include "mem/section.h"

uint64_t max_mfn;
void (*frame_release_hook)(struct frame *f, domid_t owner);

bool mfn_valid(mfn_t m)
{
	return section_is_open(m.n) && !(READ_ONCE(frame_of(m)->count) & FRAME_IO);
}

static bool get(struct frame *f, domid_t owner, bool any, domid_t *found)
{
	uint64_t x = READ_ONCE(f->count), was;

	for (;;) {
		domid_t o = (x & FRAME_OWNER_MASK) >> FRAME_OWNER_SHIFT;

		if (!(x & FRAME_ALLOCATED) || (!any && o != owner) || !(x & FRAME_REF_MASK))
			return false;
		if (unlikely((x & FRAME_REF_MASK) == FRAME_REF_MASK))
			return false;
		was = cmpxchg(&f->count, x, x + 1);
		if (was == x) {
			if (found)
				*found = o;
			return true;
		}
		x = was;
	}
}

bool frame_get(struct frame *f, domid_t owner)
{
	return get(f, owner, false, NULL);
}

bool frame_get_any(struct frame *f, domid_t *owner)
{
	return get(f, 0, true, owner);
}

void frame_ref(struct frame *f)
{
	uint64_t was = __atomic_fetch_add(&f->count, 1, __ATOMIC_SEQ_CST);

	/* 2^36 references need 512 GiB of page tables: not reached by counting honestly */
	BUG_ON(!(was & FRAME_REF_MASK) || (was & FRAME_REF_MASK) == FRAME_REF_MASK);
}

void frame_put(struct frame *f)
{
	uint64_t now = __atomic_sub_fetch(&f->count, 1, __ATOMIC_SEQ_CST);

	BUG_ON((now & FRAME_REF_MASK) == FRAME_REF_MASK || !(now & FRAME_ALLOCATED));
	if (!(now & FRAME_REF_MASK))
		frame_release_hook(f, (now & FRAME_OWNER_MASK) >> FRAME_OWNER_SHIFT);
}

void frame_set_owner(struct frame *f, domid_t owner)
{
	f->type = 0;
	__atomic_store_n(&f->count, FRAME_ALLOCATED | FRAME_DOM_REF | (uint64_t)owner << FRAME_OWNER_SHIFT | 1, __ATOMIC_RELEASE);
}

unsigned frames_logged;

/* The word of a free frame is a link of the allocator's: changed only while the frame is a domain's. */
void frame_mark_dirty(struct frame *f)
{
	uint64_t x = READ_ONCE(f->count), was;

	while ((x & (FRAME_ALLOCATED | FRAME_LOGGED)) == FRAME_ALLOCATED) {
		was = cmpxchg(&f->count, x, x | FRAME_LOGGED);
		if (was == x)
			return;
		x = was;
	}
}

bool frame_take_dirty(struct frame *f)
{
	uint64_t x = READ_ONCE(f->count), was;

	while ((x & FRAME_ALLOCATED) && (x & FRAME_LOGGED)) {
		was = cmpxchg(&f->count, x, x & ~FRAME_LOGGED);
		if (was == x)
			return true;
		x = was;
	}
	return false;
}
