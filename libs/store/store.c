/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/store.h"
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#define SOCKET "/run/xenstored/socket"
#define RETRIES 100	/* of a transaction that others disturb */

struct event {
	struct event *next;
	char *path, token[64];
};

struct store {
	int socket;
	uint32_t last_id;
	struct event *events, **events_end;
};

struct store_change {
	char *data;
	size_t size, room;
	unsigned n;
	int error;
};

struct store *store_open(void)
{
	const char *path = getenv("XENSTORED_PATH");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	struct store *s = calloc(1, sizeof(*s));
	int error;

	if (!s)
		return NULL;
	s->events_end = &s->events;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path && *path ? path : SOCKET);
	s->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->socket >= 0 && connect(s->socket, (struct sockaddr *)&to, sizeof(to)) == 0)
		return s;
	error = errno;
	store_close(s);
	errno = error;
	return NULL;
}

void store_close(struct store *s)
{
	struct event *e;

	if (!s)
		return;
	while ((e = s->events)) {
		s->events = e->next;
		free(e->path);
		free(e);
	}
	if (s->socket >= 0)
		close(s->socket);
	free(s);
}

int store_fd(const struct store *s)
{
	return s->socket;
}

static int send_all(struct store *s, const void *data, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += n) {
		n = send(s->socket, (const char *)data + done, size - done, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
	}
	return 0;
}

static int receive_all(struct store *s, void *data, size_t size)
{
	ssize_t n;

	for (size_t done = 0; done < size; done += n) {
		n = recv(s->socket, (char *)data + done, size - done, 0);
		if (n == 0)
			return -EPIPE;
		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
	}
	return 0;
}

static int message_error(const char *name)
{
	for (unsigned i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (!strcmp(name, xsd_errors[i].errstring))
			return -xsd_errors[i].errnum;
	return -EIO;
}

/* One message of the daemon, for free(), with a zero after it. */
static int receive(struct store *s, struct xsd_sockmsg *head, char **body)
{
	int rc = receive_all(s, head, sizeof(*head));

	if (rc)
		return rc;
	if (head->len > XENSTORE_PAYLOAD_MAX)
		return -EPROTO;
	*body = malloc(head->len + 1);
	if (!*body)
		return -ENOMEM;
	rc = receive_all(s, *body, head->len);
	(*body)[head->len] = 0;
	if (rc)
		free(*body);
	return rc;
}

static int keep_event(struct store *s, const struct xsd_sockmsg *head, char *body)
{
	struct event *e = calloc(1, sizeof(*e));
	size_t path = strlen(body);

	if (!e || path + 1 >= head->len) {
		free(e);
		free(body);
		return e ? -EPROTO : -ENOMEM;
	}
	snprintf(e->token, sizeof(e->token), "%s", body + path + 1);
	e->path = body;
	*s->events_end = e;
	s->events_end = &e->next;
	return 0;
}

/* The answer to message `id`; events that come before it are kept. *size and *answer may be NULL. */
static int answer(struct store *s, uint32_t id, char **out, size_t *size)
{
	struct xsd_sockmsg head;
	char *body;
	int rc;

	for (;;) {
		rc = receive(s, &head, &body);
		if (rc)
			return rc;
		if (head.type != XS_WATCH_EVENT)
			break;
		rc = keep_event(s, &head, body);
		if (rc)
			return rc;
	}
	rc = head.req_id != id ? -EPROTO : head.type == XS_ERROR ? message_error(body) : 0;
	if (size)
		*size = head.len;
	if (rc || !out)
		free(body);
	else
		*out = body;
	return rc;
}

static int ask_in(struct store *s, uint32_t transaction, uint32_t type, const void *data, size_t size, char **out,
		  size_t *got)
{
	char message[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg head = { .type = type, .req_id = ++s->last_id, .tx_id = transaction, .len = size };
	int rc;

	if (size > XENSTORE_PAYLOAD_MAX)
		return -E2BIG;
	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), data, size);
	rc = send_all(s, message, sizeof(head) + size);
	return rc ? rc : answer(s, head.req_id, out, got);
}

static int ask(struct store *s, uint32_t type, const void *data, size_t size, char **out, size_t *got)
{
	return ask_in(s, 0, type, data, size, out, got);
}

/* NULL with errno set, as functions that return memory do. */
static char *ask_text(struct store *s, uint32_t type, const char *path, size_t *got)
{
	char *out = NULL;
	int rc = ask(s, type, path, strlen(path) + 1, &out, got);

	if (rc)
		errno = -rc;
	return rc ? NULL : out;
}

char *store_read(struct store *s, const char *path)
{
	return ask_text(s, XS_READ, path, NULL);
}

char *store_read_at(struct store *s, const char *base, const char *name)
{
	char path[XENSTORE_ABS_PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", base, name);
	return store_read(s, path);
}

char *store_list(struct store *s, const char *path, unsigned *n)
{
	size_t size = 0;
	char *out = ask_text(s, XS_DIRECTORY, path, &size);

	*n = 0;
	for (size_t i = 0; out && i < size; i++)
		*n += out[i] == 0;
	return out;
}

int store_write(struct store *s, const char *path, const char *value)
{
	struct store_change *c = store_change();

	store_put(c, NULL, value, "%s", path);
	return store_commit(s, c);
}

int store_remove(struct store *s, const char *path)
{
	return ask(s, XS_RM, path, strlen(path) + 1, NULL, NULL);
}

int store_introduce(struct store *s, unsigned domain, uint64_t frame, unsigned port)
{
	char text[96];
	int n = snprintf(text, sizeof(text), "%u%c%llu%c%u", domain, 0, (unsigned long long)frame, 0, port);

	return ask(s, XS_INTRODUCE, text, n + 1, NULL, NULL);
}

int store_release(struct store *s, unsigned domain)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", domain);

	return ask(s, XS_RELEASE, text, n + 1, NULL, NULL);
}

int store_resume(struct store *s, unsigned domain)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", domain);

	return ask(s, XS_RESUME, text, n + 1, NULL, NULL);
}

struct store_change *store_change(void)
{
	return calloc(1, sizeof(struct store_change));
}

static void add(struct store_change *c, uint32_t type, const char *path, const void *data, size_t size)
{
	size_t name = strlen(path) + 1, whole = sizeof(struct xsd_sockmsg) + name + size;
	struct xsd_sockmsg head = { .type = type, .len = name + size };
	char *bigger;

	if (!c || c->error)
		return;
	if (head.len > XENSTORE_PAYLOAD_MAX || name > XENSTORE_ABS_PATH_MAX) {
		c->error = -E2BIG;
		return;
	}
	if (c->room - c->size < whole) {
		c->room = 2 * c->room + whole + 4096;
		bigger = realloc(c->data, c->room);
		if (!bigger) {
			c->error = -ENOMEM;
			return;
		}
		c->data = bigger;
	}
	memcpy(c->data + c->size, &head, sizeof(head));
	memcpy(c->data + c->size + sizeof(head), path, name);
	memcpy(c->data + c->size + sizeof(head) + name, data, size);
	c->size += whole;
	c->n++;
}

void store_put(struct store_change *c, const char *perms, const char *value, const char *format, ...)
{
	char path[XENSTORE_ABS_PATH_MAX + 1], list[256];
	size_t n;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	/* The value has no zero at its end, the permissions have one each. */
	add(c, XS_WRITE, path, value, strlen(value));
	if (!perms)
		return;
	snprintf(list, sizeof(list), "%s", perms);
	n = strlen(list) + 1;
	for (char *p = list; (p = strchr(p, ',')); p++)
		*p = 0;
	add(c, XS_SET_PERMS, path, list, n);
}

static void add_path(struct store_change *c, uint32_t type, const char *format, va_list args)
{
	char path[XENSTORE_ABS_PATH_MAX + 1];

	vsnprintf(path, sizeof(path), format, args);
	add(c, type, path, "", 0);
}

void store_drop(struct store_change *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_path(c, XS_RM, format, args);
	va_end(args);
}

void store_require(struct store_change *c, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_path(c, XS_READ, format, args);
	va_end(args);
}

/* Numbers the messages for this try; returns the first number. */
static uint32_t address(struct store *s, struct store_change *c, uint32_t transaction)
{
	uint32_t first = s->last_id + 1;
	struct xsd_sockmsg head;

	for (size_t at = 0; at < c->size; at += sizeof(head) + head.len) {
		memcpy(&head, c->data + at, sizeof(head));
		head.req_id = ++s->last_id;
		head.tx_id = transaction;
		memcpy(c->data + at, &head, sizeof(head));
	}
	return first;
}

/* Sends in pieces that the daemon can answer without filling our socket, and reads the answers. */
static int exchange(struct store *s, struct store_change *c, uint32_t first)
{
	const size_t piece = 32768;
	size_t at = 0, end = 0;
	struct xsd_sockmsg head;
	int rc, worst = 0;
	unsigned n;

	while (at < c->size) {
		for (n = 0; end < c->size && end - at < piece; n++) {
			memcpy(&head, c->data + end, sizeof(head));
			end += sizeof(head) + head.len;
		}
		rc = send_all(s, c->data + at, end - at);
		if (rc)
			return rc;
		for (; n; n--) {
			memcpy(&head, c->data + at, sizeof(head));
			at += sizeof(head) + head.len;
			rc = answer(s, first++, NULL, NULL);
			if (rc == -EPIPE || rc == -EPROTO)
				return rc;
			if (rc && !(rc == -ENOENT && head.type == XS_RM) && !worst)
				worst = rc;
		}
	}
	return worst;
}

static int try_commit(struct store *s, struct store_change *c)
{
	char *number = NULL;
	uint32_t transaction;
	int rc, end;

	if (c->n == 1)
		return exchange(s, c, address(s, c, 0));
	rc = ask(s, XS_TRANSACTION_START, "", 1, &number, NULL);
	if (rc)
		return rc;
	transaction = strtoul(number, NULL, 10);
	free(number);
	rc = exchange(s, c, address(s, c, transaction));
	if (rc == -EPIPE || rc == -EPROTO)
		return rc;
	end = ask_in(s, transaction, XS_TRANSACTION_END, rc ? "F" : "T", 2, NULL, NULL);
	return rc ? rc : end;
}

int store_commit(struct store *s, struct store_change *c)
{
	int rc = c ? c->error : -ENOMEM;

	if (!rc && c->n) {
		rc = -EAGAIN;
		for (unsigned i = 0; rc == -EAGAIN && i < RETRIES; i++)
			rc = try_commit(s, c);
	}
	if (c)
		free(c->data);
	free(c);
	return rc;
}

static int watch(struct store *s, uint32_t type, const char *path, const char *token)
{
	char text[XENSTORE_ABS_PATH_MAX + 128];
	int n = snprintf(text, sizeof(text), "%s%c%s", path, 0, token);

	return n < 0 || (size_t)n >= sizeof(text) ? -E2BIG : ask(s, type, text, n + 1, NULL, NULL);
}

int store_watch(struct store *s, const char *path, const char *token)
{
	return watch(s, XS_WATCH, path, token);
}

int store_unwatch(struct store *s, const char *path, const char *token)
{
	return watch(s, XS_UNWATCH, path, token);
}

static int wait_event(struct store *s, int milliseconds)
{
	struct pollfd p = { .fd = s->socket, .events = POLLIN };
	struct xsd_sockmsg head;
	char *body;
	int rc = poll(&p, 1, milliseconds);

	if (rc <= 0)
		return rc == 0 ? -ETIMEDOUT : -errno;
	rc = receive(s, &head, &body);
	if (rc)
		return rc;
	if (head.type != XS_WATCH_EVENT) {
		free(body);
		return -EPROTO;
	}
	return keep_event(s, &head, body);
}

char *store_wait(struct store *s, int milliseconds, char *token)
{
	struct event *e;
	char *path;
	int rc = s->events ? 0 : wait_event(s, milliseconds);

	if (rc) {
		errno = -rc;
		return NULL;
	}
	e = s->events;
	s->events = e->next;
	if (!s->events)
		s->events_end = &s->events;
	path = e->path;
	memcpy(token, e->token, sizeof(e->token));
	free(e);
	return path;
}
