// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_guest.h hypercall/evtchn.c hypercall/evtchn_2l.c hypercall/evtchn_fifo.c hypercall/evtchn_bind.c
// sources: hypercall/evtchn_virq.c
/*
 * Story: two domains bind, send, mask, consume and close in any order, one with two-level, one with FIFO event channels, and
 * sometimes scribble over the words that the host uses. What would be wrong: an event that never arrives, a channel with one
 * end, a port that is lost when it is closed, memory outside the guest's pages touched, a loop without end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

#include "hypercall/evtchn_fifo.h"
#include "hypercall/dispatch.h"
#include "hypercall/gnttab.h"
#include "hypercall/pirq.h"
#include "pv/mm.h"
#include "x86/console.h"
#include <xen/domctl.h>

#define VCPUS 3u
#define PAGES 16u	/* a domain; frames 1.. are the first domain's */
#define FRAMES (1 + 2 * PAGES)

unsigned char host_ram[FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
struct frame host_frames[FRAMES];
uint64_t host_m2p[FRAMES], max_mfn = FRAMES;
__thread struct vcpu *host_current;
const bool anel_debug = true;
const struct notify_ops *notify;
struct domain *dom0;
void (*console_input_notify)(void), (*console_ring_notify)(void);

static struct side {
	struct domain d;
	struct vcpu v[VCPUS], *vp[VCPUS];
	struct vcpu_info info[VCPUS];
	struct shared_info shared;
	uint32_t head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];	/* the guest's own, as it consumes */
	bool fifo;
	unsigned words;
} sides[2];
static unsigned kicks;

/* --- what the files under test need of the rest --- */

bool host_preempt(void) { return rand() % 4 == 0; }
void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...) { (void)fmt; abort(); }
void *heap_alloc(size_t n) { return malloc(n); }
void *heap_zalloc(size_t n) { return calloc(1, n); }
void heap_free(void *p) { free(p); }
void call_rcu(struct rcu_head *h, void (*fn)(struct rcu_head *)) { fn(h); }
void vcpu_kick(struct vcpu *v) { kicks++; }
void vcpu_poll_wake(struct vcpu *v, uint32_t port) { v->pause_flags &= ~VPF_POLL; }
void keyhandler_register(char key, void (*fn)(char key), const char *desc) { }
size_t guest_copy_in(void *dst, const void *src, size_t n) { return src ? (memcpy(dst, src, n), 0) : n; }
size_t guest_copy_out(void *dst, const void *src, size_t n) { return dst ? (memcpy(dst, src, n), 0) : n; }
bool domain_get(struct domain *d) { return true; }
void domain_put(struct domain *d) { }
struct domain *domain_next(struct domain *d) { return NULL; }
bool domain_may_control(const struct domain *a, const struct domain *b) { return a->is_control && a != b; }
struct domain *domain_resolve(domid_t id)
{
	return id == DOMID_SELF ? host_current->domain : id < 2 ? &sides[id].d : NULL;
}
bool mfn_valid(mfn_t m) { return m.n && m.n < FRAMES; }
bool frame_get(struct frame *f, domid_t owner)
{
	if (frame_owner(f) != owner)
		return false;
	f->count++;
	return true;
}
void frame_put(struct frame *f)
{
	assert_true(frame_refs(f) > 1);
	f->count--;
}
int pv_type_get(struct frame *f, uint64_t type, struct domain *d, bool preemptible)
{
	f->type++;
	return 0;
}
void pv_type_put(struct frame *f)
{
	assert_true(f->type > 0);
	f->type--;
}
bool pv_writer_get(struct frame *f, struct domain *d) { return !pv_type_get(f, FTYPE_WRITABLE, d, false); }
void pv_writer_put(struct frame *f) { pv_type_put(f); }
void pirq_set_affinity(struct domain *d, unsigned pirq, const struct vcpu *v) { }
bool pirq_number_ok(const struct domain *d, unsigned pirq) { return false; }
int pirq_bind_port(struct domain *d, unsigned pirq, uint32_t port, struct vcpu *v, bool share) { return -EINVAL; }
void pirq_unbind_port(struct domain *d, unsigned pirq) { }
int pirq_domain_create(struct domain *d) { return 0; }
void pirq_domain_dying(struct domain *d) { }
void pirq_domain_destroy(struct domain *d) { }
void domain_services_dying(struct domain *d) { }
void domain_services_free(struct domain *d) { }
void pirq_vcpu_moved(struct vcpu *v) { }
int gnttab_domain_create(struct domain *d, int f, int t, unsigned v) { return 0; }
int gnttab_release_mappings(struct domain *d) { return 0; }
void gnttab_domain_destroy(struct domain *d) { }

/* --- the guests --- */

static long op(unsigned cmd, void *arg)
{
	struct hypercall h = { .op = __HYPERVISOR_event_channel_op, .a = { cmd, (uint64_t)arg } };
	long ret;

	do {
		h.again = false;
		ret = hc_event_channel_op(&h);
	} while (h.again);
	return ret;
}

static void become(unsigned side) { host_current = &sides[side].v[0]; }

static evtchn_port_t connect(unsigned a, unsigned b)
{
	struct evtchn_alloc_unbound u = { .dom = DOMID_SELF, .remote_dom = b };
	struct evtchn_bind_interdomain i;

	become(a);
	assert_int_equal(op(EVTCHNOP_alloc_unbound, &u), 0);
	i = (struct evtchn_bind_interdomain){ .remote_dom = a, .remote_port = u.port };
	become(b);
	assert_int_equal(op(EVTCHNOP_bind_interdomain, &i), 0);
	return i.local_port;
}

static long send(unsigned side, evtchn_port_t port)
{
	struct evtchn_send s = { .port = port };

	become(side);
	return op(EVTCHNOP_send, &s);
}

static event_word_t *word(unsigned side, evtchn_port_t port)
{
	unsigned page = port / (PAGE_SIZE / 4);

	return (event_word_t *)host_ram[1 + side * PAGES + 1 + page] + port % (PAGE_SIZE / 4);
}

static struct evtchn_fifo_control_block *control(unsigned side, unsigned vcpu)
{
	return (void *)&host_ram[1 + side * PAGES][vcpu * 128];
}

static void make_fifo(unsigned side, unsigned pages)
{
	become(side);
	for (unsigned v = 0; v < VCPUS; v++) {
		struct evtchn_init_control ic = { .control_gfn = 1 + side * PAGES, .offset = v * 128, .vcpu = v };

		assert_int_equal(op(EVTCHNOP_init_control, &ic), 0);
		assert_int_equal(ic.link_bits, EVTCHN_FIFO_LINK_BITS);
	}
	for (unsigned i = 0; i < pages; i++) {
		struct evtchn_expand_array e = { .array_gfn = 1 + side * PAGES + 1 + i };

		assert_int_equal(op(EVTCHNOP_expand_array, &e), 0);
	}
	sides[side].fifo = true;
	sides[side].words = pages * PAGE_SIZE / 4;
}

static evtchn_port_t take_2l(struct side *s, unsigned v)
{
	s->info[v].evtchn_upcall_pending = 0;
	for (unsigned sel = 0; sel < 64; sel++) {
		uint64_t bits;

		if (!(s->info[v].evtchn_pending_sel >> sel & 1))
			continue;
		bits = s->shared.evtchn_pending[sel] & ~s->shared.evtchn_mask[sel];
		if (bits) {
			unsigned port = sel * 64 + __builtin_ctzl(bits);

			clear_bit(port, s->shared.evtchn_pending);
			return port;
		}
		s->info[v].evtchn_pending_sel &= ~(1ul << sel);
	}
	return 0;
}

/* As xen/event_channel.h and Linux do it; bounded, for links that were scribbled over. */
static evtchn_port_t take_fifo(unsigned side, unsigned v)
{
	struct side *s = &sides[side];
	struct evtchn_fifo_control_block *c = control(side, v);

	s->info[v].evtchn_upcall_pending = 0;
	for (unsigned tries = 0; tries < 100000; tries++) {
		uint32_t q, head, w;

		if (!c->ready)
			return 0;
		q = __builtin_ctz(c->ready);
		if (q >= EVTCHN_FIFO_MAX_QUEUES)
			return 0;
		head = s->head[v][q] ? s->head[v][q] : c->head[q];
		if (head >= s->words)
			return 0;
		w = *word(side, head);
		*word(side, head) &= ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK);
		s->head[v][q] = w & EVTCHN_FIFO_LINK_MASK;
		if (!s->head[v][q])
			c->ready &= ~(1u << q);
		if ((w >> EVTCHN_FIFO_PENDING & 1) && !(w >> EVTCHN_FIFO_MASKED & 1)) {
			clear_bit(EVTCHN_FIFO_PENDING, word(side, head));
			return head;
		}
	}
	fail_msg("the queue does not end");
	return 0;
}

static evtchn_port_t take(unsigned side, unsigned v)
{
	return sides[side].fifo ? take_fifo(side, v) : take_2l(&sides[side], v);
}

static unsigned drain(unsigned side)
{
	unsigned n = 0;

	for (unsigned v = 0; v < VCPUS; v++)
		while (take(side, v))
			n++;
	return n;
}

static int setup(void **state)
{
	static const struct xen_domctl_createdomain config = {
		.max_evtchn_port = 20000, .max_grant_frames = -1, .max_maptrack_frames = -1, .grant_opts = 2,
	};

	memset(sides, 0, sizeof(sides));
	memset(host_ram, 0, sizeof(host_ram));
	memset(host_frames, 0, sizeof(host_frames));
	evtchn_init();
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &sides[i];

		s->d.id = i;
		s->d.state = DOM_ALIVE;
		s->d.max_vcpus = VCPUS;
		s->d.vcpu = s->vp;
		s->d.shared = &s->shared;
		s->d.is_control = i == 0;
		for (unsigned p = 0; p < PAGES; p++)
			host_frames[1 + i * PAGES + p].count = (uint64_t)i << FRAME_OWNER_SHIFT | FRAME_ALLOCATED | 1;
		assert_int_equal(notify->domain_create(&s->d, &config), 0);
		for (unsigned v = 0; v < VCPUS; v++) {
			s->vp[v] = &s->v[v];
			s->v[v].id = v;
			s->v[v].domain = &s->d;
			s->v[v].info = &s->info[v];
			assert_int_equal(notify->vcpu_create(&s->v[v]), 0);
		}
	}
	dom0 = &sides[0].d;
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		sides[i].d.state = DOM_DYING;
		while (notify->domain_dying(&sides[i].d))
			;
		assert_int_equal(sides[i].d.evtchn->active, 0);
		for (unsigned v = 0; v < VCPUS; v++)
			notify->vcpu_free(&sides[i].v[v]);
		notify->domain_free(&sides[i].d);
	}
	for (unsigned f = 1; f < FRAMES; f++) {
		assert_int_equal(frame_refs(&host_frames[f]), 1);
		assert_int_equal(host_frames[f].type, 0);
	}
	return 0;
}

/* --- cases --- */

static void errors(void **state)
{
	struct evtchn_bind_virq virq = { .virq = NR_VIRQS };
	struct evtchn_bind_ipi ipi = { .vcpu = VCPUS };
	struct evtchn_alloc_unbound u = { .dom = 7 };
	struct evtchn_status st = { .dom = DOMID_SELF, .port = 100000 };
	struct evtchn_close cl = { .port = 0 };
	struct evtchn_expand_array ea = { .array_gfn = 1 };
	struct evtchn_reset reset = { .dom = 1 };

	become(1);
	assert_int_equal(op(99, &virq), -ENOSYS);
	assert_int_equal(op(EVTCHNOP_send, NULL), -EFAULT);
	assert_int_equal(op(EVTCHNOP_bind_virq, &virq), -EINVAL);
	virq = (struct evtchn_bind_virq){ .virq = VIRQ_CONSOLE, .vcpu = 1 };
	assert_int_equal(op(EVTCHNOP_bind_virq, &virq), -EINVAL);
	virq = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 9 };
	assert_int_equal(op(EVTCHNOP_bind_virq, &virq), -ENOENT);
	virq.vcpu = 1;
	assert_int_equal(op(EVTCHNOP_bind_virq, &virq), 0);
	assert_int_equal(op(EVTCHNOP_bind_virq, &virq), -EEXIST);
	assert_int_equal(op(EVTCHNOP_bind_ipi, &ipi), -ENOENT);
	assert_int_equal(op(EVTCHNOP_alloc_unbound, &u), -ESRCH);
	u.dom = 0;
	assert_int_equal(op(EVTCHNOP_alloc_unbound, &u), -EPERM);
	assert_int_equal(op(EVTCHNOP_status, &st), -EINVAL);
	st.port = 0;
	assert_int_equal(op(EVTCHNOP_status, &st), 0);
	assert_int_equal(st.status, EVTCHNSTAT_closed);
	assert_int_equal(op(EVTCHNOP_close, &cl), -EINVAL);
	assert_int_equal(op(EVTCHNOP_expand_array, &ea), -EOPNOTSUPP);
	assert_int_equal(send(1, 63), -EINVAL);
	become(0);
	assert_int_equal(op(EVTCHNOP_reset, &reset), -EINVAL);	/* it runs */
}

static void both_ways(void **state)
{
	evtchn_port_t p1 = connect(0, 1), p0;
	struct evtchn_status st = { .dom = DOMID_SELF, .port = p1 };
	struct evtchn_close cl = { .port = p1 };

	become(1);
	assert_int_equal(op(EVTCHNOP_status, &st), 0);
	assert_int_equal(st.status, EVTCHNSTAT_interdomain);
	p0 = st.u.interdomain.port;
	assert_int_equal(take(1, 0), p1);	/* binding tells the binder to look */
	assert_int_equal(take(1, 0), 0);
	assert_int_equal(send(0, p0), 0);
	assert_int_equal(sides[1].info[0].evtchn_upcall_pending, 1);
	assert_int_equal(take(1, 0), p1);
	assert_int_equal(take(1, 0), 0);
	assert_int_equal(send(1, p1), 0);
	assert_int_equal(take(0, 0), p0);
	become(1);
	assert_int_equal(op(EVTCHNOP_close, &cl), 0);
	st = (struct evtchn_status){ .dom = DOMID_SELF, .port = p0 };
	become(0);
	assert_int_equal(op(EVTCHNOP_status, &st), 0);
	assert_int_equal(st.status, EVTCHNSTAT_unbound);
	assert_int_equal(st.u.unbound.dom, 1);
	assert_int_equal(send(0, p0), 0);	/* nobody hears it */
	assert_int_equal(drain(1), 0);
}

static void loopback(void **state)
{
	evtchn_port_t b = connect(1, 1), a;
	struct evtchn_status st = { .dom = DOMID_SELF, .port = b };

	assert_int_equal(op(EVTCHNOP_status, &st), 0);
	a = st.u.interdomain.port;
	drain(1);
	assert_int_equal(send(1, a), 0);
	assert_int_equal(take(1, 0), b);
	assert_int_equal(send(1, b), 0);
	assert_int_equal(take(1, 0), a);
}

static void virqs(void **state)
{
	struct evtchn_bind_virq t = { .virq = VIRQ_TIMER, .vcpu = 2 }, g = { .virq = VIRQ_DOM_EXC };
	struct evtchn_bind_vcpu bv;

	become(0);
	assert_int_equal(op(EVTCHNOP_bind_virq, &t), 0);
	assert_int_equal(op(EVTCHNOP_bind_virq, &g), 0);
	virq_vcpu(&sides[0].v[1], VIRQ_TIMER);
	assert_int_equal(drain(0), 0);
	virq_vcpu(&sides[0].v[2], VIRQ_TIMER);
	assert_int_equal(take(0, 2), t.port);
	bv = (struct evtchn_bind_vcpu){ .port = t.port, .vcpu = 1 };
	assert_int_equal(op(EVTCHNOP_bind_vcpu, &bv), -EINVAL);
	bv.port = g.port;
	assert_int_equal(op(EVTCHNOP_bind_vcpu, &bv), 0);
	virq_global(&sides[0].d, VIRQ_DOM_EXC);
	assert_int_equal(take(0, 1), g.port);
	assert_int_equal(virq_set_handler(&sides[1].d, VIRQ_TIMER), -EINVAL);
	assert_int_equal(virq_set_handler(&sides[1].d, VIRQ_DOM_EXC), 0);
	virq_global(&sides[0].d, VIRQ_DOM_EXC);	/* the new handler has not bound it */
	assert_int_equal(drain(0) + drain(1), 0);
}

static void limits(void **state)
{
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	struct evtchn_reset reset = { .dom = DOMID_SELF };
	unsigned n = 0;

	become(1);
	while (!op(EVTCHNOP_bind_ipi, &ipi))
		assert_int_equal(ipi.port, ++n);
	assert_int_equal(n, 4095);
	make_fifo(1, 3);
	become(1);
	while (op(EVTCHNOP_bind_ipi, &ipi) == 0)
		n++;
	assert_int_equal(n, 20000);
	assert_int_equal(send(1, 4000), 0);	/* beyond the array as yet */
	assert_int_equal(drain(1), 0);
	struct evtchn_expand_array e = { .array_gfn = 1 + PAGES + 4 };
	assert_int_equal(op(EVTCHNOP_expand_array, &e), 0);
	sides[1].words = 4 * PAGE_SIZE / 4;
	assert_int_equal(take(1, 0), 4000);
	assert_int_equal(op(EVTCHNOP_reset, &reset), 0);
	assert_int_equal(sides[1].d.evtchn->active, 0);
	assert_null(sides[1].d.evtchn->fifo);
	sides[1].fifo = false;
}

static void priorities(void **state)
{
	evtchn_port_t port[16];

	make_fifo(1, 1);
	for (unsigned i = 0; i < 16; i++) {
		struct evtchn_bind_ipi ipi = { .vcpu = 1 };
		struct evtchn_set_priority sp;

		assert_int_equal(op(EVTCHNOP_bind_ipi, &ipi), 0);
		port[i] = ipi.port;
		sp = (struct evtchn_set_priority){ .port = ipi.port, .priority = 15 - i };
		assert_int_equal(op(EVTCHNOP_set_priority, &sp), 0);
		sp.priority = 16;
		assert_int_equal(op(EVTCHNOP_set_priority, &sp), -EINVAL);
	}
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(send(1, port[i]), 0);
	for (unsigned i = 16; i-- > 0;)
		assert_int_equal(take(1, 1), port[i]);
	assert_int_equal(drain(1), 0);
}

/* Random sends, masks and moves: after all is unmasked, whatever was sent since it was last taken arrives, once. */
static void nothing_lost(bool fifo)
{
	enum { N = 40 };
	evtchn_port_t port[N];
	bool owed[1 + 64] = { false };

	if (fifo)
		make_fifo(1, 1);
	for (unsigned i = 0; i < N; i++) {
		struct evtchn_bind_ipi ipi = { .vcpu = rand() % VCPUS };

		become(1);
		assert_int_equal(op(EVTCHNOP_bind_ipi, &ipi), 0);
		port[i] = ipi.port;
		assert_in_range(ipi.port, 1, 64);
	}
	for (unsigned step = 0; step < 20000; step++) {
		evtchn_port_t p = port[rand() % N], got;
		struct evtchn_unmask um = { .port = p };
		struct evtchn_set_priority sp = { .port = p, .priority = rand() % 16 };

		switch (rand() % 6) {
		case 0:
		case 1:
			assert_int_equal(send(1, p), 0);
			owed[p] = true;
			break;
		case 2:
			fifo ? set_bit(EVTCHN_FIFO_MASKED, word(1, p)) : set_bit(p, sides[1].shared.evtchn_mask);
			break;
		case 3:
			become(1);
			assert_int_equal(op(EVTCHNOP_unmask, &um), 0);
			break;
		case 4:
			got = take(1, rand() % VCPUS);
			assert_true(!got || owed[got]);
			owed[got] = false;
			break;
		case 5:
			become(1);
			assert_int_equal(op(EVTCHNOP_set_priority, &sp), fifo ? 0 : -ENOSYS);
			break;
		}
	}
	for (unsigned i = 0; i < N; i++) {
		struct evtchn_unmask um = { .port = port[i] };

		assert_int_equal(op(EVTCHNOP_unmask, &um), 0);
	}
	for (unsigned v = 0; v < VCPUS; v++)
		for (evtchn_port_t got; (got = take(1, v)) != 0; owed[got] = false)
			assert_true(owed[got]);
	for (unsigned p = 1; p <= 64; p++)
		assert_false(owed[p]);
}

static void nothing_lost_2l(void **state) { nothing_lost(false); }
static void nothing_lost_fifo(void **state) { nothing_lost(true); }

/* Both ends of every interdomain channel agree; the count of used ports is right. */
static void check_ends(void)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned active = 0;
		struct evtchn *c;

		for (uint32_t p = 1; (c = evtchn_get(&sides[i].d, p)) != NULL; p++) {
			active += c->state != ECS_FREE;
			if (c->state == ECS_INTERDOMAIN) {
				assert_ptr_equal(c->remote->remote, c);
				assert_int_equal(c->remote->state, ECS_INTERDOMAIN);
			} else {
				assert_null(c->remote);
			}
		}
		assert_int_equal(active, sides[i].d.evtchn->active);
	}
}

static void wild(unsigned side)
{
	become(side);
	uint32_t p = rand() % 70;
	struct evtchn_alloc_unbound u = { .dom = rand() % 3 ? DOMID_SELF : (domid_t)(rand() % 2), .remote_dom = rand() % 2 };
	struct evtchn_bind_interdomain b = { .remote_dom = rand() % 2, .remote_port = p };
	struct evtchn_close cl = { .port = p };
	struct evtchn_bind_vcpu bv = { .port = p, .vcpu = rand() % (VCPUS + 1) };
	struct evtchn_unmask um = { .port = p };
	struct evtchn_bind_virq vq = { .virq = rand() % (NR_VIRQS + 1), .vcpu = rand() % VCPUS };
	struct evtchn_reset rs = { .dom = DOMID_SELF };

	switch (rand() % 10) {
	case 0: op(EVTCHNOP_alloc_unbound, &u); break;
	case 1: case 2: op(EVTCHNOP_bind_interdomain, &b); break;
	case 3: op(EVTCHNOP_close, &cl); break;
	case 4: op(EVTCHNOP_bind_vcpu, &bv); break;
	case 5: op(EVTCHNOP_unmask, &um); break;
	case 6: op(EVTCHNOP_bind_virq, &vq); break;
	case 7: send(side, p); break;
	case 8: take(side, rand() % VCPUS); break;
	case 9:
		if (rand() % 200 == 0 && sides[side].fifo) {
			assert_int_equal(op(EVTCHNOP_reset, &rs), 0);
			memset(host_ram[1 + side * PAGES], 0, PAGES * PAGE_SIZE);
			memset(sides[side].head, 0, sizeof(sides[side].head));
			make_fifo(side, 1);
		}
		break;
	}
}

static void anything(void **state)
{
	make_fifo(1, 1);
	for (unsigned step = 0; step < 30000; step++) {
		wild(rand() % 2);
		/* The guest scribbles: words, heads, ready bits, its shared page. */
		if (rand() % 3 == 0)
			*word(1, rand() % 128) = rand() * 2u;
		if (rand() % 50 == 0)
			control(1, rand() % VCPUS)->ready = rand();
		if (rand() % 50 == 0)
			sides[0].shared.evtchn_mask[rand() % 64] = rand();
		if (step % 64 == 0)
			check_ends();
	}
}

/* Senders on several CPUs at once, one consumer, ports that change priority and mask: the last send of each is seen. */
enum { RACE_PORTS = 24, RACE_SENDERS = 3, RACE_SENDS = 40000 };
static struct { evtchn_port_t port; unsigned sent, seen; } race[RACE_PORTS];
static bool race_over;

static void *race_sender(void *arg)
{
	unsigned seed = (uintptr_t)arg;

	for (unsigned i = 0; i < RACE_SENDS; i++) {
		unsigned n = rand_r(&seed) % RACE_PORTS;
		struct evtchn *c = evtchn_get(&sides[1].d, race[n].port);

		__atomic_fetch_add(&race[n].sent, 1, __ATOMIC_SEQ_CST);
		evtchn_set_pending(c);
		switch (rand_r(&seed) % 8) {
		case 0:
			evtchn_fifo_ops.set_priority(&sides[1].d, c, rand_r(&seed) % 16);
			break;
		case 1:
			WRITE_ONCE(c->notify_vcpu, rand_r(&seed) % VCPUS);
			break;
		case 2:
			set_bit(EVTCHN_FIFO_MASKED, word(1, race[n].port));
			evtchn_unmask_port(&sides[1].d, race[n].port);
			break;
		}
	}
	return NULL;
}

/* As Linux does it (drivers/xen/events/events_fifo.c reads the words by cmpxchg and takes 'ready' whole). */
static unsigned race_consume(unsigned v)
{
	struct evtchn_fifo_control_block *c = control(1, v);
	uint32_t ready = xchg(&c->ready, 0);
	unsigned taken = 0;

	for (; ready; ready |= xchg(&c->ready, 0)) {
		unsigned q = __builtin_ctz(ready), n;
		uint32_t head = sides[1].head[v][q], *w, old;

		if (!head)
			head = READ_ONCE(c->head[q]);
		w = word(1, head);
		do {
			old = READ_ONCE(*w);
		} while (cmpxchg(w, old, old & ~(1u << EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK_MASK)) != old);
		sides[1].head[v][q] = old & EVTCHN_FIFO_LINK_MASK;
		if (!sides[1].head[v][q])
			ready &= ~(1u << q);
		if (!test_bit(EVTCHN_FIFO_PENDING, w) || test_bit(EVTCHN_FIFO_MASKED, w))
			continue;
		clear_bit(EVTCHN_FIFO_PENDING, w);
		taken++;
		for (n = 0; race[n].port != head; n++)
			assert_in_range(n, 0, RACE_PORTS - 2);
		race[n].seen = __atomic_load_n(&race[n].sent, __ATOMIC_SEQ_CST);
	}
	return taken;
}

static void *race_consumer(void *arg)
{
	while (!__atomic_load_n(&race_over, __ATOMIC_SEQ_CST))
		for (unsigned v = 0; v < VCPUS; v++)
			race_consume(v);
	return NULL;
}

static void many_senders(void **state)
{
	pthread_t sender[RACE_SENDERS], consumer;

	make_fifo(1, 1);
	for (unsigned i = 0; i < RACE_PORTS; i++) {
		struct evtchn_bind_ipi ipi = { .vcpu = 0 };

		assert_int_equal(op(EVTCHNOP_bind_ipi, &ipi), 0);
		race[i].port = ipi.port;
	}
	pthread_create(&consumer, NULL, race_consumer, NULL);
	for (unsigned i = 0; i < RACE_SENDERS; i++)
		pthread_create(&sender[i], NULL, race_sender, (void *)(uintptr_t)(i + 1));
	for (unsigned i = 0; i < RACE_SENDERS; i++)
		pthread_join(sender[i], NULL);
	race_over = true;
	pthread_join(consumer, NULL);
	for (unsigned v = 0; v < VCPUS; v++)
		race_consume(v);
	for (unsigned i = 0; i < RACE_PORTS; i++) {
		assert_int_equal(race[i].seen, race[i].sent);
		assert_false(test_bit(EVTCHN_FIFO_LINKED, word(1, race[i].port)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(errors, setup, teardown),
		cmocka_unit_test_setup_teardown(both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(loopback, setup, teardown),
		cmocka_unit_test_setup_teardown(virqs, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(priorities, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_lost_2l, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing_lost_fifo, setup, teardown),
		cmocka_unit_test_setup_teardown(anything, setup, teardown),
		cmocka_unit_test_setup_teardown(many_senders, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
