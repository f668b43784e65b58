// SPDX-License-Identifier: GPL-2.0-or-later
#include "request.h"

#include <errno.h>
#include <string.h>

#include "request_tree.h"
#include "store_proto.h"
#include "watch.h"

#define PRIVILEGED 1u

int request_reply(struct request *r, const void *body, size_t len)
{
	conn_send(r->store, r->conn, r->msg->type, r->msg->req_id, r->msg->tx_id, body, len);
	return 0;
}

int request_ok(struct request *r)
{
	return request_reply(r, "OK", 3);
}

int request_strings(const struct request *r, const char **vec, int max)
{
	const char *at = r->body, *end = r->body + r->msg->len;
	int n = 0;

	if (at == end || end[-1])
		return -EINVAL;
	for (; at < end; at += strlen(at) + 1, n++)
		if (n < max)
			vec[n] = at;
	return n;
}

const char *request_one(const struct request *r)
{
	const char *one;

	return request_strings(r, &one, 1) == 1 ? one : NULL;
}

int parse_number(const char *text, uint32_t max, uint32_t *value)
{
	uint64_t n = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = n * 10 + (*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*value = n;
	return 0;
}

/* Watches. */

static int watch_arguments(struct request *r, const char **vec, char *path, unsigned *prefix, int *depth)
{
	int n = request_strings(r, vec, 3);
	uint32_t levels;

	*depth = -1;
	if (n < 2 || n > 3)
		return -EINVAL;
	if (n == 3) {
		if (parse_number(vec[2], STORE_DEPTH_MAX, &levels))
			return -EINVAL;
		*depth = levels;
	}
	*prefix = 0;
	if (vec[0][0] != '@')
		return request_path(r, vec[0], path, prefix);
	if (strlen(vec[0]) > XENSTORE_REL_PATH_MAX)
		return -EINVAL;
	strcpy(path, vec[0]);
	return 0;
}

static int req_watch(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	struct store *s = r->store;
	struct conn *c = r->conn;
	const char *vec[3];
	unsigned prefix;
	int depth, err = watch_arguments(r, vec, path, &prefix, &depth);

	if (err)
		return err;
	if (watch_find(s, c, path, vec[1]))
		return -EEXIST;
	if (!c->privileged && s->watches_of[c->domid] >= s->quota[QUOTA_WATCHES])
		return -E2BIG;
	request_ok(r);
	/* Its first event comes at once: it tells the client that the watch stands. */
	watch_event(s, watch_add(s, c, path, vec[1], prefix, depth), path);
	return 0;
}

static int req_unwatch(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	const char *vec[3];
	unsigned prefix;
	int depth, err = watch_arguments(r, vec, path, &prefix, &depth);
	struct watch *w;

	if (err)
		return err;
	w = watch_find(r->store, r->conn, path, vec[1]);
	if (!w)
		return -ENOENT;
	watch_remove(r->store, w);
	return request_ok(r);
}

static int req_reset_watches(struct request *r)
{
	conn_forget(r->store, r->conn);
	return request_ok(r);
}

/* Transactions. */

static int req_transaction_start(struct request *r)
{
	struct conn *c = r->conn;
	char text[16], *at = text + sizeof(text);
	uint32_t id;

	if (r->tx)
		return -EBUSY;
	if (!c->privileged && c->transactions >= r->store->quota[QUOTA_TRANSACTIONS])
		return -ENOSPC;
	do {
		id = c->next_tx++;
	} while (!id || tx_find(c, id));
	tx_new(r->store, c, id);
	c->transactions++;
	*--at = 0;
	for (; id; id /= 10)
		*--at = '0' + id % 10;
	return request_reply(r, at, text + sizeof(text) - at);
}

static int req_transaction_end(struct request *r)
{
	const char *how = request_one(r);
	struct store *s = r->store;
	struct conn *c = r->conn;
	int err = 0;

	if (!how || (strcmp(how, "T") && strcmp(how, "F")))
		return -EINVAL;
	if (!r->tx)
		return -ENOENT;
	if (!c->privileged)
		tx_settle(s, r->tx);
	if (*how == 'T' && !c->privileged && s->nodes_of[c->domid] + r->tx->created > s->quota[QUOTA_NODES])
		err = -ENOSPC;
	else if (*how == 'T')
		err = tx_commit(s, r->tx);
	tx_free(r->tx);
	r->tx = NULL;
	c->transactions--;
	return err ? err : request_ok(r);
}

static const struct {
	request_handler *run;
	unsigned flags;
} table[XS_TYPE_COUNT] = {
	[XS_CONTROL] = { req_control, PRIVILEGED },
	[XS_DIRECTORY] = { req_directory, 0 },
	[XS_READ] = { req_read, 0 },
	[XS_GET_PERMS] = { req_get_perms, 0 },
	[XS_WATCH] = { req_watch, 0 },
	[XS_UNWATCH] = { req_unwatch, 0 },
	[XS_TRANSACTION_START] = { req_transaction_start, 0 },
	[XS_TRANSACTION_END] = { req_transaction_end, 0 },
	[XS_INTRODUCE] = { req_introduce, PRIVILEGED },
	[XS_RELEASE] = { req_release, PRIVILEGED },
	[XS_GET_DOMAIN_PATH] = { req_domain_path, 0 },
	[XS_WRITE] = { req_write, 0 },
	[XS_MKDIR] = { req_mkdir, 0 },
	[XS_RM] = { req_rm, 0 },
	[XS_SET_PERMS] = { req_set_perms, 0 },
	[XS_IS_DOMAIN_INTRODUCED] = { req_is_introduced, 0 },
	[XS_RESUME] = { req_resume, PRIVILEGED },
	[XS_SET_TARGET] = { req_set_target, PRIVILEGED },
	[XS_RESET_WATCHES] = { req_reset_watches, 0 },
	[XS_DIRECTORY_PART] = { req_directory_part, 0 },
};

static void send_error(struct request *r, int err)
{
	const char *name = "EINVAL";

	for (size_t i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
		if (xsd_errors[i].errnum == -err)
			name = xsd_errors[i].errstring;
	conn_send(r->store, r->conn, XS_ERROR, r->msg->req_id, r->msg->tx_id, name, strlen(name) + 1);
}

static int run(struct request *r)
{
	uint32_t type = r->msg->type;

	if (type >= XS_TYPE_COUNT || !table[type].run)
		return -ENOSYS;
	if (r->msg->tx_id) {
		r->tx = tx_find(r->conn, r->msg->tx_id);
		if (!r->tx)
			return -ENOENT;
	}
	if ((table[type].flags & PRIVILEGED) && !r->conn->privileged)
		return -EACCES;
	return table[type].run(r);
}

void request_run(struct store *s, const struct request_record *q)
{
	struct conn *c = s->conns[q->head.slot];
	struct request r = { s, c, NULL, &q->head, &q->msg, q->body };
	int err;

	c->in_pos += sizeof(q->msg) + q->msg.len;
	err = run(&r);
	if (err)
		send_error(&r, err);
}
