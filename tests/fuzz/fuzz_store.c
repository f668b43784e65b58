// SPDX-License-Identifier: GPL-2.0-or-later
// sources: daemons/stored/journal.c daemons/stored/node.c daemons/stored/record.c daemons/stored/request.c
// sources: daemons/stored/request_domain.c daemons/stored/request_tree.c daemons/stored/ring.c daemons/stored/server_conn.c
// sources: daemons/stored/server_io.c daemons/stored/slots.c daemons/stored/snapshot.c daemons/stored/store.c daemons/stored/tx.c
// sources: daemons/stored/watch.c libs/skel/mem.c host_daemon.h
/*
 * The store's daemon between a client on a socket and two guests on rings, all of whom send any bytes, write any index, end their
 * connection or die; and it is killed and started again. What comes back is whole messages, the counts hold, and the state that a
 * restart finds is the state that was left, to the byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "stored/record.h"
#include "stored/ring.h"
#include "stored/server.h"
#include "stored/snapshot.h"
#include "skel/log.h"
#include "skel/skel.h"

#define GUESTS 2
#define SOURCES 64
#define DEATH_PORT 99

static struct server server;
static int folder = -1;
static bool restarting;

/* The world: guests 1 and 2, dom0 as 0. */
static struct guest {
	struct xenstore_domain_interface page;
	bool alive, shutdown, event;
} guests[GUESTS + 1];
static bool death_event;

/* Clients of the socket: our end, and how far into a message what came is. */
static struct peer {
	int fd;
	uint32_t in_head, want;
	struct xsd_sockmsg head;
} peers[4];

static struct kept {
	char name[32];
	int fd;
} kept[64];

int log_level;
void log_line(int priority, const char *format, ...) { (void)priority, (void)format; }

/* Skeleton: whoever starts the daemon. */

void skel_keep_fd(const char *name, int fd)
{
	/* A holder that was dismissed hangs up. */
	if (!strncmp(name, "holder.", 7))
		skel_forget_fd(name);
	for (unsigned i = 0; i < 64; i++)
		if (kept[i].fd < 0) {
			snprintf(kept[i].name, sizeof(kept[i].name), "%s", name);
			kept[i].fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
			return;
		}
}

void skel_forget_fd(const char *name)
{
	for (unsigned i = 0; i < 64; i++)
		if (kept[i].fd >= 0 && !strcmp(kept[i].name, name)) {
			close(kept[i].fd);
			kept[i].fd = -1;
		}
}

/* The holder: what it would have after a kill. */

static struct {
	uint32_t index, generation;
	int fd;
} held[64];
static unsigned helds;

int holder_start(struct holder *h, const struct slots *slots)
{
	*h = (struct holder){ .slots = slots, .ask = fcntl(folder, F_DUPFD_CLOEXEC, 3), .pid = 1 };
	return 0;
}

int holder_watch(struct holder *h, struct loop *loop) { (void)h, (void)loop; return 0; }
void holder_stop(struct holder *h) { (void)h; }

void holder_ask(int ask, void (*take)(void *, uint32_t, uint32_t, int), void *data)
{
	(void)ask;
	for (unsigned i = 0; i < helds; i++)
		take(data, held[i].index, held[i].generation, fcntl(held[i].fd, F_DUPFD_CLOEXEC, 3));
}

void holder_dismiss(int ask)
{
	(void)ask;
	while (helds)
		close(held[--helds].fd);
}

static void hold(const struct slots *slots)
{
	holder_dismiss(-1);
	for (unsigned i = 0; i < MAX_CONNS && helds < 64; i++)
		if (slots->fds[i]) {
			held[helds].index = i;
			held[helds].generation = slots_generation(slots, i);
			held[helds].fd = fcntl(slots->fds[i] - 1, F_DUPFD_CLOEXEC, 3);
			CHECK(held[helds++].fd >= 0);
		}
}

static struct {
	struct loop_source *source;
	uint32_t events;
} sources[SOURCES];

int loop_add(struct loop *l, struct loop_source *s, uint32_t events)
{
	(void)l;
	for (unsigned i = 0; i < SOURCES; i++)
		if (!sources[i].source) {
			sources[i].source = s;
			sources[i].events = events;
			return 0;
		}
	return -ENOSPC;
}

int loop_change(struct loop *l, struct loop_source *s, uint32_t events)
{
	(void)l;
	for (unsigned i = 0; i < SOURCES; i++)
		if (sources[i].source == s)
			sources[i].events = events;
	return 0;
}

void loop_remove(struct loop *l, struct loop_source *s)
{
	(void)l;
	for (unsigned i = 0; i < SOURCES; i++)
		if (sources[i].source == s)
			sources[i].source = NULL;
}

/* Calls what is ready; when it would wait, the loop ends. */
int loop_once(struct loop *l, bool wait)
{
	bool any = false;

	for (unsigned i = 0; i < SOURCES; i++) {
		struct loop_source *s = sources[i].source;
		struct pollfd p = { .fd = s ? s->fd : -1, .events = sources[i].events };
		bool events = s && s->fd == -2 && (death_event || guests[0].event || guests[1].event || guests[2].event);

		/* Clients age when the input says so. */
		if (!s || s == &server.ages || (!events && poll(&p, 1, 0) <= 0))
			continue;
		any = true;
		s->ready(s, events ? POLLIN : p.revents);
	}
	if (wait && !any)
		l->stop = true;
	return 0;
}

/* Xen. */

bool xen_is_open(void) { return true; }
int shared_event_fd(void) { return -2; }
void shared_unmask(int port) { (void)port; }
int xen_death_port(void) { return DEATH_PORT; }
void shared_notify(const struct shared_page *ring) { (void)ring; }

int xen_attach(struct shared_page *ring, struct shared_page *old, uint16_t domid, uint64_t gfn, uint32_t port)
{
	if (domid < 1 || domid > GUESTS || !guests[domid].alive || gfn == 7)
		return -ENOENT;
	(void)port;
	/* As with a channel that is given up. */
	if (old)
		old->port = -1;
	*ring = (struct shared_page){ &guests[domid].page, domid, 1 };
	return 0;
}

int xen_attach_dom0(struct shared_page *ring, uint32_t *port)
{
	*ring = (struct shared_page){ &guests[0].page, 0, 1 };
	*port = 1;
	return 0;
}

void shared_detach(struct shared_page *ring)
{
	ring->page = NULL;
	ring->port = -1;
}

int shared_next_event(void)
{
	for (int i = 0; i <= GUESTS; i++)
		if (guests[i].event) {
			guests[i].event = false;
			return i;
		}
	if (!death_event)
		return -1;
	death_event = false;
	return DEATH_PORT;
}

enum xen_life xen_life(uint16_t domid)
{
	if (domid > GUESTS || !guests[domid].alive)
		return XEN_GONE;
	return guests[domid].shutdown ? XEN_SHUTDOWN : XEN_LIVES;
}

/* The daemon's life. */

static void start(void)
{
	CHECK(server_init(&server, folder) == 0);
	for (unsigned i = 0; i < 64; i++) {
		struct pollfd p = { .fd = kept[i].fd };

		if (kept[i].fd >= 0 && poll(&p, 1, 0) > 0) {
			close(kept[i].fd);
			kept[i].fd = -1;
		}
	}
	if (restarting)
		for (unsigned i = 0; i < 64; i++)
			if (kept[i].fd >= 0) {
				int fd = fcntl(kept[i].fd, F_DUPFD_CLOEXEC, 3);
				char name[32];

				memcpy(name, kept[i].name, sizeof(name));
				server_take_fd(&server, name, fd);
			}
	server_attach(&server);
	restarting = true;
}

static void serve(void)
{
	server.loop.stop = false;
	server_run(&server);
	CHECK(!*store_check(&server.store));
}

/* What a kill does: all that the process had is gone, and nothing is told to anyone. */
static void die(void)
{
	hold(&server.slots);
	close(server.holder.ask);
	close(server.ages.fd);
	for (unsigned i = 0; i < MAX_CONNS; i++) {
		struct client *cl = server.store.conns[i] ? server.store.conns[i]->port : NULL;

		if (cl && cl->source.fd >= 0)
			close(cl->source.fd);
		free(cl);
	}
	server.store.on_gone = NULL;
	store_free(&server.store);
	free(server.by_port);
	journal_close(&server.journal);
	slots_unmap(&server.slots);
	close(server.slots.fd);
	memset(sources, 0, sizeof(sources));
}

/* What the streams still hold of what has gone out is no part of the comparison. */
static void *state(struct store *s, size_t *size)
{
	for (unsigned i = 0; i < MAX_CONNS; i++)
		if (s->conns[i])
			conn_sent(s->conns[i], slot_out(slots_get(&server.slots, i)));
	return snapshot_write(s, size);
}

static void compare(void)
{
	struct journal journal;
	static struct store copy;
	size_t a_size, b_size;
	void *a = state(&server.store, &a_size), *b;

	CHECK(journal_load(&journal, folder, &copy, server.journal.instance) == 1);
	b = state(&copy, &b_size);
	CHECK(a_size == b_size && !memcmp(a, b, a_size));
	journal_close(&journal);
	store_free(&copy);
	free(a);
	free(b);
}

/* Clients. */

/* Every message that comes is one that may come. */
static void check_bytes(struct peer *p, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p->want) {
			p->want--;
			continue;
		}
		((uint8_t *)&p->head)[p->in_head++] = bytes[i];
		if (p->in_head < sizeof(p->head))
			continue;
		CHECK(p->head.len <= XENSTORE_PAYLOAD_MAX && p->head.type < XS_TYPE_COUNT);
		p->want = p->head.len;
		p->in_head = 0;
	}
}

static void drain(struct peer *p)
{
	uint8_t bytes[4096];
	ssize_t n;

	while (p->fd >= 0 && (n = recv(p->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		check_bytes(p, bytes, n);
}

static void come(struct peer *p)
{
	int pair[2];

	if (p->fd >= 0)
		close(p->fd);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	*p = (struct peer){ .fd = pair[0] };
	server_add_socket(&server, pair[1]);
}

static void ring_put(struct guest *g, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n && g->page.req_prod - g->page.req_cons < XENSTORE_RING_SIZE; i++)
		g->page.req[MASK_XENSTORE_IDX(g->page.req_prod++)] = bytes[i];
	g->event = true;
}

static void to(unsigned whom, const uint8_t *bytes, size_t n)
{
	if (whom < 4 && peers[whom].fd >= 0)
		n = send(peers[whom].fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	else if (whom >= 4)
		ring_put(&guests[whom - 4], bytes, n);
}

static size_t raw(struct input *in, uint8_t *out, size_t max)
{
	size_t n = take(in, 1) * (take(in, 1) % 16 + 1);

	n = n < in->left ? n : in->left;
	n = n < max ? n : max;
	memcpy(out, in->p, n);
	in->p += n;
	in->left -= n;
	return n;
}

/* Words that requests are made of: paths that meet, and numbers. */
static size_t word(struct input *in, char *out)
{
	static const char *const words[] = { "/", "/a", "/a/b", "/a/b/c", "x", "x/y", "/local/domain/1", "/local/domain/2/x", "@releaseDomain",
		"@introduceDomain", "token", "0", "1", "2", "7", "n0", "b1", "r2", "T", "F", "check", "quota", "set", "nodes", "", "/a//b" };
	const char *w = words[pick(in, sizeof(words) / sizeof(words[0]))];

	strcpy(out, w);
	return strlen(w) + 1;
}

static size_t request(struct input *in, uint8_t *out)
{
	struct xsd_sockmsg head = { pick(in, XS_TYPE_COUNT + 1), take(in, 1), pick(in, 4), 0 };
	char *body = (char *)out + sizeof(head);

	for (unsigned n = pick(in, 5); n; n--)
		head.len += word(in, body + head.len);
	memcpy(out, &head, sizeof(head));
	return sizeof(head) + head.len;
}

static void hostile_index(struct input *in)
{
	struct guest *g = &guests[1 + pick(in, GUESTS)];
	uint32_t *words[] = { &g->page.req_cons, &g->page.req_prod, &g->page.rsp_cons, &g->page.rsp_prod, &g->page.connection, &g->page.error };
	uint32_t *w = words[pick(in, 6)];

	*w = take(in, 1) & 1 ? take(in, 1) : take(in, 4);
	g->event = true;
}

static void step(struct input *in)
{
	uint8_t bytes[8192];
	unsigned whom = pick(in, 4 + GUESTS + 1);

	if (whom < 4 && peers[whom].fd < 0)
		come(&peers[whom]);
	/* Mostly whole requests: after bytes of no sense a connection is of no use. */
	switch (pick(in, 32)) {
	case 0:
		return to(whom, bytes, raw(in, bytes, 6000));
	case 1:
		return hostile_index(in);
	case 2:
		return come(&peers[whom % 4]);
	case 3:
		if (whom < 4)
			drain(&peers[whom]);
		else
			guests[whom - 4].page.rsp_cons = guests[whom - 4].page.rsp_prod, guests[whom - 4].event = true;
		return;
	case 4:
		serve();
		die();
		return start();
	case 5:
		guests[1 + whom % GUESTS].alive ^= 1;
		death_event = true;
		return;
	case 6:
		guests[1 + whom % GUESTS].shutdown ^= 1;
		death_event = true;
		return;
	case 7:
		return serve();
	case 8:
		return server.ages.ready(&server.ages, 0);
	default:
		return to(whom, bytes, request(in, bytes));
	}
}

static void introduce(unsigned domid)
{
	char bytes[64];
	struct xsd_sockmsg head = { XS_INTRODUCE, 1, 0, 0 };

	guests[domid].alive = true;
	head.len = sprintf(bytes + sizeof(head), "%u%c1%c2", domid, 0, 0) + 1;
	memcpy(bytes, &head, sizeof(head));
	to(0, (uint8_t *)bytes, sizeof(head) + head.len);
}

static void end(void)
{
	die();
	holder_dismiss(-1);
	for (unsigned i = 0; i < 64; i++)
		if (kept[i].fd >= 0)
			close(kept[i].fd);
	for (unsigned i = 0; i < 4; i++)
		if (peers[i].fd >= 0)
			close(peers[i].fd);
	unlinkat(folder, "journal", 0);
	unlinkat(folder, "journal.new", 0);
	unlinkat(folder, "connections", 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	if (folder < 0) {
		char name[] = "/dev/shm/fuzz-store-XXXXXX";

		CHECK(mkdtemp(name) != NULL);
		folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	memset(guests, 0, sizeof(guests));
	guests[0].alive = true;
	restarting = death_event = false;
	for (unsigned i = 0; i < 64; i++)
		kept[i].fd = -1;
	for (unsigned i = 0; i < 4; i++)
		peers[i].fd = -1;
	start();
	come(&peers[0]);
	introduce(1);
	introduce(2);
	serve();
	while (in.left)
		step(&in);
	serve();
	compare();
	for (unsigned i = 0; i < 4; i++)
		drain(&peers[i]);
	end();
	return 0;
}
