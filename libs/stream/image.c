/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libxc's image: records in an order of which some is prescribed. A table says for each type how large its body may be,
 * what must have come before it, and who reads it.
 */
#include <errno.h>
#include <string.h>
#include "stream/reader.h"

enum {
	REC_END, REC_PAGE_DATA, REC_PV_INFO, REC_P2M, REC_VCPU_BASIC, REC_VCPU_EXTENDED, REC_VCPU_XSAVE, REC_SHARED_INFO,
	REC_TSC,
	REC_VCPU_MSRS = 12, REC_VERIFY, REC_CHECKPOINT, REC_STATIC_END = 16, REC_CPUID, REC_MSR, REC_NR,
};
#define OPTIONAL	(1u << 31)
#define BIT(type)	(1u << (type))
#define PFNS_MAX	(1ull << 36)	/* a guest of 256 TiB */
#define P2M_MAX		(1u << 24)	/* bytes of its list's list: frames for 4 TiB */
#define VCPU_BASIC_SIZE 5168u		/* struct vcpu_guest_context, 64-bit */
#define VCPU_LIMIT	(1u << 16)

struct image {
	struct reader *r;
	unsigned version;
	uint32_t seen;			/* BIT(type) */
	uint64_t last_pfn;
	uint8_t vcpus[STREAM_VCPUS_MAX];	/* kinds that have come */
};

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static int pv_info(struct image *i, const struct record *rec)
{
	const uint8_t *b = i->r->body;

	if (b[0] != 8 || b[1] != 4)
		return reader_refuse(i->r, "a guest of %u-byte words and %u levels of page tables", b[0], b[1]);
	return 0;
}

static int p2m(struct image *i, const struct record *rec)
{
	struct reader *r = i->r;
	uint64_t first = u32(r->body), last = u32(r->body + 4), n = (rec->size - 8) / 8;
	const uint64_t *pfns = (const uint64_t *)(r->body + 8);

	if ((rec->size & 7) || first > last || first / 512 != 0 || n != last / 512 + 1)
		return reader_refuse(r, "a list of frames %llu to %llu in %llu frames", (unsigned long long)first,
				     (unsigned long long)last, (unsigned long long)n);
	for (uint64_t k = 0; k < n; k++)
		if (pfns[k] > last)
			return reader_refuse(r, "the list of frames lies in frame %llx, beyond the last",
					     (unsigned long long)pfns[k]);
	i->last_pfn = last;
	return r->taker->p2m ? r->taker->p2m(r->arg, last, pfns, n, r->why) : 0;
}

static bool type_ok(unsigned type) { return type <= STREAM_L4 || (type > STREAM_PINNED && type <= STREAM_ABSENT); }

/* How many of the words are of pages with contents; or a refusal. */
static int judge_words(struct image *i, const uint64_t *words, unsigned n)
{
	int with = 0;

	for (unsigned k = 0; k < n; k++) {
		if (words[k] >> 52 & 0xff || STREAM_FRAME_PFN(words[k]) > i->last_pfn || !type_ok(STREAM_FRAME_TYPE(words[k])))
			return reader_refuse(i->r, "a page called %llx", (unsigned long long)words[k]);
		with += stream_frame_has_data(words[k]);
	}
	return with;
}

/* The one record whose body is not read before: most of the stream, it goes where it belongs without a stop. */
static int page_data(struct image *i, const struct record *rec)
{
	const struct stream_taker *t = i->r->taker;
	struct reader *r = i->r;
	uint64_t words[STREAM_BATCH_MAX];
	uint8_t head[8], *to = NULL;
	int rc = reader_bytes(r, head, sizeof(head)), with;
	uint32_t n = u32(head);

	if (rc)
		return rc;
	if (!n || n > STREAM_BATCH_MAX || rec->size < 8 + n * 8ull)
		return reader_refuse(r, "%u pages in a record of %u bytes", n, rec->size);
	rc = reader_bytes(r, words, n * sizeof(*words));
	with = rc ? rc : judge_words(i, words, n);
	if (with < 0)
		return with;
	if (rec->size != 8 + n * 8ull + with * (uint64_t)STREAM_PAGE)
		return reader_refuse(r, "%u pages, %d with contents, in a record of %u bytes", n, with, rec->size);
	if (t->place) {
		rc = t->place(r->arg, words, n, with, &to, r->why);
	} else {
		rc = reader_room(r, (size_t)with * STREAM_PAGE);
		to = r->body;
	}
	if (!rc)
		rc = reader_bytes(r, to, (size_t)with * STREAM_PAGE);
	return rc || !t->pages ? rc : t->pages(r->arg, words, n, to, r->why);
}

static int tsc(struct image *i, const struct record *rec)
{
	struct reader *r = i->r;
	const struct stream_tsc t = { u32(r->body), u32(r->body + 4), u64(r->body + 8), u32(r->body + 16) };

	return r->taker->tsc ? r->taker->tsc(r->arg, &t, r->why) : 0;
}

static int shared_info(struct image *i, const struct record *rec)
{
	return i->r->taker->shared_info ? i->r->taker->shared_info(i->r->arg, i->r->body, i->r->why) : 0;
}

static int vcpu(struct image *i, const struct record *rec)
{
	struct reader *r = i->r;
	uint32_t id = u32(r->body), size = rec->size - 8;
	enum stream_vcpu kind = rec->type == REC_VCPU_MSRS ? STREAM_VCPU_MSRS : rec->type - REC_VCPU_BASIC;

	if (id >= STREAM_VCPUS_MAX)
		return reader_refuse(r, "a vCPU of number %u", id);
	if (i->vcpus[id] & 1u << kind)
		return reader_refuse(r, "two records of one kind of vCPU %u", id);
	if (kind == STREAM_VCPU_BASIC ? size != VCPU_BASIC_SIZE : !(i->vcpus[id] & 1))
		return reader_refuse(r, "a record of vCPU %u of %u bytes%s", id, size, kind ? " before its registers" : "");
	if (kind == STREAM_VCPU_MSRS && size % 16)
		return reader_refuse(r, "MSRs of vCPU %u in %u bytes", id, size);
	i->vcpus[id] |= 1u << kind;
	return r->taker->vcpu ? r->taker->vcpu(r->arg, kind, id, r->body + 8, size, r->why) : 0;
}

static int policy(struct image *i, const struct record *rec)
{
	struct reader *r = i->r;
	bool msrs = rec->type == REC_MSR;

	if (rec->size % (msrs ? 16 : 24))
		return reader_refuse(r, "a CPU policy of %u bytes", rec->size);
	return r->taker->policy ? r->taker->policy(r->arg, msrs, r->body, rec->size, r->why) : 0;
}

static const struct kind {
	uint32_t least, most;		/* bytes; most 0: it reads its body by itself */
	uint32_t after;			/* what must have come */
	bool once;
	uint8_t version;		/* since */
	int (*read)(struct image *i, const struct record *rec);
} kinds[REC_NR] = {
	[REC_PAGE_DATA] = { 16, 0, BIT(REC_P2M), false, 2, page_data },
	[REC_PV_INFO] = { 8, 8, 0, true, 2, pv_info },
	[REC_P2M] = { 16, P2M_MAX, BIT(REC_PV_INFO), true, 2, p2m },
	[REC_VCPU_BASIC] = { 8, VCPU_LIMIT, BIT(REC_P2M), false, 2, vcpu },
	[REC_VCPU_EXTENDED] = { 8, VCPU_LIMIT, BIT(REC_P2M), false, 2, vcpu },
	[REC_VCPU_XSAVE] = { 8, VCPU_LIMIT, BIT(REC_P2M), false, 2, vcpu },
	[REC_VCPU_MSRS] = { 8, VCPU_LIMIT, BIT(REC_P2M), false, 2, vcpu },
	[REC_SHARED_INFO] = { STREAM_PAGE, STREAM_PAGE, BIT(REC_P2M), true, 2, shared_info },
	[REC_TSC] = { 24, 24, BIT(REC_PV_INFO), true, 2, tsc },
	[REC_STATIC_END] = { 0, 0, BIT(REC_PV_INFO), true, 3, NULL },
	[REC_CPUID] = { 24, VCPU_LIMIT, 0, true, 3, policy },
	[REC_MSR] = { 16, VCPU_LIMIT, 0, true, 3, policy },
};
#define WHOLE (BIT(REC_PV_INFO) | BIT(REC_P2M) | BIT(REC_PAGE_DATA) | BIT(REC_SHARED_INFO) | BIT(REC_TSC) | BIT(REC_VCPU_BASIC))

static int header(struct image *i)
{
	static const uint8_t want[] = { 255, 255, 255, 255, 255, 255, 255, 255, 'X', 'E', 'N', 'F', 0, 0, 0 };
	struct reader *r = i->r;
	uint8_t h[40];
	int rc = reader_bytes(r, h, sizeof(h));

	if (rc)
		return rc;
	if (memcmp(h, want, sizeof(want)) || h[15] < 2 || h[15] > 3)
		return reader_refuse(r, "libxc's image does not begin as one of version 2 or 3");
	if (h[16] || h[17])
		return reader_refuse(r, "its numbers are big-endian, or it has options that are not known");
	if (u32(h + 24) != 1)
		return reader_refuse(r, "the guest is of type %u: not PV", u32(h + 24));
	if (h[28] != 12 || h[29])
		return reader_refuse(r, "its pages are of 2^%u bytes", h[28]);
	i->version = h[15];
	return r->taker->image ? r->taker->image(r->arg, h[15], u32(h + 32), u32(h + 36), r->why) : 0;
}

static int known(struct image *i, const struct record *rec)
{
	const struct kind *k = rec->type < REC_NR ? &kinds[rec->type] : NULL;

	if (!k || !k->version || k->version > i->version)
		return reader_refuse(i->r, "a record of type %#x, which is not known in version %u", rec->type, i->version);
	if (rec->size < k->least)
		return reader_refuse(i->r, "a record of type %#x has %u bytes only", rec->type, rec->size);
	if ((i->seen & k->after) != k->after || (k->once && (i->seen & BIT(rec->type))))
		return reader_refuse(i->r, "a record of type %#x where none can be", rec->type);
	return 0;
}

static int finish(struct image *i, const struct record *rec)
{
	if (rec->size)
		return reader_refuse(i->r, "its end has %u bytes", rec->size);
	if ((i->seen & WHOLE) != WHOLE || !(i->vcpus[0] & 1))
		return reader_refuse(i->r, "parts of the guest are missing (%#x)", WHOLE & ~i->seen);
	return 0;
}

int image_read(struct reader *r)
{
	struct image i = { .r = r };
	struct record rec;
	int rc = header(&i);

	while (!rc) {
		rc = reader_head(r, &rec);
		if (rc)
			break;
		if (rec.type == REC_END)
			return finish(&i, &rec);
		if (rec.type & OPTIONAL) {
			rc = reader_body(r, &rec, STREAM_CONFIG_MAX);
			if (!rc && rec.type == STREAM_ROUND && i.seen & BIT(REC_PAGE_DATA) && r->taker->round)
				rc = r->taker->round(r->arg, r->why);
			continue;
		}
		rc = known(&i, &rec);
		if (!rc && (kinds[rec.type].most || !kinds[rec.type].read))
			rc = reader_body(r, &rec, kinds[rec.type].most);
		if (!rc && kinds[rec.type].read)
			rc = kinds[rec.type].read(&i, &rec);
		if (!rc)
			i.seen |= BIT(rec.type);
	}
	return rc;
}
