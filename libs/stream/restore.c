/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/restore.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hcall/hcall_save.h"
#include "stream/pv.h"

#define NONE	UINT64_MAX	/* no machine frame, as the guest's list says it too */
#define BATCH	STREAM_BATCH_MAX
#define PINS	128u
#define LARGE_ORDER 9u
#define LARGE	(1u << LARGE_ORDER)
#define MAX_LEAVES 2048u

/* Of a page table: its entries are of this host; the hypervisor has it as one; we had it pinned, not the guest. */
enum { MENDED = 1, PINNED = 2, EARLY = 4 };

struct blob { void *data; size_t size; };
struct saved_vcpu { struct blob kinds[STREAM_VCPU_KINDS]; };

struct restore {
	struct hcall *h;
	struct restore_request *q;
	struct restore_result *result;
	domid_t id;
	struct xen_domctl_getdomaininfo info;
	uint64_t nr;			/* frames that the guest's list has room for */
	uint64_t *mfn;
	uint8_t *type;			/* enum stream_frame */
	uint8_t *state;			/* of page tables: MENDED, PINNED, EARLY */
	bool fresh;			/* pages came since the last round */
	uint64_t nr_lists, *lists;	/* frames of the list */
	uint64_t pages;
	struct blob leaves;
	struct stream_tsc tsc;
	uint8_t shared[STREAM_PAGE];
	unsigned nr_vcpus;
	struct saved_vcpu *vcpus;
	xen_pfn_t batch[BATCH];
	uint64_t pfns[BATCH];
	uint8_t *coming;		/* pages that are being read: mapped */
	unsigned nr_coming;
};

static int keep(struct blob *b, const void *data, size_t size, struct why *why)
{
	free(b->data);
	b->data = malloc(size + 1);
	if (!b->data)
		return why_set(why, -ENOMEM, "no memory for a part of the guest");
	memcpy(b->data, data, size);
	b->size = size;
	return 0;
}

static int step(struct restore *r, const char *name, struct why *why)
{
	return r->q->step ? r->q->step(r->q->arg, name, why) : 0;
}

/* --- what comes --- */

static int on_config(void *arg, const char *text, size_t size, struct why *why)
{
	struct restore *r = arg;
	int rc = r->q->config(r->q->arg, text, size, &r->id, why);

	if (rc)
		return rc;
	rc = hcall_domains(r->h, r->id, 1, &r->info);
	if (rc != 1 || r->info.domain != r->id)
		return why_set(why, rc < 0 ? rc : -ESRCH, "the new domain is gone");
	r->nr_vcpus = r->info.max_vcpu_id + 1;
	r->vcpus = calloc(r->nr_vcpus, sizeof(*r->vcpus));
	return r->vcpus ? step(r, "config", why) : why_set(why, -ENOMEM, "no memory");
}

static int on_image(void *arg, unsigned version, unsigned major, unsigned minor, struct why *why)
{
	struct restore *r = arg;

	return r->vcpus ? 0 : why_set(why, -EINVAL, "there is no configuration of the guest in the stream");
}

static int on_p2m(void *arg, uint64_t last_pfn, const uint64_t *pfns, unsigned n, struct why *why)
{
	struct restore *r = arg;

	if (last_pfn / 16 > r->info.max_pages + 65536)
		return why_set(why, -EINVAL, "the stream has room for %llu frames in a guest that may have %llu",
			       (unsigned long long)last_pfn + 1, (unsigned long long)r->info.max_pages);
	r->nr = last_pfn + 1;
	r->nr_lists = n;
	r->mfn = malloc(r->nr * sizeof(*r->mfn));
	r->type = calloc(r->nr, sizeof(*r->type));
	r->state = calloc(r->nr, sizeof(*r->state));
	r->lists = malloc(n * sizeof(*pfns));
	if (!r->mfn || !r->type || !r->state || !r->lists)
		return why_set(why, -ENOMEM, "no memory for the list of frames");
	memset(r->mfn, 0xff, r->nr * sizeof(*r->mfn));
	memcpy(r->lists, pfns, n * sizeof(*pfns));
	return 0;
}

static bool is_new(const struct restore *r, uint64_t word)
{
	return STREAM_FRAME_TYPE(word) != STREAM_ABSENT && r->mfn[STREAM_FRAME_PFN(word)] == NONE;
}

/* The 2 MiB that begin with the first word, if all of them are new and the host has such a piece: how many frames it gave. */
static unsigned populate_large(struct restore *r, const uint64_t *words, unsigned n)
{
	uint64_t pfn = STREAM_FRAME_PFN(words[0]);
	xen_pfn_t frame = pfn;

	if (pfn % LARGE || n < LARGE)
		return 0;
	for (unsigned k = 0; k < LARGE; k++)
		if (STREAM_FRAME_PFN(words[k]) != pfn + k || !is_new(r, words[k]))
			return 0;
	if (hcall_populate(r->h, r->id, LARGE_ORDER, 1, &frame) != 1)
		return 0;
	for (unsigned k = 0; k < LARGE; k++)
		r->mfn[pfn + k] = frame + k;
	r->pages += LARGE;
	return LARGE;
}

/* Frames that are new: all at once. */
static int populate(struct restore *r, const uint64_t *words, unsigned n, struct why *why)
{
	unsigned want = 0, large;
	uint64_t pfn;
	long got;

	for (unsigned i = 0; i < n; i++) {
		large = populate_large(r, words + i, n - i);
		if (large) {
			i += large - 1;
			continue;
		}
		pfn = STREAM_FRAME_PFN(words[i]);
		if (!is_new(r, words[i]))
			continue;
		r->mfn[pfn] = 0;	/* it may come twice */
		r->pfns[want] = r->batch[want] = pfn;
		want++;
	}
	got = want ? hcall_populate(r->h, r->id, 0, want, r->batch) : 0;
	for (unsigned i = 0; i < want; i++)
		r->mfn[r->pfns[i]] = (long)i < got ? r->batch[i] : NONE;
	if (got < 0 || (unsigned long)got < want)
		return why_set(why, got < 0 ? got : -ENOMEM, "there is no memory for the guest's frames, after %llu MiB: %s",
			       (unsigned long long)r->pages >> 8, strerror(got < 0 ? -got : ENOMEM));
	r->pages += want;
	return 0;
}

/* What the guest gave back while it was moved. */
static int release(struct restore *r, uint64_t pfn, struct why *why)
{
	int rc = r->mfn[pfn] == NONE ? 0 : hcall_release_frames(r->h, r->id, 1, &r->mfn[pfn]);

	r->pages -= !rc && r->mfn[pfn] != NONE;
	r->mfn[pfn] = NONE;
	return rc ? why_set(why, rc, "a frame cannot be given back: %s", strerror(-rc)) : 0;
}

/* Maps the frames of the words: those that get contents, then those that are zero. */
static int map_coming(struct restore *r, const uint64_t *words, unsigned n, unsigned with, struct why *why)
{
	unsigned data = 0, zero = with;

	for (unsigned i = 0; i < n; i++) {
		uint64_t mfn = r->mfn[STREAM_FRAME_PFN(words[i])];

		if (STREAM_FRAME_TYPE(words[i]) != STREAM_ALLOC_ONLY && !stream_frame_has_data(words[i]))
			continue;
		r->batch[stream_frame_has_data(words[i]) ? data++ : zero++] = mfn;
		if (mfn == NONE)
			return why_set(why, -EINVAL, "the stream has a frame twice in a record, once absent");
	}
	if (!zero)
		return 0;
	r->coming = hcall_map(r->h, r->id, zero, r->batch);
	r->nr_coming = zero;
	return r->coming ? 0 : why_set(why, -errno, "the new domain's memory cannot be mapped: %s", strerror(errno));
}

/* Page tables that come again are pages like others until they are mended anew. */
static int forget_tables(struct restore *r, const uint64_t *words, unsigned n, struct why *why)
{
	unsigned pinned = 0;
	int rc;

	for (unsigned i = 0; i < n; i++) {
		uint64_t pfn = STREAM_FRAME_PFN(words[i]);

		if (r->state[pfn] & PINNED)
			r->batch[pinned++] = r->mfn[pfn];
		r->state[pfn] = 0;
	}
	rc = pinned ? hcall_unpin_tables(r->h, r->id, r->batch, pinned) : 0;
	return rc ? why_set(why, rc, "the hypervisor keeps a page table: %s", strerror(-rc)) : 0;
}

/* The pages are read straight into the guest's frames. A new frame is mostly zero, but that is nobody's word. */
static int on_place(void *arg, const uint64_t *words, unsigned n, unsigned with, uint8_t **to, struct why *why)
{
	struct restore *r = arg;
	int rc = forget_tables(r, words, n, why);

	r->fresh = true;
	if (!rc)
		rc = populate(r, words, n, why);

	for (unsigned i = 0; i < n && !rc; i++) {
		uint64_t pfn = STREAM_FRAME_PFN(words[i]);

		r->type[pfn] = STREAM_FRAME_TYPE(words[i]);
		if (r->type[pfn] == STREAM_ABSENT)
			rc = release(r, pfn, why);
	}
	if (!rc)
		rc = map_coming(r, words, n, with, why);
	for (unsigned k = with; k < r->nr_coming && !rc; k++)
		if (!stream_is_zero(r->coming + (size_t)k * STREAM_PAGE, STREAM_PAGE))
			memset(r->coming + (size_t)k * STREAM_PAGE, 0, STREAM_PAGE);
	*to = r->coming;
	return rc;
}

static void put_down(struct restore *r)
{
	if (r->coming)
		hcall_unmap(r->h, r->coming, r->nr_coming);
	r->coming = NULL;
	r->nr_coming = 0;
}

static int on_pages(void *arg, const uint64_t *words, unsigned n, const uint8_t *data, struct why *why)
{
	struct restore *r = arg;

	put_down(r);
	if (r->q->progress)
		r->q->progress(r->q->arg, r->pages);
	return 0;
}

static int on_tsc(void *arg, const struct stream_tsc *tsc, struct why *why)
{
	((struct restore *)arg)->tsc = *tsc;
	return 0;
}

static int on_shared_info(void *arg, const uint8_t *page, struct why *why)
{
	memcpy(((struct restore *)arg)->shared, page, STREAM_PAGE);
	return 0;
}

static int on_vcpu(void *arg, enum stream_vcpu kind, unsigned vcpu, const uint8_t *data, size_t size, struct why *why)
{
	struct restore *r = arg;

	if (vcpu >= r->nr_vcpus)
		return why_set(why, -EINVAL, "the stream has a vCPU %u, and the guest's configuration has %u", vcpu, r->nr_vcpus);
	return keep(&r->vcpus[vcpu].kinds[kind], data, size, why);
}

/* MSRs of the policy stay as this host makes them: what is in them follows from the leaves. */
static int on_policy(void *arg, bool msrs, const uint8_t *data, size_t size, struct why *why)
{
	struct restore *r = arg;

	return msrs ? 0 : keep(&r->leaves, data, size, why);
}

/* --- when all is there --- */

/* Where a frame of the stream is now; its contents must have come. */
static bool pfn_to_frame(void *arg, uint64_t pfn, uint64_t *mfn)
{
	const struct restore *r = arg;

	if (pfn >= r->nr || r->mfn[pfn] == NONE)
		return false;
	*mfn = r->mfn[pfn];
	return true;
}

static unsigned level_of(const struct restore *r, uint64_t pfn)
{
	unsigned type = r->type[pfn];

	return r->mfn[pfn] != NONE && type < STREAM_BROKEN && (type & 7) <= 4 ? type & 7 : 0;
}

/*
 * The tables in r->pfns. early: those with entries of frames that are not there yet stay as they are. A table
 * is as it was, or all of it is mended.
 */
static int mend_batch(struct restore *r, unsigned n, bool early, struct why *why)
{
	uint64_t *table, mended[512];
	uint8_t *map = n ? hcall_map(r->h, r->id, n, r->batch) : NULL;
	int bad = -1;

	if (n && !map)
		return early ? 0 : why_set(why, -errno, "the guest's page tables cannot be mapped: %s", strerror(errno));
	for (unsigned i = 0; i < n && (bad < 0 || early); i++) {
		table = (uint64_t *)(map + (size_t)i * STREAM_PAGE);
		bad = pv_table(level_of(r, r->pfns[i]), table, mended, pfn_to_frame, r);
		if (bad < 0) {
			memcpy(table, mended, sizeof(mended));
			r->state[r->pfns[i]] |= MENDED;
		} else if (!early) {
			why_set(why, -EINVAL, "entry %d of the page table in frame %#llx is of a frame that is not in the stream",
				bad, (unsigned long long)r->pfns[i]);
		}
	}
	if (n)
		hcall_unmap(r->h, map, n);
	return bad >= 0 && !early ? -EINVAL : 0;
}

/* Page tables name this host's frames from here on. */
static int mend_tables(struct restore *r, bool early, struct why *why)
{
	unsigned n = 0;
	int rc = 0;

	for (uint64_t pfn = 0; pfn < r->nr && !rc; pfn++) {
		if (!level_of(r, pfn) || r->state[pfn] & MENDED)
			continue;
		r->pfns[n] = pfn;
		r->batch[n++] = r->mfn[pfn];
		if (n == BATCH) {
			rc = mend_batch(r, n, early, why);
			n = 0;
		}
	}
	return rc ? rc : mend_batch(r, n, early, why);
}

/* Pins tables of the list until the hypervisor refuses one; returns how many. */
static unsigned pin_batch(struct restore *r, const uint64_t *pfns, unsigned n, uint8_t state, int *rc)
{
	struct hcall_pin pins[PINS];
	unsigned done;

	for (unsigned i = 0; i < n; i++)
		pins[i] = (struct hcall_pin){ level_of(r, pfns[i]), r->mfn[pfns[i]] };
	done = hcall_pin_tables(r->h, r->id, pins, n, rc);
	for (unsigned i = 0; i < done; i++)
		r->state[pfns[i]] |= state;
	return done;
}

/*
 * While the guest still runs where it was: tables of the lowest level, of which there are most, are mended and
 * given to the hypervisor to look through. What it was sent of the guest is not of one moment, so it may refuse some: those wait.
 */
static int on_round(void *arg, struct why *why)
{
	struct restore *r = arg;
	uint64_t list[PINS];
	unsigned n = 0, done;
	int rc;

	if (!r->fresh)
		return 0;
	r->fresh = false;
	rc = mend_tables(r, true, why);
	for (uint64_t pfn = 0; pfn <= r->nr && !rc; pfn++) {
		if (n == PINS || (n && pfn == r->nr)) {
			for (unsigned at = 0; at < n; at += done + 1)
				done = pin_batch(r, list + at, n - at, PINNED | EARLY, &(int){ 0 });
			n = 0;
		}
		if (pfn < r->nr && level_of(r, pfn) == 1 && (r->state[pfn] & (MENDED | PINNED)) == MENDED)
			list[n++] = pfn;
	}
	return rc;
}

/* Where a frame of the guest's is that must hold data. */
static int frame_of_data(struct restore *r, uint64_t pfn, const char *what, xen_pfn_t *mfn, struct why *why)
{
	if (pfn >= r->nr || r->mfn[pfn] == NONE || r->type[pfn] != STREAM_DATA)
		return why_set(why, -EINVAL, "the guest's %s is in frame %#llx, which is not data", what, (unsigned long long)pfn);
	*mfn = r->mfn[pfn];
	return 0;
}

/* A frame that the guest has no more keeps what the list says of it only if that is the guest's own mark. */
#define MARK_IDENTITY 1u	/* the topmost two bits: Linux's mark of a frame that is what it is on the machine */

static int mend_list(struct restore *r, struct why *why)
{
	xen_pfn_t *frames = malloc(r->nr_lists * sizeof(*frames));
	uint64_t *list = NULL;
	int rc = frames ? 0 : why_set(why, -ENOMEM, "no memory");

	for (uint64_t k = 0; k < r->nr_lists && !rc; k++)
		rc = frame_of_data(r, r->lists[k], "list of frames", &frames[k], why);
	if (!rc) {
		list = hcall_map(r->h, r->id, r->nr_lists, frames);
		rc = list ? 0 : why_set(why, -errno, "the guest's list of frames cannot be mapped: %s", strerror(errno));
	}
	for (uint64_t pfn = 0; pfn < r->nr && !rc; pfn++)
		if (r->mfn[pfn] != NONE || list[pfn] >> 62 != MARK_IDENTITY)
			list[pfn] = r->mfn[pfn];
	if (list)
		hcall_unmap(r->h, list, r->nr_lists);
	free(frames);
	return rc;
}

static int mend_start_info(struct restore *r, uint64_t pfn, struct why *why)
{
	start_info_t *s;
	xen_pfn_t frame;
	int rc = frame_of_data(r, pfn, "start_info", &frame, why);

	if (rc)
		return rc;
	s = hcall_map(r->h, r->id, 1, &frame);
	if (!s)
		return why_set(why, -errno, "the guest's start_info cannot be mapped: %s", strerror(errno));
	rc = frame_of_data(r, s->store_mfn, "store ring", &r->result->store_frame, why);
	if (!rc)
		rc = frame_of_data(r, s->console.domU.mfn, "console ring", &r->result->console_frame, why);
	if (!rc) {
		strcpy(s->magic, "xen-3.0-x86_64");
		s->nr_pages = r->pages;
		s->shared_info = r->info.shared_info_frame << 12;
		s->flags = SIF_VIRT_P2M_4TOOLS;
		s->store_mfn = r->result->store_frame;
		s->store_evtchn = r->q->store_port;
		s->console.domU.mfn = r->result->console_frame;
		s->console.domU.evtchn = r->q->console_port;
	}
	hcall_unmap(r->h, s, 1);
	return rc;
}

/* Events have no channels yet; the rest is as the guest left it. */
static int mend_shared_info(struct restore *r, struct why *why)
{
	const shared_info_t *from = (const shared_info_t *)r->shared;
	xen_pfn_t frame = r->info.shared_info_frame;
	shared_info_t *to = hcall_map(r->h, r->id, 1, &frame);

	if (!to)
		return why_set(why, -errno, "the new domain's shared info cannot be mapped: %s", strerror(errno));
	memcpy(to->vcpu_info, from->vcpu_info, sizeof(to->vcpu_info));
	for (unsigned i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
		to->vcpu_info[i].evtchn_pending_sel = 0;
	memset(to->evtchn_pending, 0, sizeof(to->evtchn_pending));
	memset(to->evtchn_mask, 0xff, sizeof(to->evtchn_mask));
	to->arch = from->arch;
	to->arch.pfn_to_mfn_frame_list_list = 0;
	hcall_unmap(r->h, to, 1);
	return 0;
}

static int pin_all(struct restore *r)
{
	uint64_t list[PINS];
	unsigned n = 0;
	int rc = 0;

	for (uint64_t pfn = 0; pfn <= r->nr && !rc; pfn++) {
		if (n == PINS || (n && pfn == r->nr)) {
			pin_batch(r, list, n, PINNED, &rc);
			n = 0;
		}
		if (pfn < r->nr && r->type[pfn] & STREAM_PINNED && level_of(r, pfn) && !(r->state[pfn] & PINNED))
			list[n++] = pfn;
	}
	return rc;
}

/* Ends the pins of on_round(): all of them, or those that are not the guest's too. */
static int unpin_early(struct restore *r, bool all)
{
	unsigned n = 0;
	int rc = 0;

	for (uint64_t pfn = 0; pfn <= r->nr && !rc; pfn++) {
		if (n == BATCH || (n && pfn == r->nr)) {
			rc = hcall_unpin_tables(r->h, r->id, r->batch, n);
			n = 0;
		}
		if (pfn == r->nr || !(r->state[pfn] & EARLY) || (!all && r->type[pfn] & STREAM_PINNED))
			continue;
		r->batch[n++] = r->mfn[pfn];
		r->state[pfn] &= ~(PINNED | EARLY);
	}
	return rc;
}

/* A table that is none any more, but was not written since, may still be pinned by us and in the way of those that are. */
static int pin_tables(struct restore *r, struct why *why)
{
	int rc = pin_all(r);

	if (rc && unpin_early(r, true) == 0)
		rc = pin_all(r);
	if (!rc)
		rc = unpin_early(r, false);
	return rc ? why_set(why, rc, "the hypervisor refuses the guest's page tables: %s", strerror(-rc)) : 0;
}

static int frame_for(struct restore *r, unsigned vcpu, const char *what, uint64_t pfn, uint64_t *mfn, struct why *why)
{
	if (pfn_to_frame(r, pfn, mfn))
		return 0;
	return why_set(why, -EINVAL, "vCPU %u's %s is in frame %#llx, which is not in the stream", vcpu, what,
		       (unsigned long long)pfn);
}

static int mend_context(struct restore *r, unsigned vcpu, vcpu_guest_context_t *c, struct why *why)
{
	uint64_t mfn = 0;
	int rc = 0;

	if (vcpu == 0) {
		rc = frame_for(r, vcpu, "start_info", c->user_regs.rdx, &mfn, why);
		c->user_regs.rdx = mfn;
	}
	if (!rc && c->gdt_ents > 8192)
		rc = why_set(why, -EINVAL, "vCPU %u's descriptor table has %lu entries", vcpu, c->gdt_ents);
	for (unsigned i = 0; !rc && i < (c->gdt_ents + 511) / 512; i++) {
		rc = frame_for(r, vcpu, "descriptor table", c->gdt_frames[i], &mfn, why);
		c->gdt_frames[i] = mfn;
	}
	if (!rc) {
		rc = frame_for(r, vcpu, "page table", xen_cr3_to_pfn(c->ctrlreg[3]), &mfn, why);
		c->ctrlreg[3] = xen_pfn_to_cr3(mfn);
	}
	if (!rc && c->ctrlreg[1] & 1) {
		rc = frame_for(r, vcpu, "user's page table", xen_cr3_to_pfn(c->ctrlreg[1]), &mfn, why);
		c->ctrlreg[1] = xen_pfn_to_cr3(mfn);
	} else {
		c->ctrlreg[1] = 0;
	}
	return rc;
}

static int set_vcpu_rest(struct restore *r, unsigned vcpu, const struct saved_vcpu *v, struct why *why)
{
	struct xen_domctl_ext_vcpucontext extended = { 0 };
	const struct blob *e = &v->kinds[STREAM_VCPU_EXTENDED], *x = &v->kinds[STREAM_VCPU_XSAVE], *m = &v->kinds[STREAM_VCPU_MSRS];
	int rc = 0;

	if (e->data) {
		memcpy(&extended, e->data, e->size < sizeof(extended) ? e->size : sizeof(extended));
		rc = hcall_vcpu_extended_set(r->h, r->id, vcpu, &extended);
	}
	if (!rc && x->size)
		rc = hcall_vcpu_xstate_set(r->h, r->id, vcpu, x->data, x->size);
	if (!rc && m->size)
		rc = hcall_vcpu_msrs_set(r->h, r->id, vcpu, m->data, m->size / sizeof(xen_domctl_vcpu_msr_t));
	return rc ? why_set(why, rc, "the hypervisor refuses vCPU %u's state: %s", vcpu, strerror(-rc)) : 0;
}

static int set_vcpus(struct restore *r, struct why *why)
{
	vcpu_guest_context_t *c;
	int rc = 0;

	for (unsigned v = 0; v < r->nr_vcpus && !rc; v++) {
		c = r->vcpus[v].kinds[STREAM_VCPU_BASIC].data;
		if (!c)
			continue;
		rc = mend_context(r, v, c, why);
		if (rc)
			break;
		rc = hcall_vcpu_context(r->h, r->id, v, c);
		rc = rc ? why_set(why, rc, "the hypervisor refuses vCPU %u's registers: %s", v, strerror(-rc)) :
			  set_vcpu_rest(r, v, &r->vcpus[v], why);
	}
	return rc;
}

static int set_domain(struct restore *r, struct why *why)
{
	const struct xen_domctl_tsc_info tsc = { .tsc_mode = r->tsc.mode, .gtsc_khz = r->tsc.khz, .elapsed_nsec = r->tsc.ns,
						 .incarnation = r->tsc.incarnation };
	const struct hcall_grant grants[] = {
		{ GNTTAB_RESERVED_CONSOLE, { GTF_permit_access, r->q->console_domain, r->result->console_frame } },
		{ GNTTAB_RESERVED_XENSTORE, { GTF_permit_access, r->q->store_domain, r->result->store_frame } },
	};
	const xen_msr_entry_t no_msrs = { 0 };
	unsigned n = r->leaves.size / sizeof(xen_cpuid_leaf_t);
	int rc = n > MAX_LEAVES ? -E2BIG : n ? hcall_domain_set_policy(r->h, r->id, r->leaves.data, n, &no_msrs, 0) : 0;

	if (rc)
		return why_set(why, rc, "this host's CPU has not all that the guest has been using: %s", strerror(-rc));
	rc = hcall_tsc_set(r->h, r->id, &tsc);
	if (rc)
		return why_set(why, rc, "the hypervisor refuses the guest's clock: %s", strerror(-rc));
	rc = hcall_grant_seed(r->h, r->id, grants, 2);
	return rc ? why_set(why, rc, "the guest's grant table cannot be written: %s", strerror(-rc)) : 0;
}

static int finish(struct restore *r, struct why *why)
{
	const vcpu_guest_context_t *first = r->vcpus[0].kinds[STREAM_VCPU_BASIC].data;
	int rc = step(r, "read", why);

	if (!rc)
		rc = mend_start_info(r, first->user_regs.rdx, why);
	if (!rc)
		rc = mend_list(r, why);
	if (!rc)
		rc = mend_tables(r, false, why);
	if (!rc)
		rc = step(r, "tables", why);
	if (!rc)
		rc = mend_shared_info(r, why);
	if (!rc)
		rc = pin_tables(r, why);
	if (!rc)
		rc = step(r, "pinned", why);
	if (!rc)
		rc = set_domain(r, why);
	if (!rc)
		rc = set_vcpus(r, why);
	if (!rc)
		rc = step(r, "vcpus", why);
	return rc;
}

static void close_all(struct restore *r)
{
	put_down(r);
	for (unsigned v = 0; r->vcpus && v < r->nr_vcpus; v++)
		for (unsigned k = 0; k < STREAM_VCPU_KINDS; k++)
			free(r->vcpus[v].kinds[k].data);
	free(r->vcpus);
	free(r->leaves.data);
	free(r->mfn);
	free(r->type);
	free(r->state);
	free(r->lists);
	free(r);
}

int restore_guest(struct hcall *h, struct restore_request *q, struct restore_result *result, struct why *why)
{
	static const struct stream_taker taker = {
		.config = on_config, .image = on_image, .p2m = on_p2m, .place = on_place, .pages = on_pages, .round = on_round,
		.tsc = on_tsc,
		.shared_info = on_shared_info, .vcpu = on_vcpu, .policy = on_policy,
	};
	struct restore *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return why_set(why, -ENOMEM, "no memory");
	r->h = h;
	r->q = q;
	r->result = result;
	rc = stream_read_file(q->read, q->from, &taker, r, why);
	if (!rc)
		rc = finish(r, why);
	close_all(r);
	return rc;
}
