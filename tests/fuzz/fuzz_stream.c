// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libs/why/why.c libs/stream/image.c libs/stream/reader.c
/*
 * A saved guest's file or a moving guest's stream, from anybody. Whatever the bytes, nothing is read outside, what the takers get is as
 * the header promises, and a refusal has a reason.
 */
#include "fuzz.h"
#include <errno.h>
#include "stream/stream.h"

struct bytes { const uint8_t *at; size_t left; uint64_t last_pfn; bool image, p2m; };

static int reader(void *from, void *to, size_t n)
{
	struct bytes *i = from;

	if (n > i->left)
		return -ENODATA;
	memcpy(to, i->at, n);
	i->at += n;
	i->left -= n;
	return 0;
}

static unsigned touch(const uint8_t *p, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += p[i];
	return sum & 1;
}

static int on_config(void *arg, const char *text, size_t n, struct why *why)
{
	CHECK(n <= STREAM_CONFIG_MAX && !((struct bytes *)arg)->image);
	return touch((const uint8_t *)text, n) * 0;
}

static int on_image(void *arg, unsigned version, unsigned major, unsigned minor, struct why *why)
{
	CHECK((version == 2 || version == 3) && !((struct bytes *)arg)->image);
	((struct bytes *)arg)->image = true;
	return 0;
}

static int on_p2m(void *arg, uint64_t last, const uint64_t *pfns, unsigned n, struct why *why)
{
	struct bytes *i = arg;

	CHECK(i->image && !i->p2m && n == last / 512 + 1);
	for (unsigned k = 0; k < n; k++)
		CHECK(pfns[k] <= last);
	i->p2m = true;
	i->last_pfn = last;
	return 0;
}

static int on_pages(void *arg, const uint64_t *words, unsigned n, const uint8_t *data, struct why *why)
{
	struct bytes *i = arg;
	size_t with = 0;

	CHECK(i->p2m && n && n <= STREAM_BATCH_MAX);
	for (unsigned k = 0; k < n; k++) {
		CHECK(STREAM_FRAME_PFN(words[k]) <= i->last_pfn);
		with += stream_frame_has_data(words[k]);
	}
	return touch(data, with * STREAM_PAGE) * 0;
}

static int on_shared(void *arg, const uint8_t *page, struct why *why)
{
	CHECK(((struct bytes *)arg)->p2m);
	return touch(page, STREAM_PAGE) * 0;
}

static int on_vcpu(void *arg, enum stream_vcpu kind, unsigned vcpu, const uint8_t *data, size_t n, struct why *why)
{
	CHECK(((struct bytes *)arg)->p2m && kind < STREAM_VCPU_KINDS && vcpu < STREAM_VCPUS_MAX);
	return touch(data, n) * 0;
}

static int on_policy(void *arg, bool msrs, const uint8_t *data, size_t n, struct why *why)
{
	CHECK(n % (msrs ? 16 : 24) == 0);
	return touch(data, n) * 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct stream_taker taker = {
		.config = on_config, .image = on_image, .p2m = on_p2m, .pages = on_pages, .shared_info = on_shared, .vcpu = on_vcpu,
		.policy = on_policy,
	};
	struct bytes i = { .at = data, .left = size };
	struct why why = { "" };
	int rc;

	/* The first byte says which of the two it is. */
	if (!size)
		return 0;
	reader(&i, &(uint8_t){ 0 }, 1);
	rc = (data[0] & 1 ? stream_read_file : stream_read_bare)(reader, &i, &taker, &i, &why);
	CHECK(rc ? why.text[0] != 0 : i.p2m);
	return 0;
}
