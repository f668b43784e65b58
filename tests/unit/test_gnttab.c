// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_guest.h hypercall/gnttab.c hypercall/gnttab_entry.c hypercall/gnttab_map.c hypercall/gnttab_copy.c
// sources: hypercall/gnttab_transfer.c hypercall/gnttab_misc.c lib/string.c
/*
 * Story: three domains grant pages to one another, map, copy, transfer and unmap in any order and in any version of the table,
 * and change what they granted while it is in use. What would be wrong: a reference too many or too few, a mapping of what was
 * not granted, a page that goes while it is mapped, a handle that works twice, GTF_reading left behind or gone too early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

#include "hypercall/gnttab_entry.h"
#include "lib/panic.h"
#include "mem/heap.h"
#include "pv/mm.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define DOMAINS 3u
#define PAGES 8u		/* of each domain at first */
#define HEAP_PAGES 40u		/* for shared tables */
#define FRAMES (1 + DOMAINS * PAGES + HEAP_PAGES)
#define FIRST_HEAP (1 + DOMAINS * PAGES)
#define SLOTS 16u		/* of a domain's page table, as far as this test has one */

unsigned char host_ram[FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
struct frame host_frames[FRAMES];
uint64_t host_m2p[FRAMES], max_mfn = FRAMES;
__thread struct vcpu *host_current;
const bool anel_debug = true;

static struct domain doms[DOMAINS];
static struct vcpu vcpus[DOMAINS];
static bool heap_used[HEAP_PAGES];
static uint64_t slot[DOMAINS][SLOTS];	/* mfn + 1 that a grant mapping put there */
static unsigned flushes, preempt_rate;	/* one of so many questions is answered yes; 0: never */

/* --- what the files under test need of the rest --- */

static int dma[DOMAINS][FRAMES];	/* mappings by which a domain's devices reach a frame of another */
static bool lingers[DOMAINS][FRAMES];	/* taken away, and IOTLBs not flushed yet */
static unsigned space_of(struct iommu_space *s) { return (unsigned)((uintptr_t)s - 1); }
int iommu_foreign_add(struct iommu_space *s, mfn_t m, bool write)
{
	__atomic_fetch_add(&dma[space_of(s)][m.n], 1, __ATOMIC_SEQ_CST);
	return 0;
}
bool iommu_foreign_del(struct iommu_space *s, mfn_t m, bool write)
{
	int was = __atomic_fetch_sub(&dma[space_of(s)][m.n], 1, __ATOMIC_SEQ_CST);

	assert_true(was > 0);
	if (was == 1)
		lingers[space_of(s)][m.n] = true;
	return was == 1;
}
void iommu_flush(struct iommu_space *s) { memset(lingers[space_of(s)], 0, sizeof(lingers[0])); }

static __thread unsigned seed = 1;
static unsigned dice(unsigned n) { return rand_r(&seed) % n; }
bool host_preempt(void) { return preempt_rate && dice(preempt_rate) == 0; }
void printk(const char *fmt, ...) { (void)fmt; }
void panic(const char *fmt, ...) { (void)fmt; abort(); }
void *heap_alloc(size_t n) { return malloc(n); }
void *heap_zalloc(size_t n) { return calloc(1, n); }
void heap_free(void *p) { free(p); }
void *heap_pages(unsigned order)
{
	for (unsigned i = 0; i < HEAP_PAGES; i++)
		if (!heap_used[i]) {
			heap_used[i] = true;
			return memset(host_ram[FIRST_HEAP + i], 0, PAGE_SIZE);
		}
	return NULL;
}
void heap_pages_free(void *va, unsigned order) { heap_used[va_to_mfn(va).n - FIRST_HEAP] = false; }
void keyhandler_register(char key, void (*fn)(char key), const char *desc) { }
void flush_tlb_mask(const cpumask_t *mask, unsigned flags) { flushes++; }
bool pcid_on;
void tlb_owe_now(uint64_t *owed) { }
void tlb_owe_since(uint64_t *owed, uint32_t stamp) { }
size_t guest_copy_in(void *dst, const void *src, size_t n) { return src ? (memcpy(dst, src, n), 0) : n; }
size_t guest_copy_out(void *dst, const void *src, size_t n) { return dst ? (memcpy(dst, src, n), 0) : n; }
bool domain_get(struct domain *d) { atomic_inc(&d->refs); return true; }
void domain_put(struct domain *d)
{
	atomic_dec(&d->refs);
	assert_true(atomic_read(&d->refs) > 0);
}
struct domain *domain_next(struct domain *d) { return NULL; }
bool domain_may_control(const struct domain *a, const struct domain *b) { return a->is_control && a != b; }
struct domain *domain_lookup(domid_t id) { return id < DOMAINS ? &doms[id] : NULL; }
struct domain *domain_lookup_any(domid_t id) { return domain_lookup(id); }
struct domain *domain_resolve(domid_t id)
{
	struct domain *d = id == DOMID_SELF ? host_current->domain : domain_lookup(id);

	if (d)
		domain_get(d);
	return d;
}
bool mfn_valid(mfn_t m) { return m.n && m.n < FRAMES; }
void m2p_set(mfn_t m, uint64_t gfn) { host_m2p[m.n] = gfn; }
bool frame_get(struct frame *f, domid_t owner)
{
	if (!(READ_ONCE(f->count) & FRAME_ALLOCATED) || frame_owner(f) != owner || !frame_refs(f))
		return false;
	__atomic_fetch_add(&f->count, 1, __ATOMIC_SEQ_CST);
	return true;
}
bool frame_get_any(struct frame *f, domid_t *owner)
{
	*owner = frame_owner(f);
	return frame_get(f, *owner);
}
void frame_put(struct frame *f)
{
	uint64_t was = __atomic_fetch_sub(&f->count, 1, __ATOMIC_SEQ_CST);

	assert_true((was & FRAME_REF_MASK) > 1);
}
void share_heap_page(void *va, struct domain *d, bool writable)
{
	host_frames[va_to_mfn(va).n].count = (uint64_t)d->id << FRAME_OWNER_SHIFT | FRAME_ALLOCATED | FRAME_XENHEAP | 1;
}
void unshare_heap_page(void *va) { host_frames[va_to_mfn(va).n].count = 0; }
int pv_type_get(struct frame *f, uint64_t type, struct domain *d, bool preemptible)
{
	if (f->type & FTYPE_MASK)
		return -EBUSY;	/* a page table of its owner, say */
	__atomic_fetch_add(&f->type, 1, __ATOMIC_SEQ_CST);
	return 0;
}
void pv_type_put(struct frame *f)
{
	assert_false(lingers[host_current->domain->id][f - host_frames]);
	assert_true(__atomic_fetch_sub(&f->type, 1, __ATOMIC_SEQ_CST) & FTYPE_COUNT_MASK);
}
unsigned frames_logged;
void frame_mark_dirty(struct frame *f) { }
bool pv_writer_get(struct frame *f, struct domain *d) { return !pv_type_get(f, FTYPE_WRITABLE, d, false); }
void pv_writer_put(struct frame *f) { pv_type_put(f); }
int pv_grant_map(uint64_t addr, mfn_t mfn, unsigned flags, unsigned cache)
{
	unsigned n = addr / 8 - 1;

	if (n >= SLOTS || cmpxchg(&slot[host_current->domain->id][n], 0, mfn.n + 1))
		return GNTST_general_error;
	return GNTST_okay;
}
int pv_grant_unmap(uint64_t addr, mfn_t mfn, unsigned flags, uint64_t new_addr)
{
	unsigned n = addr / 8 - 1;

	if (n >= SLOTS || cmpxchg(&slot[host_current->domain->id][n], mfn.n + 1, 0) != mfn.n + 1)
		return GNTST_general_error;
	return GNTST_okay;
}
int domain_steal_frame(struct domain *d, struct frame *f)
{
	if (frame_owner(f) != d->id || !(f->count & FRAME_ALLOCATED) || frame_refs(f) != 1 || f->type)
		return -EBUSY;
	f->count = (uint64_t)DOMID_NONE << FRAME_OWNER_SHIFT;
	return 0;
}
int domain_assign_frames(struct domain *d, struct frame *f, unsigned order)
{
	if (d->state >= DOM_DYING || !d->max_pages)
		return -E2BIG;
	f->count = (uint64_t)d->id << FRAME_OWNER_SHIFT | FRAME_ALLOCATED | 1;
	return 0;
}
void frames_free(struct frame *f, unsigned order, bool dirty)
{
	assert_false(f->count & FRAME_ALLOCATED);
}

/* --- the guests --- */

static void become(unsigned d) { host_current = &vcpus[d]; }

static long op(unsigned cmd, void *arg, unsigned count)
{
	struct hypercall h = { .op = __HYPERVISOR_grant_table_op, .a = { cmd, (uint64_t)arg, count } };
	long ret;

	do {
		h.again = false;
		ret = hc_grant_table_op(&h);
	} while (h.again);
	return ret;
}

static unsigned page_of(unsigned d, unsigned n) { return 1 + d * PAGES + n; }
static unsigned owner_of(unsigned mfn) { return (mfn - 1) / PAGES; }

/* What a domain's devices reach is what it has mapped of others. */
static void check_devices(unsigned d)
{
	int want[FRAMES] = { 0 };

	for (unsigned s = 0; s < SLOTS; s++)
		if (slot[d][s] && owner_of(slot[d][s] - 1) != d)
			want[slot[d][s] - 1]++;
	for (unsigned m = 0; m < FRAMES; m++)
		assert_int_equal(dma[d][m], want[m]);
}
static struct grant_table *gt_of(unsigned d) { return doms[d].grants; }
static grant_entry_v1_t *v1(unsigned d, grant_ref_t ref) { return gnttab_v1(gt_of(d), ref); }
static grant_entry_v2_t *v2(unsigned d, grant_ref_t ref) { return gnttab_v2(gt_of(d), ref); }

static void grant(unsigned d, grant_ref_t ref, unsigned to, unsigned frame, unsigned flags)
{
	if (gt_of(d)->version == 1) {
		*v1(d, ref) = (grant_entry_v1_t){ .domid = to, .frame = frame, .flags = GTF_permit_access | flags };
	} else {
		v2(d, ref)->full_page.frame = frame;
		v2(d, ref)->hdr.domid = to;
		v2(d, ref)->hdr.flags = GTF_permit_access | flags;
	}
}

static int map(unsigned d, unsigned of, grant_ref_t ref, unsigned where, unsigned flags, grant_handle_t *handle)
{
	struct gnttab_map_grant_ref m = { .host_addr = where * 8, .flags = flags, .ref = ref, .dom = of };

	become(d);
	assert_int_equal(op(GNTTABOP_map_grant_ref, &m, 1), 0);
	*handle = m.handle;
	if (!m.status)
		assert_int_equal(m.dev_bus_addr & ~PAGE_MASK, 0);
	return m.status;
}

static int unmap(unsigned d, unsigned where, uint64_t dev, grant_handle_t handle)
{
	struct gnttab_unmap_grant_ref u = { .host_addr = where * 8, .dev_bus_addr = dev, .handle = handle };

	become(d);
	assert_int_equal(op(GNTTABOP_unmap_grant_ref, &u, 1), 0);
	return u.status;
}

static int copy(unsigned d, struct gnttab_copy c)
{
	become(d);
	assert_int_equal(op(GNTTABOP_copy, &c, 1), 0);
	return c.status;
}

static void set_version(unsigned d, unsigned version, long want)
{
	struct gnttab_set_version sv = { .version = version };

	become(d);
	assert_int_equal(op(GNTTABOP_set_version, &sv, 1), want);
}

static void setup_tables(void)
{
	for (unsigned i = 0; i < DOMAINS; i++) {
		xen_pfn_t list[2];
		struct gnttab_setup_table st = { .dom = DOMID_SELF, .nr_frames = 2, .frame_list = { list } };

		become(i);
		assert_int_equal(op(GNTTABOP_setup_table, &st, 1), 0);
		assert_int_equal(st.status, GNTST_okay);
		assert_ptr_equal(host_ram[list[1]], gt_of(i)->shared[1]);
	}
}

static int setup(void **state)
{
	memset(doms, 0, sizeof(doms));
	memset(slot, 0, sizeof(slot));
	memset(dma, 0, sizeof(dma));
	memset(lingers, 0, sizeof(lingers));
	memset(host_frames, 0, sizeof(host_frames));
	memset(host_ram, 0, sizeof(host_ram));
	preempt_rate = 0;
	for (unsigned i = 0; i < DOMAINS; i++) {
		doms[i].id = i;
		doms[i].state = DOM_ALIVE;
		doms[i].iommu = (struct iommu_space *)(uintptr_t)(i + 1);
		doms[i].max_pages = 1;
		doms[i].is_control = i == 0;
		atomic_set(&doms[i].refs, 1);
		vcpus[i].domain = &doms[i];
		assert_int_equal(gnttab_domain_create(&doms[i], -1, 2, 2), 0);
		for (unsigned p = 0; p < PAGES; p++)
			host_frames[page_of(i, p)].count = (uint64_t)i << FRAME_OWNER_SHIFT | FRAME_ALLOCATED | 1;
	}
	setup_tables();
	return 0;
}

/* After all have died nothing is held any more. */
static int teardown(void **state)
{
	preempt_rate = 2;
	for (unsigned i = 0; i < DOMAINS; i++) {
		doms[i].state = DOM_DYING;
		while (gnttab_release_mappings(&doms[i]))
			;
	}
	for (unsigned f = 1; f < FIRST_HEAP; f++) {
		if (host_frames[f].count & FRAME_ALLOCATED)
			assert_int_equal(frame_refs(&host_frames[f]), 1);
		assert_int_equal(host_frames[f].type & FTYPE_COUNT_MASK, 0);
	}
	for (unsigned i = 0; i < DOMAINS; i++) {
		for (grant_ref_t ref = 0; ref < gnttab_nr_entries(gt_of(i)); ref++)
			assert_false(gnttab_pinned(gt_of(i), ref));
		assert_int_equal(gt_of(i)->nr_mapped, 0);
		assert_int_equal(atomic_read(&doms[i].refs), 1);
		gnttab_domain_destroy(&doms[i]);
	}
	for (unsigned i = 0; i < HEAP_PAGES; i++)
		assert_false(heap_used[i]);
	return 0;
}

/* --- cases --- */

static void map_and_unmap(void **state)
{
	grant_handle_t h, h2;

	grant(1, 9, 0, page_of(1, 0), 0);
	assert_int_equal(map(0, 1, 9, 1, GNTMAP_host_map, &h), GNTST_okay);
	assert_int_equal(slot[0][0], page_of(1, 0) + 1);
	assert_int_equal(v1(1, 9)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(frame_refs(&host_frames[page_of(1, 0)]), 2);
	assert_int_equal(host_frames[page_of(1, 0)].type, 1);
	assert_int_equal(map(0, 1, 9, 2, GNTMAP_host_map | GNTMAP_readonly, &h2), GNTST_okay);
	assert_int_equal(unmap(0, 1, 0, h), GNTST_okay);
	assert_int_equal(v1(1, 9)->flags, GTF_permit_access | GTF_reading);
	assert_int_equal(unmap(0, 1, 0, h), GNTST_bad_handle);
	assert_int_equal(unmap(0, 1, 0, h2), GNTST_general_error);	/* elsewhere */
	assert_int_equal(unmap(0, 2, 0, h2), GNTST_okay);
	assert_int_equal(v1(1, 9)->flags, GTF_permit_access);
	assert_int_equal(flushes > 0, true);
}

static void refused(void **state)
{
	grant_handle_t h;

	grant(1, 9, 0, page_of(1, 0), GTF_readonly);
	assert_int_equal(map(0, 1, 9, 1, 0, &h), GNTST_bad_gntref);
	assert_int_equal(map(0, 77, 9, 1, GNTMAP_host_map, &h), GNTST_bad_domain);
	assert_int_equal(map(0, 1, 100000, 1, GNTMAP_host_map, &h), GNTST_bad_gntref);
	assert_int_equal(map(0, 1, 9, 1, GNTMAP_host_map, &h), GNTST_general_error);	/* read-only */
	assert_int_equal(map(2, 1, 9, 1, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_general_error);	/* not for it */
	assert_int_equal(map(0, 1, 9, 99, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_general_error);
	assert_int_equal(v1(1, 9)->flags, GTF_permit_access | GTF_readonly);
	grant(1, 10, 0, page_of(2, 0), 0);	/* another's page */
	assert_int_equal(map(0, 1, 10, 1, GNTMAP_host_map, &h), GNTST_bad_page);
	grant(1, 10, 0, 0x7fffffff, 0);
	assert_int_equal(map(0, 1, 10, 1, GNTMAP_host_map, &h), GNTST_bad_page);
	host_frames[page_of(1, 1)].type = FTYPE_L1;
	grant(1, 10, 0, page_of(1, 1), 0);
	assert_int_equal(map(0, 1, 10, 1, GNTMAP_host_map, &h), GNTST_general_error);
	assert_int_equal(map(0, 1, 10, 1, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_okay);
	assert_int_equal(unmap(0, 1, 0, h), GNTST_okay);
	host_frames[page_of(1, 1)].type = 0;
	assert_int_equal(unmap(0, 1, 0, 12345678), GNTST_bad_handle);
	become(1);
	assert_int_equal(op(GNTTABOP_copy, NULL, 1), -EFAULT);
	assert_int_equal(op(77, NULL, 1), -ENOSYS);
	assert_int_equal(op(GNTTABOP_copy, NULL, 0x80000000u), -EINVAL);
	set_version(1, 3, -EINVAL);
}

static void changed_in_use(void **state)
{
	grant_handle_t h;

	grant(1, 9, 0, page_of(1, 0), 0);
	assert_int_equal(map(0, 1, 9, 1, GNTMAP_host_map | GNTMAP_device_map, &h), GNTST_okay);
	grant(1, 9, 2, page_of(1, 3), 0);	/* pulls the rug */
	grant_handle_t h2;
	assert_int_equal(map(2, 1, 9, 1, GNTMAP_host_map, &h2), GNTST_general_error);
	assert_int_equal(map(0, 1, 9, 2, GNTMAP_host_map, &h2), GNTST_okay);
	assert_int_equal(slot[0][1], page_of(1, 0) + 1);	/* what was granted first */
	assert_int_equal(unmap(0, 1, 0, h), GNTST_okay);
	assert_int_equal(frame_refs(&host_frames[page_of(1, 0)]), 3);	/* the device half holds it */
	assert_int_equal(unmap(0, 0, (uint64_t)page_of(1, 3) << PAGE_SHIFT, h), GNTST_general_error);
	assert_int_equal(unmap(0, 0, (uint64_t)page_of(1, 0) << PAGE_SHIFT, h), GNTST_okay);
	assert_int_equal(unmap(0, 2, 0, h2), GNTST_okay);
	assert_int_equal(frame_refs(&host_frames[page_of(1, 0)]), 1);
}

static void handles_run_out(void **state)
{
	grant_handle_t h, last = 0;
	unsigned n = 0;

	grant(1, 9, 0, page_of(1, 0), 0);
	while (map(0, 1, 9, 1, GNTMAP_device_map, &h) == GNTST_okay) {
		last = h;
		n++;
	}
	assert_int_equal(n, 2 * MAPTRACK_PER_FRAME);
	assert_int_equal(unmap(0, 0, (uint64_t)page_of(1, 0) << PAGE_SHIFT, last), GNTST_okay);
	assert_int_equal(map(0, 1, 9, 1, GNTMAP_device_map, &h), GNTST_okay);
	assert_int_equal(h, last);
}

static void copies(void **state)
{
	struct gnttab_copy c = {
		.source = { .u.gmfn = page_of(0, 0), .domid = DOMID_SELF, .offset = 16 },
		.dest = { .u.ref = 9, .domid = 1, .offset = 32 }, .len = 8, .flags = GNTCOPY_dest_gref,
	}, bad = c;

	memcpy(&host_ram[page_of(0, 0)][16], "grapefru", 8);
	grant(1, 9, 0, page_of(1, 0), 0);
	assert_int_equal(copy(0, c), GNTST_okay);
	assert_memory_equal(&host_ram[page_of(1, 0)][32], "grapefru", 8);
	assert_int_equal(v1(1, 9)->flags, GTF_permit_access);
	bad.dest.offset = PAGE_SIZE - 4;
	assert_int_equal(copy(0, bad), GNTST_bad_copy_arg);
	bad = c;
	bad.source.domid = 1;
	assert_int_equal(copy(0, bad), GNTST_permission_denied);
	bad = c;
	bad.source.u.gmfn = page_of(1, 0);
	assert_int_equal(copy(0, bad), GNTST_bad_page);
	grant(1, 9, 0, page_of(1, 0), GTF_readonly);
	assert_int_equal(copy(0, c), GNTST_general_error);
}

static void sub_page_and_transitive(void **state)
{
	struct gnttab_copy c = {
		.source = { .u.ref = 9, .domid = 1, .offset = 100 }, .dest = { .u.gmfn = page_of(0, 0), .domid = DOMID_SELF },
		.len = 50, .flags = GNTCOPY_source_gref,
	};
	grant_handle_t h;

	set_version(1, 2, 0);
	v2(1, 9)->sub_page.frame = page_of(1, 0);
	v2(1, 9)->sub_page.page_off = 100;
	v2(1, 9)->sub_page.length = 50;
	v2(1, 9)->hdr.domid = 0;
	v2(1, 9)->hdr.flags = GTF_permit_access | GTF_sub_page;
	assert_int_equal(copy(0, c), GNTST_okay);
	c.len = 51;
	assert_int_equal(copy(0, c), GNTST_general_error);
	assert_int_equal(map(0, 1, 9, 1, GNTMAP_host_map, &h), GNTST_general_error);
	/* 2 grants to 1, which passes it on to 0. */
	grant(2, 20, 1, page_of(2, 0), GTF_readonly);
	memcpy(host_ram[page_of(2, 0)], "via", 3);
	v2(1, 10)->transitive.trans_domid = 2;
	v2(1, 10)->transitive.gref = 20;
	v2(1, 10)->hdr.domid = 0;
	v2(1, 10)->hdr.flags = GTF_transitive;
	c.source.u.ref = 10;
	c.source.offset = 0;
	c.len = 3;
	assert_int_equal(copy(0, c), GNTST_okay);
	assert_memory_equal(host_ram[page_of(0, 0)], "via", 3);
	assert_int_equal(map(0, 1, 10, 1, GNTMAP_host_map | GNTMAP_readonly, &h), GNTST_general_error);
	v2(1, 10)->transitive.trans_domid = 1;	/* to itself */
	assert_int_equal(copy(0, c), GNTST_general_error);
	assert_int_equal(*gnttab_status(gt_of(1), 10), 0);
	assert_int_equal(v1(2, 20)->flags, GTF_permit_access | GTF_readonly);
}

static void versions(void **state)
{
	grant_handle_t h;

	grant(1, 1, 0, page_of(1, 1), 0);
	grant(1, 40, 0, page_of(1, 2), 0);
	assert_int_equal(map(0, 1, 1, 1, GNTMAP_host_map, &h), GNTST_okay);	/* reserved: does not hinder */
	set_version(1, 2, 0);
	assert_int_equal(v2(1, 1)->full_page.frame, page_of(1, 1));
	assert_int_equal(v2(1, 1)->hdr.flags, GTF_permit_access);
	assert_int_equal(*gnttab_status(gt_of(1), 1), GTF_reading | GTF_writing);
	assert_int_equal(v2(1, 40)->hdr.flags, 0);
	set_version(1, 1, 0);
	assert_int_equal(v1(1, 1)->flags, GTF_permit_access | GTF_reading | GTF_writing);
	assert_int_equal(unmap(0, 1, 0, h), GNTST_okay);
	assert_int_equal(v1(1, 1)->flags, GTF_permit_access);
	grant(1, 40, 0, page_of(1, 2), 0);
	assert_int_equal(map(0, 1, 40, 1, GNTMAP_host_map, &h), GNTST_okay);
	set_version(1, 2, -EBUSY);
	assert_int_equal(unmap(0, 1, 0, h), GNTST_okay);
}

static void transfers(void **state)
{
	struct gnttab_transfer t = { .mfn = page_of(0, 0), .domid = 1, .ref = 30 };
	grant_handle_t h;

	*v1(1, 30) = (grant_entry_v1_t){ .flags = GTF_accept_transfer, .domid = 0, .frame = 0x1234 };
	become(0);
	assert_int_equal(op(GNTTABOP_transfer, &t, 1), 0);
	assert_int_equal(t.status, GNTST_okay);
	assert_int_equal(frame_owner(&host_frames[page_of(0, 0)]), 1);
	assert_int_equal(v1(1, 30)->flags, GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
	assert_int_equal(v1(1, 30)->frame, page_of(0, 0));
	assert_int_equal(host_m2p[page_of(0, 0)], 0x1234);
	assert_int_equal(op(GNTTABOP_transfer, &t, 1), 0);
	assert_int_equal(t.status, GNTST_bad_page);	/* no longer its own */
	t.mfn = page_of(0, 1);
	assert_int_equal(op(GNTTABOP_transfer, &t, 1), 0);
	assert_int_equal(t.status, GNTST_bad_gntref);	/* used up */
	grant(0, 9, 1, page_of(0, 2), 0);
	assert_int_equal(map(1, 0, 9, 1, GNTMAP_host_map, &h), GNTST_okay);
	t.mfn = page_of(0, 2);
	become(0);
	assert_int_equal(op(GNTTABOP_transfer, &t, 1), 0);
	assert_int_equal(t.status, GNTST_bad_page);	/* mapped */
}

static void resources(void **state)
{
	mfn_t m[8];

	assert_int_equal(gnttab_resource_max(&doms[1], 0), 64);
	assert_int_equal(gnttab_resource_max(&doms[1], 2), 0);
	assert_int_equal(gnttab_resource_frames(&doms[1], 0, 0, 4, m), 0);
	assert_int_equal(gt_of(1)->nr_frames, 4);
	assert_int_equal(gnttab_resource_frames(&doms[1], 0, 64, 1, m), -EINVAL);
	assert_int_equal(gnttab_resource_frames(&doms[1], 1, 0, 1, m), -EINVAL);
	set_version(1, 2, 0);
	assert_int_equal(gnttab_resource_frames(&doms[1], 1, 0, 1, m), 0);
	assert_ptr_equal(host_ram[m[0].n], gt_of(1)->status[0]);
	doms[1].state = DOM_DYING;
	assert_int_equal(gnttab_resource_frames(&doms[1], 0, 0, 9, m), -EINVAL);
}

/* Random maps, unmaps, copies and changes; the counts are compared with what is known to be mapped. */
static void anything(void **state)
{
	struct { bool on; unsigned d, where; grant_handle_t h; } maps[64] = { 0 };

	preempt_rate = 5;
	set_version(2, 2, 0);
	for (unsigned step = 0; step < 30000; step++) {
		unsigned d = rand() % DOMAINS, of = rand() % DOMAINS, i = rand() % 64;
		grant_ref_t ref = 8 + rand() % 12;
		unsigned ro = rand() % 2 ? GNTMAP_readonly : 0;

		switch (rand() % 5) {
		case 0:
			grant(of, ref, d, page_of(rand() % 8 ? of : d, rand() % PAGES), rand() % 3 ? 0 : GTF_readonly);
			break;
		case 1:
			if (maps[i].on)
				break;
			maps[i].d = d;
			maps[i].where = 1 + rand() % SLOTS;
			maps[i].on = !slot[d][maps[i].where - 1] &&
				     map(d, of, ref, maps[i].where, GNTMAP_host_map | ro, &maps[i].h) == GNTST_okay;
			break;
		case 2:
			/* May fail: case 4 can have used this handle for another mapping of the same page. */
			if (maps[i].on)
				unmap(maps[i].d, maps[i].where, 0, maps[i].h);
			maps[i].on = false;
			break;
		case 3:
			copy(d, (struct gnttab_copy){ .source = { .u.ref = ref, .domid = of }, .len = rand() % 5000,
				.dest = { .u.ref = 8 + rand() % 12, .domid = rand() % DOMAINS }, .flags = rand() % 4 });
			break;
		case 4:
			unmap(d, 1 + rand() % SLOTS, 0, rand() % 200);	/* not its own, likely */
			for (unsigned k = 0; k < 64; k++)
				if (maps[k].on && !slot[maps[k].d][maps[k].where - 1])
					maps[k].on = false;
			break;
		}
	}
	for (unsigned d = 0; d < DOMAINS; d++) {
		unsigned mapped = 0;

		for (unsigned s = 0; s < SLOTS; s++)
			mapped += slot[d][s] != 0;
		assert_int_equal(gt_of(d)->nr_mapped, mapped);
		check_devices(d);
	}
}

/* vCPUs of one mapper that get in each other's way, one that copies, and a granter that changes what it granted. */
enum { RACE_STEPS = 60000, RACE_REFS = 6 };

static void *race_mapper(void *arg)
{
	seed = (uintptr_t)arg;
	become(0);
	for (unsigned i = 0; i < RACE_STEPS; i++) {
		unsigned where = 1 + dice(SLOTS), flags = GNTMAP_host_map | (dice(2) ? GNTMAP_readonly : 0) |
							  (dice(4) ? 0 : GNTMAP_device_map);
		struct gnttab_map_grant_ref m = { .host_addr = where * 8, .flags = flags, .ref = 8 + dice(RACE_REFS), .dom = 1 };
		struct gnttab_unmap_grant_ref u = { .host_addr = where * 8, .handle = dice(40) };

		if (dice(2))
			op(GNTTABOP_map_grant_ref, &m, 1);
		if (dice(2))
			u.dev_bus_addr = (uint64_t)page_of(1, dice(PAGES)) << PAGE_SHIFT;
		op(GNTTABOP_unmap_grant_ref, &u, 1);
	}
	return NULL;
}

static void *race_copier(void *arg)
{
	seed = (uintptr_t)arg;
	become(2);
	for (unsigned i = 0; i < RACE_STEPS; i++) {
		struct gnttab_copy c = {
			.source = { .u.ref = 8 + dice(RACE_REFS), .domid = 1 }, .len = 16, .flags = GNTCOPY_source_gref,
			.dest = { .u.gmfn = page_of(2, 0), .domid = DOMID_SELF },
		};

		op(GNTTABOP_copy, &c, 1);
	}
	return NULL;
}

static void *race_granter(void *arg)
{
	seed = (uintptr_t)arg;
	become(1);
	for (unsigned i = 0; i < RACE_STEPS; i++) {
		grant_ref_t ref = 8 + dice(RACE_REFS);
		struct gnttab_swap_grant_ref sw = { .ref_a = ref, .ref_b = 8 + dice(RACE_REFS) };
		grant_entry_v1_t *e = v1(1, ref);

		/* As a guest would: not while it is in use, if it keeps the rules. This one does so half of the time. */
		if (dice(2) && READ_ONCE(e->flags) & (GTF_reading | GTF_writing))
			continue;
		WRITE_ONCE(e->domid, dice(3) ? 0 : 2);
		WRITE_ONCE(e->frame, page_of(1, dice(PAGES)));
		__atomic_fetch_or(&e->flags, GTF_permit_access, __ATOMIC_SEQ_CST);
		if (dice(8) == 0)
			op(GNTTABOP_swap_grant_ref, &sw, 1);
	}
	return NULL;
}

static void many_cpus(void **state)
{
	void *(*const role[])(void *) = { race_mapper, race_mapper, race_copier, race_granter };
	pthread_t cpu[ARRAY_SIZE(role)];
	unsigned mapped = 0;

	preempt_rate = 50;
	for (unsigned i = 0; i < ARRAY_SIZE(role); i++)
		pthread_create(&cpu[i], NULL, role[i], (void *)(uintptr_t)(i + 1));
	for (unsigned i = 0; i < ARRAY_SIZE(role); i++)
		pthread_join(cpu[i], NULL);
	become(0);
	for (grant_handle_t h = 0; h < gt_of(0)->nr_handles; h++) {
		const struct maptrack *m = &gt_of(0)->maptrack[h / MAPTRACK_CHUNK][h % MAPTRACK_CHUNK];

		assert_int_equal(m->in_flight, 0);
		mapped += (m->flags & (GNTMAP_host_map | GNTMAP_device_map)) != 0;
	}
	assert_int_equal(mapped, gt_of(0)->nr_mapped);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(map_and_unmap, setup, teardown),
		cmocka_unit_test_setup_teardown(refused, setup, teardown),
		cmocka_unit_test_setup_teardown(changed_in_use, setup, teardown),
		cmocka_unit_test_setup_teardown(handles_run_out, setup, teardown),
		cmocka_unit_test_setup_teardown(copies, setup, teardown),
		cmocka_unit_test_setup_teardown(sub_page_and_transitive, setup, teardown),
		cmocka_unit_test_setup_teardown(versions, setup, teardown),
		cmocka_unit_test_setup_teardown(transfers, setup, teardown),
		cmocka_unit_test_setup_teardown(resources, setup, teardown),
		cmocka_unit_test_setup_teardown(anything, setup, teardown),
		cmocka_unit_test_setup_teardown(many_cpus, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
