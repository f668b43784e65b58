/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/writer.h"
#include <errno.h>
#include <string.h>

enum {
	REC_END = 0, REC_PAGE_DATA = 1, REC_PV_INFO = 2, REC_P2M = 3, REC_VCPU = 4, REC_SHARED_INFO = 7, REC_TSC = 8,
	REC_VCPU_MSRS = 12, REC_STATIC_END = 16, REC_CPUID = 17, REC_MSR = 18,
};
enum { XL_END = 0, XL_LIBXC_CONTEXT = 1 };
#define AT_ONCE 512	/* pieces of a system call */

#define HOLE_MIN 4u	/* pages that are worth a hole: they lie askew in a file */

const uint8_t stream_zeros[STREAM_PAGE];

static int put(struct stream_writer *w, struct iovec *v, int n)
{
	uint64_t size = 0;
	int rc;

	for (int i = 0; i < n; i++)
		size += v[i].iov_len;
	rc = w->write(w->to, v, n);
	w->written += rc ? 0 : size;
	return rc;
}

/* A record of two parts. */
static int record(struct stream_writer *w, uint32_t type, const void *a, size_t na, const void *b, size_t nb)
{
	uint32_t head[2] = { type, na + nb };
	struct iovec v[4] = {
		{ head, sizeof(head) }, { (void *)a, na }, { (void *)b, nb }, { (void *)stream_zeros, -(na + nb) & 7 },
	};
	return put(w, v, 4);
}

int stream_put_file(struct stream_writer *w, const char *config, size_t size)
{
	static const char magic[32] = "Xen saved domain, xl format\n \0 \r";
	const uint32_t flags_json = 1, flags_stream_v2 = 2;
	uint32_t head[5] = { 0x01020304, flags_json | flags_stream_v2, 0, 4 + size, size };
	struct iovec v[3] = { { (void *)magic, sizeof(magic) }, { head, sizeof(head) }, { (void *)config, size } };

	return size > STREAM_CONFIG_MAX - 4 ? -E2BIG : put(w, v, 3);
}

int stream_put_begin(struct stream_writer *w, unsigned xen_major, unsigned xen_minor)
{
	uint8_t stream[16] = { 'L', 'i', 'b', 'x', 'l', 'F', 'm', 't', [11] = 2 };
	uint32_t context[2] = { XL_LIBXC_CONTEXT, 0 };
	uint8_t image[24] = { 255, 255, 255, 255, 255, 255, 255, 255, 'X', 'E', 'N', 'F', [15] = 3 };
	uint32_t domain[4] = { 1, 12, xen_major, xen_minor };	/* PV; pages of 2^12 bytes */
	const uint8_t info[8] = { 8, 4 };	/* 64-bit words, 4 levels of tables */
	struct iovec v[4] = {
		{ stream, sizeof(stream) }, { context, sizeof(context) }, { image, sizeof(image) }, { domain, sizeof(domain) },
	};
	int rc = put(w, v, 4);

	return rc ? rc : record(w, REC_PV_INFO, info, sizeof(info), NULL, 0);
}

int stream_put_policy(struct stream_writer *w, bool msrs, const void *data, size_t size)
{
	return record(w, msrs ? REC_MSR : REC_CPUID, data, size, NULL, 0);
}

int stream_put_p2m(struct stream_writer *w, uint64_t last_pfn, const uint64_t *pfns)
{
	const uint32_t range[2] = { 0, last_pfn };
	int rc = record(w, REC_STATIC_END, NULL, 0, NULL, 0);

	return rc ? rc : record(w, REC_P2M, range, sizeof(range), pfns, (last_pfn / 512 + 1) * sizeof(*pfns));
}

/* How many zero pages there are that may be skipped. */
static unsigned hole(const struct stream_writer *w, const void *const *data, unsigned n)
{
	unsigned k = 0;

	while (w->skip && k < n && data[k] == stream_zeros)
		k++;
	return k < HOLE_MIN ? 0 : k;
}

static int skip(struct stream_writer *w, struct iovec *before, int pieces, uint64_t n)
{
	int rc = pieces ? put(w, before, pieces) : 0;

	if (!rc)
		rc = w->skip(w->to, n);
	w->written += rc ? 0 : n;
	return rc;
}

int stream_put_pages(struct stream_writer *w, const uint64_t *words, unsigned n, const void *const *data)
{
	struct iovec v[AT_ONCE];
	uint32_t head[4] = { REC_PAGE_DATA, 0, n, 0 };
	unsigned with = 0, zeros;
	int pieces = 2, rc;

	for (unsigned i = 0; i < n; i++)
		with += stream_frame_has_data(words[i]);
	head[1] = 8 + n * sizeof(*words) + with * STREAM_PAGE;
	v[0] = (struct iovec){ head, sizeof(head) };
	v[1] = (struct iovec){ (void *)words, n * sizeof(*words) };
	for (unsigned i = 0; i < with; i++) {
		zeros = hole(w, data + i, with - i);
		if (zeros) {
			rc = skip(w, v, pieces, zeros * (uint64_t)STREAM_PAGE);
			if (rc)
				return rc;
			pieces = 0;
			i += zeros - 1;
			continue;
		}
		/* Pages that lie side by side go as one piece. */
		if (pieces > 2 && (char *)v[pieces - 1].iov_base + v[pieces - 1].iov_len == data[i]) {
			v[pieces - 1].iov_len += STREAM_PAGE;
			continue;
		}
		if (pieces == AT_ONCE) {
			rc = put(w, v, pieces);
			if (rc)
				return rc;
			pieces = 0;
		}
		v[pieces++] = (struct iovec){ (void *)data[i], STREAM_PAGE };
	}
	return pieces ? put(w, v, pieces) : 0;
}

int stream_put_round(struct stream_writer *w) { return record(w, STREAM_ROUND, NULL, 0, NULL, 0); }

int stream_put_tsc(struct stream_writer *w, const struct stream_tsc *tsc)
{
	uint8_t body[24] = { 0 };

	memcpy(body, &tsc->mode, 4);
	memcpy(body + 4, &tsc->khz, 4);
	memcpy(body + 8, &tsc->ns, 8);
	memcpy(body + 16, &tsc->incarnation, 4);
	return record(w, REC_TSC, body, sizeof(body), NULL, 0);
}

int stream_put_shared_info(struct stream_writer *w, const void *page)
{
	return record(w, REC_SHARED_INFO, page, STREAM_PAGE, NULL, 0);
}

int stream_put_vcpu(struct stream_writer *w, enum stream_vcpu kind, unsigned vcpu, const void *data, size_t size)
{
	const uint32_t id[2] = { vcpu, 0 };

	return record(w, kind == STREAM_VCPU_MSRS ? REC_VCPU_MSRS : REC_VCPU + kind, id, sizeof(id), data, size);
}

int stream_put_end(struct stream_writer *w)
{
	const uint32_t ends[4] = { REC_END, 0, XL_END, 0 };
	struct iovec v[1] = { { (void *)ends, sizeof(ends) } };

	return put(w, v, 1);
}
