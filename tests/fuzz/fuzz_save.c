// SPDX-License-Identifier: GPL-2.0-or-later
// sources: libs/why/why.c libs/stream/image.c libs/stream/pv.c libs/stream/reader.c libs/stream/writer.c libs/stream/save.c
// sources: libs/stream/restore.c fuzz/fake_host.c
/*
 * A guest that says of its memory what it likes, while it is saved and between the rounds; and a stream from
 * anybody into a new domain. Nothing is read outside, nothing stays mapped, a refusal has a reason, and what
 * was saved without one our own reader takes.
 */
#include "fuzz.h"
#include <errno.h>
#include "fake_host.h"
#include "stream/restore.h"
#include "stream/save.h"

#define NR	600u		/* frames that the guest's list has room for */
#define LIST	0xffffc90000000000ull

static struct input in;
static uint64_t p2m[NR];
static uint8_t *file;
static size_t size, room, at;

static uint64_t *of(uint64_t pfn) { return fake_page(p2m[pfn]); }

static uint64_t value(void)
{
	uint64_t v = take(&in, 1), pfn = take(&in, 1) % 64;

	switch (v % 6) {
	case 0: return p2m[pfn] << 12 | 1;
	case 1: return p2m[pfn];
	case 2: return host.domain[2].shared << 12 | 1;
	case 3: return take(&in, 8);
	case 4: return UINT64_MAX;
	default: return pfn;
	}
}

/* Something of the guest's becomes something else. */
static void change(void)
{
	shared_info_t *shared = fake_page(host.domain[1].shared);
	vcpu_guest_context_t *c = &host.domain[1].context[take(&in, 1) % 2];
	uint64_t pfn = take(&in, 1) % 64, v;
	unsigned what = take(&in, 1) % 12;

	v = value();
	switch (what) {
	case 0: shared->arch.max_pfn = v; break;
	case 1: shared->arch.p2m_cr3 = v & ~1ull; break;
	case 2: shared->arch.p2m_vaddr = v; break;
	case 3: shared->arch.pfn_to_mfn_frame_list_list = v; break;
	case 4: c->user_regs.rdx = v; break;
	case 5: c->ctrlreg[1 + 2 * (pfn & 1)] = v; break;
	case 6: c->gdt_ents = v; break;
	case 7: host.type[p2m[pfn]] = (uint32_t)v << 28; break;
	case 8: host.m2p[p2m[pfn]] = v; break;
	case 9: host.owner[p2m[pfn]] = v & 1; break;
	default: of(pfn)[take(&in, 2) % 512] = v;
	}
	host.domain[1].dirty[pfn / 8] |= 1u << pfn % 8;
}

static void changes(unsigned round)
{
	for (unsigned n = take(&in, 1) % 4; n; n--)
		change();
}

static void make_guest(void)
{
	shared_info_t *shared = fake_page(host.domain[1].shared);

	for (unsigned pfn = 0; pfn < NR; pfn++)
		p2m[pfn] = pfn < 64 ? fake_give(1, pfn) : UINT64_MAX;
	for (unsigned pfn = 0; pfn < 8; pfn++)
		memset(of(pfn), 0, 4096);
	for (unsigned level = 4; level; level--)
		host.type[p2m[4 - level]] = level << 28;
	of(0)[LIST >> 39 & 511] = p2m[1] << 12 | 1;
	of(1)[0] = p2m[2] << 12 | 1;
	of(2)[0] = p2m[3] << 12 | 1;
	of(3)[0] = p2m[8] << 12 | 1;
	of(3)[1] = p2m[9] << 12 | 1;
	for (unsigned pfn = 0; pfn < NR; pfn++)
		of(8 + pfn / 512)[pfn % 512] = p2m[pfn];
	memset(shared, 0, 4096);
	shared->arch.max_pfn = NR;
	shared->arch.p2m_cr3 = p2m[0] << 12;
	shared->arch.p2m_vaddr = LIST;
	for (unsigned v = 0; v < 2; v++) {
		host.domain[1].set[v] = true;
		host.domain[1].context[v].ctrlreg[3] = p2m[0] << 12;
	}
	host.domain[1].context[0].user_regs.rdx = p2m[10];
}

static int put(void *to, struct iovec *v, int n)
{
	for (int i = 0; i < n; i++) {
		if (!v[i].iov_len)
			continue;
		if (size + v[i].iov_len > room) {
			room = 2 * (size + v[i].iov_len);
			file = realloc(file, room);
		}
		memcpy(file + size, v[i].iov_base, v[i].iov_len);
		size += v[i].iov_len;
	}
	return 0;
}

static int get(void *from, void *to, size_t n)
{
	if (n > size - at)
		return -ENODATA;
	memcpy(to, file + at, n);
	at += n;
	return 0;
}

static int on_suspend(void *arg, struct why *why)
{
	changes(0);
	return 0;
}

static int on_config(void *arg, const char *text, size_t n, domid_t *id, struct why *why)
{
	*id = 2;
	return 0;
}

static void saved(void)
{
	static const struct stream_taker none;
	uint8_t how = take(&in, 1);
	struct save_request q = { .live = how & 1, .brief = how & 2, .suspend = on_suspend };
	struct stream_writer w = { .write = put };
	struct why why = { "" };
	int rc;

	make_guest();
	changes(0);
	host.between = changes;
	size = 0;
	stream_put_file(&w, "{}", 3);
	rc = save_guest(NULL, 1, &q, &w, &why);
	CHECK(rc ? why.text[0] != 0 : w.written == size);
	CHECK(!host.maps && !host.domain[1].log);
	at = 0;
	if (!rc)
		CHECK(stream_read_file(get, NULL, &none, NULL, &why) == 0 && at == size);
}

static void restored(void)
{
	struct restore_request q = { .read = get, .config = on_config };
	struct restore_result result;
	struct why why = { "" };
	int rc;

	size = 0;
	put(NULL, &(struct iovec){ (void *)in.p, in.left }, 1);
	at = 0;
	rc = restore_guest(NULL, &q, &result, &why);
	CHECK(rc ? why.text[0] != 0 : host.domain[2].set[0]);
	CHECK(!host.maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!n)
		return 0;
	in = (struct input){ data + 1, n - 1 };
	fake_begin();
	if (data[0] & 1)
		restored();
	else
		saved();
	fake_end();
	return 0;
}
