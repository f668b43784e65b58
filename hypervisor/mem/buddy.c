/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free blocks of 2^order frames, by node, zone, cleanness and order. The head's record holds links:
 * count: bits 0..31 next (frame number + 1), 36..40 order, FRAME_FREE, FRAME_DIRTY; type: 0..31 previous, 32..63 TLB stamp.
 * Blocks merge with their buddy of the same kind. Lock: one per node.
 *
 * What is freed dirty, if it is small, is put aside first (count: FRAME_UNUSED, FRAME_DIRTY) and comes to the blocks with many
 * others, under one stamp, or when nothing else is left. So a guest that gives frames back and takes them has all CPUs' TLBs
 * flushed once for many of them; of each one alone it would be a storm of interrupts, for those who compute too.
 */
#include "mem/buddy.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "x86/cpu.h"

#define ORDER_SHIFT 36
#define ORDER_MASK (31ull << ORDER_SHIFT)
#define LINK_MASK 0xffffffffull

struct node {
	spinlock_t lock;
	uint64_t free, dirty;		/* frames; those being scrubbed are in both */
	unsigned scrubbing;		/* blocks off the lists for scrubbing */
	uint32_t nonempty[NR_ZONES][2];	/* bit per order */
	uint32_t head[NR_ZONES][2][MAX_ORDER + 1];	/* frame number + 1; 0: none */
	unsigned nr_aside;
	struct { uint32_t mfn; uint8_t order; } aside[ASIDE_MAX];	/* in 'free', not in 'dirty' */
};
static struct node first_node, *nodes[MAX_NUMNODES] = { &first_node };

void buddy_init(void *(*early_zalloc)(size_t size))
{
	for (unsigned n = 1; n < mem_nr_nodes(); n++) {
		nodes[n] = early_zalloc(sizeof(struct node));
		BUG_ON(!nodes[n]);
	}
}

static uint32_t stamp_now(void) { return tlb_clock() ?: tlb_clock(); }	/* 0 is never */
static unsigned order_of(const struct frame *f) { return (f->count & ORDER_MASK) >> ORDER_SHIFT; }
static unsigned kind_of(const struct frame *f) { return f->count & FRAME_DIRTY ? 1 : 0; }

static void list_push(struct node *n, uint64_t mfn, unsigned order, bool dirty, uint32_t stamp)
{
	unsigned z = zone_of(mfn);
	struct frame *f = frame_of(MFN(mfn));
	uint32_t next = n->head[z][dirty][order];

	f->type = (uint64_t)stamp << 32;
	WRITE_ONCE(f->count, next | (uint64_t)order << ORDER_SHIFT | FRAME_FREE | (dirty ? FRAME_DIRTY : 0));
	if (next)
		frame_of(MFN(next - 1))->type = (frame_of(MFN(next - 1))->type & ~LINK_MASK) | (mfn + 1);
	n->head[z][dirty][order] = mfn + 1;
	n->nonempty[z][dirty] |= 1u << order;
}

static void list_remove(struct node *n, uint64_t mfn)
{
	struct frame *f = frame_of(MFN(mfn));
	unsigned z = zone_of(mfn), k = kind_of(f), order = order_of(f);
	uint32_t next = f->count & LINK_MASK, prev = f->type & LINK_MASK;

	if (next)
		frame_of(MFN(next - 1))->type = (frame_of(MFN(next - 1))->type & ~LINK_MASK) | prev;
	if (prev) {
		struct frame *p = frame_of(MFN(prev - 1));

		WRITE_ONCE(p->count, (p->count & ~LINK_MASK) | next);
	} else {
		n->head[z][k][order] = next;
		if (!next)
			n->nonempty[z][k] &= ~(1u << order);
	}
	WRITE_ONCE(f->count, FRAME_UNUSED);
	f->type = 0;
}

/* Is the block at mfn free as a whole, of this order and kind, and of the node and zone that a merge must not leave? */
static bool can_merge(uint64_t mfn, uint64_t buddy, unsigned order, bool dirty)
{
	const struct frame *f;

	if (!mfn_valid(MFN(buddy)) || mfn_to_node(MFN(buddy)) != mfn_to_node(MFN(mfn)))
		return false;
	if (zone_of(MIN(mfn, buddy)) != zone_of(MAX(mfn, buddy) + (1ull << order) - 1))
		return false;
	f = frame_of(MFN(buddy));
	return (f->count & FRAME_FREE) && order_of(f) == order && kind_of(f) == dirty;
}

/* Lock held; counts are the caller's. */
static void add_block(struct node *n, uint64_t mfn, unsigned order, bool dirty, uint32_t stamp)
{
	for (; order < MAX_ORDER; order++) {
		uint64_t buddy = mfn ^ (1ull << order);

		if (!can_merge(mfn, buddy, order, dirty))
			break;
		uint32_t other = frame_of(MFN(buddy))->type >> 32;

		/* Stamps wrap, so the later of two is not known: now is later than both. 0 is never. */
		if (stamp != other)
			stamp = stamp && other ? stamp_now() : stamp | other;
		list_remove(n, buddy);
		mfn &= ~(1ull << order);
	}
	list_push(n, mfn, order, dirty, stamp);
}

/* What was put aside goes to the blocks. Lock held. */
static void settle(struct node *n)
{
	uint32_t stamp = stamp_now();

	while (n->nr_aside) {
		uint64_t mfn = n->aside[--n->nr_aside].mfn;
		unsigned order = n->aside[n->nr_aside].order;

		WRITE_ONCE(frame_of(MFN(mfn))->count, FRAME_UNUSED);
		n->dirty += 1ull << order;
		add_block(n, mfn, order, true, stamp);
	}
}

void buddy_settle(unsigned node)
{
	spin_lock(&nodes[node]->lock);
	settle(nodes[node]);
	spin_unlock(&nodes[node]->lock);
}

/* Takes a block of at least 'order' off a list and puts back what is too much. Lock held. */
static uint64_t take_block(struct node *n, unsigned z, unsigned kind, unsigned from, unsigned order, uint32_t *stamp)
{
	uint64_t mfn = n->head[z][kind][from] - 1ull;

	*stamp = frame_of(MFN(mfn))->type >> 32;
	list_remove(n, mfn);
	while (from > order) {
		from--;
		list_push(n, mfn, from, kind, *stamp);	/* the lower half stays */
		mfn += 1ull << from;
	}
	return mfn;
}

struct frame *buddy_take(unsigned node, unsigned zone, unsigned order, bool want_clean, bool *dirty, uint32_t *stamp)
{
	struct node *n = nodes[node];
	struct frame *f = NULL;

	spin_lock(&n->lock);
	uint32_t have[2] = { n->nonempty[zone][0] >> order, n->nonempty[zone][1] >> order };

	if (have[0] | have[1]) {
		unsigned kind = want_clean ? 0 : 1;

		/* A clean block, unless only a large one is and a small dirty one would do */
		if (have[0] && have[1] && want_clean && !(have[0] & 0x1ff) && (have[1] & 0x1ff))
			kind = 1;
		if (!have[kind])
			kind = !kind;
		f = frame_of(MFN(take_block(n, zone, kind, order + __builtin_ctz(have[kind]), order, stamp)));
		n->free -= 1ull << order;
		if (kind)
			n->dirty -= 1ull << order;
		*dirty = kind;
	}
	spin_unlock(&n->lock);
	return f;
}

struct frame *buddy_take_dirty(unsigned node, unsigned top, unsigned max_order, unsigned *order, uint32_t *stamp)
{
	struct node *n = nodes[node];
	struct frame *f = NULL;

	if (!READ_ONCE(n->dirty))
		return NULL;
	spin_lock(&n->lock);
	for (unsigned z = top + 1; z-- > 0 && !f;) {
		uint32_t have = n->nonempty[z][1];
		unsigned from;

		if (!have)
			continue;
		from = 31 - __builtin_clz(have);
		*order = MIN(from, max_order);
		f = frame_of(MFN(take_block(n, z, 1, from, *order, stamp)));
		n->scrubbing++;
	}
	spin_unlock(&n->lock);
	return f;
}

void buddy_put_clean(struct frame *f, unsigned order)
{
	struct node *n = nodes[mfn_to_node(frame_mfn(f))];

	spin_lock(&n->lock);
	n->scrubbing--;
	n->dirty -= 1ull << order;
	add_block(n, frame_mfn(f).n, order, false, 0);
	spin_unlock(&n->lock);
}

/* The free block that mfn is in, taken off its list; its head, or ~0. Lock held. */
static uint64_t take_block_of(struct node *n, uint64_t mfn, unsigned *order, bool *dirty, uint32_t *stamp)
{
	for (*order = 0; *order <= MAX_ORDER; (*order)++) {
		uint64_t head = mfn & ~((1ull << *order) - 1);
		const struct frame *f = frame_of(MFN(head));

		if (!mfn_valid(MFN(head)))
			break;
		if (!(f->count & FRAME_FREE) || order_of(f) != *order)
			continue;
		*dirty = kind_of(f);
		*stamp = f->type >> 32;
		list_remove(n, head);
		return head;
	}
	return ~0ull;
}

int frame_offline(mfn_t m)
{
	struct node *n = nodes[mfn_to_node(m)];
	unsigned order;
	uint32_t stamp;
	uint64_t head;
	bool dirty;
	int rc;

	spin_lock(&n->lock);
	settle(n);
	/* Under the lock: an idle CPU may just have taken its block to scrub it. */
	rc = n->scrubbing ? -EAGAIN : -EBUSY;
	head = take_block_of(n, m.n, &order, &dirty, &stamp);
	if (head != ~0ull) {
		while (order--) {
			uint64_t half = head + (1ull << order);

			/* The half without it goes back. */
			list_push(n, m.n < half ? half : head, order, dirty, stamp);
			head = m.n < half ? head : half;
		}
		n->free--;
		n->dirty -= dirty;
		WRITE_ONCE(frame_of(m)->count, FRAME_UNUSED | FRAME_OFFLINE);
		rc = 0;
	}
	spin_unlock(&n->lock);
	return rc;
}

int frame_online(mfn_t m)
{
	struct frame *f = frame_of(m);

	/* Of two who try, one finds the flag. */
	if (!(READ_ONCE(f->count) & FRAME_OFFLINE) || (READ_ONCE(f->count) & FRAME_FREE) ||
	    cmpxchg(&f->count, FRAME_UNUSED | FRAME_OFFLINE, FRAME_UNUSED) != (FRAME_UNUSED | FRAME_OFFLINE))
		return -EINVAL;
	frames_free(f, 0, true);
	return 0;
}

/* Records of the whole block are made nobody's first, so that no old owner's reference can be taken on them. */
void frames_free(struct frame *f, unsigned order, bool dirty)
{
	uint64_t mfn = frame_mfn(f).n;
	struct node *n = nodes[mfn_to_node(MFN(mfn))];

	ASSERT(order <= MAX_ORDER && !(mfn & ((1ull << order) - 1)));
	for (uint64_t i = 0; i < 1ull << order; i++) {
		BUG_ON(f[i].count & (FRAME_FREE | FRAME_DIRTY | FRAME_IO));	/* freed twice, or no RAM */
		WRITE_ONCE(f[i].count, FRAME_UNUSED);
		f[i].type = 0;
	}
	spin_lock(&n->lock);
	n->free += 1ull << order;
	if (dirty && order < ASIDE_ORDER) {
		WRITE_ONCE(f->count, FRAME_UNUSED | FRAME_DIRTY);
		n->aside[n->nr_aside].mfn = (uint32_t)mfn;
		n->aside[n->nr_aside++].order = (uint8_t)order;
		if (n->nr_aside == ASIDE_MAX)
			settle(n);
	} else {
		n->dirty += dirty ? 1ull << order : 0;
		add_block(n, mfn, order, dirty, stamp_now());
	}
	spin_unlock(&n->lock);
}

void buddy_add_range(uint64_t start, uint64_t end)
{
	struct node *n = nodes[mfn_to_node(MFN(start))];

	spin_lock(&n->lock);
	while (start < end) {
		unsigned order = start ? MIN((unsigned)__builtin_ctzll(start), MAX_ORDER) : MAX_ORDER;

		while (1ull << order > end - start || zone_of(start) != zone_of(start + (1ull << order) - 1))
			order--;
		n->free += 1ull << order;
		n->dirty += 1ull << order;
		add_block(n, start, order, true, 0);
		start += 1ull << order;
	}
	spin_unlock(&n->lock);
}

bool buddy_mixed(unsigned node, unsigned top)
{
	const struct node *n = nodes[node];

	for (unsigned z = 0; z <= top; z++)
		if (READ_ONCE(n->nonempty[z][0]) && READ_ONCE(n->nonempty[z][1]))
			return true;
	return false;
}

uint64_t buddy_free_count(unsigned node) { return READ_ONCE(nodes[node]->free); }
uint64_t buddy_dirty_count(unsigned node) { return READ_ONCE(nodes[node]->dirty); }
bool buddy_scrub_running(unsigned node) { return READ_ONCE(nodes[node]->scrubbing) != 0; }
