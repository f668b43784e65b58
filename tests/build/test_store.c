// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The store's client against a daemon that the test plays: changes go out as one transaction and again when it must be repeated;
 * events between answers are kept; a daemon that lies or dies is an error, never a crash or a hang.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>
#include <xen/io/xs_wire.h>
#include "store/store.h"

static char path[64];
static int listener;
static struct store *client;

/* What the daemon does: a function that serves one connection. */
static void (*serve)(int);

static void *daemon_thread(void *unused)
{
	int s = accept(listener, NULL, NULL);

	serve(s);
	close(s);
	return NULL;
}

static pthread_t begin(void (*how)(int))
{
	pthread_t t;

	serve = how;
	pthread_create(&t, NULL, daemon_thread, NULL);
	client = store_open();
	assert_non_null(client);
	return t;
}

static void finish(pthread_t t)
{
	store_close(client);
	pthread_join(t, NULL);
}

static int get(int s, struct xsd_sockmsg *head, char *body)
{
	if (recv(s, head, sizeof(*head), MSG_WAITALL) != sizeof(*head) || head->len > XENSTORE_PAYLOAD_MAX)
		return 0;
	if (head->len && recv(s, body, head->len, MSG_WAITALL) != (ssize_t)head->len)
		return 0;
	body[head->len] = 0;
	return 1;
}

static void put(int s, uint32_t type, const struct xsd_sockmsg *to, const void *body, uint32_t size)
{
	struct xsd_sockmsg head = { .type = type, .req_id = to ? to->req_id : 0, .tx_id = to ? to->tx_id : 0, .len = size };

	send(s, &head, sizeof(head), MSG_NOSIGNAL);
	send(s, body, size, MSG_NOSIGNAL);
}

/* The first two transactions fail at their end; what each contained is counted. */
static unsigned begun, ended, written, removed, permitted;
static char last_perms[64];

static void transactions(int s)
{
	char body[XENSTORE_PAYLOAD_MAX + 1], id[16];
	struct xsd_sockmsg m;

	while (get(s, &m, body)) {
		if (m.type == XS_TRANSACTION_START) {
			snprintf(id, sizeof(id), "%u", 7 + begun++);
			put(s, m.type, &m, id, strlen(id) + 1);
			put(s, XS_WATCH_EVENT, NULL, "/a/b\0token", 11);
			continue;
		}
		if (m.tx_id != 6 + begun) {
			put(s, XS_ERROR, &m, "EINVAL", 7);
			continue;
		}
		written += m.type == XS_WRITE;
		removed += m.type == XS_RM;
		if (m.type == XS_SET_PERMS) {
			permitted++;
			memcpy(last_perms, body + strlen(body) + 1, m.len - strlen(body) - 1);
		}
		if (m.type == XS_RM)
			put(s, XS_ERROR, &m, "ENOENT", 7);
		else if (m.type == XS_TRANSACTION_END && !strcmp(body, "T") && ++ended <= 2)
			put(s, XS_ERROR, &m, "EAGAIN", 7);
		else
			put(s, m.type, &m, "OK", 3);
	}
}

static void change(void **state)
{
	pthread_t t = begin(transactions);
	struct store_change *c = store_change();
	char token[64], *event;

	for (unsigned i = 0; i < 1500; i++)	/* more than one piece */
		store_put(c, i == 3 ? "n0,r5,w6" : NULL, "a value that is a little longer than usual", "/some/folder/%u", i);
	store_drop(c, "/not/there");
	assert_int_equal(store_commit(client, c), 0);
	assert_int_equal(begun, 3);
	assert_int_equal(ended, 3);
	assert_int_equal(written, 4500);
	assert_int_equal(removed, 3);
	assert_int_equal(permitted, 3);
	assert_memory_equal(last_perms, "n0\0r5\0w6", 9);
	for (unsigned i = 0; i < 3; i++) {
		event = store_wait(client, 0, token);
		assert_string_equal(event, "/a/b");
		assert_string_equal(token, "token");
		free(event);
	}
	assert_null(store_wait(client, 1, token));
	assert_int_equal(errno, ETIMEDOUT);
	finish(t);
}

static void no_change(void **state)
{
	pthread_t t = begin(transactions);
	static char huge[5000];
	struct store_change *c = store_change();

	assert_int_equal(store_commit(client, c), 0);
	memset(huge, 'x', sizeof(huge) - 1);
	c = store_change();
	store_put(c, NULL, huge, "/a");
	store_put(c, NULL, "", "/b");
	assert_int_equal(store_commit(client, c), -E2BIG);
	assert_int_equal(begun, 3);
	finish(t);
}

/* There is /here and nothing else; how each transaction ended. */
static char ends[8];

static void with_one_node(int s)
{
	char body[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg m;

	while (get(s, &m, body)) {
		if (m.type == XS_TRANSACTION_START)
			put(s, m.type, &m, "7", 2);
		else if (m.tx_id != 7)
			put(s, XS_ERROR, &m, "EINVAL", 7);
		else if (m.type == XS_READ && strcmp(body, "/here"))
			put(s, XS_ERROR, &m, "ENOENT", 7);
		else
			put(s, m.type, &m, "OK", 3);
		if (m.type == XS_TRANSACTION_END)
			strncat(ends, body, 1);
	}
}

static void required(void **state)
{
	static const struct { const char *path; int rc; } tries[] = { { "/here", 0 }, { "/gone", -ENOENT } };
	pthread_t t = begin(with_one_node);

	for (unsigned i = 0; i < 2; i++) {
		struct store_change *c = store_change();

		store_require(c, "%s", tries[i].path);
		store_put(c, NULL, "x", "%s/below", tries[i].path);
		assert_int_equal(store_commit(client, c), tries[i].rc);
	}
	finish(t);
	assert_string_equal(ends, "TF");
}

static void reading(int s)
{
	char body[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg m;

	while (get(s, &m, body)) {
		if (m.type == XS_READ && !strcmp(body, "/a/b"))
			put(s, m.type, &m, "value", 5);
		else if (m.type == XS_DIRECTORY)
			put(s, m.type, &m, "x\0yy\0zzz", 9);
		else
			put(s, XS_ERROR, &m, "EACCES", 7);
	}
}

static void reads(void **state)
{
	pthread_t t = begin(reading);
	char *value = store_read_at(client, "/a", "b"), *list;
	unsigned n;

	assert_string_equal(value, "value");
	free(value);
	assert_null(store_read(client, "/other"));
	assert_int_equal(errno, EACCES);
	list = store_list(client, "/", &n);
	assert_int_equal(n, 3);
	assert_memory_equal(list, "x\0yy\0zzz", 9);
	free(list);
	finish(t);
}

/* One lie each: too long, of another request, cut short, an unknown error, an event without a token. */
static unsigned lie;

static void lying(int s)
{
	char body[XENSTORE_PAYLOAD_MAX + 1];
	struct xsd_sockmsg m, h;

	if (!get(s, &m, body))
		return;
	h = m;
	switch (lie) {
	case 0:
		h.len = UINT32_MAX;
		send(s, &h, sizeof(h), MSG_NOSIGNAL);
		break;
	case 1:
		h.req_id += 5;
		put(s, m.type, &h, "value", 5);
		break;
	case 2:
		h.len = 100;
		send(s, &h, sizeof(h) - 3, MSG_NOSIGNAL);
		break;
	case 3:
		put(s, XS_ERROR, &m, "EWHAT", 6);
		break;
	case 4:
		put(s, XS_WATCH_EVENT, NULL, "/only/a/path", 12);
		break;
	case 5:
		put(s, XS_WATCH_EVENT, NULL, "", 0);
		break;
	default:
		break;
	}
	shutdown(s, SHUT_WR);
	while (get(s, &m, body))
		;
}

static void lies(void **state)
{
	static const int wanted[] = { EPROTO, EPROTO, EPIPE, EIO, EPROTO, EPROTO, EPIPE };
	pthread_t t;

	for (lie = 0; lie < sizeof(wanted) / sizeof(wanted[0]); lie++) {
		t = begin(lying);
		assert_null(store_read(client, "/a"));
		assert_int_equal(errno, wanted[lie]);
		finish(t);
	}
}

static int start(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(path, sizeof(path), "/tmp/anel-test-store-%d", getpid());
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	setenv("XENSTORED_PATH", path, 1);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 5);
}

static int end(void **state)
{
	close(listener);
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(change), cmocka_unit_test(no_change), cmocka_unit_test(required),
					    cmocka_unit_test(reads), cmocka_unit_test(lies) };

	return cmocka_run_group_tests(tests, start, end);
}
