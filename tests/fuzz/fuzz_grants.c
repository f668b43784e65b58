// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_machine.h fuzz/machine.c lib/*.c mem/frame.c mem/buddy.c mem/alloc.c mem/scrub.c mem/ram.c domain/*.c
// sources: sched/*.c pv/*.c -pv/offsets.c hypercall/*.c debug/self_check.c debug/self_check_frames.c debug/self_check_lists.c debug/self_check_shadow.c
// sources: debug/variant.c
// weak: hv_memset hv_memcpy hv_memmove
/*
 * Grants among three domains, versions 1 and 2: entries written by the guest at any time, mapped, copied, transferred, unmapped,
 * replaced, and the tables grown and switched. The self-check compares handles, pins, references and page-table entries.
 */
#include "machine.h"
#include "domain/domain.h"
#include "hypercall/gnttab_entry.h"

#define REFS 24u

static void write_entry(struct input *in)
{
	struct grant_table *gt = host_current->domain->grants;
	grant_ref_t ref = 8 + pick(in, REFS);
	unsigned flags = pick(in, 3) ? GTF_permit_access : pick(in, 4), to = any_dom(in);
	uint64_t frame = any_mfn(in);

	flags |= pick(in, 4) ? 0 : take(in, 2) & ~(GTF_reading | GTF_writing);
	if (!gt || ref >= gnttab_nr_entries(gt))
		return;
	if (gt->version == 1) {
		*gnttab_v1(gt, ref) = (grant_entry_v1_t){ .flags = flags | (gnttab_v1(gt, ref)->flags & (pick(in, 4) ? 0x18 : 0)),
			.domid = to, .frame = frame };
		return;
	}
	gnttab_v2(gt, ref)->full_page.frame = frame;
	if (flags & GTF_sub_page) {
		gnttab_v2(gt, ref)->sub_page.page_off = take(in, 2) % 5000;
		gnttab_v2(gt, ref)->sub_page.length = take(in, 2) % 5000;
	}
	if ((flags & GTF_type_mask) == GTF_transitive) {
		gnttab_v2(gt, ref)->transitive.trans_domid = any_dom(in);
		gnttab_v2(gt, ref)->transitive.gref = 8 + pick(in, REFS);
	}
	gnttab_v2(gt, ref)->hdr = (grant_entry_header_t){ .flags = flags, .domid = to };
}

/* An address of a page of its own, or the machine address of an entry in its L1 table. */
static uint64_t where(struct input *in, unsigned flags)
{
	if (flags & GNTMAP_contains_pte)
		return any_mfn(in) << PAGE_SHIFT | pick(in, 64) * 8;
	return (uint64_t)pick(in, 64) << PAGE_SHIFT;
}

static void op(unsigned cmd, unsigned n)
{
	machine_hypercall(__HYPERVISOR_grant_table_op, (uint64_t[6]){ cmd, GUEST_BASE, n });
}

static void map(struct input *in)
{
	struct gnttab_map_grant_ref *m = (void *)GUEST_BASE;
	unsigned n = 1 + pick(in, 3);

	for (unsigned i = 0; i < n; i++) {
		unsigned flags = pick(in, 2) ? GNTMAP_host_map : take(in, 1);

		m[i] = (struct gnttab_map_grant_ref){ .host_addr = where(in, flags), .flags = flags, .ref = 8 + pick(in, REFS),
			.dom = any_dom(in) };
	}
	op(GNTTABOP_map_grant_ref, n);
}

static void unmap(struct input *in)
{
	struct gnttab_unmap_grant_ref *u = (void *)GUEST_BASE;
	struct gnttab_unmap_and_replace *r = (void *)GUEST_BASE;
	unsigned n = 1 + pick(in, 3);
	bool replace = pick(in, 4) == 0;

	for (unsigned i = 0; i < n; i++) {
		uint64_t at = where(in, pick(in, 4) ? 0 : GNTMAP_contains_pte);

		if (replace)
			r[i] = (struct gnttab_unmap_and_replace){ .host_addr = at, .new_addr = where(in, 0), .handle = pick(in, 16) };
		else
			u[i] = (struct gnttab_unmap_grant_ref){ .host_addr = pick(in, 6) ? at : 0, .handle = pick(in, 16),
				.dev_bus_addr = pick(in, 3) ? 0 : any_mfn(in) << PAGE_SHIFT };
	}
	op(replace ? GNTTABOP_unmap_and_replace : GNTTABOP_unmap_grant_ref, n);
}

static void copy(struct input *in)
{
	struct gnttab_copy *c = (void *)GUEST_BASE;
	unsigned n = 1 + pick(in, 3);

	for (unsigned i = 0; i < n; i++) {
		c[i] = (struct gnttab_copy){ .flags = pick(in, 4), .len = take(in, 2) % 4200 };
		c[i].source.offset = pick(in, 3) ? 0 : take(in, 2);
		c[i].dest.offset = pick(in, 3) ? 0 : take(in, 2);
		c[i].source.domid = any_dom(in);
		c[i].dest.domid = any_dom(in);
		c[i].source.u.gmfn = c[i].flags & GNTCOPY_source_gref ? 8 + pick(in, REFS) : any_mfn(in);
		c[i].dest.u.gmfn = c[i].flags & GNTCOPY_dest_gref ? 8 + pick(in, REFS) : any_mfn(in);
	}
	op(GNTTABOP_copy, n);
}

static void others(struct input *in)
{
	static const unsigned cmds[] = { GNTTABOP_setup_table, GNTTABOP_query_size, GNTTABOP_set_version, GNTTABOP_get_status_frames,
		GNTTABOP_get_version, GNTTABOP_swap_grant_ref, GNTTABOP_cache_flush, GNTTABOP_transfer };
	unsigned cmd = cmds[pick(in, 8)];
	uint64_t *w = (uint64_t *)GUEST_BASE;

	memset(w, 0, 64);
	switch (cmd) {
	case GNTTABOP_setup_table:
		*(struct gnttab_setup_table *)w = (struct gnttab_setup_table){ .dom = any_dom(in), .nr_frames = pick(in, 7),
			.frame_list = { (void *)(GUEST_BASE + 512) } };
		break;
	case GNTTABOP_set_version:
		*(uint32_t *)w = pick(in, 4);
		break;
	case GNTTABOP_get_status_frames:
		*(struct gnttab_get_status_frames *)w = (struct gnttab_get_status_frames){ .dom = any_dom(in), .nr_frames = pick(in, 7),
			.frame_list = { (void *)(GUEST_BASE + 512) } };
		break;
	case GNTTABOP_swap_grant_ref:
		*(struct gnttab_swap_grant_ref *)w = (struct gnttab_swap_grant_ref){ .ref_a = pick(in, REFS), .ref_b = pick(in, REFS) };
		break;
	case GNTTABOP_transfer:
		*(struct gnttab_transfer *)w = (struct gnttab_transfer){ .mfn = any_mfn(in), .domid = any_dom(in), .ref = 8 + pick(in, REFS) };
		break;
	default:
		for (unsigned i = 0; i < 4; i++)
			w[i] = any_value(in);
	}
	op(cmd, 1);
}

static void page_table(struct input *in)
{
	struct mmu_update *u = (void *)GUEST_BASE;

	*u = (struct mmu_update){ .ptr = any_mfn(in) << PAGE_SHIFT | pick(in, 64) * 8, .val = any_pte(in) };
	machine_hypercall(__HYPERVISOR_mmu_update, (uint64_t[6]){ GUEST_BASE, 1, 0, DOMID_SELF });
}

static void all_have_tables(void)
{
	for (unsigned d = 0; d < DOMS; d++) {
		machine_become(d, 0);
		*(struct gnttab_setup_table *)GUEST_BASE = (struct gnttab_setup_table){ .dom = DOMID_SELF, .nr_frames = 1,
			.frame_list = { (void *)(GUEST_BASE + 512) } };
		op(GNTTABOP_setup_table, 1);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };

	machine_begin();
	all_have_tables();
	while (in.left)
		switch (pick(&in, 16)) {
		case 0: case 1: machine_become(take(&in, 1), take(&in, 1)); break;
		case 2: machine_set_preempt(pick(&in, 8)); break;
		case 3: others(&in); break;
		case 4: page_table(&in); break;
		case 5: case 6: copy(&in); break;
		case 7: case 8: case 9: write_entry(&in); break;
		case 10: case 11: case 12: unmap(&in); break;
		default: map(&in);
		}
	machine_end();
	return 0;
}
