// SPDX-License-Identifier: GPL-2.0-or-later
/* What single requests answer, for dom0 and for guests; snapshots give the same state. */
#include "drive.h"
#include <cmocka.h>

#include "stored/snapshot.h"
#include "stored/watch.h"

static struct store s;

static void test_nodes(void **state)
{
	start(&s);
	OK(write_node(&s, 0, 0, "/a/b/c", "v"));
	SAYS(ask(&s, 0, XS_READ, 0, 1, "/a/b/c"), "v");
	SAYS(ask(&s, 0, XS_READ, 0, 1, "/a/b"), "");
	assert_int_equal(ask(&s, 0, XS_DIRECTORY, 0, 1, "/a")->len, 2);
	FAILS(ask(&s, 0, XS_READ, 0, 1, "/a/x"), "ENOENT");
	FAILS(ask(&s, 0, XS_RM, 0, 1, "/"), "EINVAL");
	OK(ask(&s, 0, XS_RM, 0, 1, "/a/x"));
	FAILS(ask(&s, 0, XS_RM, 0, 1, "/x/x"), "ENOENT");
	OK(ask(&s, 0, XS_RM, 0, 1, "/a"));
	FAILS(ask(&s, 0, XS_READ, 0, 1, "/a/b/c"), "ENOENT");
	OK(write_node(&s, 0, 0, "relative", "r"));
	SAYS(ask(&s, 0, XS_READ, 0, 1, "/local/domain/0/relative"), "r");
	SAYS(ask(&s, 0, XS_CONTROL, 0, 1, "check"), "OK");
	store_free(&s);
}

static void test_malformed(void **state)
{
	static const char *const paths[] = { "", "//", "/a/", "/a//b", "/a b", "/a.b", "/a:b", "@x" };
	char longest[XENSTORE_ABS_PATH_MAX + 2];

	start(&s);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		FAILS(ask(&s, 0, XS_READ, 0, 1, paths[i]), "EINVAL");
		FAILS(write_node(&s, 0, 0, paths[i], "x"), "EINVAL");
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[XENSTORE_ABS_PATH_MAX - 1] = 0;
	FAILS(ask(&s, 0, XS_READ, 0, 1, longest), "ENOENT");
	longest[XENSTORE_ABS_PATH_MAX - 1] = 'a';
	longest[XENSTORE_ABS_PATH_MAX] = 0;
	FAILS(ask(&s, 0, XS_READ, 0, 1, longest), "EINVAL");
	FAILS(ask_raw(&s, 0, XS_READ, 0, "", 0), "EINVAL");
	FAILS(ask_raw(&s, 0, XS_READ, 0, "/a", 2), "EINVAL");
	FAILS(ask(&s, 0, XS_READ, 0, 2, "/a", "b"), "EINVAL");
	FAILS(ask_raw(&s, 0, XS_WRITE, 0, "/a", 2), "EINVAL");
	for (unsigned type = 0; type < 40; type++) {
		bool takes_none = type == XS_TRANSACTION_START || type == XS_RESET_WATCHES;

		assert_int_equal(ask_raw(&s, 0, type, 0, "\377\377\377", 3)->type, takes_none ? type : XS_ERROR);
	}
	FAILS(ask_raw(&s, 0, XS_TYPE_COUNT, 0, "", 0), "ENOSYS");
	FAILS(ask_raw(&s, 0, UINT32_MAX, 0, "", 0), "ENOSYS");
	FAILS(ask(&s, 0, XS_READ, 9, 1, "/"), "ENOENT");
	FAILS(ask(&s, 0, XS_SET_PERMS, 0, 2, "/", "x0"), "EINVAL");
	FAILS(ask(&s, 0, XS_SET_PERMS, 0, 2, "/", "n99999"), "EINVAL");
	store_free(&s);
}

static void test_guest_permissions(void **state)
{
	start(&s);
	introduce(&s, "5", 1);
	introduce(&s, "6", 2);
	FAILS(write_node(&s, 1, 0, "/x", "v"), "EACCES");
	OK(ask(&s, 0, XS_MKDIR, 0, 1, "/local/domain/5"));
	OK(ask(&s, 0, XS_SET_PERMS, 0, 2, "/local/domain/5", "n5"));
	OK(write_node(&s, 1, 0, "data", "v"));
	assert_string_equal(ask(&s, 0, XS_GET_PERMS, 0, 1, "/local/domain/5/data")->body, "n5");
	FAILS(ask(&s, 2, XS_READ, 0, 1, "/local/domain/5/data"), "EACCES");
	/* Nor does it hear what is there. */
	FAILS(ask(&s, 2, XS_READ, 0, 1, "/local/domain/5/nothing"), "EACCES");
	OK(ask(&s, 1, XS_SET_PERMS, 0, 3, "data", "n5", "r6"));
	SAYS(ask(&s, 2, XS_READ, 0, 1, "/local/domain/5/data"), "v");
	FAILS(write_node(&s, 2, 0, "/local/domain/5/data", "w"), "EACCES");
	FAILS(ask(&s, 1, XS_SET_PERMS, 0, 2, "data", "n6"), "EPERM");
	FAILS(ask(&s, 2, XS_SET_PERMS, 0, 2, "/local/domain/5/data", "n5"), "EACCES");
	FAILS(ask(&s, 1, XS_INTRODUCE, 0, 3, "7", "1", "1"), "EACCES");
	FAILS(ask(&s, 1, XS_CONTROL, 0, 1, "check"), "EACCES");
	/* A stub domain acts for its target. */
	OK(ask(&s, 0, XS_SET_TARGET, 0, 2, "6", "5"));
	OK(write_node(&s, 2, 0, "/local/domain/5/data", "w"));
	/* With the domain goes what it owned, and its number in others' permissions. */
	OK(ask(&s, 0, XS_MKDIR, 0, 1, "/shared"));
	OK(ask(&s, 0, XS_SET_PERMS, 0, 3, "/shared", "n0", "b5"));
	other(&s, REC_DEAD, 0, 5, 0);
	assert_null(s.conns[1]);
	FAILS(ask(&s, 0, XS_READ, 0, 1, "/local/domain/5"), "ENOENT");
	SAYS(ask(&s, 0, XS_GET_PERMS, 0, 1, "/shared"), "n0");
	SAYS(ask(&s, 0, XS_CONTROL, 0, 1, "check"), "OK");
	store_free(&s);
}

static void test_quotas(void **state)
{
	char name[64], value[2100];
	unsigned n;

	start(&s);
	introduce(&s, "5", 1);
	OK(ask(&s, 0, XS_MKDIR, 0, 1, "/local/domain/5"));
	OK(ask(&s, 0, XS_SET_PERMS, 0, 2, "/local/domain/5", "n5"));
	for (n = 1; n < 1000; n++) {
		snprintf(name, sizeof(name), "n%u", n);
		OK(write_node(&s, 1, 0, name, ""));
	}
	FAILS(write_node(&s, 1, 0, "more", ""), "ENOSPC");
	SAYS(ask(&s, 1, XS_TRANSACTION_START, 0, 1, ""), "1");
	FAILS(write_node(&s, 1, 1, "more", ""), "ENOSPC");
	OK(write_node(&s, 1, 0, "n1", "again"));
	memset(value, 'x', sizeof(value));
	value[sizeof(value) - 1] = 0;
	FAILS(write_node(&s, 1, 0, "n1", value), "ENOSPC");
	OK(write_node(&s, 0, 0, "/big", value));
	for (n = 0; n < 128; n++) {
		snprintf(name, sizeof(name), "w%u", n);
		OK(ask(&s, 1, XS_WATCH, 0, 2, name, "t"));
	}
	FAILS(ask(&s, 1, XS_WATCH, 0, 2, "one", "t"), "E2BIG");
	for (n = 1; n < 10; n++)
		assert_int_equal(ask(&s, 1, XS_TRANSACTION_START, 0, 1, "")->type, XS_TRANSACTION_START);
	FAILS(ask(&s, 1, XS_TRANSACTION_START, 0, 1, ""), "ENOSPC");
	OK(ask(&s, 1, XS_RESET_WATCHES, 0, 1, ""));
	assert_int_equal(ask(&s, 1, XS_TRANSACTION_START, 0, 1, "")->type, XS_TRANSACTION_START);
	FAILS(ask(&s, 1, XS_SET_PERMS, 0, 7, "n1", "n5", "r1", "r2", "r3", "r4", "r6"), "ENOSPC");
	SAYS(ask(&s, 0, XS_CONTROL, 0, 1, "check"), "OK");
	store_free(&s);
}

static void expect_events(uint16_t slot, int count, ...)
{
	struct reply reply;
	va_list ap;

	va_start(ap, count);
	while (count-- > 0) {
		const char *path = va_arg(ap, const char *), *token = va_arg(ap, const char *);

		assert_true(next(&s, slot, &reply));
		assert_int_equal(reply.type, XS_WATCH_EVENT);
		assert_string_equal(reply.body, path);
		assert_string_equal(reply.body + strlen(path) + 1, token);
	}
	va_end(ap);
	assert_false(next(&s, slot, &reply));
}

static void test_watches(void **state)
{
	start(&s);
	introduce(&s, "5", 1);
	other(&s, REC_CONNECT, 2, 1, 0);
	OK(write_node(&s, 0, 0, "/a/b/c", "v"));
	OK(ask(&s, 2, XS_WATCH, 0, 2, "/a", "all"));
	expect_events(2, 1, "/a", "all");
	OK(ask(&s, 2, XS_WATCH, 0, 3, "/a", "flat", "0"));
	expect_events(2, 1, "/a", "flat");
	OK(ask(&s, 2, XS_WATCH, 0, 3, "/a", "one", "1"));
	expect_events(2, 1, "/a", "one");
	OK(ask(&s, 2, XS_WATCH, 0, 3, "/", "root", "2"));
	expect_events(2, 1, "/", "root");
	FAILS(ask(&s, 2, XS_WATCH, 0, 2, "/a", "all"), "EEXIST");
	OK(write_node(&s, 0, 0, "/a/b/c", "w"));
	expect_events(2, 1, "/a/b/c", "all");
	OK(write_node(&s, 0, 0, "/a/b", "w"));
	expect_events(2, 3, "/a/b", "root", "/a/b", "all", "/a/b", "one");
	OK(write_node(&s, 0, 0, "/a", "w"));
	expect_events(2, 4, "/a", "root", "/a", "all", "/a", "flat", "/a", "one");
	/* A guest hears only of what it may read. */
	OK(ask(&s, 1, XS_WATCH, 0, 2, "/a", "g"));
	expect_events(1, 1, "/a", "g");
	OK(write_node(&s, 0, 0, "/a/b/c", "x"));
	expect_events(1, 0);
	OK(ask(&s, 0, XS_SET_PERMS, 0, 3, "/a/b/c", "n0", "r5"));
	expect_events(1, 1, "/a/b/c", "g");
	/* Removal wakes watches on what was below, and no others there. */
	OK(ask(&s, 2, XS_RESET_WATCHES, 0, 1, ""));
	OK(ask(&s, 2, XS_WATCH, 0, 2, "/a/b/c", "leaf"));
	expect_events(2, 1, "/a/b/c", "leaf");
	OK(ask(&s, 2, XS_WATCH, 0, 2, "/a/b/d", "none"));
	expect_events(2, 1, "/a/b/d", "none");
	OK(ask(&s, 0, XS_RM, 0, 1, "/a"));
	expect_events(2, 1, "/a/b/c", "leaf");
	/* Relative ones hear relative paths. */
	OK(ask(&s, 2, XS_WATCH, 0, 2, "here", "rel"));
	expect_events(2, 1, "here", "rel");
	OK(write_node(&s, 0, 0, "/local/domain/0/here/x", ""));
	expect_events(2, 1, "here/x", "rel");
	OK(ask(&s, 2, XS_WATCH, 0, 2, RELEASE_DOMAIN, "gone"));
	expect_events(2, 1, RELEASE_DOMAIN, "gone");
	other(&s, REC_SHUTDOWN, 0, 5, 0);
	expect_events(2, 1, RELEASE_DOMAIN, "gone");
	OK(ask(&s, 2, XS_UNWATCH, 0, 2, "here", "rel"));
	FAILS(ask(&s, 2, XS_UNWATCH, 0, 2, "here", "rel"), "ENOENT");
	store_free(&s);
}

/* Who does not read gets one event for each watch, none lost and no memory spent. */
static void test_coalesce(void **state)
{
	start(&s);
	other(&s, REC_CONNECT, 2, 1, 0);
	OK(ask(&s, 2, XS_WATCH, 0, 2, "/a", "t"));
	expect_events(2, 1, "/a", "t");
	OK(ask(&s, 2, XS_WATCH, 0, 2, "/b", "u"));
	expect_events(2, 1, "/b", "u");
	other(&s, REC_COALESCE, 2, 0, 0);
	for (int i = 0; i < 1000; i++)
		OK(write_node(&s, 0, 0, "/a/x", "v"));
	expect_events(2, 0);
	other(&s, REC_RESUME, 2, 0, 0);
	expect_events(2, 1, "/a", "t");
	OK(write_node(&s, 0, 0, "/a/x", "v"));
	expect_events(2, 1, "/a/x", "t");
	store_free(&s);
}

static void test_directory_part(void **state)
{
	char name[64], at[16], seen[1000] = "";
	struct reply *r;
	uint32_t offset = 0;
	int done = 0, count = 0;

	start(&s);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "/big/node-%03d-with-a-long-name", i);
		write_node(&s, 0, 0, name, "");
	}
	FAILS(ask(&s, 0, XS_DIRECTORY, 0, 1, "/big"), "E2BIG");
	while (!done) {
		const char *p;

		snprintf(at, sizeof(at), "%u", offset);
		r = ask(&s, 0, XS_DIRECTORY_PART, 0, 2, "/big", at);
		assert_int_equal(r->type, XS_DIRECTORY_PART);
		for (p = r->body + strlen(r->body) + 1; p < r->body + r->len && *p; p += strlen(p) + 1, count++) {
			assert_false(seen[atoi(p + 5)]++);
			offset += strlen(p) + 1;
		}
		done = p < r->body + r->len;
	}
	assert_int_equal(count, 1000);
	store_free(&s);
}

static void test_doomed(void **state)
{
	start(&s);
	OK(write_node(&s, 0, 0, "/a", "1"));
	SAYS(ask(&s, 0, XS_TRANSACTION_START, 0, 1, ""), "1");
	OK(write_node(&s, 0, 1, "/a", "2"));
	other(&s, REC_DOOM, 0, 1, 0);
	SAYS(ask(&s, 0, XS_READ, 1, 1, "/a"), "1");
	OK(write_node(&s, 0, 1, "/a", "3"));
	FAILS(ask(&s, 0, XS_TRANSACTION_END, 1, 1, "T"), "EAGAIN");
	SAYS(ask(&s, 0, XS_READ, 0, 1, "/a"), "1");
	store_free(&s);
}

static void test_bad_snapshots(void **state)
{
	struct store copy;
	size_t size;
	char *bytes;

	start(&s);
	introduce(&s, "5", 1);
	OK(write_node(&s, 0, 0, "/a/b", "1"));
	OK(ask(&s, 0, XS_WATCH, 0, 2, "/a", "t"));
	SAYS(ask(&s, 0, XS_TRANSACTION_START, 0, 1, ""), "1");
	OK(write_node(&s, 0, 1, "/a/c", "2"));
	SAYS(ask(&s, 1, XS_TRANSACTION_START, 0, 1, ""), "1");
	other(&s, REC_BROKEN, 1, 0, 0);
	bytes = snapshot_write(&s, &size);
	for (size_t cut = 0; cut < size; cut += 7) {
		char *part = malloc(cut + 1);

		memcpy(part, bytes, cut);
		assert_false(snapshot_read(&copy, part, cut));
		free(part);
	}
	assert_true(snapshot_read(&copy, bytes, size));
	SAYS(ask(&copy, 0, XS_READ, 1, 1, "/a/c"), "2");
	OK(ask(&copy, 0, XS_TRANSACTION_END, 1, 1, "T"));
	SAYS(ask(&copy, 0, XS_READ, 0, 1, "/a/c"), "2");
	SAYS(ask(&copy, 0, XS_CONTROL, 0, 1, "check"), "OK");
	free(bytes);
	store_free(&copy);
	store_free(&s);
	assert_int_equal(node_sums.nodes, 0);
	assert_int_equal(node_sums.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nodes),	       cmocka_unit_test(test_malformed), cmocka_unit_test(test_guest_permissions),
		cmocka_unit_test(test_quotas),	       cmocka_unit_test(test_watches),	 cmocka_unit_test(test_coalesce),
		cmocka_unit_test(test_directory_part), cmocka_unit_test(test_doomed),	 cmocka_unit_test(test_bad_snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
