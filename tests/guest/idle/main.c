/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that sleeps, and does what control/shutdown says, suspend too: for tests of the tools that need many, or one often.
 * No suite; tests/system builds it.
 */
#include "guest.h"
#include <xen/io/xs_wire.h>

#define NODE "control/shutdown"

extern char shared_page[PAGE_SIZE];
static struct xenstore_domain_interface *ring;
static u64 lists[PAGE_SIZE / 8] __attribute__((aligned(4096)));	/* where the list of frames is */
static u64 lists_of_lists[PAGE_SIZE / 8] __attribute__((aligned(4096)));
static bool told;	/* the node may have changed */

/* For whoever saves this domain. */
static void show_frames(void)
{
	for (u64 i = 0; i * 512 < start_info->nr_pages && i < 512; i++)
		lists[i] = mfn_of((char *)start_info->mfn_list + i * PAGE_SIZE);
	lists_of_lists[0] = mfn_of(lists);
	shared->arch.max_pfn = start_info->nr_pages;
	shared->arch.pfn_to_mfn_frame_list_list = mfn_of(lists_of_lists);
}

/* --- the store: one request at a time --- */

static void notify(void)
{
	struct evtchn_send send = { .port = start_info->store_evtchn };

	evtchn_op(EVTCHNOP_send, &send);
}

/* Sleeps until the store's event, unless it has come since the port was cleared. */
static void wait_event(void)
{
	evtchn_port_t port = start_info->store_evtchn;
	struct sched_poll poll = { .nr_ports = 1 };

	set_xen_guest_handle(poll.ports, &port);
	sched_op(SCHEDOP_poll, &poll);
}

static void put(const void *data, u32 n)
{
	for (const char *p = data; n; n--) {
		port_clear(start_info->store_evtchn);
		while (ring->req_prod - READ_ONCE(ring->req_cons) == XENSTORE_RING_SIZE)
			wait_event();
		ring->req[MASK_XENSTORE_IDX(ring->req_prod)] = *p++;
		barrier();
		ring->req_prod++;
	}
}

static void get(void *data, u32 n)
{
	for (char *p = data; n; n--) {
		for (;;) {
			port_clear(start_info->store_evtchn);
			if (READ_ONCE(ring->rsp_prod) != ring->rsp_cons)
				break;
			wait_event();
		}
		*p++ = ring->rsp[MASK_XENSTORE_IDX(ring->rsp_cons)];
		barrier();
		ring->rsp_cons++;
	}
}

/* A message's type; its body with a zero after it. */
static u32 receive(char *body, u32 size)
{
	struct xsd_sockmsg m;
	char byte;

	get(&m, sizeof(m));
	for (u32 i = 0; i < m.len; i++) {
		get(&byte, 1);
		if (i < size - 1)
			body[i] = byte;
	}
	body[m.len < size ? m.len : size - 1] = 0;
	notify();
	if (m.type == XS_WATCH_EVENT)
		told = true;
	return m.type;
}

static void ask(u32 type, const char *words, u32 n, char *body, u32 size)
{
	struct xsd_sockmsg m = { .type = type, .len = n };

	put(&m, sizeof(m));
	put(words, n);
	notify();
	while (receive(body, size) == XS_WATCH_EVENT)
		;
}

static void watch(void)
{
	char body[64];

	/* After a save that was not to be it is there already. */
	ask(XS_WATCH, NODE "\0t", sizeof(NODE) + 2, body, sizeof(body));
	told = true;
}

/* --- what is asked --- */

static void suspend(void)
{
	struct sched_shutdown s = { .reason = SHUTDOWN_suspend };
	u64 store = start_info->store_mfn, console = start_info->console.domU.mfn;

	start_info->store_mfn = machine_to_phys_mapping[store];
	start_info->console.domU.mfn = machine_to_phys_mapping[console];
	/* No entry may name a frame that is not this domain's. */
	map_page(shared_page, mfn_of(shared_page) << PAGE_SHIFT | PTE_RW);
	if (HCALL3(__HYPERVISOR_sched_op, SCHEDOP_shutdown, &s, mfn_of(start_info))) {
		start_info->store_mfn = store;
		start_info->console.domU.mfn = console;
	}
	map_page(shared_page, start_info->shared_info | PTE_RW);
	show_frames();
	watch();
}

static void obey(void)
{
	static const struct { const char *word; unsigned reason; } words[] = {
		{ "poweroff", SHUTDOWN_poweroff }, { "reboot", SHUTDOWN_reboot }, { "suspend", SHUTDOWN_suspend },
	};
	char asked[64], answer[64];

	told = false;
	ask(XS_READ, NODE, sizeof(NODE), asked, sizeof(asked));
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		struct sched_shutdown s = { .reason = words[i].reason };

		if (strcmp(asked, words[i].word))
			continue;
		ask(XS_WRITE, NODE, sizeof(NODE), answer, sizeof(answer));
		if (s.reason == SHUTDOWN_suspend)
			suspend();
		else
			sched_op(SCHEDOP_shutdown, &s);
	}
}

CASE(idle, "sleeps for ever")
{
	char body[64];

	ring = va_of_mfn(start_info->store_mfn);
	show_frames();
	watch();
	say("idle: ready");
	for (;;) {
		if (told)
			obey();
		else
			receive(body, sizeof(body));
	}
}
