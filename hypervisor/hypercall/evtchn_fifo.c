// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The FIFO ABI: an event word a port in pages that the guest gives (event array), a control block a vCPU
 * with the heads of 16 queues, and linked lists of ports through the words. The guest consumes from the
 * head; this file appends at the tail, which it remembers itself. Source: xen/event_channel.h.
 *
 * All words are the guest's to scribble on: a port number read from them is never used here, only written.
 * So a guest can break its own queues and nothing else; loops over its words are bounded.
 *
 * Locks: a queue's lock covers its tail; taken with interrupts off, two at a time in order of address,
 * after event_lock. The event array and control blocks hang off struct evtchn_fifo, which is published
 * whole and freed after a grace period: senders, which hold no lock, may still be in it.
 */
#include "hypercall/evtchn_fifo.h"
#include "hypercall/evtchn_2l.h"
#include "mem/heap.h"
#include "pv/mm.h"
#include "sched/softirq.h"

#define WORDS_PER_PAGE	(PAGE_SIZE / sizeof(event_word_t))
#define ARRAY_PAGES	(EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define SET_LINK_TRIES	4

struct fifo_queue {
	spinlock_t lock;
	uint32_t tail;
	uint8_t priority;
	uint32_t vcpu;
};
struct fifo_vcpu {
	struct evtchn_fifo_control_block *control;	/* in the guest's page: direct map */
	struct fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};
struct evtchn_fifo {
	struct rcu_head rcu;
	unsigned nr_vcpus;
	uint32_t nr_words;			/* words mapped; event_lock, read without */
	event_word_t *array[ARRAY_PAGES];
	struct fifo_vcpu *vcpu[];
};

/* ---- guest pages ---- */

static void *map_guest_page(struct domain *d, uint64_t gfn, int *err)
{
	struct frame *f;

	*err = -EINVAL;
	if (!mfn_valid(MFN(gfn)))
		return NULL;
	f = frame_of(MFN(gfn));
	if (!frame_get(f, d->id))
		return NULL;
	if (!pv_writer_get(f, d)) {
		frame_put(f);
		return NULL;
	}
	*err = 0;
	return frame_va(f);
}

static void unmap_guest_page(void *va)
{
	struct frame *f;

	if (!va)
		return;
	f = frame_of(va_to_mfn((void *)((uint64_t)va & PAGE_MASK)));
	pv_writer_put(f);
	frame_put(f);
}

static event_word_t *word_of(const struct domain *d, evtchn_port_t port)
{
	const struct evtchn_fifo *f = READ_ONCE(d->evtchn->fifo);

	if (!f || port >= READ_ONCE(f->nr_words))
		return NULL;
	return f->array[port / WORDS_PER_PAGE] + port % WORDS_PER_PAGE;
}

/* ---- queues ---- */

/*
 * Makes 'word', if it is LINKED, point at 'link'. 1: done; 0: not linked; -EAGAIN: the guest changed it
 * meanwhile.
 */
static int try_set_link(event_word_t *word, event_word_t *w, uint32_t link)
{
	event_word_t new, old;

	if (!(*w & (1u << EVTCHN_FIFO_LINKED)))
		return 0;
	new = (*w & ~((1u << EVTCHN_FIFO_BUSY) | EVTCHN_FIFO_LINK_MASK)) | link;
	old = cmpxchg(word, *w, new);
	if (old == *w)
		return 1;
	*w = old;
	return -EAGAIN;
}

/* The guest may set and clear MASKED meanwhile, each of which makes one try fail: BUSY asks it not to. */
static bool set_link(event_word_t *word, uint32_t link)
{
	event_word_t w = READ_ONCE(*word);
	int ret = try_set_link(word, &w, link);

	if (ret >= 0)
		return ret;
	set_bit(EVTCHN_FIFO_BUSY, word);
	w = READ_ONCE(*word);
	for (unsigned i = 0; i < SET_LINK_TRIES; i++) {
		ret = try_set_link(word, &w, link);
		if (ret > 0)
			return true;
		if (ret == 0)
			break;
	}
	clear_bit(EVTCHN_FIFO_BUSY, word);
	return ret != 0;	/* a guest that does not keep the rules loses this event */
}

static void lock_queues(struct fifo_queue *a, struct fifo_queue *b)
{
	spin_lock(&(a < b ? a : b)->lock);
	if (a != b)
		spin_lock(&(a < b ? b : a)->lock);
}

static void unlock_queues(struct fifo_queue *a, struct fifo_queue *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

static struct fifo_vcpu *fifo_vcpu(const struct evtchn_fifo *f, unsigned id)
{
	return id < f->nr_vcpus ? READ_ONCE(f->vcpu[id]) : NULL;
}

/* Both queues locked. Appends c's port to q; returns the vCPU to be told, or NULL. */
static struct vcpu *append(struct domain *d, struct evtchn *c, event_word_t *word, struct fifo_vcpu *fv,
			   struct fifo_queue *q, struct fifo_queue *old_q)
{
	event_word_t *tail_word;
	bool linked = false;

	if (test_and_set_bit(EVTCHN_FIFO_LINKED, word))
		return NULL;
	/* The guest has consumed it from its old queue; if it was the tail there, that queue is empty. */
	if (old_q->tail == c->port)
		old_q->tail = 0;
	if (q != old_q)
		WRITE_ONCE(c->lastq, q->vcpu << 16 | q->priority);
	if (q->tail) {
		tail_word = word_of(d, q->tail);
		linked = tail_word && set_link(tail_word, c->port);
	}
	if (!linked)
		WRITE_ONCE(fv->control->head[q->priority], c->port);
	q->tail = c->port;
	if (linked || test_and_set_bit(q->priority, &fv->control->ready))
		return NULL;
	return domain_vcpu(d, q->vcpu);
}

static struct vcpu *link_event(struct domain *d, struct evtchn_fifo *f, struct evtchn *c, event_word_t *word)
{
	for (;;) {
		uint32_t lastq = READ_ONCE(c->lastq);
		uint8_t priority = READ_ONCE(c->priority);
		uint16_t vcpu = READ_ONCE(c->notify_vcpu);
		struct fifo_vcpu *fv = fifo_vcpu(f, vcpu), *old_fv = fifo_vcpu(f, lastq >> 16);
		struct fifo_queue *q, *old_q;
		struct vcpu *tell = NULL;
		unsigned long flags;

		/* No control block: a guest must not unmask before it has given one. */
		if (!fv || !READ_ONCE(fv->control))
			return NULL;
		q = &fv->queue[priority];
		old_q = old_fv ? &old_fv->queue[lastq & 0xffff] : q;
		flags = irq_save();
		lock_queues(q, old_q);
		if (READ_ONCE(c->lastq) != lastq) {	/* another sender has just linked it elsewhere */
			unlock_queues(q, old_q);
			irq_restore(flags);
			continue;
		}
		tell = append(d, c, word, fv, q, old_q);
		unlock_queues(q, old_q);
		irq_restore(flags);
		return tell;
	}
}

static void fifo_set_pending(struct domain *d, struct evtchn *c)
{
	struct evtchn_fifo *f = READ_ONCE(d->evtchn->fifo);
	event_word_t *word = word_of(d, c->port);
	struct vcpu *tell = NULL;
	bool was_pending;

	if (!f)
		return;
	if (!word) {	/* told again when EVTCHNOP_expand_array gives its page */
		WRITE_ONCE(c->pending, true);
		smp_mb();
		word = word_of(d, c->port);	/* or has just given it */
		if (!word || !xchg(&c->pending, false))
			return;
	}
	was_pending = test_and_set_bit(EVTCHN_FIFO_PENDING, word);
	if (!(READ_ONCE(*word) & (1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_LINKED)))
		tell = link_event(d, f, c, word);
	if (tell)
		evtchn_mark_vcpu(tell);
	if (!was_pending)
		evtchn_wake_pollers(d, c->port);
}

static void fifo_init(struct domain *d, struct evtchn *c)
{
	c->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
	/* It may be linked still: lastq stays what it was. */
}

static void fifo_clear_pending(struct domain *d, struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	/* Only the P bit: the guest unlinks it, and passes over what is not pending. */
	if (word)
		clear_bit(EVTCHN_FIFO_PENDING, word);
}

static void fifo_unmask(struct domain *d, struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	if (!word)
		return;
	clear_bit(EVTCHN_FIFO_MASKED, word);
	if (test_bit(EVTCHN_FIFO_PENDING, word))
		fifo_set_pending(d, c);
}

static bool fifo_is_pending(const struct domain *d, const struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	return word && test_bit(EVTCHN_FIFO_PENDING, word);
}

static bool fifo_is_masked(const struct domain *d, const struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	return !word || test_bit(EVTCHN_FIFO_MASKED, word);
}

static bool fifo_is_busy(const struct domain *d, const struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	return word && test_bit(EVTCHN_FIFO_LINKED, word);
}

static int fifo_set_priority(struct domain *d, struct evtchn *c, uint32_t priority)
{
	if (priority > EVTCHN_FIFO_PRIORITY_MIN)
		return -EINVAL;
	WRITE_ONCE(c->priority, priority);	/* of the next event; one that is linked stays where it is */
	return 0;
}

static void fifo_dump(const struct domain *d, const struct evtchn *c)
{
	event_word_t *word = word_of(d, c->port);

	if (!word)
		printk("-/-");
	else
		printk("%d/%u", test_bit(EVTCHN_FIFO_LINKED, word), *word & EVTCHN_FIFO_LINK_MASK);
}

const struct evtchn_port_ops evtchn_fifo_ops = {
	.name = "FIFO",
	.max_ports = EVTCHN_FIFO_NR_CHANNELS,
	.init = fifo_init,
	.set_pending = fifo_set_pending,
	.clear_pending = fifo_clear_pending,
	.unmask = fifo_unmask,
	.is_pending = fifo_is_pending,
	.is_masked = fifo_is_masked,
	.is_busy = fifo_is_busy,
	.set_priority = fifo_set_priority,
	.dump = fifo_dump,
};

/* ---- set-up ---- */

static void fifo_free(struct rcu_head *h)
{
	struct evtchn_fifo *f = container_of(h, struct evtchn_fifo, rcu);

	for (unsigned i = 0; i < ARRAY_PAGES; i++)
		unmap_guest_page(f->array[i]);
	for (unsigned i = 0; i < f->nr_vcpus; i++) {
		if (f->vcpu[i])
			unmap_guest_page(f->vcpu[i]->control);
		heap_free(f->vcpu[i]);
	}
	heap_free(f);
}

void evtchn_fifo_for_each_page(struct domain *d, void (*fn)(mfn_t m, void *arg), void *arg)
{
	const struct evtchn_fifo *f = d->evtchn->fifo;

	for (unsigned i = 0; f && i < ARRAY_PAGES; i++)
		if (f->array[i])
			fn(va_to_mfn(f->array[i]), arg);
	for (unsigned i = 0; f && i < f->nr_vcpus; i++)
		if (f->vcpu[i] && f->vcpu[i]->control)
			fn(va_to_mfn(f->vcpu[i]->control), arg);
}

void evtchn_fifo_destroy(struct domain *d)
{
	struct evtchn_domain *ed = d->evtchn;
	struct evtchn_fifo *f = ed->fifo;
	struct evtchn *c;

	WRITE_ONCE(ed->ops, &evtchn_2l_ops);
	WRITE_ONCE(ed->fifo, NULL);
	for (uint32_t port = 0; (c = evtchn_get(d, port)) != NULL; port++)
		c->lastq = 0;
	call_rcu(&f->rcu, fifo_free);
}

static struct fifo_vcpu *new_fifo_vcpu(unsigned id)
{
	struct fifo_vcpu *fv = new_object(struct fifo_vcpu);

	for (unsigned i = 0; fv && i < EVTCHN_FIFO_MAX_QUEUES; i++) {
		spin_lock_init(&fv->queue[i].lock);
		fv->queue[i].priority = i;
		fv->queue[i].vcpu = id;
	}
	return fv;
}

/*
 * The channels that exist go over to the FIFO ABI; what was pending in the old one is remembered.
 * event_lock held.
 */
static void adopt_ports(struct domain *d)
{
	struct evtchn *c;

	for (uint32_t port = 1; (c = evtchn_get(d, port)) != NULL; port++) {
		if (evtchn_2l_ops.is_pending(d, c))
			c->pending = true;
		c->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
		c->lastq = (uint32_t)c->notify_vcpu << 16 | EVTCHN_FIFO_PRIORITY_DEFAULT;
	}
}

static int attach_control(struct evtchn_fifo *f, const struct evtchn_init_control *op)
{
	struct domain *d = current->domain;
	struct fifo_vcpu *fv = f->vcpu[op->vcpu];
	void *page;
	int err;

	if (fv && fv->control)
		return -EINVAL;
	page = map_guest_page(d, op->control_gfn, &err);
	if (!page)
		return err;
	if (!fv)
		fv = new_fifo_vcpu(op->vcpu);
	if (!fv) {
		unmap_guest_page(page);
		return -ENOMEM;
	}
	WRITE_ONCE(f->vcpu[op->vcpu], fv);
	wmb();
	WRITE_ONCE(fv->control, page + op->offset);
	return 0;
}

int evtchn_fifo_init_control(struct evtchn_init_control *op)
{
	struct domain *d = current->domain;
	struct evtchn_domain *ed = d->evtchn;
	struct evtchn_fifo *f;
	bool first;
	int err;

	op->link_bits = EVTCHN_FIFO_LINK_BITS;
	if (!domain_vcpu(d, op->vcpu))
		return -ENOENT;
	if (op->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || op->offset % 8)
		return -EINVAL;
	event_lock(d);
	f = ed->fifo;
	first = !f;
	if (first)
		f = heap_zalloc(sizeof(*f) + d->max_vcpus * sizeof(f->vcpu[0]));
	err = -ENOMEM;
	if (!f)
		goto out;
	if (first)
		f->nr_vcpus = d->max_vcpus;
	err = attach_control(f, op);
	if (err) {
		if (first)
			heap_free(f);
		goto out;
	}
	if (first) {
		adopt_ports(d);
		WRITE_ONCE(ed->fifo, f);
		wmb();
		WRITE_ONCE(ed->ops, &evtchn_fifo_ops);
	}
out:
	event_unlock(d);
	return err;
}

int evtchn_fifo_expand_array(const struct evtchn_expand_array *op)
{
	struct domain *d = current->domain;
	struct evtchn_fifo *f;
	struct evtchn *c;
	void *page;
	uint32_t first = 0;
	int err;

	event_lock(d);
	f = d->evtchn->fifo;
	err = -EOPNOTSUPP;
	if (!f)
		goto out;
	first = f->nr_words;
	err = -ENOSPC;
	if (first >= EVTCHN_FIFO_NR_CHANNELS)
		goto out;
	page = map_guest_page(d, op->array_gfn, &err);
	if (!page)
		goto out;
	f->array[first / WORDS_PER_PAGE] = page;
	wmb();
	WRITE_ONCE(f->nr_words, first + WORDS_PER_PAGE);
	smp_mb();
	/* Events that came while the page was missing. */
	for (uint32_t port = first; port < first + WORDS_PER_PAGE; port++) {
		c = evtchn_get(d, port);
		if (!c)
			break;
		if (READ_ONCE(c->pending) && xchg(&c->pending, false))
			fifo_set_pending(d, c);
	}
out:
	event_unlock(d);
	return err;
}
