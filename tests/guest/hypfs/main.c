/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hypfs_op: the tree of what the hypervisor tells of itself.
 *
 * What could be wrong: sizes and paths are the guest's word; a directory is a chain of offsets that the tools follow.
 * How it is provoked: every entry is listed and read, with buffers of the right size, too small and none; paths that are not there,
 * not ended, too long, with empty parts.
 * A wrong host: writes beyond the buffer, tells a wrong length, lists what cannot be read.
 */
#include "guest.h"
#include <xen/hypfs.h>

static union { struct xen_hypfs_direntry e; u8 bytes[4096]; char text[4096]; } buf, sub;

static long hypfs(u32 op, const void *path, size_t len, void *data, size_t size)
{
	return HCALL5(__HYPERVISOR_hypfs_op, op, path, len, data, size);
}

static long read_path(const char *path, void *to, size_t size)
{
	return hypfs(XEN_HYPFS_OP_read, path, strlen(path) + 1, to, size);
}

static const char *text_of(const char *path)
{
	memset(&buf, 0, sizeof(buf));
	if (read_path(path, &buf, sizeof(buf)))
		return "";
	return buf.text + sizeof(buf.e);
}

CASE(version, "the interface's version is 1; unknown operations are refused")
{
	EXPECT_RC(hypfs(XEN_HYPFS_OP_get_version, NULL, 0, NULL, 0), XEN_HYPFS_VERSION);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_get_version, "x", 1, NULL, 0), -XEN_EINVAL);
	EXPECT_RC(hypfs(77, NULL, 0, NULL, 0), -XEN_EINVAL);
}

static unsigned seen;

/* Reads an entry, and if it is a directory all in it: what is listed is what is read. */
static void walk(const char *path, unsigned depth, const struct xen_hypfs_direntry *listed)
{
	static char pool[8][4096];
	char child[200];
	char *p = pool[depth];
	struct xen_hypfs_direntry *e = (void *)p;
	u32 at = 0, end;

	seen++;
	REQUIRE_RC(read_path(path, p, 4096), 0);
	if (listed)
		EXPECT_RC(memcmp(listed, e, sizeof(*e)), 0);
	EXPECT_RC(e->pad, 0);
	if (e->type == XEN_HYPFS_TYPE_STRING && e->encoding == XEN_HYPFS_ENC_PLAIN)
		EXPECT_RC(strlen(p + sizeof(*e)) + 1, e->content_len);
	if (e->type != XEN_HYPFS_TYPE_DIR || !e->content_len)
		return;
	do {
		struct xen_hypfs_dirlistentry *d = (void *)(p + sizeof(*e) + at);

		end = at + offsetof(struct xen_hypfs_dirlistentry, name) + ((strlen(d->name) + 4) & ~3ul);
		EXPECT(!d->off_next || d->off_next == end - at);
		snprintf(child, sizeof(child), "%s%s%s", path, strcmp(path, "/") ? "/" : "", d->name);
		REQUIRE(depth < 7);
		walk(child, depth + 1, &d->e);
		at += d->off_next;
		if (!d->off_next)
			break;
	} while (at < e->content_len);
	EXPECT(end <= e->content_len);
}

CASE(tree, "all that is listed can be read and is as the list says")
{
	walk("/", 0, NULL);
	EXPECT(seen >= 16);
}

CASE(contents, "the version, the compiler and the pool are told")
{
	char *four = buf.text + sizeof(buf.e);
	u32 version = xen_version(XENVER_version, NULL);
	static struct xen_compile_info info;
	static char extra[16];

	text_of("/buildinfo/version/major");
	EXPECT_RC(buf.e.type, XEN_HYPFS_TYPE_UINT);
	EXPECT_RC(*(u32 *)four, version >> 16);
	text_of("/buildinfo/version/minor");
	EXPECT_RC(*(u32 *)four, version & 0xffff);
	NEED(!xen_version(XENVER_compile_info, &info) && !xen_version(XENVER_extraversion, extra));
	EXPECT_RC(strcmp(text_of("/buildinfo/version/extra"), extra), 0);
	EXPECT_RC(strcmp(text_of("/buildinfo/compileinfo/compiler"), info.compiler), 0);
	EXPECT_RC(strcmp(text_of("/buildinfo/compileinfo/compile_by"), info.compile_by), 0);
	EXPECT_RC(strcmp(text_of("/cpupool/0/sched-gran"), "cpu"), 0);
}

CASE(errors, "paths that are none, buffers that are too small, pointers that are bad, writing")
{
	EXPECT_RC(read_path("", &sub, 4096), -XEN_EINVAL);
	EXPECT_RC(read_path("buildinfo", &sub, 4096), -XEN_EINVAL);
	EXPECT_RC(read_path("//buildinfo", &sub, 4096), -XEN_ENOENT);
	EXPECT_RC(read_path("/nothing", &sub, 4096), -XEN_ENOENT);
	EXPECT_RC(read_path("/buildinfo/version/major/x", &sub, 4096), -XEN_ENOENT);
	EXPECT_RC(read_path("/cpupool/7", &sub, 4096), -XEN_ENOENT);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_read, "/buildinfo", 10, &sub, 4096), -XEN_EINVAL);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_read, "/", 1025, &sub, 4096), -XEN_EINVAL);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_read, "/", 0, &sub, 4096), -XEN_EINVAL);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_read, BAD_PTR, 10, &sub, 4096), -XEN_EFAULT);
	EXPECT_RC(read_path("/buildinfo", BAD_PTR, 4096), -XEN_EFAULT);
	memset(&sub, 0x55, sizeof(sub));
	EXPECT_RC(read_path("/buildinfo/changeset", &sub, sizeof(sub.e)), -XEN_ENOBUFS);
	EXPECT(sub.e.content_len >= 1);
	EXPECT_HEX(sub.bytes[sizeof(sub.e)], 0x55);
	EXPECT_RC(read_path("/buildinfo/changeset", &sub, sizeof(sub.e) - 1), -XEN_EINVAL);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_write_contents, "/buildinfo", 11, &sub, 4), -XEN_EACCES);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_write_contents, "/buildinfo/changeset", 21, &sub, 4), -XEN_EACCES);
	EXPECT_RC(hypfs(XEN_HYPFS_OP_write_contents, "/none", 6, &sub, 4), -XEN_ENOENT);
}
