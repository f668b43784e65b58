// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hypfs_op: a read-only tree. What is fixed is a table of paths in alphabetic order; the pools of CPUs are found when asked for. An
 * answer is made in one page of the heap, then copied.
 */
#include "hypercall/hypfs.h"
#include "hypercall/dispatch.h"
#include "lib/string.h"
#include "mem/heap.h"
#include "pv/version.h"
#include "sched/sched.h"
#include <xen/hypfs.h>
#include <xen/sysctl.h>

#define NAME_OFFSET offsetof(struct xen_hypfs_dirlistentry, name)

struct node { const char *path; uint8_t type; const char *text; uint32_t number; };
static const struct node nodes[] = {
	{ "/", XEN_HYPFS_TYPE_DIR, NULL, 0 },
	{ "/buildinfo", XEN_HYPFS_TYPE_DIR, NULL, 0 },
	{ "/buildinfo/changeset", XEN_HYPFS_TYPE_STRING, "", 0 },
	{ "/buildinfo/compileinfo", XEN_HYPFS_TYPE_DIR, NULL, 0 },
	{ "/buildinfo/compileinfo/compile_by", XEN_HYPFS_TYPE_STRING, ANEL_COMPILE_BY, 0 },
	{ "/buildinfo/compileinfo/compile_date", XEN_HYPFS_TYPE_STRING, "", 0 },
	{ "/buildinfo/compileinfo/compile_domain", XEN_HYPFS_TYPE_STRING, "", 0 },
	{ "/buildinfo/compileinfo/compiler", XEN_HYPFS_TYPE_STRING, ANEL_COMPILER, 0 },
	{ "/buildinfo/version", XEN_HYPFS_TYPE_DIR, NULL, 0 },
	{ "/buildinfo/version/extra", XEN_HYPFS_TYPE_STRING, ANEL_EXTRAVERSION, 0 },
	{ "/buildinfo/version/major", XEN_HYPFS_TYPE_UINT, NULL, ANEL_XEN_MAJOR },
	{ "/buildinfo/version/minor", XEN_HYPFS_TYPE_UINT, NULL, ANEL_XEN_MINOR },
	{ "/cpupool", XEN_HYPFS_TYPE_DIR, NULL, 0 },
	{ "/params", XEN_HYPFS_TYPE_DIR, NULL, 0 },
};
/* Of every pool: one CPU is what is scheduled. */
static const struct node pool_dir = { "", XEN_HYPFS_TYPE_DIR, NULL, 0 }, pool_gran = { "", XEN_HYPFS_TYPE_STRING, "cpu", 0 };

/* The page that an answer is made in: the entry, then its content. */
struct answer { struct xen_hypfs_direntry e; char content[PAGE_SIZE - sizeof(struct xen_hypfs_direntry)]; };
BUILD_ASSERT(sizeof(struct answer) == PAGE_SIZE);

/* The name of 'path' in the directory 'dir'; NULL: it is not directly in it. */
static const char *name_in(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	if (n == 1)
		n = 0;			/* the root: its name is its slash */
	if (strncmp(dir, path, n) || path[n] != '/' || !path[n + 1])
		return NULL;
	for (const char *p = path + n + 1; *p; p++)
		if (*p == '/')
			return NULL;
	return path + n + 1;
}

/* First pool from 'id' on; its id, or -1. */
static int pool_from(unsigned id)
{
	struct xen_sysctl_cpupool_op op = { .op = XEN_SYSCTL_CPUPOOL_OP_INFO, .cpupool_id = id };
	cpumask_t unused;

	return cpupool_op(&op, &unused) ? -1 : (int)op.cpupool_id;
}

static uint32_t text_length(const struct node *n) { return n->type == XEN_HYPFS_TYPE_UINT ? 4 : strlen(n->text) + 1; }

/* Length of a directory's content; a (may be NULL) gets it as far as there is room. */
static uint32_t list(const char *dir, struct answer *a);

static uint32_t content_length(const struct node *n, const char *path)
{
	return n->type == XEN_HYPFS_TYPE_DIR ? list(path, NULL) : text_length(n);
}

static uint32_t add(struct answer *a, uint32_t at, uint32_t *last, const char *name, const struct node *n, uint32_t length)
{
	uint32_t size = NAME_OFFSET + ROUNDUP(strlen(name) + 1, 4);
	struct xen_hypfs_dirlistentry e = { .e = { .type = n->type, .content_len = length } };

	if (a && at + size <= sizeof(a->content)) {
		memcpy(a->content + at, &e, NAME_OFFSET);
		memcpy(a->content + at + NAME_OFFSET, name, strlen(name) + 1);
		if (at) {
			uint16_t next = at - *last;

			memcpy(a->content + *last + offsetof(struct xen_hypfs_dirlistentry, off_next), &next, sizeof(next));
		}
		*last = at;
	}
	return at + size;
}

static uint32_t list(const char *dir, struct answer *a)
{
	uint32_t at = 0, last = 0;
	char name[12];

	if (!strcmp(dir, "/cpupool")) {
		for (int id = pool_from(0); id >= 0; id = pool_from(id + 1)) {
			snprintf(name, sizeof(name), "%d", id);
			at = add(a, at, &last, name, &pool_dir, NAME_OFFSET + ROUNDUP(sizeof("sched-gran"), 4));
		}
	} else if (!strncmp(dir, "/cpupool/", 9)) {
		at = add(a, at, &last, "sched-gran", &pool_gran, text_length(&pool_gran));
	}
	for (unsigned i = 1; i < ARRAY_SIZE(nodes); i++) {
		const char *leaf = name_in(dir, nodes[i].path);

		if (leaf)
			at = add(a, at, &last, leaf, &nodes[i], content_length(&nodes[i], nodes[i].path));
	}
	return at;
}

static const struct node *find(const char *path)
{
	const char *end;
	unsigned long id;

	for (unsigned i = 0; i < ARRAY_SIZE(nodes); i++)
		if (!strcmp(path, nodes[i].path))
			return &nodes[i];
	if (strncmp(path, "/cpupool/", 9) || path[9] < '0' || path[9] > '9')
		return NULL;
	id = strtoul(path + 9, &end, 10);
	if (id > INT32_MAX || (path[9] == '0' && end != path + 10) || pool_from(id) != (int)id)
		return NULL;
	return !*end ? &pool_dir : !strcmp(end, "/sched-gran") ? &pool_gran : NULL;
}

static long path_in(char *path, const struct hypercall *h)
{
	size_t n = h->a[2];

	if (!n || n > XEN_HYPFS_MAX_PATHLEN)
		return -EINVAL;
	if (guest_copy_in(path, (const void *)h->a[1], n))
		return -EFAULT;
	if (path[n - 1] || strlen(path) != n - 1)
		return -EINVAL;
	return path[0] == '/' ? 0 : -EINVAL;
}

static long read_node(const struct node *n, const char *path, struct answer *a, const struct hypercall *h)
{
	uint32_t length = content_length(n, path);
	size_t room = h->a[4];
	long rc = 0;

	if (room < sizeof(a->e))
		return -EINVAL;
	if (n->type == XEN_HYPFS_TYPE_DIR)
		list(path, a);
	else
		memcpy(a->content, n->text ? (const void *)n->text : &n->number, length);
	a->e = (struct xen_hypfs_direntry){ .type = n->type, .content_len = length };
	if (room < sizeof(a->e) + length || length > sizeof(a->content)) {
		length = 0;
		rc = -ENOBUFS;
	}
	return guest_copy_out((void *)h->a[3], a, sizeof(a->e) + length) ? -EFAULT : rc;
}

static long on_path(const struct hypercall *h, bool write)
{
	struct answer *a = heap_zalloc(sizeof(*a));
	const struct node *n;
	char *path;
	long rc;

	if (!a)
		return -ENOMEM;
	path = heap_zalloc(XEN_HYPFS_MAX_PATHLEN);
	rc = path ? path_in(path, h) : -ENOMEM;
	if (!rc) {
		n = find(path);
		rc = !n ? -ENOENT : write ? -EACCES : read_node(n, path, a, h);
	}
	heap_free(path);
	heap_free(a);
	return rc;
}

long hc_hypfs_op(struct hypercall *h)
{
	switch ((uint32_t)h->a[0]) {
	case XEN_HYPFS_OP_get_version:
		return h->a[1] || h->a[2] || h->a[3] || h->a[4] ? -EINVAL : XEN_HYPFS_VERSION;
	case XEN_HYPFS_OP_read:
		return on_path(h, false);
	case XEN_HYPFS_OP_write_contents:
		return on_path(h, true);
	default:
		return -EINVAL;
	}
}
