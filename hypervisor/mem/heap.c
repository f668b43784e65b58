/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Objects up to 1984 bytes: pages cut into pieces of one size class, after a head of 64 bytes, so that their addresses are
 * never page-aligned. Larger: whole frames, as many as needed; how many stands in the first frame's record.
 * Lock: one per class, outside the nodes'.
 */
#include "mem/heap.h"
#include "lib/list.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define SLAB_MAGIC 0x51ab51abu
#define KEEP_EMPTY 1u	/* empty pages that a class keeps */
#define RUN_MAGIC (0x4850ull << 48)	/* in a record's type: the bits below are the number of frames */
#define RUN_MAGIC_MASK (0xffffull << 48)

struct piece { struct piece *next; };
struct slab {
	struct list_head list;		/* of its class, while some piece is free */
	struct piece *free;
	uint32_t magic;
	uint16_t class, in_use;
} __aligned(64);
BUILD_ASSERT(sizeof(struct slab) == 64);

static const uint16_t sizes[] = { 16, 32, 48, 64, 128, 192, 256, 320, 448, 576, 640, 768, 960, 1344, 1984 };
static struct class {
	spinlock_t lock;
	struct list_head partial;
	unsigned empty;
	unsigned slabs, in_use;		/* for heap_report */
} classes[ARRAY_SIZE(sizes)];
/* class of a size, by 16 bytes */
static uint8_t class_of[1984 / 16 + 1];
static bool ready;
static uint64_t whole_frames;	/* that are no slabs; for heap_report */

static void count_whole(uint64_t nr) { __atomic_fetch_add(&whole_frames, nr, __ATOMIC_RELAXED); }

static void heap_setup(void)
{
	unsigned c = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(class_of); i++) {
		if (i * 16 > sizes[c])
			c++;
		class_of[i] = c;
	}
	for (c = 0; c < ARRAY_SIZE(sizes); c++) {
		spin_lock_init(&classes[c].lock);
		list_init(&classes[c].partial);
	}
	ready = true;	/* the boot CPU is alone when it first allocates */
}

static struct slab *new_slab(unsigned c)
{
	struct frame *f = frames_alloc(0, ALLOC_NODE(NODE_ANY) | ALLOC_NO_SCRUB);
	struct slab *s;

	if (!f)
		return NULL;
	s = frame_va(f);
	*s = (struct slab){ .magic = SLAB_MAGIC, .class = c };
	for (char *p = (char *)(s + 1); p + sizes[c] <= (char *)s + PAGE_SIZE; p += sizes[c]) {
		((struct piece *)p)->next = s->free;
		s->free = (struct piece *)p;
	}
	return s;
}

static void *alloc_piece(unsigned c)
{
	struct class *k = &classes[c];
	struct slab *s;
	struct piece *p;

	spin_lock(&k->lock);
	if (list_empty(&k->partial)) {
		spin_unlock(&k->lock);
		s = new_slab(c);
		if (!s)
			return NULL;
		spin_lock(&k->lock);
		list_add(&s->list, &k->partial);
		k->empty++;
		k->slabs++;
	}
	k->in_use++;
	s = list_first(&k->partial, struct slab, list);
	if (!s->in_use++)
		k->empty--;
	p = s->free;
	s->free = p->next;
	if (!s->free)
		list_del(&s->list);
	spin_unlock(&k->lock);
	return p;
}

static void free_piece(struct slab *s, struct piece *p)
{
	struct class *k = &classes[s->class];
	bool give_back = false;

	spin_lock(&k->lock);
	if (!s->free)
		list_add(&s->list, &k->partial);
	p->next = s->free;
	s->free = p;
	k->in_use--;
	if (!--s->in_use) {
		give_back = k->empty >= KEEP_EMPTY;
		if (give_back) {
			list_del(&s->list);
			k->slabs--;
		} else {
			k->empty++;
		}
	}
	spin_unlock(&k->lock);
	if (give_back) {
		s->magic = 0;
		frames_free(frame_of(va_to_mfn(s)), 0, true);
	}
}

/* nr frames, of which what the power of two has too much goes back at once */
static void *alloc_run(size_t size, bool zero)
{
	uint64_t nr = PFN_UP(size);
	unsigned order = nr > 1 ? 64 - __builtin_clzll(nr - 1) : 0;
	struct frame *f;

	if (nr > 1ul << MAX_ORDER)
		return NULL;
	f = frames_alloc(order, ALLOC_NODE(NODE_ANY) | (zero ? 0 : ALLOC_NO_SCRUB));
	if (!f)
		return NULL;
	for (uint64_t i = nr; i < 1ull << order;) {
		unsigned o = __builtin_ctzll(i);

		frames_free(f + i, o, !zero);
		i += 1ull << o;
	}
	f->type = RUN_MAGIC | nr;
	count_whole(nr);
	return frame_va(f);
}

static void *alloc(size_t size, bool zero)
{
	void *p;

	if (unlikely(!ready))
		heap_setup();
	if (size > sizes[ARRAY_SIZE(sizes) - 1])
		return alloc_run(size, zero);
	p = alloc_piece(class_of[DIV_ROUND_UP(size, 16)]);
	return p && zero ? memset(p, 0, size) : p;
}

void *heap_alloc(size_t size) { return alloc(size, false); }
void *heap_zalloc(size_t size) { return alloc(size, true); }

void heap_free(void *p)
{
	struct slab *s = (struct slab *)((uint64_t)p & PAGE_MASK);
	struct frame *f;
	uint64_t nr;

	if (!p)
		return;
	if (p != s) {
		BUG_ON(s->magic != SLAB_MAGIC);
		free_piece(s, p);
		return;
	}
	f = frame_of(va_to_mfn(p));
	/* A single page that was shared with a domain has had its record used: it is one page. */
	nr = (f->type & RUN_MAGIC_MASK) == RUN_MAGIC ? f->type & ~RUN_MAGIC_MASK : 1;
	count_whole(-nr);
	for (uint64_t i = 0; i < nr;) {
		unsigned o = i ? __builtin_ctzll(i) : MAX_ORDER;

		while (1ull << o > nr - i)
			o--;
		frames_free(f + i, o, true);
		i += 1ull << o;
	}
}

void *heap_pages(unsigned order)
{
	struct frame *f = frames_alloc(order, ALLOC_NODE(NODE_ANY));

	if (!f)
		return NULL;
	count_whole(1ul << order);
	return frame_va(f);
}

void heap_pages_free(void *va, unsigned order)
{
	if (!va)
		return;
	count_whole(-(1ul << order));
	frames_free(frame_of(va_to_mfn(va)), order, true);
}

void heap_report(void)
{
	printk("  heap: %lu whole frames\n", __atomic_load_n(&whole_frames, __ATOMIC_RELAXED));
	for (unsigned c = 0; c < ARRAY_SIZE(sizes); c++)
		if (classes[c].slabs)
			printk("  heap: %4u bytes: %u in use in %u frames\n", sizes[c], classes[c].in_use, classes[c].slabs);
}
