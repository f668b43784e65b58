// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_guest.h pv/mm_types.c pv/mm_entry.c pv/mm_update.c pv/mm_ext.c pv/mm_root.c pv/mm_relinquish.c lib/rangeset.c
// sources: pv/mm_joint.c pv/mm_shadow.c pv/mm_log.c debug/self_check_shadow.c lib/string.c lib/bitmap.c release/lock_check.c
/*
 * Story: a guest does to its page tables whatever it likes, in any order, and the hypervisor gives way at any moment; the
 * guest may or may not come back to what was cut short. What would be wrong: a reference counted once too often or too seldom,
 * a table that links what was not validated, a table that somebody can write, a changed type while some TLB knows the old use.
 *
 * The model: after every step all references are counted anew from the tables themselves and compared with the frame table.
 * With the log of writes on, a guest that runs on shadows with hardly enough memory for them stores and loads at random addresses:
 * what its tables allow must be done and be in the next bitmap, nothing else; each shadow entry is held against the guest's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "pv/mm_priv.h"
#include "pv/mm_log.h"
#include "debug/self_check.h"
#include "gmem/guest_access.h"
#include "hypercall/hypercall.h"
#include "lib/panic.h"
#include "x86/cpu.h"
#include "x86/iommu/iommu.h"

#define FRAMES 40u
#define FIRST 1u	/* frame 0 is nobody's */
#define FOREIGN (FRAMES - 2)
#define ALL (FRAMES + 2)	/* with two that are free */

#define SHADOWS 9u	/* two roots, and what two faults may need: hardly enough */
unsigned char host_ram[ALL + SHADOWS][PAGE_SIZE] __attribute__((aligned(4096)));
struct frame host_frames[ALL];
uint64_t host_m2p[ALL], max_mfn = FRAMES;
__thread struct vcpu *host_current;
const bool anel_debug = true;
struct cpu_features host_cpu = { .nx = true, .phys_bits = 46 };
cpumask_t cpu_online_map = { { 1 } };
bool smap_on;
static struct section section = { .state = SECTION_OPEN };
struct section *sections = &section;
unsigned nr_sections = 1;
struct domain *dom0, *dom_io, *dom_xen, *idle_domain;
void (*frame_release_hook)(struct frame *f, domid_t owner);

static struct domain dom, other;
static struct vcpu vcpu, *vcpus[1] = { &vcpu };
static struct pv_vcpu pv_vcpu;
static struct pv_domain pv_dom, pv_other;
static struct vcpu_info info;
static unsigned preempt_rate;	/* one of so many questions is answered yes; 0: never */
static bool used_writable[FRAMES], used_table[FRAMES];	/* since the last flush */

/* --- what the files under test need of the rest --- */

bool host_preempt(void) { return preempt_rate && rand() % preempt_rate == 0; }
void printk(const char *fmt, ...) { (void)fmt; }
bool mmio_is_readonly(mfn_t m) { return false; }
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
void *heap_zalloc(size_t n) { return calloc(1, n); }
void heap_free(void *p) { free(p); }
bool mfn_valid(mfn_t m) { return m.n < FRAMES; }
bool mem_range_is_ram(paddr_t s, paddr_t e) { return false; }
void m2p_set(mfn_t m, uint64_t gfn) { host_m2p[m.n] = gfn; }
mfn_t m2p_named(mfn_t name) { return INVALID_MFN; }
mfn_t host_root_mfn(void) { return MFN(0); }
uint64_t host_root_entry(unsigned slot) { return slot == 256 ? 0x1003 : 0; }
static bool dma[ALL];	/* frames that devices can write */
void iommu_frame_writable(struct iommu_space *s, mfn_t m) { dma[m.n] = true; }
void iommu_frame_gone(struct iommu_space *s, mfn_t m) { dma[m.n] = false; }
void cpu_load_root(uint64_t cr3) { }
void cpu_replace_root(uint64_t cr3) { }
void tlb_drop_tag(uint64_t cr3) { }
void tlb_enter(struct tlb_context *c, const uint64_t *owed) { }
bool pcid_on;
void tlb_owe_now(uint64_t *owed) { }
void tlb_owe_since(uint64_t *owed, uint32_t stamp) { }
void domain_flush_lazy(struct domain *d) { }
void cpu_load_ldt(uint64_t base, unsigned ents) { }
bool pv_invalidate_ldt(struct vcpu *v) { return false; }
unsigned frames_logged;
void frame_mark_dirty(struct frame *f)
{
	if (f->count & FRAME_ALLOCATED)
		f->count |= FRAME_LOGGED;
}
bool frame_take_dirty(struct frame *f)
{
	bool was = f->count & FRAME_LOGGED;

	f->count &= ~FRAME_LOGGED;
	return was;
}
static unsigned shadows_given;
void *heap_pages(unsigned order) { return shadows_given < SHADOWS ? host_ram[ALL + shadows_given++] : NULL; }
void heap_pages_free(void *va, unsigned order) { shadows_given--; }
void domain_pause(struct domain *d) { }
void domain_unpause(struct domain *d) { }
struct domain *domain_of_id(domid_t id) { return id == dom.id ? &dom : id == other.id ? &other : NULL; }
struct domain *domain_next(struct domain *d) { return d ? NULL : &dom; }
size_t guest_zero(void *dst, size_t n)
{
	memset(dst, 0, n);
	return 0;
}
bool pv_fix_descriptor(uint64_t *desc) { return true; }
struct domain *domain_lookup(domid_t id) { return id == dom.id ? &dom : id == other.id ? &other : NULL; }
struct domain *domain_lookup_any(domid_t id) { return domain_lookup(id); }
bool domain_may_control(const struct domain *src, const struct domain *tgt) { return src == tgt; }
size_t guest_copy_in(void *dst, const void *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((char *)dst)[i] = ((const char *)src)[i];
	return 0;
}
size_t guest_copy_out(void *dst, const void *src, size_t n) { return guest_copy_in(dst, src, n); }
static uint32_t clock_now;
uint32_t tlb_clock(void) { return clock_now += 2; }
void tlb_filter(cpumask_t *mask, uint32_t stamp) { }
static void forget(void)
{
	for (unsigned i = 0; i < FRAMES; i++)
		used_writable[i] = used_table[i] = false;
}
void flush_tlb_mask(const cpumask_t *mask, unsigned flags) { forget(); }
void flush_tlb_local(unsigned flags) { }
void flush_tlb_one_local(uint64_t va) { }
void flush_tlb_one_mask(const cpumask_t *mask, uint64_t va) { }
void on_selected_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait) { }
int domain_for_each_frame(struct domain *d, uint64_t *cursor, int (*fn)(struct domain *d, struct frame *f))
{
	for (; *cursor < FRAMES; ++*cursor) {
		int rc = frame_owner(&host_frames[*cursor]) == d->id ? fn(d, &host_frames[*cursor]) : 0;

		if (rc)
			return rc;
	}
	return 0;
}

/* The frame table's own functions, as mem/frame.c has them, with a frame that must never be released. */
bool frame_get(struct frame *f, domid_t owner)
{
	if (!(f->count & FRAME_ALLOCATED) || frame_owner(f) != owner || !frame_refs(f))
		return false;
	f->count++;
	return true;
}
bool frame_get_any(struct frame *f, domid_t *owner)
{
	*owner = frame_owner(f);
	return frame_get(f, *owner);
}
void frame_ref(struct frame *f)
{
	assert_true(frame_refs(f) > 0);
	f->count++;
}
void frame_put(struct frame *f)
{
	assert_true(frame_refs(f) > 1);
	f->count--;
}

/* --- the model --- */

struct counts { unsigned refs, types; };

static uint64_t *table(unsigned n) { return (uint64_t *)host_ram[n]; }
static uint64_t type_of(unsigned n) { return host_frames[n].type & FTYPE_MASK; }

static void count_entry(struct counts *c, unsigned from, unsigned idx)
{
	uint64_t e = table(from)[idx], t = type_of(from);
	unsigned to = pte_mfn(e).n;

	if (!(e & PTE_P) || (t == FTYPE_L4 && !slot_is_guests(idx)))
		return;
	assert_true(e & PTE_U);
	if (t == FTYPE_L1) {
		assert_in_range(to, FIRST, FRAMES - 1);
		c[to].refs++;
		if (e & PTE_W) {
			c[to].types++;
			assert_int_equal(type_of(to), FTYPE_WRITABLE);
			used_writable[to] = true;
		}
		return;
	}
	assert_false(e & PTE_PS);
	c[to].refs++;
	if (to == from) {
		assert_int_equal(t, FTYPE_L4);
		assert_false(e & PTE_W);
		return;
	}
	c[to].types++;
	assert_int_equal(type_of(to), t - FTYPE_L1);
	assert_true(host_frames[to].type & FTYPE_VALIDATED);
}

static void check_frame(unsigned n, const struct counts *c)
{
	uint64_t x = host_frames[n].type;

	assert_false(x & FTYPE_BUSY);
	/* Devices follow the type: what was last writable, and nothing else. */
	assert_int_equal(dma[n], (x & FTYPE_MASK) == FTYPE_WRITABLE);
	assert_int_equal(frame_refs(&host_frames[n]), c[n].refs);
	assert_int_equal(ftype_refs(x), c[n].types);
	if (!ftype_is_table(x) || !ftype_refs(x))
		return;
	assert_true(x & FTYPE_VALIDATED);
	assert_false(x & FTYPE_PARTIAL);
}

/* Before the tables are counted: a frame whose type changed without a flush would still be known by its old use. */
static void check_stale(void)
{
	for (unsigned n = FIRST; n < FRAMES; n++) {
		uint64_t x = host_frames[n].type;

		if (!ftype_refs(x) && !(x & FTYPE_PARTIAL))
			continue;
		if (ftype_is_table(x))
			assert_false(used_writable[n]);
		if ((x & FTYPE_MASK) == FTYPE_WRITABLE)
			assert_false(used_table[n]);
	}
}

static void check_world(void)
{
	struct counts c[FRAMES] = { 0 };

	check_stale();
	for (unsigned n = FIRST; n < FRAMES; n++) {
		uint64_t x = host_frames[n].type;
		unsigned held = 0;

		c[n].refs++;	/* the owner's */
		if (x & FTYPE_PARTIAL) {
			c[n].refs++;
			held = x >> FTYPE_PARTIAL_SHIFT & 0x3ff;
			assert_int_equal(ftype_refs(x), 0);
		} else if (ftype_is_table(x) && ftype_refs(x)) {
			held = PTES_PER_TABLE;
			used_table[n] = true;
		}
		if (x & FTYPE_PINNED) {
			c[n].refs++;
			c[n].types++;
		}
		for (unsigned i = 0; i < held; i++)
			count_entry(c, n, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		uint64_t root = i ? pv_vcpu.guest_table_user : pv_vcpu.guest_table;

		if (root) {
			c[root].refs++;
			c[root].types++;
			assert_int_equal(type_of(root), FTYPE_L4);
		}
	}
	if (pv_vcpu.old_table)
		c[pv_vcpu.old_table - host_frames].refs++;
	for (unsigned n = FIRST; n < FRAMES; n++)
		check_frame(n, c);
}

static int new_world(void **state)
{
	dom = (struct domain){ .id = 1, .pv = &pv_dom, .vcpu = vcpus, .max_vcpus = 1, .state = DOM_ALIVE, .dirty_cpus = { { 1 } } };
	other = (struct domain){ .id = 2, .pv = &pv_other, .state = DOM_ALIVE };
	dom.iommu = other.iommu = (struct iommu_space *)&dma;
	memset(dma, 0, sizeof(dma));
	pv_dom = (struct pv_domain){ 0 };
	pv_vcpu = (struct pv_vcpu){ .kernel_mode = true };
	vcpu = (struct vcpu){ .domain = &dom, .pv = &pv_vcpu, .info = &info };
	host_current = &vcpu;
	forget();
	for (unsigned n = 0; n < FRAMES; n++) {
		host_frames[n] = (struct frame){ 0 };
		if (n >= FIRST)
			host_frames[n].count = FRAME_ALLOCATED | FRAME_DOM_REF | 1 |
				(uint64_t)(n >= FOREIGN ? other.id : dom.id) << FRAME_OWNER_SHIFT;
		for (unsigned i = 0; i < PTES_PER_TABLE; i++)
			table(n)[i] = 0;
	}
	return 0;
}

/* --- the guest --- */

static long ext(unsigned cmd, uint64_t mfn)
{
	struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };
	struct hypercall h = { .a = { (uint64_t)&op, 1, 0, DOMID_SELF } };

	return hc_mmuext_op(&h);
}

static long update(uint64_t ptr, uint64_t val)
{
	struct mmu_update u = { .ptr = ptr, .val = val };
	struct hypercall h = { .a = { (uint64_t)&u, 1, 0, DOMID_SELF } };

	return hc_mmu_update(&h);
}

static const uint16_t slots[] = { 0, 1, 2, 255, 256, 260, 272, 511 };

static uint64_t random_entry(unsigned self)
{
	static const uint64_t bits[] = { PTE_W, PTE_U, PTE_NX, PTE_A, PTE_D, 1ull << 9, PTE_G, PTE_PS, PTE_PCD, PTE_GRANT };
	uint64_t e = (uint64_t)(rand() % FRAMES) << PAGE_SHIFT;

	if (rand() % 16 == 0)
		e = (uint64_t)self << PAGE_SHIFT;
	if (rand() % 5)
		e |= PTE_P;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++)
		if (rand() % (i < 2 ? 2 : i < 6 ? 6 : 60) == 0)
			e |= bits[i];
	return e;
}

/* Frames have habits, so that trees of some depth come about: the number says which level it mostly is. */
static uint64_t likely_entry(unsigned self)
{
	unsigned level = self % 5;	/* 4..1 tables, 0 data */

	if (level == 0 || rand() % 8 == 0)
		return random_entry(self);
	return (uint64_t)(rand() % (FRAMES / 5) * 5 + level - 1) << PAGE_SHIFT | PTE_P | (level > 1 || rand() % 2 ? PTE_W : 0);
}

static void random_step(void)
{
	static const unsigned roots[] = { MMUEXT_NEW_BASEPTR, MMUEXT_NEW_USER_BASEPTR };
	unsigned n = rand() % FRAMES;

	switch (rand() % 8) {
	case 0:
		ext(n % 5 && rand() % 8 ? MMUEXT_PIN_L1_TABLE + n % 5 - 1 : (unsigned)rand() % 4, n);
		break;
	case 1:
		ext(MMUEXT_UNPIN_TABLE, n);
		break;
	case 2:
		ext(roots[rand() % 2], rand() % 8 ? n - n % 5 + 4 : rand() % (FRAMES + 2));
		break;
	default:
		update((uint64_t)n << PAGE_SHIFT | slots[rand() % ARRAY_SIZE(slots)] * 8u | (rand() % 3 ? 0 : 2), likely_entry(n));
	}
}

static void relinquish(void);

/* --- the guest on shadows --- */

static bool stored[FRAMES];	/* by the guest's addresses, since the log was last cleaned */

static void log_on(void)
{
	struct pv_shadow *s = calloc(1, sizeof(*s));

	frames_logged = 1;
	shadows_given = 0;
	spin_lock_init(&s->lock);
	assert_int_equal(pv_shadow_describe(s, SHADOWS), 0);
	while (pv_shadow_add_page(s))
		;
	s->state = LOG_ON;
	pv_dom.shadow = s;
	pv_dom.log_dirty = true;
	pv_shadow_roots(&vcpu);
	memset(stored, 0, sizeof(stored));
	for (unsigned n = FIRST; n < FRAMES; n++) {
		host_frames[n].count &= ~FRAME_LOGGED;
		host_m2p[n] = n;
	}
}

/* What tables from 'root' allow: the entry with the rights of all steps, or 0. 'end': how many frames there are. */
static uint64_t look_up(uint64_t root, uint64_t addr, unsigned end)
{
	uint64_t mfn = root, rights = PTE_W | PTE_U, e = 0;

	for (int shift = 39; shift >= 12; shift -= 9) {
		if (!mfn || mfn >= end)
			return 0;
		e = table(mfn)[addr >> shift & 511];
		if (!(e & PTE_P))
			return 0;
		rights = (rights & e & (PTE_W | PTE_U)) | ((rights | e) & PTE_NX);
		mfn = pte_mfn(e).n;
	}
	return (e & ~(PTE_W | PTE_U | PTE_NX)) | rights;
}

static bool allows(uint64_t e, uint32_t ec)
{
	return (e & PTE_P) && (e & PTE_U) && !((ec & PFEC_W) && !(e & PTE_W)) && !((ec & PFEC_I) && (e & PTE_NX));
}

static bool in_hole(uint64_t addr)
{
	for (unsigned level = 2; level <= 4; level++)
		if (!slot_is_guests(addr >> (3 + 9 * level) & 511))
			return true;	/* also of an L4 that maps itself */
	return !slot_is_guests(addr >> 12 & 511);
}

static void access_memory(void)
{
	static const uint32_t kinds[] = { PFEC_U, PFEC_U | PFEC_W, PFEC_U | PFEC_I };
	uint64_t root, addr = 0, guest, shadow;
	uint32_t ec = kinds[rand() % 3];
	bool again;

	for (unsigned level = 0; level < 4; level++)
		addr = addr << 9 | slots[rand() % ARRAY_SIZE(slots)];
	addr = (uint64_t)((int64_t)(addr << 28) >> 16);
	pv_vcpu.kernel_mode = rand() % 2;
	root = pv_vcpu.kernel_mode ? pv_vcpu.guest_table : pv_vcpu.guest_table_user;
	if (!root || in_hole(addr))
		return;
	guest = look_up(root, addr, FRAMES);
	for (unsigned tries = 0;; tries++) {
		shadow = look_up(pv_shadow_mfn(pv_vcpu.shadow_root[pv_vcpu.kernel_mode]), addr, ALL + SHADOWS);
		if (allows(shadow, ec))
			break;
		again = pv_shadow_fault(&vcpu, addr, ec | (shadow ? PFEC_P : 0));
		assert_in_range(tries, 0, 3);
		if (!again) {
			assert_false(allows(guest, ec));
			return;
		}
	}
	assert_true(allows(guest, ec));
	assert_int_equal(pte_mfn(shadow).n, pte_mfn(guest).n);
	if (ec & PFEC_W)
		stored[pte_mfn(guest).n] = true;
}

/* By the other domain, as dom0 does. */
static void read_log(bool clean)
{
	uint64_t map[2] = { ~0ull, ~0ull };
	static struct vcpu reader = { .domain = &other, .pv = &pv_vcpu, .info = &info };
	uint32_t count, faults;
	int rc;

	host_current = &reader;
	do {
		rc = pv_log_dirty_read(&dom, clean, (uint8_t *)map, FRAMES, &count, &faults);
	} while (rc == -EAGAIN_HYPERCALL);
	host_current = &vcpu;
	assert_int_equal(rc, 0);
	assert_int_equal(map[0] >> FRAMES, (1ull << (64 - FRAMES)) - 1);	/* beyond its end */
	for (unsigned n = FIRST; n < FOREIGN; n++)
		if (stored[n])
			assert_true(map[0] >> n & 1);
	if (clean)
		memset(stored, 0, sizeof(stored));
}

static void logged_guest(unsigned seed, unsigned rate)
{
	void *state = NULL;

	new_world(&state);
	srand(seed);
	preempt_rate = 0;
	for (unsigned i = 0; i < 500; i++)
		random_step();
	log_on();
	preempt_rate = rate;
	for (unsigned i = 0; i < 4000; i++) {
		random_step();
		check_world();
		for (unsigned k = 0; k < 8; k++) {
			access_memory();
			self_check_shadows();
		}
		if (rand() % 16 == 0)
			read_log(rand() % 2);
	}
	relinquish();
	assert_int_equal(shadows_given, 0);
	free(pv_dom.shadow);
	assert_int_equal(frames_logged, 0);
}

static void test_logged(void **state)
{
	for (unsigned seed = 0; seed < 10; seed++)
		logged_guest(seed, seed % 2 ? 2 + seed % 7 : 0);
}

static void relinquish(void)
{
	dom.state = DOM_DYING;
	while (pv_relinquish_memory(&dom))
		check_stale();
	for (unsigned n = FIRST; n < FRAMES; n++) {
		assert_int_equal(frame_refs(&host_frames[n]), 1);
		assert_int_equal(ftype_refs(host_frames[n].type), 0);
		assert_false(host_frames[n].type & (FTYPE_PARTIAL | FTYPE_PINNED | FTYPE_BUSY));
	}
}

static void random_guest(unsigned seed, unsigned rate)
{
	void *state = NULL;

	new_world(&state);
	srand(seed);
	preempt_rate = rate;
	for (unsigned i = 0; i < 4000; i++) {
		random_step();
		check_world();
	}
	relinquish();
}

static void test_random(void **state)
{
	for (unsigned seed = 0; seed < 30; seed++)
		random_guest(seed, 0);
}

static void test_random_preempted(void **state)
{
	for (unsigned seed = 100; seed < 160; seed++)
		random_guest(seed, 2 + seed % 7);
}

static void test_tree(void **state)
{
	preempt_rate = 0;
	for (unsigned level = 4; level > 1; level--)
		assert_int_equal(update((uint64_t)level << PAGE_SHIFT, (uint64_t)(level - 1) << PAGE_SHIFT | PTE_P | PTE_W), 0);
	assert_int_equal(update(1 << PAGE_SHIFT, 5ul << PAGE_SHIFT | PTE_P | PTE_W), 0);
	assert_int_equal(ext(MMUEXT_PIN_L4_TABLE, 4), 0);
	check_world();
	assert_int_equal(type_of(1), FTYPE_L1);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 2ul << PAGE_SHIFT | PTE_P | PTE_W), -EBUSY);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 2ul << PAGE_SHIFT | PTE_P), 0);
	assert_int_equal(update(1 << PAGE_SHIFT | 16, (uint64_t)FOREIGN << PAGE_SHIFT | PTE_P), -EBUSY);
	assert_int_equal(update(4 << PAGE_SHIFT | 256 * 8, 0), -EINVAL);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, 4), 0);
	check_world();
	relinquish();
}

/* Entries that are not present, on a CPU that looks at them all the same. */
static void test_l1tf(void **state)
{
	preempt_rate = 0;
	pv_l1tf_init(true, true);
	assert_int_equal(update(1 << PAGE_SHIFT, 5ul << PAGE_SHIFT | PTE_P | PTE_W), 0);	/* not a table yet: data */
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 6ul << PAGE_SHIFT), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, 1), -EINVAL);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, (~6ul << PAGE_SHIFT) & PTE_ADDR), 0);
	assert_int_equal(ext(MMUEXT_PIN_L1_TABLE, 1), 0);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 6ul << PAGE_SHIFT), -EINVAL);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 0x18), -EINVAL);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 0), 0);
	assert_int_equal(update(1 << PAGE_SHIFT | 8, (uint64_t)FRAMES << PAGE_SHIFT), 0);
	check_world();
	pv_l1tf_init(false, true);
	dom.is_hardware = true;
	assert_int_equal(update(1 << PAGE_SHIFT | 8, 6ul << PAGE_SHIFT), 0);
	dom.is_hardware = false;
	pv_l1tf_init(false, false);
	assert_int_equal(ext(MMUEXT_UNPIN_TABLE, 1), 0);
	check_world();
	relinquish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_tree, new_world),
		cmocka_unit_test_setup(test_l1tf, new_world),
		cmocka_unit_test_setup(test_random, new_world),
		cmocka_unit_test_setup(test_random_preempted, new_world),
		cmocka_unit_test_setup(test_logged, new_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
