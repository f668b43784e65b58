/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stream/save.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "hcall/hcall_save.h"
#include "stream/pv.h"

#define ROUNDS_MAX	12u	/* of memory while the guest runs */
#define FEW_PAGES	64u	/* so few are sent when it is suspended */
#define MAX_LEAVES	512u
#define MAX_MSRS	256u
#define XSTATE_MAX	32768u

struct batch {
	unsigned n;
	uint64_t pfn[STREAM_BATCH_MAX], words[STREAM_BATCH_MAX];
	xen_pfn_t mfn[STREAM_BATCH_MAX], type[STREAM_BATCH_MAX];
	xen_pfn_t map[STREAM_BATCH_MAX];
	int errors[STREAM_BATCH_MAX];
	const void *data[STREAM_BATCH_MAX];
	uint8_t tables[STREAM_BATCH_MAX][STREAM_PAGE];	/* the guest's, translated */
};

struct save {
	struct hcall *h;
	domid_t id;
	const struct save_request *q;
	struct stream_writer *w;
	struct why *why;
	struct xen_domctl_getdomaininfo info;
	const shared_info_t *shared;
	const uint64_t *m2p;
	uint64_t nr_m2p;
	uint64_t nr;			/* entries of the guest's list */
	uint64_t nr_lists;
	uint64_t *list_pfns;
	const volatile uint64_t *list;	/* mapped, and the guest may be writing to it */
	uint8_t *todo;			/* bits: to be sent in this round */
	uint8_t *again;			/* what could not be in this round */
	uint8_t *sent;
	bool suspended, logging;
	unsigned round;
	struct batch *batch;
};

static bool bit(const uint8_t *map, uint64_t n) { return map[n / 8] >> n % 8 & 1; }
static void set_bit(uint8_t *map, uint64_t n) { map[n / 8] |= 1u << n % 8; }
static void clear_bit(uint8_t *map, uint64_t n) { map[n / 8] &= ~(1u << n % 8); }

static int step(struct save *s, const char *name)
{
	return s->q->step ? s->q->step(s->q->arg, name, s->why) : 0;
}

/* The guest's number of a frame, if guest and hypervisor say the same. */
static bool frame_to_pfn(void *arg, uint64_t mfn, uint64_t *pfn)
{
	const struct save *s = arg;

	if (mfn >= s->nr_m2p)
		return false;
	*pfn = s->m2p[mfn];
	return *pfn < s->nr && s->list[*pfn] == mfn;
}

static bool read_frame(void *arg, uint64_t mfn, uint64_t *page)
{
	struct save *s = arg;
	int error;
	void *p = mfn < s->nr_m2p ? hcall_map_read(s->h, s->id, 1, &mfn, &error) : NULL;

	if (p && !error)
		memcpy(page, p, STREAM_PAGE);
	if (p)
		hcall_unmap(s->h, p, 1);
	return p && !error;
}

/* --- the guest's list of frames --- */

/* Where it is: the guest's numbers in pfns[], the machine's in mfns[]. */
static int find_list(struct save *s, const struct pv_list *where, uint64_t *pfns, xen_pfn_t *mfns)
{
	uint64_t n = (where->nr + 511) / 512;
	int rc = pv_list_frames(where, read_frame, s, mfns, s->why);

	for (uint64_t k = 0; k < n && !rc; k++) {
		pfns[k] = mfns[k] < s->nr_m2p ? s->m2p[mfns[k]] : UINT64_MAX;
		if (pfns[k] >= where->nr)
			rc = why_set(s->why, -EINVAL, "the guest's list of its frames is in frames that are not its own");
	}
	return rc;
}

static struct pv_list where_is_list(const struct save *s)
{
	const volatile arch_shared_info_t *a = &s->shared->arch;

	return (struct pv_list){ a->max_pfn, a->p2m_cr3, a->p2m_vaddr, a->pfn_to_mfn_frame_list_list };
}

static int open_list(struct save *s)
{
	const struct pv_list where = where_is_list(s);
	xen_pfn_t *mfns;
	int *errors, rc;

	if (!where.nr || where.nr / 16 > s->info.max_pages + 65536 || where.nr > UINT32_MAX)
		return why_set(s->why, -EINVAL, "the guest says that it has %llu frames of memory: it is not ready to be moved",
			       (unsigned long long)where.nr);
	s->nr = where.nr;
	s->nr_lists = (s->nr + 511) / 512;
	s->list_pfns = calloc(s->nr_lists, sizeof(*s->list_pfns));
	mfns = calloc(s->nr_lists, sizeof(*mfns));
	errors = calloc(s->nr_lists, sizeof(*errors));
	rc = s->list_pfns && mfns && errors ? 0 : why_set(s->why, -ENOMEM, "no memory");
	if (!rc)
		rc = find_list(s, &where, s->list_pfns, mfns);
	if (!rc) {
		s->list = hcall_map_read(s->h, s->id, s->nr_lists, mfns, errors);
		rc = s->list ? 0 : why_set(s->why, -errno, "the guest's list of its frames cannot be mapped: %s", strerror(errno));
	}
	for (uint64_t k = 0; k < s->nr_lists && !rc; k++)
		if (errors[k] || s->list[s->list_pfns[k]] != mfns[k])
			rc = why_set(s->why, -EINVAL, "the guest's list of its frames does not hold itself");
	free(mfns);
	free(errors);
	return rc;
}

/* The list that was sent is the one that the suspended guest has. */
static int check_list(struct save *s)
{
	const struct pv_list where = where_is_list(s);
	uint64_t *pfns = calloc(s->nr_lists, sizeof(*pfns));
	xen_pfn_t *mfns = calloc(s->nr_lists, sizeof(*mfns));
	int rc = pfns && mfns ? 0 : why_set(s->why, -ENOMEM, "no memory");

	if (!rc && (where.nr + 511) / 512 == s->nr_lists)
		rc = find_list(s, &where, pfns, mfns);
	else if (!rc)
		rc = -EAGAIN;
	if (!rc && memcmp(pfns, s->list_pfns, s->nr_lists * sizeof(*pfns)))
		rc = -EAGAIN;
	if (rc == -EAGAIN)
		why_set(s->why, rc, "the guest put its list of frames elsewhere while it was moved; try again");
	free(pfns);
	free(mfns);
	return rc;
}

/* --- memory --- */

/* What is wrong with a frame is an error if the guest does not run, else it will have been mended. */
static int wrong(struct save *s, uint64_t pfn, const char *what)
{
	if (s->suspended)
		return why_set(s->why, -EINVAL, "the guest's frame %#llx %s", (unsigned long long)pfn, what);
	set_bit(s->again, pfn);
	return 0;
}

/* Drops entry i of the batch, by putting none in its place. */
#define DROPPED UINT64_MAX

/* A word of a kind that the format lacks would be refused when it is too late. */
static bool type_known(xen_pfn_t type)
{
	unsigned kind = type >> XEN_DOMCTL_PFINFO_LTAB_SHIFT;

	return kind <= STREAM_L4 || (kind > STREAM_PINNED && kind <= STREAM_ABSENT);
}

static int judge_types(struct save *s, struct batch *b)
{
	int rc = 0;

	memcpy(b->type, b->mfn, b->n * sizeof(*b->mfn));
	for (unsigned i = 0; i < b->n; i++)
		if (b->pfn[i] == DROPPED || b->mfn[i] >= s->nr_m2p)
			b->type[i] = s->nr_m2p;	/* nobody's */
	rc = hcall_frame_types(s->h, s->id, b->n, b->type);
	if (rc)
		return why_set(s->why, rc, "the hypervisor does not tell of the guest's frames: %s", strerror(-rc));
	for (unsigned i = 0; i < b->n && !rc; i++) {
		if (b->pfn[i] == DROPPED || b->mfn[i] >= s->nr_m2p)
			continue;
		if (!type_known(b->type[i]))
			return why_set(s->why, -EIO, "the guest's frame %#llx is of a kind that is not known: %#llx",
				       (unsigned long long)b->pfn[i], (unsigned long long)b->type[i]);
		if (b->type[i] != XEN_DOMCTL_PFINFO_XTAB)
			continue;
		rc = wrong(s, b->pfn[i], "is not its own");
		b->pfn[i] = DROPPED;
	}
	return rc;
}

/* Takes what the list says of the frames, and drops what was never there. */
static int judge(struct save *s, struct batch *b)
{
	int rc = 0;

	for (unsigned i = 0; i < b->n && !rc; i++) {
		b->mfn[i] = s->list[b->pfn[i]];
		if (b->mfn[i] >= s->nr_m2p) {
			if (!bit(s->sent, b->pfn[i]))
				b->pfn[i] = DROPPED;
			continue;
		}
		if (s->m2p[b->mfn[i]] != b->pfn[i]) {
			rc = wrong(s, b->pfn[i], "is another one to the hypervisor");
			b->pfn[i] = DROPPED;
		}
	}
	return rc ? rc : judge_types(s, b);
}

static unsigned table_level(xen_pfn_t type)
{
	unsigned level = (type & XEN_DOMCTL_PFINFO_LTABTYPE_MASK) >> XEN_DOMCTL_PFINFO_LTAB_SHIFT;

	return level <= 4 ? level : 0;
}

static bool has_data(const struct save *s, const struct batch *b, unsigned i)
{
	return b->pfn[i] != DROPPED && b->mfn[i] < s->nr_m2p && b->type[i] < XEN_DOMCTL_PFINFO_BROKEN;
}

/* A frame of data whose contents need not be written. If it changes later it is sent again. */
static bool is_zero(const struct save *s, const uint8_t *page)
{
	return (s->q->brief || s->w->skip) && stream_is_zero(page, STREAM_PAGE);
}

/* The words and the contents of what is left of the batch. mapped: pages in the order of those with contents. */
static int fill(struct save *s, struct batch *b, const uint8_t *mapped, unsigned *words, unsigned *with)
{
	unsigned at = 0, level;
	uint64_t type;
	int rc = 0;

	*words = *with = 0;
	for (unsigned i = 0; i < b->n && !rc; i++) {
		const uint8_t *page = mapped + (size_t)at * STREAM_PAGE;

		if (b->pfn[i] == DROPPED)
			continue;
		type = b->mfn[i] < s->nr_m2p ? b->type[i] : XEN_DOMCTL_PFINFO_XTAB;
		if (has_data(s, b, i)) {
			level = table_level(type);
			if (b->errors[at++]) {
				rc = wrong(s, b->pfn[i], "cannot be mapped");
				continue;
			}
			if (level) {
				if (pv_table(level, (const uint64_t *)page, (uint64_t *)b->tables[*with], frame_to_pfn, s) >= 0) {
					rc = wrong(s, b->pfn[i], "is a page table with frames that are not the guest's");
					continue;
				}
				page = b->tables[*with];
			} else if (is_zero(s, page)) {
				page = s->q->brief ? NULL : stream_zeros;
				type = s->q->brief ? XEN_DOMCTL_PFINFO_XALLOC : type;
			}
			if (page)
				b->data[(*with)++] = page;
			set_bit(s->sent, b->pfn[i]);
		} else {
			clear_bit(s->sent, b->pfn[i]);
		}
		b->words[(*words)++] = type << 32 | b->pfn[i];
	}
	return rc;
}

static int send_batch(struct save *s)
{
	struct batch *b = s->batch;
	unsigned n = 0, words, with;
	uint8_t *mapped = NULL;
	int rc = b->n ? judge(s, b) : 0;

	for (unsigned i = 0; i < b->n && !rc; i++)
		if (has_data(s, b, i))
			b->map[n++] = b->mfn[i];
	if (!rc && n) {
		mapped = hcall_map_read(s->h, s->id, n, b->map, b->errors);
		if (!mapped)
			rc = why_set(s->why, -errno, "the guest's memory cannot be mapped: %s", strerror(errno));
	}
	if (!rc)
		rc = fill(s, b, mapped, &words, &with);
	if (!rc && words) {
		rc = stream_put_pages(s->w, b->words, words, b->data);
		if (rc)
			why_set(s->why, rc, "the guest's memory cannot be written: %s", strerror(-rc));
	}
	if (mapped)
		hcall_unmap(s->h, mapped, n);
	b->n = 0;
	return rc;
}

static uint64_t count(const uint8_t *map, uint64_t nr)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < (nr + 7) / 8; i++)
		n += __builtin_popcount(map[i]);
	return n;
}

/* Sends what todo says, and clears it. */
static int send_round(struct save *s)
{
	uint64_t done = 0, all = count(s->todo, s->nr);
	int rc = 0;

	for (uint64_t pfn = 0; pfn < s->nr && !rc; pfn++) {
		if (!(pfn & 7) && !s->todo[pfn / 8]) {
			pfn += 7;
			continue;
		}
		if (!bit(s->todo, pfn))
			continue;
		s->batch->pfn[s->batch->n++] = pfn;
		done++;
		if (s->batch->n < STREAM_BATCH_MAX)
			continue;
		rc = send_batch(s);
		if (s->q->progress && done < all)
			s->q->progress(s->q->arg, s->round, done, all);
	}
	if (!rc)
		rc = send_batch(s);
	if (!rc && s->q->progress)
		s->q->progress(s->q->arg, s->round, all, all);
	memset(s->todo, 0, (s->nr + 7) / 8);
	s->round++;
	return rc;
}

static int take_log(struct save *s, bool final, uint64_t *dirty)
{
	int rc = hcall_log_dirty_take(s->h, s->id, final, s->nr, s->todo, dirty);

	if (rc)
		return why_set(s->why, rc, "the guest's writes cannot be read: %s", strerror(-rc));
	for (uint64_t i = 0; i < (s->nr + 7) / 8; i++)
		s->todo[i] |= s->again[i];
	memset(s->again, 0, (s->nr + 7) / 8);
	if (s->nr % 8)
		s->todo[s->nr / 8] &= (1u << s->nr % 8) - 1;
	*dirty = count(s->todo, s->nr);
	return 0;
}

static int send_live_round(struct save *s)
{
	int rc = send_round(s);

	if (!rc && s->q->brief)
		rc = stream_put_round(s->w);
	return rc;
}

/* Memory while the guest runs, until the rest is small or does not become smaller. */
static int send_live(struct save *s)
{
	uint64_t dirty, last = UINT64_MAX;
	int rc = hcall_log_dirty(s->h, s->id, true);

	if (rc)
		return why_set(s->why, rc, rc == -EOPNOTSUPP || rc == -ENOSYS ?
			       "this hypervisor cannot follow the writes of a running PV guest; move it without --live" :
			       "the guest's writes cannot be followed: %s", strerror(-rc));
	s->logging = true;
	rc = send_live_round(s);
	while (!rc && s->round < ROUNDS_MAX) {
		rc = step(s, "round");
		if (!rc)
			rc = take_log(s, false, &dirty);
		if (rc || dirty <= FEW_PAGES || dirty > last - last / 8)
			break;
		last = dirty;
		rc = send_live_round(s);
	}
	/* What the last log had is still in todo, and goes with the rest. */
	for (uint64_t i = 0; i < (s->nr + 7) / 8; i++)
		s->again[i] |= s->todo[i];
	return rc;
}

static int send_suspended(struct save *s)
{
	uint64_t dirty;
	bool there;
	int rc = check_list(s);

	if (!rc && s->logging)
		rc = take_log(s, true, &dirty);
	if (!rc)
		rc = step(s, "logged");
	if (rc)
		return rc;
	/* What came or went without being written. */
	for (uint64_t pfn = 0; pfn < s->nr; pfn++) {
		there = s->list[pfn] < s->nr_m2p;
		if (there != bit(s->sent, pfn))
			set_bit(s->todo, pfn);
	}
	return send_round(s);
}

/* --- all but memory --- */

static int frame_of(struct save *s, unsigned vcpu, const char *what, uint64_t mfn, uint64_t *pfn)
{
	if (frame_to_pfn(s, mfn, pfn))
		return 0;
	return why_set(s->why, -EINVAL, "vCPU %u's %s is in no frame of the guest's", vcpu, what);
}

/* Registers as the stream has them: the guest's numbers of frames; start_info's is where SCHEDOP_shutdown put it. */
static int translate_context(struct save *s, unsigned vcpu, vcpu_guest_context_t *c)
{
	uint64_t pfn = 0;
	int rc = 0;

	if (vcpu == 0) {
		rc = frame_of(s, vcpu, "start_info", c->user_regs.rdx, &pfn);
		c->user_regs.rdx = pfn;
	}
	if (!rc && c->gdt_ents > 8192)
		rc = why_set(s->why, -EINVAL, "vCPU %u's descriptor table is too long", vcpu);
	for (unsigned i = 0; !rc && i < (c->gdt_ents + 511) / 512; i++) {
		rc = frame_of(s, vcpu, "descriptor table", c->gdt_frames[i], &pfn);
		c->gdt_frames[i] = pfn;
	}
	if (!rc) {
		rc = frame_of(s, vcpu, "page table", xen_cr3_to_pfn(c->ctrlreg[3]), &pfn);
		c->ctrlreg[3] = xen_pfn_to_cr3(pfn);
	}
	/* The user's tables, if there are some: marked by bit 0. */
	if (!rc && c->ctrlreg[1]) {
		rc = frame_of(s, vcpu, "user's page table", xen_cr3_to_pfn(c->ctrlreg[1]), &pfn);
		c->ctrlreg[1] = xen_pfn_to_cr3(pfn) | 1;
	}
	return rc;
}

static int not_told(struct save *s, unsigned vcpu, int rc)
{
	return why_set(s->why, rc, "the hypervisor does not tell vCPU %u's state: %s", vcpu, strerror(-rc));
}

static int send_vcpu_rest(struct save *s, unsigned vcpu)
{
	struct xen_domctl_ext_vcpucontext extended;
	xen_domctl_vcpu_msr_t msrs[MAX_MSRS];
	uint8_t *xstate = malloc(XSTATE_MAX);
	size_t size = XSTATE_MAX;
	uint32_t n = MAX_MSRS;
	int rc = xstate ? hcall_vcpu_extended_get(s->h, s->id, vcpu, &extended) : -ENOMEM;

	if (!rc)
		rc = hcall_vcpu_xstate_get(s->h, s->id, vcpu, xstate, &size);
	if (!rc)
		rc = hcall_vcpu_msrs_get(s->h, s->id, vcpu, msrs, &n);
	if (rc) {
		free(xstate);
		return not_told(s, vcpu, rc);
	}
	rc = stream_put_vcpu(s->w, STREAM_VCPU_EXTENDED, vcpu, &extended, sizeof(extended));
	if (!rc && size)
		rc = stream_put_vcpu(s->w, STREAM_VCPU_XSAVE, vcpu, xstate, size);
	if (!rc && n)
		rc = stream_put_vcpu(s->w, STREAM_VCPU_MSRS, vcpu, msrs, n * sizeof(*msrs));
	free(xstate);
	return rc;
}

static int send_vcpu(struct save *s, unsigned vcpu)
{
	vcpu_guest_context_t *c;
	bool online;
	int rc = hcall_vcpu_online(s->h, s->id, vcpu, &online);

	if (rc || !online)
		return rc ? not_told(s, vcpu, rc) : 0;
	c = malloc(sizeof(*c));
	rc = c ? hcall_vcpu_context_get(s->h, s->id, vcpu, c) : -ENOMEM;
	rc = rc ? not_told(s, vcpu, rc) : translate_context(s, vcpu, c);
	if (!rc) {
		rc = stream_put_vcpu(s->w, STREAM_VCPU_BASIC, vcpu, c, sizeof(*c));
		if (!rc)
			rc = send_vcpu_rest(s, vcpu);
	}
	free(c);
	return rc;
}

static int send_rest(struct save *s)
{
	struct xen_domctl_tsc_info tsc;
	int rc = hcall_tsc_get(s->h, s->id, &tsc);

	if (rc)
		return why_set(s->why, rc, "the hypervisor does not tell the guest's clock: %s", strerror(-rc));
	rc = stream_put_tsc(s->w, &(struct stream_tsc){ tsc.tsc_mode, tsc.gtsc_khz, tsc.elapsed_nsec, tsc.incarnation });
	if (!rc)
		rc = stream_put_shared_info(s->w, s->shared);
	for (unsigned v = 0; !rc && v <= s->info.max_vcpu_id; v++)
		rc = send_vcpu(s, v);
	return rc ? rc : stream_put_end(s->w);
}

static int send_head(struct save *s)
{
	xen_cpuid_leaf_t leaves[MAX_LEAVES];
	xen_msr_entry_t msrs[MAX_MSRS];
	uint32_t nr_leaves = MAX_LEAVES, nr_msrs = MAX_MSRS;
	int rc = hcall_domain_policy(s->h, s->id, leaves, &nr_leaves, msrs, &nr_msrs);

	if (rc)
		return why_set(s->why, rc, "the hypervisor does not tell the guest's CPU: %s", strerror(-rc));
	rc = stream_put_begin(s->w, s->q->xen_major, s->q->xen_minor);
	if (!rc && nr_leaves)
		rc = stream_put_policy(s->w, false, leaves, nr_leaves * sizeof(*leaves));
	if (!rc && nr_msrs)
		rc = stream_put_policy(s->w, true, msrs, nr_msrs * sizeof(*msrs));
	return rc ? rc : stream_put_p2m(s->w, s->nr - 1, s->list_pfns);
}

static int open_all(struct save *s)
{
	size_t map;
	int rc = hcall_domains(s->h, s->id, 1, &s->info);

	if (rc != 1 || s->info.domain != s->id)
		return why_set(s->why, rc < 0 ? rc : -ESRCH, "the guest is gone");
	if (s->info.flags & XEN_DOMINF_hvm_guest)
		return why_set(s->why, -EOPNOTSUPP, "it is not a PV guest");
	if (s->info.max_vcpu_id >= STREAM_VCPUS_MAX)
		return why_set(s->why, -EOPNOTSUPP, "the guest has no vCPU, or more than %u", STREAM_VCPUS_MAX);
	s->shared = hcall_map_read(s->h, s->id, 1, &s->info.shared_info_frame, NULL);
	s->m2p = s->shared ? hcall_map_m2p(s->h, &s->nr_m2p) : NULL;
	if (!s->m2p)
		return why_set(s->why, -errno, "the hypervisor's tables cannot be mapped: %s", strerror(errno));
	rc = open_list(s);
	if (rc)
		return rc;
	map = (s->nr + 63) / 64 * 8;
	s->todo = calloc(1, map);
	s->again = calloc(1, map);
	s->sent = calloc(1, map);
	s->batch = calloc(1, sizeof(*s->batch));
	if (!s->todo || !s->again || !s->sent || !s->batch)
		return why_set(s->why, -ENOMEM, "no memory");
	for (uint64_t pfn = 0; pfn < s->nr; pfn++)
		set_bit(s->todo, pfn);
	return 0;
}

static void close_all(struct save *s)
{
	if (s->logging)
		hcall_log_dirty(s->h, s->id, false);
	if (s->list)
		hcall_unmap(s->h, (void *)s->list, s->nr_lists);
	if (s->m2p)
		hcall_unmap_m2p(s->h, s->m2p, s->nr_m2p);
	if (s->shared)
		hcall_unmap(s->h, (void *)s->shared, 1);
	free(s->list_pfns);
	free(s->todo);
	free(s->again);
	free(s->sent);
	free(s->batch);
}

static int run(struct save *s)
{
	int rc = open_all(s);

	if (!rc)
		rc = step(s, "begin");
	if (!rc)
		rc = send_head(s);
	if (!rc && s->q->live)
		rc = send_live(s);
	if (!rc)
		rc = step(s, "suspend");
	if (!rc)
		rc = s->q->suspend(s->q->arg, s->why);
	s->suspended = !rc;
	if (!rc)
		rc = step(s, "memory");
	if (!rc)
		rc = send_suspended(s);
	if (!rc)
		rc = step(s, "vcpus");
	return rc ? rc : send_rest(s);
}

int save_guest(struct hcall *h, domid_t id, const struct save_request *q, struct stream_writer *w, struct why *why)
{
	struct save s = { .h = h, .id = id, .q = q, .w = w, .why = why };
	int rc;

	why->text[0] = 0;
	rc = run(&s);
	if (rc && !why->text[0])
		why_set(why, rc, "the stream cannot be written: %s", strerror(-rc));
	close_all(&s);
	return rc;
}
