/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Advisories on memory_op, and on what becomes of other areas that a guest names. */
#include "xsa_memory.h"

/*
 * The place of the element that is done is the address of the list plus what is done already: so the list itself looks harmless
 * while its element lies in the hypervisor's half, here in the M2P, which the guest can read to see whether it was written.
 */
CASE(xsa_212, "XENMEM_exchange that goes on at an element within the host's memory: EFAULT, nothing "
	"written (also XSA-29, XSA-159)")
{
	u64 *a = page_alloc(), mfn = mfn_of(a), *m2p = &machine_to_phys_mapping[mfn], was = *m2p, before = pages_now();
	static const u64 skip[] = { 0, 1, 8, 511, 4096, 1UL << 20, 1UL << 32 };
	u64 *list = (u64 *)start_info->mfn_list;
	xen_pfn_t in = mfn;

	map_page(a, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(skip); i++) {
		struct xen_memory_exchange x = {
			.in = { .nr_extents = skip[i] + 1, .domid = DOMID_SELF },
			.out = { .nr_extents = skip[i] + 1, .domid = DOMID_SELF },
			.nr_exchanged = skip[i],
		};

		x.in.extent_start.p = &in - skip[i];
		x.out.extent_start.p = m2p - skip[i];
		EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
		x.nr_exchanged = skip[i];
		x.in.extent_start.p = (xen_pfn_t *)0xffff830000000000 - skip[i];
		x.out.extent_start.p = &in - skip[i];
		EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
	}
	/* A host may have taken the frame before it found that it cannot say what it gave: then that is lost to the guest. */
	EXPECT(*m2p == was || *m2p == ~0UL || *m2p >> 32);
	if (pages_now() < before) {
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		in = pfn_of(a);
		set_xen_guest_handle(r.extent_start, &in);
		REQUIRE_RC(memory_op(XENMEM_populate_physmap, &r), 1);
		list[pfn_of(a)] = in;
	}
	if (!page_rw(a))
		page_free(a);
}

CASE(xsa_31, "extent orders beyond reason in every operation: nothing done, at once (also XSA-14: populate "
	"on demand, XSA-231: nodes)")
{
	static const unsigned ops[] = { XENMEM_increase_reservation, XENMEM_decrease_reservation, XENMEM_populate_physmap };
	static const unsigned order[] = { 19, 20, 21, 31, 32, 36, 52, 63, 64, 255, 0x7fffffff, 0xffffffff };
	u64 before = pages_now();
	xen_pfn_t pfn = 100;

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++)
		for (unsigned o = 0; o < ARRAY_SIZE(order); o++) {
			struct xen_memory_reservation r = { .nr_extents = 1, .extent_order = order[o], .domid = DOMID_SELF };

			set_xen_guest_handle(r.extent_start, &pfn);
			EXPECT_RC(memory_op(ops[i], &r), 0);
		}
	for (unsigned o = 0; o < ARRAY_SIZE(order); o++) {
		struct xen_memory_exchange x = {
			.in = { .nr_extents = 1, .extent_order = order[o], .domid = DOMID_SELF },
			.out = { .nr_extents = 1, .extent_order = order[o], .domid = DOMID_SELF },
		};

		set_xen_guest_handle(x.in.extent_start, &pfn);
		set_xen_guest_handle(x.out.extent_start, &pfn);
		EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
		x.out.extent_order = 0;
		EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
		x.out.nr_extents = 1UL << (order[o] & 63);
		EXPECT_REFUSED(memory_op(XENMEM_exchange, &x));
	}
	for (unsigned node = 0; node < 255; node += 7) {
		struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

		r.mem_flags = XENMEMF_node(node) | XENMEMF_exact_node_request | (node & 1 ? XENMEMF_vnode : 0);
		pfn = ~0UL;
		set_xen_guest_handle(r.extent_start, &pfn);
		if (memory_op(XENMEM_increase_reservation, &r) == 1)
			EXPECT_RC(memory_op(XENMEM_decrease_reservation, &r), 1);
		r.mem_flags = XENMEMF_populate_on_demand;
		pfn = 100;
		EXPECT_RC(memory_op(XENMEM_populate_physmap, &r), 0);
	}
	EXPECT_RC(pages_now(), before);
}

CASE(xsa_122, "what xen_version answers is filled to its end: behind each text there is nothing of the "
	"host's stack")
{
	static union { xen_extraversion_t extra; xen_capabilities_info_t caps; xen_changeset_info_t cs; xen_compile_info_t ci; } b;
	static const struct { unsigned op; unsigned size; } q[] = {
		{ XENVER_extraversion, sizeof(b.extra) }, { XENVER_capabilities, sizeof(b.caps) },
		{ XENVER_changeset, sizeof(b.cs) },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(q); i++) {
		const char *p = (const char *)&b;

		memset(&b, 0x55, sizeof(b));
		EXPECT_RC(xen_version(q[i].op, &b), 0);
		for (unsigned n = strlen(p); n < sizeof(b); n++)
			if (p[n] && p[n] != 0x55) {
				fail_at(__FILE__, __LINE__, "operation %u: byte %u is %x", q[i].op, n, p[n]);
				break;
			}
	}
}

CASE(xsa_327, "register_vcpu_info: offsets that are not aligned, or reach over the page's end, are refused")
{
	u64 *page = page_alloc();

	for (u32 off = 1; off < 64; off++) {
		struct vcpu_register_vcpu_info r = { .mfn = mfn_of(page), .offset = off };

		if (off % 8)
			EXPECT_REFUSED(vcpu_op(VCPUOP_register_vcpu_info, 1, &r));
		r.offset = PAGE_SIZE - off;
		EXPECT_REFUSED(vcpu_op(VCPUOP_register_vcpu_info, 1, &r));
	}
	EXPECT(page_idle(page));
	page_free(page);
}

/* A host may make no use of PWT, PCD and PAT, but must not let two mappings of one frame disagree. */
CASE(xsa_402, "caching bits on memory: refused to a domU; to dom0 refused, ignored, or kept where nothing "
	"can hide behind them")
{
	static const u64 bits[] = { 8, 16, 24, 128, 136, 144, 152 };
	u64 *a = page_alloc(), *w = window(70), e = mfn_of(a) << PAGE_SHIFT | PTE_RW;

	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		long rc = map_page(w, e | bits[i]);

		if (!is_dom0())
			EXPECT_RC(rc, -XEN_EINVAL);
		if (rc)
			continue;
		a[i] = i + 1;
		EXPECT_HEX(w[i], i + 1);
		w[i] = 77;
		EXPECT_HEX(a[i], 77);
		EXPECT_RC(map_page(w, 0), 0);
	}
	EXPECT(page_idle(a));
	page_free(a);
}

CASE(xsa_279, "flushes of addresses that are not canonical or the host's: nothing happens (also XSA-168, "
	"XSA-292)")
{
	static const u64 addr[] = { 1UL << 47, 1UL << 63, 0x8000000000000001, 0xffff7fffffffffff, 0xffff800000000000, ~0UL, 0 };
	u64 mask = ~0UL;

	for (unsigned i = 0; i < ARRAY_SIZE(addr); i++) {
		ext_op(MMUEXT_INVLPG_LOCAL, addr[i], 0);
		ext_op(MMUEXT_INVLPG_ALL, addr[i], 0);
		ext_op(MMUEXT_INVLPG_MULTI, addr[i], (u64)&mask);
		for (unsigned f = 0; f < 8; f++)
			EXPECT_REFUSED(update_va(addr[i] ? addr[i] : 1UL << 46, 0, f));
	}
	EXPECT_REFUSED(ext_op(MMUEXT_TLB_FLUSH_MULTI, 0, 0xffff830000000000));
	EXPECT_REFUSED(update_va(window(71), 0, UVMF_INVLPG | 0xffff830000000000));
	EXPECT_REFUSED(update_va(window(71), 0, UVMF_TLB_FLUSH | 0x8000000000000000));
}
