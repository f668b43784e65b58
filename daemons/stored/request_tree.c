// SPDX-License-Identifier: GPL-2.0-or-later
#include "request_tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "watch.h"

#define MAX_PERMS 128

static const bool name_char[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true, ['_'] = true, ['@'] = true,
};

static bool valid_path(const char *text)
{
	const unsigned char *path = (const unsigned char *)text;

	if (path[0] == '/' && !path[1])
		return true;
	for (; *path == '/'; path++)
		if (!name_char[path[1]])
			return false;
		else
			while (name_char[path[1]])
				path++;
	return !*path;
}

int request_path(const struct request *r, const char *in, char *path, unsigned *prefix)
{
	size_t len = strlen(in), before = 0;

	if (*in == '@')
		return -EINVAL;
	if (*in != '/') {
		before = sprintf(path, "/local/domain/%u/", r->conn->domid);
		if (len > XENSTORE_REL_PATH_MAX)
			return -EINVAL;
	}
	if (before + len >= XENSTORE_ABS_PATH_MAX)
		return -EINVAL;
	if (!r->conn->privileged && len > r->store->quota[QUOTA_PATH] + (*in == '/' ? sizeof("/local/domain/32767/") : 0))
		return -EINVAL;
	memcpy(path + before, in, len + 1);
	*prefix = before;
	return valid_path(path) ? 0 : -EINVAL;
}

static struct node *root_of(const struct request *r)
{
	if (r->tx)
		tx_settle(r->store, r->tx);
	/* A transaction that will fail sees the store itself. */
	return r->tx && r->tx->root ? r->tx->root : r->store->root;
}

/* Notes in the transaction what was looked at, and is there or is NULL. Beyond its quota the transaction ends. */
static int note(struct request *r, const char *path, const struct node *n, bool children)
{
	if (!r->tx)
		return 0;
	if (!r->conn->privileged && r->tx->seen_count >= r->store->quota[QUOTA_TX_NODES])
		return -ENOSPC;
	tx_note(r->tx, path, n, children);
	return 0;
}

static int note_part(struct request *r, const char *path, size_t len, const struct node *n)
{
	char part[XENSTORE_ABS_PATH_MAX];

	if (!r->tx)
		return 0;
	memcpy(part, len ? path : "/", len ? len : 1);
	part[len ? len : 1] = 0;
	return note(r, part, n, false);
}

static bool may(const struct request *r, const struct node *n, unsigned need)
{
	return (perms_for(r->store, r->conn, n->perms) & need) == need;
}

/*
 * The node that the connection may use so, or why not. Who may not use the nearest node that is there does not hear whether
 * there is more below it.
 */
static int look_up(struct request *r, const char *path, unsigned need, bool children, struct node **found)
{
	const char *rest;
	struct node *n = tree_nearest(root_of(r), path, &rest);
	int err = note(r, path, *rest ? NULL : n, children);

	if (!err && *rest)
		err = note_part(r, path, rest - path, n);
	if (err)
		return err;
	if (!may(r, n, need))
		return -EACCES;
	if (*rest)
		return -ENOENT;
	*found = n;
	return 0;
}

static int look_up_body(struct request *r, unsigned need, bool children, struct node **found)
{
	char path[XENSTORE_ABS_PATH_MAX];
	const char *name = request_one(r);
	unsigned prefix;
	int err = name ? request_path(r, name, path, &prefix) : -EINVAL;

	return err ? err : look_up(r, path, need, children, found);
}

int req_read(struct request *r)
{
	struct node *n;
	int err = look_up_body(r, PERM_READ, false, &n);

	return err ? err : request_reply(r, n->value, n->value_len);
}

int req_directory(struct request *r)
{
	const char *names;
	struct node *n;
	size_t len;
	int err = look_up_body(r, PERM_READ, true, &n);

	if (err)
		return err;
	names = node_listing(n, XENSTORE_PAYLOAD_MAX, &len);
	return names ? request_reply(r, names, len) : -E2BIG;
}

int req_directory_part(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX], out[XENSTORE_PAYLOAD_MAX];
	const char *vec[2];
	uint32_t skip, i, at = 0;
	unsigned prefix;
	struct node *n;
	size_t len;
	int err;

	if (request_strings(r, vec, 2) != 2 || parse_number(vec[1], INT32_MAX, &skip))
		return -EINVAL;
	err = request_path(r, vec[0], path, &prefix);
	if (!err)
		err = look_up(r, path, PERM_READ, true, &n);
	if (err)
		return err;
	len = sprintf(out, "%llu", (unsigned long long)n->child_gen) + 1;
	for (i = 0; i < n->children && at < skip; i++)
		at += n->child[i]->name_len + 1;
	for (; i < n->children; i++) {
		const struct node *child = n->child[i];

		if (len + child->name_len + 2 > sizeof(out))
			return request_reply(r, out, len);
		memcpy(out + len, child->name, child->name_len + 1);
		len += child->name_len + 1;
	}
	/* An empty name: that was the last. */
	out[len++] = 0;
	return request_reply(r, out, len);
}

int req_get_perms(struct request *r)
{
	static const char letters[] = "nrwb";
	char text[XENSTORE_PAYLOAD_MAX];
	struct node *n;
	size_t len = 0;
	int err = look_up_body(r, PERM_READ, false, &n);

	if (err)
		return err;
	for (uint32_t i = 0; i < n->perms->count; i++) {
		const struct perm *p = &n->perms->p[i];

		len += sprintf(text + len, "%c%u", letters[p->bits & 3], p->domid) + 1;
	}
	return request_reply(r, text, len);
}

/* One change that was permitted: to the store, or kept by the transaction. */
static void change(struct request *r, struct change *ch)
{
	if (r->tx)
		tx_change(r->store, r->tx, ch);
	else
		change_apply(r->store, &r->store->root, ch, true);
}

static uint32_t components(const char *rest)
{
	uint32_t n = 0;

	for (; *rest; rest++)
		n += *rest == '/';
	return n;
}

/* May the connection change the node of path, or make it? */
static int may_change(struct request *r, const char *path, bool *is_new)
{
	struct store *s = r->store;
	const char *rest;
	struct node *n = tree_nearest(root_of(r), path, &rest);
	uint32_t created = r->tx ? r->tx->created : 0;
	int err = note(r, path, *rest ? NULL : n, false);

	/* A new node depends on its parent's permissions. */
	if (!err && *rest)
		err = note_part(r, path, rest - path, n);
	for (const char *p = *rest ? strchr(rest + 1, '/') : NULL; !err && p; p = strchr(p + 1, '/'))
		err = note_part(r, path, p - path, NULL);
	if (err)
		return err;
	if (!may(r, n, PERM_WRITE))
		return -EACCES;
	*is_new = *rest != 0;
	if (!r->conn->privileged && s->nodes_of[r->conn->domid] + created + components(rest) > s->quota[QUOTA_NODES] && *rest)
		return -ENOSPC;
	return 0;
}

static uint16_t creator(const struct request *r)
{
	return r->conn->privileged ? DOMIDS : r->conn->domid;
}

int req_write(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	size_t name_len = strlen(r->body);
	struct change ch = { .kind = CHANGE_WRITE, .path = path, .creator = creator(r) };
	unsigned prefix;
	bool is_new;
	int err;

	if (name_len >= r->msg->len)
		return -EINVAL;
	err = request_path(r, r->body, path, &prefix);
	if (!err)
		err = may_change(r, path, &is_new);
	if (err)
		return err;
	ch.value = r->body + name_len + 1;
	ch.len = r->msg->len - name_len - 1;
	if (!r->conn->privileged && ch.len + name_len > r->store->quota[QUOTA_SIZE])
		return -ENOSPC;
	change(r, &ch);
	return request_ok(r);
}

int req_mkdir(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	struct change ch = { .kind = CHANGE_MKDIR, .path = path, .creator = creator(r) };
	const char *name = request_one(r);
	unsigned prefix;
	bool is_new;
	int err = name ? request_path(r, name, path, &prefix) : -EINVAL;

	if (!err)
		err = may_change(r, path, &is_new);
	if (err)
		return err;
	if (is_new)
		change(r, &ch);
	return request_ok(r);
}

int req_rm(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	struct change ch = { .kind = CHANGE_RM, .path = path };
	const char *name = request_one(r), *rest;
	unsigned prefix;
	struct node *n;
	int err = name ? request_path(r, name, path, &prefix) : -EINVAL;

	if (!err && !path[1])
		err = -EINVAL;
	if (!err)
		err = look_up(r, path, PERM_WRITE, false, &n);
	/* Gone already is fine, if its parent is there. */
	if (err == -ENOENT) {
		n = tree_nearest(root_of(r), path, &rest);
		if (strchr(rest + 1, '/'))
			n = NULL;
		err = note_part(r, path, strrchr(path, '/') - path, n);
		if (err)
			return err;
		return n ? request_ok(r) : -ENOENT;
	}
	if (err)
		return err;
	change(r, &ch);
	return request_ok(r);
}

static int parse_perm(const char *text, struct perm *p)
{
	static const char letters[] = "nrwb";
	const char *letter = *text ? strchr(letters, *text) : NULL;
	uint32_t domid;

	if (!letter || parse_number(text + 1, DOMIDS - 1, &domid))
		return -EINVAL;
	p->bits = letter - letters;
	p->domid = domid;
	return 0;
}

static int set_special(struct request *r, const char *name, const struct perm *p, int count)
{
	struct perms **special = &r->store->special[!strcmp(name, RELEASE_DOMAIN)];

	if (strcmp(name, RELEASE_DOMAIN) && strcmp(name, INTRODUCE_DOMAIN))
		return -EINVAL;
	if (!r->conn->privileged)
		return -EACCES;
	perms_put(*special);
	*special = perms_new(p, count);
	return request_ok(r);
}

int req_set_perms(struct request *r)
{
	char path[XENSTORE_ABS_PATH_MAX];
	struct change ch = { .kind = CHANGE_PERMS, .path = path };
	const char *vec[MAX_PERMS + 1];
	struct perm p[MAX_PERMS];
	int n = request_strings(r, vec, MAX_PERMS + 1), err;
	unsigned prefix;
	struct node *node;

	if (n < 2 || n > MAX_PERMS + 1)
		return -EINVAL;
	for (int i = 1; i < n; i++)
		if (parse_perm(vec[i], &p[i - 1]))
			return -EINVAL;
	if (!r->conn->privileged && (uint32_t)n - 1 > r->store->quota[QUOTA_PERMS])
		return -ENOSPC;
	if (vec[0][0] == '@')
		return set_special(r, vec[0], p, n - 1);
	err = request_path(r, vec[0], path, &prefix);
	if (!err)
		err = look_up(r, path, PERM_WRITE | PERM_OWNER, false, &node);
	if (err)
		return err;
	/* Giving nodes away would be a way around the quota. */
	if (!r->conn->privileged && p[0].domid != node->perms->p[0].domid)
		return -EPERM;
	ch.perms = perms_new(p, n - 1);
	change(r, &ch);
	perms_put(ch.perms);
	return request_ok(r);
}
