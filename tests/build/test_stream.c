// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A saved guest's file may come from anybody. A right one, as Debian's tools write it, is read whole; each thing that can be
 * wrong in it is refused with its reason: cut short, each record left out, twice, too long, too early, each header changed.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "stream/stream.h"

static uint8_t *file;
static size_t size, at, records[32];	/* offsets of libxc's records */
static unsigned nr_records;
static struct why why;
static unsigned pages, vcpus, configs;

static void put(const void *p, size_t n)
{
	file = realloc(file, size + n);
	memcpy(file + size, p, n);
	size += n;
}

static void put32(uint32_t v) { put(&v, 4); }
static void put64(uint64_t v) { put(&v, 8); }

static void fill(size_t n, uint8_t v)
{
	uint8_t *p = malloc(n + 1);

	memset(p, v, n);
	put(p, n);
	free(p);
}

static void head(uint32_t type, uint32_t n)
{
	records[nr_records++] = size;
	put32(type);
	put32(n);
}

static void put_vcpu(uint32_t type, uint32_t n)
{
	head(type, 8 + n);
	put64(0);
	fill(n, 7);
	fill(-(size_t)n & 7, 0);
}

enum { R_STATIC = 2, R_P2M, R_PAGES, R_MORE_PAGES, R_TSC, R_SHARED, R_BASIC, R_OPTIONAL = 12, R_END };

/* Three frames, of which one is a pinned root and one has no contents. */
static void put_image(uint8_t version)
{
	const uint8_t h[40] = { 255, 255, 255, 255, 255, 255, 255, 255, 'X', 'E', 'N', 'F', 0, 0, 0, version, [24] = 1, [28] = 12,
				[32] = 4, [36] = 17 };

	put(h, sizeof(h));
	head(0x11, 24);
	fill(24, 1);
	head(2, 8);
	put64(8 | 4 << 8);
	head(16, 0);
	head(3, 8 + 8);
	put64(2ull << 32);
	put64(1);
	head(1, 8 + 3 * 8 + 2 * 4096);
	put64(3);
	put64(0 | 0xcull << 60);
	put64(1);
	put64(2 | 0xfull << 60);
	fill(2 * 4096, 9);
	head(1, 8 + 8 + 4096);
	put64(1);
	put64(1);
	fill(4096, 8);
	head(8, 24);
	fill(24, 0);
	head(7, 4096);
	fill(4096, 0);
	put_vcpu(4, 5168);
	put_vcpu(5, 112);
	put_vcpu(6, 850);
	put_vcpu(12, 16);
	head(0x80000001, 5);
	fill(8, 1);
	head(0, 0);
}

static void make(uint8_t version)
{
	static const uint8_t stream[16] = { 'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', 0, 0, 0, 2 };
	static const char magic[32] = "Xen saved domain, xl format\n \0 \r", config[] = "{\"c_info\": {\"name\": \"a\"}}";

	size = nr_records = 0;
	put(magic, 32);
	put32(0x01020304);
	put32(3);
	put32(0);
	put32(4 + sizeof(config));
	put32(sizeof(config));
	put(config, sizeof(config));
	put(stream, 16);
	put32(1);
	put32(0);
	put_image(version);
	put64(0);
}

static int reader(void *from, void *to, size_t n)
{
	if (n > size - at)
		return -ENODATA;
	memcpy(to, file + at, n);
	at += n;
	return 0;
}

static int on_config(void *arg, const char *text, size_t n, struct why *w) { return configs++, 0; }
static int on_pages(void *arg, const uint64_t *words, unsigned n, const uint8_t *data, struct why *w)
{
	uint8_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; stream_frame_has_data(words[i]) && k < STREAM_PAGE; k++)
			sum += *data++;
	pages += n + (sum & 0);
	return 0;
}
static int on_vcpu(void *arg, enum stream_vcpu kind, unsigned v, const uint8_t *data, size_t n, struct why *w)
{
	vcpus += kind == STREAM_VCPU_BASIC;
	return arg ? why_set(w, -ENOSPC, "no room") : 0;
}

static const struct stream_taker taker = { .config = on_config, .pages = on_pages, .vcpu = on_vcpu };

static int read_it(void)
{
	at = pages = vcpus = configs = 0;
	why.text[0] = 0;
	return stream_read_file(reader, NULL, &taker, NULL, &why);
}

static void refused(const char *reason)
{
	assert_int_equal(read_it(), -EINVAL);
	if (!strstr(why.text, reason))
		fail_msg("refused, but not for \"%s\": %s", reason, why.text);
}

static void whole(void **state)
{
	make(3);
	assert_int_equal(read_it(), 0);
	assert_int_equal(at, size);
	assert_int_equal(pages, 4);
	assert_int_equal(vcpus, 1);
	assert_int_equal(configs, 1);
	at = 0;
	assert_int_equal(stream_read_file(reader, NULL, &taker, &why, &why), -ENOSPC);
	make(2);
	refused("not known in version 2");
}

static void cut(void **state)
{
	make(3);
	for (size_t n = size, i = 0; i < n; i += i < 400 || i > n - 400 ? 1 : 61) {
		size = i;
		assert_int_equal(read_it(), -ENODATA);
		assert_non_null(strstr(why.text, "too early"));
	}
}

/* Without record i, or with it twice. */
static int changed(unsigned i, bool twice)
{
	size_t from = records[i], to = records[i + 1], n = to - from;
	uint8_t *rest = malloc(size - to), *again = malloc(n);
	size_t left = size - to;
	int rc;

	memcpy(rest, file + to, left);
	memcpy(again, file + from, n);
	size = from;
	for (unsigned k = 0; k < (twice ? 2 : 0); k++)
		put(again, n);
	put(rest, left);
	free(rest);
	free(again);
	rc = read_it();
	make(3);
	return rc;
}

static void missing_and_twice(void **state)
{
	static const bool needed[] = { [1] = true, [R_P2M] = true, [R_PAGES] = false, [R_TSC] = true, [R_SHARED] = true,
				       [R_BASIC] = true, [R_END] = true };

	make(3);
	for (unsigned i = 0; i < R_END; i++)
		assert_int_equal(changed(i, false), needed[i] ? -EINVAL : 0);
	for (unsigned i = 0; i < R_END; i++)
		assert_int_equal(changed(i, true), i == R_PAGES || i == R_MORE_PAGES || i == R_OPTIONAL ? 0 : -EINVAL);
}

static void sizes(void **state)
{
	for (unsigned i = 0; i <= R_END; i++) {
		make(3);
		memset(file + records[i] + 4, 0xf0, 4);
		assert_int_equal(read_it(), -EINVAL);
		make(3);
		file[records[i] + 4] += 8;
		if (i != R_OPTIONAL)	/* of any size: then what follows is not understood */
			assert_true(read_it() < 0);
	}
}

static void poke(size_t where, uint8_t value, const char *reason)
{
	make(3);
	file[where] = value;
	refused(reason);
}

static void values(void **state)
{
	size_t r[R_END + 1], image;

	make(3);
	memcpy(r, records, sizeof(r));
	image = r[0] - 40;
	poke(5, 'X', "does not begin as xl's");
	poke(32, 1, "byte order");
	poke(36, 1, "flags");
	poke(36, 7, "flags");
	poke(47, 1, "configuration has");
	poke(48, 99, "99 bytes of");
	poke(image - 24, 'l', "does not begin as one of version 2");
	poke(image - 24 + 15, 1, "big-endian");
	poke(image - 24 + 15, 2, "options");
	poke(image - 8, 2, "no PV guest has");
	poke(image + 15, 4, "version 2 or 3");
	poke(image + 17, 1, "big-endian");
	poke(image + 24, 2, "not PV");
	poke(image + 28, 13, "2^13");
	poke(r[1] + 8, 4, "4-byte words");
	poke(r[R_P2M] + 8, 3, "a list of frames");
	poke(r[R_P2M] + 13, 2, "a list of frames");
	poke(r[R_P2M] + 16, 3, "beyond the last");
	poke(r[R_PAGES] + 8, 0, "0 pages");
	poke(r[R_PAGES] + 9, 5, "1283 pages");
	poke(r[R_PAGES] + 16, 3, "a page called");
	poke(r[R_PAGES] + 16 + 7, 0x50, "a page called");
	poke(r[R_PAGES] + 16 + 6, 0x10, "a page called");
	poke(r[R_PAGES] + 24 + 7, 0xe0, "with contents");
	poke(r[R_BASIC] + 9, 2, "a vCPU of number 512");
	poke(r[R_BASIC] + 8, 1, "before its registers");
	poke(r[0], 0x30, "not known");
	poke(r[R_END], 13, "not known");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(cut), cmocka_unit_test(missing_and_twice), cmocka_unit_test(sizes),
		cmocka_unit_test(values),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(file);
	return rc;
}
