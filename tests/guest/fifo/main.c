/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Event channels, FIFO.
 *
 * What could be wrong: sixteen linked lists in guest memory that host and guest change at once, without a lock.
 * How it is provoked: the guest becomes FIFO, fills queues in all priorities, and unlinks as Linux does.
 * A wrong host: loses an event, delivers out of order, ignores priorities, writes outside the array, trusts a link.
 */
#include "guest.h"

static struct evtchn_fifo_control_block *control;
static event_word_t *words;	/* one page: 1024 ports */
static u32 heads[16];

static long init_fifo(void)
{
	struct evtchn_init_control ic = { .control_gfn = mfn_of(control), .offset = 0, .vcpu = 0 };

	return evtchn_op(EVTCHNOP_init_control, &ic);
}

static evtchn_port_t new_ipi(void)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };

	return evtchn_op(EVTCHNOP_bind_ipi, &ipi) ? 0 : ipi.port;
}

static long send(evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	return evtchn_op(EVTCHNOP_send, &s);
}

static long priority(evtchn_port_t port, u32 prio)
{
	struct evtchn_set_priority p = { .port = port, .priority = prio };

	return evtchn_op(EVTCHNOP_set_priority, &p);
}

/* Takes the next pending event, highest priority first, as evtchn.h describes; 0 if there is none. */
static evtchn_port_t next(void)
{
	for (;;) {
		u32 ready = __atomic_load_n(&control->ready, __ATOMIC_SEQ_CST), q, word, head;

		if (!ready)
			return 0;
		q = __builtin_ctz(ready);
		head = heads[q] ? heads[q] : control->head[q];
		do {
			word = __atomic_load_n(&words[head], __ATOMIC_SEQ_CST);
		} while (!__atomic_compare_exchange_n(&words[head], &word,
						      word & ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK), false, 5, 5));
		heads[q] = word & EVTCHN_FIFO_LINK_MASK;
		if (!heads[q])
			__atomic_and_fetch(&control->ready, ~(1u << q), __ATOMIC_SEQ_CST);
		if (!(word >> EVTCHN_FIFO_MASKED & 1) && word >> EVTCHN_FIFO_PENDING & 1) {
			__atomic_and_fetch(&words[head], ~(1u << EVTCHN_FIFO_PENDING), __ATOMIC_SEQ_CST);
			return head;
		}
	}
}

CASE(init_errors, "init_control: offsets, vCPUs and frames that cannot be; priorities before it")
{
	struct evtchn_init_control ic;

	control = page_alloc();
	ic = (struct evtchn_init_control){ .control_gfn = mfn_of(control), .offset = 4, .vcpu = 0 };
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);
	ic.offset = PAGE_SIZE - 8;
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);
	ic.offset = 0;
	ic.vcpu = 99;
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_ENOENT);
	ic.vcpu = 0;
	ic.control_gfn = 0xfffffffffUL;
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, BAD_PTR), -XEN_EFAULT);
}

CASE(init, "init_control answers the width of a link; a port bound before it stays bound")
{
	struct evtchn_init_control ic = { .control_gfn = mfn_of(control), .offset = 0, .vcpu = 0 };
	struct evtchn_status s = { .dom = DOMID_SELF };

	NEED(control);
	s.port = new_ipi();
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), 0);
	EXPECT_RC(ic.link_bits, EVTCHN_FIFO_LINK_BITS);
	EXPECT_RC(evtchn_op(EVTCHNOP_status, &s), 0);
	EXPECT_RC(s.status, EVTCHNSTAT_ipi);
	EXPECT_RC(page_ro(control), 0);
	EXPECT_RC(page_rw(control), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_init_control, &ic), -XEN_EINVAL);	/* this vCPU has one */
	EXPECT_RC(port_close(s.port), 0);
}

CASE(expand, "expand_array: pages of 1024 words, at most 128; a frame that cannot be")
{
	struct evtchn_expand_array e = { .array_gfn = 0xfffffffffUL };

	EXPECT_RC(evtchn_op(EVTCHNOP_expand_array, &e), -XEN_EINVAL);
	words = page_alloc();
	for (int i = 0; i < 1024; i++)
		words[i] = 1u << EVTCHN_FIFO_MASKED;
	e.array_gfn = mfn_of(words);
	EXPECT_RC(evtchn_op(EVTCHNOP_expand_array, &e), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_expand_array, BAD_PTR), -XEN_EFAULT);
}

CASE(order, "events of one priority come in the order of sending")
{
	evtchn_port_t p[8];

	for (int i = 0; i < 8; i++) {
		NEED((p[i] = new_ipi()));
		words[p[i]] = 0;
	}
	control->ready = 0;
	for (int i = 0; i < 8; i++)
		EXPECT_RC(send(p[i * 3 % 8]), 0);
	EXPECT_HEX(control->ready, 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
	EXPECT_RC(vcpu_info()->evtchn_upcall_pending, 1);
	for (int i = 0; i < 8; i++)
		EXPECT_RC(next(), p[i * 3 % 8]);
	EXPECT_RC(next(), 0);
	for (int i = 0; i < 8; i++)
		EXPECT_RC(port_close(p[i]), 0);
}

CASE(priorities, "a more urgent queue is ready beside a less urgent one; a port's new priority holds from its next link")
{
	evtchn_port_t a = new_ipi(), b = new_ipi(), c = new_ipi();

	words[a] = words[b] = words[c] = 0;
	EXPECT_RC(priority(a, 12), 0);
	EXPECT_RC(priority(b, 0), 0);
	EXPECT_RC(priority(c, 16), -XEN_EINVAL);
	EXPECT_RC(priority(4000, 3), -XEN_EINVAL);
	EXPECT_RC(send(a), 0);
	EXPECT_RC(send(c), 0);
	EXPECT_RC(send(b), 0);
	EXPECT_HEX(control->ready, 1u << 12 | 1u << 7 | 1u << 0);
	EXPECT_RC(next(), b);
	EXPECT_RC(next(), c);
	EXPECT_RC(next(), a);
	EXPECT_RC(priority(b, 15), 0);
	EXPECT_RC(send(b), 0);
	EXPECT_HEX(control->ready, 1u << 15);
	EXPECT_RC(next(), b);
	port_close(a);
	port_close(b);
	port_close(c);
}

CASE(masked, "a masked port becomes pending, not linked; EVTCHNOP_unmask links it")
{
	evtchn_port_t a = new_ipi();

	words[a] = 1u << EVTCHN_FIFO_MASKED;
	EXPECT_RC(send(a), 0);
	EXPECT_HEX(words[a], 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING);
	EXPECT_HEX(control->ready, 0);
	EXPECT_RC(port_unmask(a), 0);
	EXPECT_HEX(words[a] & 1u << EVTCHN_FIFO_MASKED, 0);
	EXPECT_HEX(words[a] & 1u << EVTCHN_FIFO_LINKED, 1u << EVTCHN_FIFO_LINKED);
	EXPECT_RC(next(), a);
	port_close(a);
}

CASE(upcall, "the upcall comes, once for a batch, and again only after the guest emptied the queue")
{
	evtchn_port_t a = new_ipi(), b = new_ipi();
	unsigned long before;

	words[a] = words[b] = 0;
	vcpu_info()->evtchn_upcall_pending = 0;
	events_on();
	before = this_cpu()->events;
	EXPECT_RC(send(a), 0);
	EXPECT_RC(this_cpu()->events, before + 1);
	EXPECT_RC(send(b), 0);
	EXPECT_RC(this_cpu()->events, before + 1);	/* the queue is ready already */
	EXPECT_RC(next(), a);
	EXPECT_RC(next(), b);
	EXPECT_RC(send(b), 0);
	EXPECT_RC(this_cpu()->events, before + 2);
	EXPECT_RC(next(), b);
	port_close(a);
	port_close(b);
}

CASE(hostile_links, "links, words and heads scribbled by the guest harm nobody: sends still work on clean words")
{
	evtchn_port_t a = new_ipi(), b = new_ipi();

	words[a] = words[b] = 0;
	EXPECT_RC(send(a), 0);
	words[a] |= EVTCHN_FIFO_LINK_MASK;	/* linked to nowhere */
	EXPECT_RC(send(b), 0);
	words[b] = 0xffffffff;
	control->head[7] = 0x1ffff;
	for (int i = 0; i < 10; i++) {
		EXPECT_RC(send(a), 0);
		EXPECT_RC(send(b), 0);
	}
	words[a] = words[b] = 0;
	memset(heads, 0, sizeof(heads));
	control->ready = 0;
	memset(control->head, 0, sizeof(control->head));
	EXPECT_RC(port_close(a), 0);
	EXPECT_RC(port_close(b), 0);
}

CASE(beyond, "a port beyond the array can be bound; what is sent to it before its page exists is pending when it comes")
{
	static evtchn_port_t p[1100];
	struct evtchn_expand_array e;
	event_word_t *second = page_alloc();
	unsigned n = 0;

	while (n < ARRAY_SIZE(p) && (p[n] = new_ipi()))
		n++;
	EXPECT_RC(n, ARRAY_SIZE(p));
	EXPECT_RC(send(1024), 0);
	for (int i = 0; i < 1024; i++)
		second[i] = 1u << EVTCHN_FIFO_MASKED;
	e.array_gfn = mfn_of(second);
	EXPECT_RC(evtchn_op(EVTCHNOP_expand_array, &e), 0);
	EXPECT_HEX(second[0], 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING);
	EXPECT_RC(send(1025), 0);
	EXPECT_HEX(second[1], 1u << EVTCHN_FIFO_MASKED | 1u << EVTCHN_FIFO_PENDING);
	EXPECT_HEX(second[2], 1u << EVTCHN_FIFO_MASKED);
	while (n)
		EXPECT_RC(port_close(p[--n]), 0);
}

CASE(reset, "reset goes back to two-level and lets the pages go; FIFO can be entered again")
{
	struct evtchn_reset r = { .dom = DOMID_SELF };
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	evtchn_port_t p;

	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), 0);
	memset(control, 0, PAGE_SIZE);
	memset(words, 0, PAGE_SIZE);
	REQUIRE_RC(evtchn_op(EVTCHNOP_bind_ipi, &ipi), 0);
	p = ipi.port;
	port_mask(p);
	EXPECT_RC(send(p), 0);
	EXPECT(port_pending(p));
	EXPECT_HEX(words[p], 0);
	EXPECT_RC(port_close(p), 0);
	EXPECT_RC(ext_op(MMUEXT_CLEAR_PAGE, mfn_of(control), 0), 0);
	EXPECT_RC(init_fifo(), 0);
	EXPECT_RC(evtchn_op(EVTCHNOP_reset, &r), 0);
}
