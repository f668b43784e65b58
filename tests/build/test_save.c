// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest through save_guest() and restore_guest(), on a host of arrays. What comes out is what went in, with
 * this host's frames in its tables, its list, its registers; also if it was written, gave frames back and
 * took others while it was saved. A guest that lies about its frames is refused while it is suspended, and a
 * stream that does is, and nothing stays mapped. What could be wrong: a table with the old frames in it, a
 * page of the round before, a frame of another domain in a file.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../fuzz/fake_host.h"
#include "stream/restore.h"
#include "stream/save.h"

/* The guest's frames. All tables hang below the root; the list is seen at LIST, which is not in its first table. */
enum { START_INFO = 3, STORE, CONSOLE, GDT, ROOT, L3, L2, L1, USER_ROOT, LISTS = 20, DATA = 40, GONE = 700, LAST = 1100 };
#define NR	(LAST + 1)
#define NR_LISTS ((NR + 511) / 512)
#define LIST	0xffffc90000000000ull

static uint64_t p2m[GUEST_FRAMES];
static uint8_t *file;
static size_t size, at, skipped;
static struct why why;
static bool brief, holes;

static uint64_t *of(uint64_t pfn) { return fake_page(p2m[pfn]); }
static uint64_t entry(uint64_t pfn) { return p2m[pfn] << 12 | 0x67; }
static uint64_t *list_entry(uint64_t pfn) { return of(LISTS + pfn / 512) + pfn % 512; }
static void dirty(uint64_t pfn) { host.domain[1].dirty[pfn / 8] |= 1u << pfn % 8; }

static void take(uint64_t pfn)
{
	p2m[pfn] = fake_give(1, pfn);
	memset(of(pfn), (int)pfn, 4096);
	of(pfn)[7] = pfn * 77;
}

static void table(uint64_t pfn, unsigned level, bool pinned)
{
	memset(of(pfn), 0, 4096);
	host.type[p2m[pfn]] = level << 28 | (pinned ? XEN_DOMCTL_PFINFO_LPINTAB : 0);
}

static void make_tables(void)
{
	table(ROOT, 4, true);
	table(USER_ROOT, 4, true);
	table(L3, 3, false);
	table(L2, 2, false);
	table(L1, 1, true);
	of(ROOT)[LIST >> 39 & 511] = entry(L3) | 1ull << 63;
	of(ROOT)[256] = 0x12345067;	/* the hypervisor's own */
	of(L3)[0] = entry(L2);
	of(L2)[0] = entry(L1);
	for (unsigned i = 0; i < NR_LISTS; i++)
		of(L1)[i] = entry(LISTS + i);
	of(L1)[100] = 0xabcdef0;	/* not present: swapped out */
	of(L1)[511] = entry(LAST);
}

static void make_guest(void)
{
	struct fake_domain *d = &host.domain[1];
	shared_info_t *shared;
	start_info_t *s;

	fake_begin();
	for (uint64_t pfn = 0; pfn < NR; pfn++) {
		p2m[pfn] = UINT64_MAX;
		if (pfn < GONE || pfn == LAST)
			take(pfn);
	}
	make_tables();
	for (uint64_t pfn = 0; pfn < NR_LISTS * 512; pfn++)
		*list_entry(pfn) = pfn < NR ? p2m[pfn] : UINT64_MAX;
	*list_entry(GONE + 5) = 1ull << 62 | 0xa0;	/* identity */
	*list_entry(GONE + 6) = 1ull << 63 | 0x123;	/* another's, granted */
	s = (void *)of(START_INFO);
	memset(s, 0, 4096);
	s->store_mfn = STORE;
	s->console.domU.mfn = CONSOLE;
	shared = fake_page(d->shared);
	memset(shared, 0, 4096);
	shared->arch.max_pfn = NR;
	shared->arch.p2m_cr3 = p2m[ROOT] << 12;
	shared->arch.p2m_vaddr = LIST;
	shared->evtchn_pending[0] = 1;
	shared->vcpu_info[1].evtchn_upcall_mask = 1;
	shared->vcpu_info[1].evtchn_pending_sel = 3;
	for (unsigned v = 0; v < 2; v++) {	/* the third is offline */
		d->set[v] = true;
		d->context[v].ctrlreg[3] = p2m[ROOT] << 12;
		d->context[v].ctrlreg[1] = v ? p2m[USER_ROOT] << 12 : 0;
		d->context[v].gdt_ents = 512;
		d->context[v].gdt_frames[0] = p2m[GDT];
		d->context[v].user_regs.rip = 0x1000 + v;
		d->extended[v].sysenter_callback_eip = 0x55 + v;
		memset(d->xstate[v], 0x30 + v, sizeof(d->xstate[v]));
		d->msrs[v][0] = (xen_domctl_vcpu_msr_t){ .index = 0xc0000103, .value = 9 + v };
	}
	d->context[0].user_regs.rdx = p2m[START_INFO];
	d->tsc = (struct xen_domctl_tsc_info){ .tsc_mode = 1, .gtsc_khz = 1000000, .elapsed_nsec = 55555, .incarnation = 2 };
	d->leaves[2].a = 77;
}

/* --- the stream --- */

static int put(void *to, struct iovec *v, int n)
{
	for (int i = 0; i < n; i++) {
		if (!v[i].iov_len)
			continue;
		file = realloc(file, size + v[i].iov_len);
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

static void (*at_suspend)(void);

static int on_suspend(void *arg, struct why *w)
{
	if (at_suspend)
		at_suspend();
	return 0;
}

static int leave_out(void *to, uint64_t n)
{
	file = realloc(file, size + n);
	memset(file + size, 0, n);
	size += n;
	skipped += n;
	return 0;
}

static int save(bool live)
{
	const struct save_request q = { .live = live, .brief = brief, .xen_major = 4, .xen_minor = 17, .suspend = on_suspend };
	struct stream_writer w = { .write = put, .skip = holes ? leave_out : NULL };
	int rc;

	size = 0;
	host.round = 0;
	assert_int_equal(stream_put_file(&w, "{}", 3), 0);
	rc = save_guest(NULL, 1, &q, &w, &why);
	assert_int_equal(host.maps, 0);
	assert_false(host.domain[1].log);
	if (rc)
		assert_true(why.text[0] != 0);
	else
		assert_int_equal(w.written, size);
	return rc;
}

static int on_config(void *arg, const char *text, size_t n, domid_t *id, struct why *w)
{
	assert_true(n <= STREAM_CONFIG_MAX);
	*id = 2;
	((struct restore_request *)arg)->store_port = 11;
	((struct restore_request *)arg)->console_port = 12;
	return 0;
}

static struct restore_result result;

static int restore(void)
{
	struct restore_request q = { .read = get, .config = on_config };
	int rc;

	q.arg = &q;
	at = 0;
	rc = restore_guest(NULL, &q, &result, &why);
	assert_int_equal(host.maps, 0);
	if (rc)
		assert_true(why.text[0] != 0);
	return rc;
}

/* --- what has come --- */

static uint64_t now[GUEST_FRAMES];	/* the new domain's */

static void find_frames(void)
{
	memset(now, 0xff, sizeof(now));
	for (uint64_t mfn = 0; mfn < HOST_FRAMES; mfn++) {
		if (host.owner[mfn] != 2 || mfn == host.domain[2].shared)
			continue;
		assert_true(host.m2p[mfn] < NR && now[host.m2p[mfn]] == UINT64_MAX);
		now[host.m2p[mfn]] = mfn;
	}
}

static void same_table(uint64_t pfn)
{
	const uint64_t *old = of(pfn), *new = fake_page(now[pfn]);
	bool root = pfn == ROOT || pfn == USER_ROOT;

	for (unsigned i = 0; i < 512; i++) {
		if (root && i >= 256 && i < 272)
			assert_int_equal(new[i], 0);
		else if (old[i] & 1)
			assert_int_equal(new[i], (old[i] & ~0xffffffffff000ull) | now[host.m2p[old[i] >> 12 & 0xffffffffff]] << 12);
		else
			assert_int_equal(new[i], old[i]);
	}
}

static void same_memory(void)
{
	find_frames();
	for (uint64_t pfn = 0; pfn < NR; pfn++) {
		if (p2m[pfn] == UINT64_MAX) {
			assert_true(now[pfn] == UINT64_MAX);
			continue;
		}
		assert_true(now[pfn] != UINT64_MAX);
		if (pfn >= ROOT && pfn <= USER_ROOT)
			same_table(pfn);
		else if (pfn != START_INFO && !(pfn >= LISTS && pfn < LISTS + NR_LISTS))
			assert_memory_equal(of(pfn), fake_page(now[pfn]), 4096);
	}
	for (uint64_t pfn = 0; pfn < NR; pfn++) {
		const uint64_t *l = fake_page(now[LISTS + pfn / 512]);

		assert_int_equal(l[pfn % 512], pfn == GONE + 5 && p2m[pfn] == UINT64_MAX ? 1ull << 62 | 0xa0 : now[pfn]);
	}
	assert_int_equal(host.pinned[now[ROOT]], 4);
	assert_int_equal(host.pinned[now[USER_ROOT]], 4);
	assert_int_equal(host.pinned[now[L1]], 1);
	assert_int_equal(host.pinned[now[L2]], 0);
}

static void same_rest(void)
{
	const struct fake_domain *a = &host.domain[1], *b = &host.domain[2];
	const start_info_t *s = fake_page(now[START_INFO]);
	const shared_info_t *shared = fake_page(b->shared);

	assert_string_equal(s->magic, "xen-3.0-x86_64");
	assert_int_equal(s->nr_pages, b->pages - 1);
	assert_int_equal(s->shared_info, b->shared << 12);
	assert_int_equal(s->store_mfn, now[STORE]);
	assert_int_equal(s->store_evtchn, 11);
	assert_int_equal(s->console.domU.mfn, now[CONSOLE]);
	assert_int_equal(s->console.domU.evtchn, 12);
	assert_int_equal(result.store_frame, now[STORE]);
	assert_int_equal(result.console_frame, now[CONSOLE]);
	assert_int_equal(shared->evtchn_pending[0], 0);
	assert_int_equal(shared->evtchn_mask[5], ~0ul);
	assert_int_equal(shared->vcpu_info[1].evtchn_upcall_mask, 1);
	assert_int_equal(shared->vcpu_info[1].evtchn_pending_sel, 0);
	for (unsigned v = 0; v < 2; v++) {
		assert_true(b->set[v]);
		assert_int_equal(b->context[v].ctrlreg[3], now[ROOT] << 12);
		assert_int_equal(b->context[v].ctrlreg[1], v ? now[USER_ROOT] << 12 : 0);
		assert_int_equal(b->context[v].gdt_frames[0], now[GDT]);
		assert_int_equal(b->context[v].user_regs.rip, 0x1000 + v);
		assert_int_equal(b->extended[v].sysenter_callback_eip, 0x55 + v);
		assert_memory_equal(b->xstate[v], a->xstate[v], sizeof(a->xstate[v]) - v);
	}
	assert_int_equal(b->msrs[1][0].value, 10);
	assert_int_equal(b->context[0].user_regs.rdx, now[START_INFO]);
	assert_false(b->set[2]);
	assert_memory_equal(&b->tsc, &a->tsc, sizeof(a->tsc));
	assert_int_equal(b->leaves[2].a, 77);
	assert_int_equal(b->grants[0].entry.frame, now[CONSOLE]);
	assert_int_equal(b->grants[1].entry.frame, now[STORE]);
}

static void suspended(void **state)
{
	make_guest();
	assert_int_equal(save(false), 0);
	assert_int_equal(restore(), 0);
	same_memory();
	same_rest();
	fake_end();
}

/* Pages of zeros, alone and in a row, written, left out as a hole, or not told of: what frames had before is gone. */
static void zeros(void **state)
{
	size_t whole = 0;	/* frame 0 is of zeros too */

	for (int how = 0; how < 3; how++) {
		make_guest();
		for (uint64_t pfn = DATA + 100; pfn < DATA + 400; pfn++)
			if (pfn < DATA + 160 || pfn == DATA + 170 || pfn > DATA + 396)
				memset(of(pfn), 0, 4096);
		holes = how == 1;
		brief = how == 2;
		skipped = 0;
		assert_int_equal(save(false), 0);
		whole = how ? whole : size;
		assert_int_equal(size, whole - (brief ? 65 * 4096 : 0));
		assert_int_equal(skipped, holes ? 60 * 4096 : 0);
		assert_int_equal(restore(), 0);
		same_memory();
		same_rest();
		fake_end();
	}
	holes = brief = false;
}

/* The older form of the list: frames of frames. */
static void list_of_lists(void **state)
{
	shared_info_t *shared;

	make_guest();
	shared = fake_page(host.domain[1].shared);
	shared->arch.p2m_cr3 = 0;
	shared->arch.pfn_to_mfn_frame_list_list = p2m[DATA];
	of(DATA)[0] = p2m[DATA + 1];
	for (unsigned i = 0; i < NR_LISTS; i++)
		of(DATA + 1)[i] = p2m[LISTS + i];
	assert_int_equal(save(false), 0);
	assert_int_equal(restore(), 0);
	same_memory();
	shared->arch.pfn_to_mfn_frame_list_list = ~0ul;
	assert_int_equal(save(false), -EINVAL);
	fake_end();
}

/* --- while it runs --- */

static void give_back(uint64_t pfn)
{
	host.owner[p2m[pfn]] = 0;
	host.domain[1].pages--;
	*list_entry(pfn) = p2m[pfn] = UINT64_MAX;
	dirty(LISTS + pfn / 512);
}

static void lives(unsigned round)
{
	if (round == 0) {
		for (uint64_t pfn = DATA; pfn < DATA + 200; pfn++) {
			of(pfn)[9]++;
			dirty(pfn);
		}
		memset(of(DATA + 250), 0, 4096);	/* it has been sent, and not as zeros */
		dirty(DATA + 250);
		give_back(DATA + 300);
		give_back(DATA + 301);
		take(GONE + 3);
		*list_entry(GONE + 3) = p2m[GONE + 3];
		dirty(GONE + 3);
		/* A table that names another domain's frame, for now. */
		of(L1)[200] = host.domain[2].shared << 12 | 1;
		dirty(L1);
	} else if (round == 1) {
		of(DATA)[9]++;
		dirty(DATA);
		/* What was data becomes a table. */
		table(DATA + 1, 1, false);
		of(DATA + 1)[3] = entry(DATA + 2);
		dirty(DATA + 1);
		for (uint64_t pfn = DATA + 60; pfn < DATA + 160; pfn++)
			dirty(pfn);
	}
}

static void last_words(void)
{
	of(L1)[200] = 0;
	dirty(L1);
	of(DATA + 5)[0] = 0x1122;
	dirty(DATA + 5);
	take(GONE + 4);	/* its list says so, and nobody has written to the frame */
	*list_entry(GONE + 4) = p2m[GONE + 4];
	dirty(LISTS + (GONE + 4) / 512);
}

static void moved_live(void)
{
	make_guest();
	host.between = lives;
	at_suspend = last_words;
	assert_int_equal(save(true), 0);
	assert_true(host.round >= 2);
	at_suspend = NULL;
	assert_int_equal(restore(), 0);
	find_frames();
	/* The new table is one there too. */
	same_table(DATA + 1);
	memcpy(fake_page(now[DATA + 1]), of(DATA + 1), 4096);
	same_memory();
	same_rest();
	fake_end();
}

static void live(void **state)
{
	moved_live();
	brief = true;
	moved_live();
	brief = false;
}

/* Two tables that nobody pinned: the first is data at the end, the other's frame is written through the first round's L1. */
static void makes_tables(void)
{
	for (unsigned i = 1; i < 3; i++) {
		table(DATA + i, 1, false);
		of(DATA + i)[i] = entry(DATA + 10 + i) & ~2ull;
	}
}

static void stale(unsigned round)
{
	if (round != 0)
		return;
	/* It is not written: what was sent of it, table and contents, stays. But it may be written now. */
	host.type[p2m[DATA + 1]] = 0;
	of(L1)[300] = entry(DATA + 1);
	dirty(L1);
	for (uint64_t pfn = DATA + 100; pfn < DATA + 200; pfn++)
		dirty(pfn);
}

/* Tables are given to the hypervisor while the guest runs; those that stand in the way in the end are taken back. */
static void early_tables(void **state)
{
	brief = true;
	make_guest();
	makes_tables();
	assert_int_equal(save(true), 0);
	assert_int_equal(restore(), 0);
	/* Those three of the lowest level at the round's end, and the roots. */
	assert_int_equal(host.pins, 5);
	find_frames();
	assert_int_equal(host.pinned[now[DATA + 1]], 0);
	same_table(DATA + 1);
	assert_int_equal(host.pinned[now[L1]], 1);
	fake_end();

	make_guest();
	makes_tables();
	host.between = stale;
	assert_int_equal(save(true), 0);
	host.between = NULL;
	assert_int_equal(restore(), 0);
	find_frames();
	same_table(L1);
	assert_int_equal(host.pinned[now[L1]], 1);
	assert_int_equal(host.pinned[now[ROOT]], 4);
	assert_int_equal(host.pinned[now[DATA + 1]], 0);
	assert_int_equal(host.pinned[now[DATA + 2]], 0);
	fake_end();
	brief = false;
}

static void moves_its_list(void)
{
	*list_entry(LISTS) = p2m[LISTS];
	memcpy(of(DATA + 9), of(LISTS), 4096);
	of(L1)[0] = entry(DATA + 9);
}

static void writes_all(unsigned round)
{
	memset(host.domain[1].dirty, 0xff, sizeof(host.domain[1].dirty));
}

static void busy_and_changed(void **state)
{
	make_guest();
	host.between = writes_all;
	assert_int_equal(save(true), 0);
	assert_true(host.round <= 3);	/* it does not become less */
	host.between = NULL;
	at_suspend = moves_its_list;
	assert_int_equal(save(true), -EAGAIN);
	at_suspend = NULL;
	fake_end();
}

/* --- lies --- */

static void lie(void (*change)(void), const char *reason)
{
	make_guest();
	change();
	assert_true(save(false) < 0);
	if (!strstr(why.text, reason))
		fail_msg("refused, but not for \"%s\": %s", reason, why.text);
	fake_end();
}

static shared_info_t *shared1(void) { return fake_page(host.domain[1].shared); }

static void foreign_frame(void) { *list_entry(DATA) = host.domain[2].shared; }
static void twice(void) { *list_entry(DATA) = p2m[DATA + 1]; }
static void foreign_entry(void) { of(L1)[7] = host.domain[2].shared << 12 | 1; }
static void far_entry(void) { of(L1)[7] = 0xfffffffff000ull | 1; }
static void no_list(void) { shared1()->arch.p2m_cr3 = 0; }
static void far_root(void) { shared1()->arch.p2m_cr3 = 0xffffffffffffe000; }
static void foreign_root(void) { shared1()->arch.p2m_cr3 = host.domain[2].shared << 12; }
static void loop_root(void) { of(ROOT)[LIST >> 39 & 511] = entry(ROOT); }
static void odd_address(void) { shared1()->arch.p2m_vaddr = LIST + 8; }
static void huge(void) { shared1()->arch.max_pfn = ~0ul; }
static void big(void) { shared1()->arch.max_pfn = 1ul << 31; }
static void none(void) { shared1()->arch.max_pfn = 0; }
static void large_page(void) { of(L2)[0] |= 1 << 7; }
static void foreign_list(void) { of(L1)[0] = host.domain[2].shared << 12 | 1; }
static void bad_start(void) { host.domain[1].context[0].user_regs.rdx = ~0ul; }
static void bad_cr3(void) { host.domain[1].context[1].ctrlreg[3] = host.domain[2].shared << 12; }
static void bad_user(void) { host.domain[1].context[1].ctrlreg[1] = ~0ul; }
static void bad_gdt(void) { host.domain[1].context[1].gdt_frames[0] = 1ul << 50; }
static void long_gdt(void) { host.domain[1].context[1].gdt_ents = ~0ul; }

static void lies(void **state)
{
	lie(foreign_frame, "another one to the hypervisor");
	lie(twice, "another one to the hypervisor");
	lie(foreign_entry, "page table with frames that are not");
	lie(far_entry, "page table with frames that are not");
	lie(no_list, "does not say where");
	lie(far_root, "broken at frame 0");
	lie(foreign_root, "broken at frame 0");
	lie(loop_root, "broken at frame 0");
	lie(odd_address, "does not say where");
	lie(huge, "not ready to be moved");
	lie(big, "not ready to be moved");
	lie(none, "not ready to be moved");
	lie(large_page, "broken at frame 0");
	lie(foreign_list, "not its own");
	lie(bad_start, "start_info");
	lie(bad_cr3, "page table");
	lie(bad_user, "user's page table");
	lie(bad_gdt, "descriptor table");
	lie(long_gdt, "too long");
}

/* A stream with a byte changed is refused, or gives a guest that has that byte; never more. */
static void damaged(void **state)
{
	make_guest();
	assert_int_equal(save(false), 0);
	for (size_t i = 0; i < size; i += i < 600 || i > size - 9000 ? 1 : 40961) {
		file[i] ^= 0x41;
		restore();
		file[i] ^= 0x41;
		for (uint64_t mfn = 0; mfn < HOST_FRAMES; mfn++) {
			if (host.owner[mfn] == 2 && mfn != host.domain[2].shared)
				host.owner[mfn] = host.pinned[mfn] = 0;
		}
		host.domain[2].pages = 1;
	}
	/* Less memory than the guest needs. */
	host.domain[2].max_pages = 300;
	assert_int_equal(restore(), -ENOMEM);
	host.domain[2].max_pages = GUEST_FRAMES;
	host.domain[2].vcpus = 1;
	assert_int_equal(restore(), -EINVAL);
	fake_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(suspended), cmocka_unit_test(zeros), cmocka_unit_test(list_of_lists),
		cmocka_unit_test(live), cmocka_unit_test(early_tables),
		cmocka_unit_test(busy_and_changed), cmocka_unit_test(lies), cmocka_unit_test(damaged),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);

	free(file);
	return rc;
}
