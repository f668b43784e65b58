/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypercall gate itself, multicall, xen_version, console_io and what is left.
 *
 * What could be wrong: the number and every pointer are the guest's word.
 * How it is provoked: unknown numbers, pointers to the host's half, to nothing, across the edge, non-canonical ones.
 * A wrong host: jumps through a table it does not have, reads or writes its own memory for the guest.
 */
#include "guest.h"
#include <xen/nmi.h>

static void *const bad_pointers[] = {
	(void *)0xffff800000000000, (void *)0xffff82d040200000, (void *)0xffff830000000000, (void *)0xffff87fffffffff8,
	(void *)0x7000000000, (void *)0x8000000000000000,
};

CASE(unknown_numbers, "numbers without a hypercall: ENOSYS, all registers but rax kept")
{
	static const unsigned nr[] = { 11, 43, 47, 56, 63, 64, 100, 0x7fffffff };
	/* Numbers beyond the page cannot be called through it: the instruction itself is used. */
	for (unsigned i = 0; i < ARRAY_SIZE(nr); i++) {
		long rc;
		u64 rbx = 0x1111, r12 = 0x2222;
		register u64 r13 __asm__("r13") = 0x3333;

		__asm__ volatile("syscall" : "=a"(rc), "+b"(rbx), "+r"(r12), "+r"(r13) : "0"((u64)nr[i])
				 : "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "memory");
		EXPECT_RC(rc, -XEN_ENOSYS);
		EXPECT_HEX(rbx, 0x1111);
		EXPECT_HEX(r12, 0x2222);
		EXPECT_HEX(r13, 0x3333);
	}
}

CASE(number_width, "the number is 32 bits wide: what is above is not looked at, or makes it unknown")
{
	long rc;

	__asm__ volatile("syscall" : "=a"(rc) : "0"(0x100000011UL), "D"(0UL), "S"(0UL)
			 : "rcx", "r11", "rdx", "r8", "r9", "r10", "memory");
	EXPECT(rc == -XEN_ENOSYS || rc == xen_version(XENVER_version, NULL));
}

CASE(flags_kept, "rflags come back: direction and arithmetic flags of the guest")
{
	u64 fl;

	__asm__ volatile("pushfq; orq $0x400, (%%rsp); popfq; movl $17, %%eax; xorl %%edi, %%edi; stc;"
			 " syscall; pushfq; popq %0; cld"
			 : "=r"(fl) : : "rax", "rcx", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r11", "memory", "cc");
	EXPECT_HEX(fl & 0x401, 0x401);
}

CASE(version, "xen_version: 4.17, texts that end, the features a PV domain relies on, the M2P's place")
{
	struct xen_compile_info ci;
	struct xen_platform_parameters pp;
	xen_extraversion_t extra;
	xen_capabilities_info_t caps;
	xen_changeset_info_t cs;
	xen_domain_handle_t uuid;

	EXPECT_HEX(xen_version(XENVER_version, NULL), 4 << 16 | 17);
	EXPECT_RC(xen_version(XENVER_extraversion, extra), 0);
	EXPECT(strlen(extra) < sizeof(extra));
	EXPECT_RC(xen_version(XENVER_compile_info, &ci), 0);
	EXPECT(strlen(ci.compiler) < sizeof(ci.compiler) && strlen(ci.compile_date) < sizeof(ci.compile_date));
	EXPECT_RC(xen_version(XENVER_capabilities, caps), 0);
	EXPECT(strstr(caps, "xen-3.0-x86_64"));
	EXPECT_RC(xen_version(XENVER_changeset, cs), 0);
	EXPECT(strlen(cs) < sizeof(cs));
	EXPECT_RC(xen_version(XENVER_platform_parameters, &pp), 0);
	EXPECT_HEX(pp.virt_start, HYPERVISOR_VIRT_START);
	EXPECT_RC(xen_version(XENVER_pagesize, NULL), 4096);
	EXPECT_RC(xen_version(XENVER_guest_handle, uuid), 0);
}

CASE(features, "XENVER_get_features: words beyond the last are zero or EINVAL; PV's own are there, translated ones not")
{
	struct xen_feature_info f = { .submap_idx = 0 };
	u32 map;

	EXPECT_RC(xen_version(XENVER_get_features, &f), 0);
	map = f.submap;
	EXPECT(map >> XENFEAT_mmu_pt_update_preserve_ad & 1);
	EXPECT(map >> XENFEAT_highmem_assist & 1);
	EXPECT(map >> XENFEAT_gnttab_map_avail_bits & 1);
	if (is_dom0())	/* asked for in this kernel's notes, which dom0's builder reads */
		EXPECT(map >> XENFEAT_pae_pgdir_above_4gb & 1);
	EXPECT_HEX(map >> XENFEAT_auto_translated_physmap & 1, 0);
	EXPECT_HEX(map >> XENFEAT_supervisor_mode_kernel & 1, 0);
	EXPECT_RC(map >> XENFEAT_dom0 & 1, is_dom0());
	EXPECT(map >> XENFEAT_memory_op_vnode_supported & 1);
	EXPECT(map >> XENFEAT_direct_mapped & 1);	/* a PV domain knows its machine frames */
	EXPECT_HEX(map >> XENFEAT_not_direct_mapped & 1, 0);
	f.submap_idx = 1;
	EXPECT_RC(xen_version(XENVER_get_features, &f), -XEN_EINVAL);
}

CASE(version_errors, "xen_version: unknown sub-operations, pointers that are not the guest's")
{
	EXPECT_RC(xen_version(99, NULL), -XEN_ENOSYS);
	for (unsigned i = 0; i < ARRAY_SIZE(bad_pointers); i++) {
		EXPECT_RC(xen_version(XENVER_extraversion, bad_pointers[i]), -XEN_EFAULT);
		EXPECT_RC(xen_version(XENVER_capabilities, bad_pointers[i]), -XEN_EFAULT);
		EXPECT_RC(xen_version(XENVER_get_features, bad_pointers[i]), -XEN_EFAULT);
		EXPECT_RC(xen_version(XENVER_guest_handle, bad_pointers[i]), -XEN_EFAULT);
	}
}

CASE(commandline, "XENVER_commandline is dom0's to read; build_id's size, and its bytes in a buffer that is large enough")
{
	static char line[1024];
	struct { u32 len; u8 buf[64]; } id = { .len = 0 };
	long n = xen_version(XENVER_build_id, NULL), rc;

	if (is_dom0()) {
		EXPECT_RC(xen_version(XENVER_commandline, line), 0);
		EXPECT(strstr(line, "dom0_mem="));
	} else {
		EXPECT_RC(xen_version(XENVER_commandline, line), 0);
		EXPECT(strstr(line, "denied"));
	}
	if (is_dom0()) {
		EXPECT_RC(n, 20);
		rc = xen_version(XENVER_build_id, &id);
		EXPECT_RC(rc, -XEN_EINVAL);
		id.len = 19;
		EXPECT_RC(xen_version(XENVER_build_id, &id), -XEN_ENOBUFS);
		id.len = 64;
		EXPECT_RC(xen_version(XENVER_build_id, &id), 20);
	} else {
		EXPECT_RC(n, -XEN_EPERM);
	}
}

CASE(across_edge, "a structure whose second half is on a page that is not there: EFAULT, and nothing done")
{
	u8 *page = page_alloc(), *after = window(21);
	struct evtchn_bind_ipi *b;

	NEED(!map_page(window(20), mfn_of(page) << 12 | PTE_RW));
	b = (void *)(after - 4);
	b->vcpu = 0;
	EXPECT_RC(evtchn_op(EVTCHNOP_bind_ipi, b), -XEN_EFAULT);
	EXPECT_RC(xen_version(XENVER_extraversion, after - 4), -XEN_EFAULT);
	map_page(window(20), 0);
	page_free(page);
}

CASE(read_only_result, "a result that would go to a read-only page: EFAULT, the page unchanged")
{
	u8 *page = page_alloc();

	NEED(!page_ro(page));
	EXPECT_RC(xen_version(XENVER_extraversion, page), -XEN_EFAULT);
	EXPECT_RC(page[0], 0);
	EXPECT_RC(page_rw(page), 0);
	page_free(page);
}

CASE(multicall, "multicall: calls in order, a result each, errors do not stop it")
{
	struct multicall_entry m[4] = {
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_version, 0 } },
		{ .op = __HYPERVISOR_xen_version, .args = { 99, 0 } },
		{ .op = 999 },
		{ .op = __HYPERVISOR_xen_version, .args = { XENVER_pagesize, 0 } },
	};

	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, m, 4), 0);
	EXPECT_HEX(m[0].result, 4 << 16 | 17);
	EXPECT_RC(m[1].result, -XEN_ENOSYS);
	EXPECT_RC(m[2].result, -XEN_ENOSYS);
	EXPECT_RC(m[3].result, 4096);
	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, m, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, BAD_PTR, 1), -XEN_EFAULT);
	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, UNMAPPED_PTR, 1), -XEN_EFAULT);
}

CASE(multicall_nested, "a multicall within a multicall is refused")
{
	struct multicall_entry in = { .op = __HYPERVISOR_xen_version, .args = { XENVER_version, 0 } };
	struct multicall_entry out = { .op = __HYPERVISOR_multicall, .args = { (u64)&in, 1 } };

	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, &out, 1), 0);
	EXPECT_RC(out.result, -XEN_EINVAL);
	EXPECT_RC(in.result, 0);
}

CASE(multicall_many, "a thousand page-table updates in one multicall, preempted or not, are all done")
{
	static struct multicall_entry m[1000];
	u64 *a = page_alloc();

	for (unsigned i = 0; i < 1000; i++) {
		u64 v = i < 500 ? mfn_of(a) << 12 | PTE_RW : 0;

		m[i] = (struct multicall_entry){ .op = __HYPERVISOR_update_va_mapping, .result = 77,
						 .args = { (u64)window(i % 500), v, UVMF_INVLPG | UVMF_LOCAL } };
	}
	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, m, 1000), 0);
	for (unsigned i = 0; i < 1000; i++)
		if (m[i].result) {
			fail_at(__FILE__, __LINE__, "call %u: %ld", i, (long)m[i].result);
			break;
		}
	EXPECT_HEX(pte_read(window(499), 1), 0);
	page_free(a);
}

CASE(multicall_readonly, "results cannot be written to a read-only page: EFAULT")
{
	struct multicall_entry *m = page_alloc();

	m->op = __HYPERVISOR_xen_version;
	NEED(!page_ro(m));
	EXPECT_RC(HCALL2(__HYPERVISOR_multicall, m, 1), -XEN_EFAULT);
	EXPECT_RC(page_rw(m), 0);
	page_free(m);
}

CASE(console_io, "console_io: writes of none and of bad pointers, reads without input, unknown commands")
{
	char buf[16];

	SKIP_IF(!is_dom0(), "dom0's");
	EXPECT_RC(HCALL3(__HYPERVISOR_console_io, 0, 0, buf), 0);
	EXPECT_RC(HCALL3(__HYPERVISOR_console_io, 0, 5, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL3(__HYPERVISOR_console_io, 1, sizeof(buf), buf), 0);
	EXPECT_RC(HCALL3(__HYPERVISOR_console_io, 9, 5, buf), -XEN_ENOSYS);
}

CASE(nmi_op, "nmi_op: register and unregister the NMI callback")
{
	struct xennmi_callback cb = { .handler_address = (unsigned long)nmi_entry };

	EXPECT_RC(HCALL2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &cb), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
	EXPECT_RC(HCALL2(__HYPERVISOR_nmi_op, XENNMI_register_callback, BAD_PTR), -XEN_EFAULT);
	EXPECT_RC(HCALL2(__HYPERVISOR_nmi_op, 9, &cb), -XEN_ENOSYS);
	EXPECT_RC(HCALL2(__HYPERVISOR_nmi_op, XENNMI_register_callback, &cb), 0);
}

CASE(not_offered, "hypercalls that this host has not, or not for PV: an error, never a crash")
{
	static u64 arg[64];

	EXPECT_RC(HCALL1(__HYPERVISOR_xsm_op, arg), -XEN_ENOSYS);
	EXPECT_RC(HCALL5(__HYPERVISOR_argo_op, 0, 0, 0, 0, 0), -XEN_ENOSYS);
	EXPECT_REFUSED(HCALL2(__HYPERVISOR_xenpmu_op, 99, arg));
	EXPECT_REFUSED(HCALL5(__HYPERVISOR_hypfs_op, 99, 0, 0, 0, 0));
	EXPECT_REFUSED(HCALL3(__HYPERVISOR_dm_op, 4321, 0, 0));
	EXPECT_REFUSED(HCALL1(__HYPERVISOR_arch_1, arg));
	EXPECT_RC(HCALL1(__HYPERVISOR_tmem_op, arg), -XEN_ENOSYS);
	EXPECT_RC(HCALL2(__HYPERVISOR_hvm_op, 99, arg), -XEN_ENOSYS);
}

CASE(every_bad_pointer, "every hypercall that takes a pointer, with every kind of bad pointer: an error")
{
	static const struct { u8 nr, cmd; } call[] = {
		{ __HYPERVISOR_event_channel_op, 0 }, { __HYPERVISOR_event_channel_op, 4 }, { __HYPERVISOR_sched_op, 2 },
		{ __HYPERVISOR_sched_op, 3 }, { __HYPERVISOR_physdev_op, 5 }, { __HYPERVISOR_physdev_op, 13 },
		{ __HYPERVISOR_callback_op, 0 }, { __HYPERVISOR_memory_op, 11 }, { __HYPERVISOR_memory_op, 12 },
		{ __HYPERVISOR_hvm_op, 0 }, { __HYPERVISOR_hvm_op, 1 },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(call); i++)
		for (unsigned j = 0; j < ARRAY_SIZE(bad_pointers); j++) {
			long rc = HCALL2(call[i].nr, call[i].cmd, bad_pointers[j]);

			if (rc >= 0)
				fail_at(__FILE__, __LINE__, "hypercall %u.%u with %p: %ld", call[i].nr, call[i].cmd,
					bad_pointers[j], rc);
		}
}
