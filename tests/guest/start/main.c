/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Start of day.
 *
 * What could be wrong: the builder lays out a guest's first memory, page tables, registers and start_info by hand; a guest
 * that trusts any of it wrongly dies without a word, on some kernels only.
 * How it is provoked: nothing needs to be; every promise of xen.h ("startofday") is read back, and the initial page tables
 * are walked entry by entry.
 * A wrong host: a field is missing, a frame is listed twice, a page table is writable, M2P and p2m disagree.
 */
#include "guest.h"

enum { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, CS, SS, DS, ES, FS, GS, RFLAGS };

/* End of the addresses that the builder mapped: the first missing entry after the image. */
static u64 mapped_end(void)
{
	u64 va = (u64)_image_end;

	while (va > VIRT_BASE && pte_read((void *)va, 1) & PTE_P)
		va += PAGE_SIZE;
	return va;
}

CASE(magic, "start_info.magic names the ABI, not the release")
{
	EXPECT(!strcmp(start_info->magic, "xen-3.0-x86_64p"));
}

CASE(start_info_pages, "nr_pages agrees with the hypervisor's count; the structure is page aligned and mapped")
{
	domid_t self = DOMID_SELF;

	EXPECT_HEX((u64)start_info & 4095, 0);
	EXPECT_RC(memory_op(XENMEM_current_reservation, &self), start_info->nr_pages);
	EXPECT(start_info->nr_pages >= pfn_of(_image_end));
}

CASE(flags, "the flags say what the domain is; no unknown bit is set")
{
	u32 known = SIF_PRIVILEGED | SIF_INITDOMAIN | SIF_MULTIBOOT_MOD | SIF_MOD_START_PFN | SIF_VIRT_P2M_4TOOLS |
		    SIF_PM_MASK;

	EXPECT_HEX(start_info->flags & ~known, 0);
	if (is_dom0())
		EXPECT(start_info->flags & SIF_PRIVILEGED);
	else
		EXPECT(!(start_info->flags & SIF_PRIVILEGED));
}

CASE(shared_info, "shared_info is a frame of the hypervisor's that can be mapped, and is alive")
{
	EXPECT_HEX(start_info->shared_info & 4095, 0);
	REQUIRE(start_info->shared_info != 0);
	EXPECT(shared->vcpu_info[0].time.tsc_to_system_mul != 0);
	EXPECT(shared->vcpu_info[0].time.system_time != 0);
	EXPECT(shared->wc_sec != 0);
}

CASE(events_masked, "upcalls are masked at entry, and rflags' IF shows the opposite as ever in ring 3")
{
	EXPECT(shared->vcpu_info[0].evtchn_upcall_mask == 1);
	EXPECT_HEX(boot_regs[RFLAGS] & 0x200, 0x200);
}

CASE(registers, "entry registers: rsi = start_info, flat selectors, everything else zero")
{
	EXPECT_HEX(boot_regs[RSI], start_info);
	EXPECT_HEX(boot_regs[CS] & 0xffff, FLAT_KERNEL_CS);
	EXPECT_HEX(boot_regs[SS] & 0xffff, FLAT_KERNEL_SS);
	EXPECT_HEX(boot_regs[DS] & 0xffff, FLAT_KERNEL_DS);
	EXPECT_HEX(boot_regs[ES] & 0xffff, FLAT_KERNEL_DS);
	EXPECT_HEX(boot_regs[FS] & 0xffff, 0);
	EXPECT_HEX(boot_regs[GS] & 0xffff, 0);
	EXPECT_HEX(boot_regs[RAX], 0);
	EXPECT_HEX(boot_regs[RBX], 0);
	EXPECT_HEX(boot_regs[RCX], 0);
	EXPECT_HEX(boot_regs[RDX], 0);
	EXPECT_HEX(boot_regs[RDI], 0);
	EXPECT_HEX(boot_regs[RBP], 0);
	EXPECT_HEX(boot_regs[RFLAGS] & 0x400d5, 0);	/* arithmetic flags, direction, AC */
}

CASE(boot_stack, "rsp is the top of the boot stack: a mapped page after the page tables, the last boot element")
{
	u64 rsp = boot_regs[RSP], pt_end = start_info->pt_base + start_info->nr_pt_frames * PAGE_SIZE;

	EXPECT_HEX(rsp & 15, 0);
	EXPECT_HEX(rsp - PAGE_SIZE, pt_end);
	EXPECT(pte_read((void *)(rsp - 8), 1) & PTE_W);
}

CASE(order, "image, module, mfn list, start_info, page tables, stack lie in the promised order, page aligned")
{
	u64 list = start_info->mfn_list, list_end = list + start_info->nr_pages * 8;

	EXPECT_HEX(list & 4095, 0);
	EXPECT(list >= (u64)_image_end);
	EXPECT((u64)start_info >= list_end);
	EXPECT(start_info->pt_base > (u64)start_info);
	EXPECT_HEX(start_info->pt_base & 4095, 0);
	if (start_info->mod_start && !(start_info->flags & SIF_MOD_START_PFN)) {
		EXPECT(start_info->mod_start >= (u64)_image_end);
		EXPECT(start_info->mod_start + start_info->mod_len <= list);
	}
}

CASE(padding, "the mapping ends on a 4 MiB boundary with at least 512 KiB beyond the stack, and no entry follows it")
{
	u64 end = mapped_end();

	EXPECT_HEX(end & 0x3fffff, 0);
	EXPECT(end - boot_regs[RSP] >= 512 * 1024);
	EXPECT_HEX(pte_read((void *)end, 1) & PTE_P, 0);
}

CASE(p2m, "the mfn list is one-to-one: every frame's M2P entry is its index")
{
	u64 *list = (u64 *)start_info->mfn_list, bad = 0;

	for (u64 i = 0; i < start_info->nr_pages; i++)
		if (machine_to_phys_mapping[list[i]] != i && bad++ < 3)
			fail_at(__FILE__, __LINE__, "pfn %lx is mfn %lx, whose M2P entry is %lx", i, list[i],
				machine_to_phys_mapping[list[i]]);
	EXPECT_RC(bad, 0);
}

CASE(initial_mapping, "virtual address = VIRT_BASE + pfn * 4096 for the whole initial region")
{
	u64 end = mapped_end(), bad = 0;

	for (u64 va = VIRT_BASE; va < end; va += PAGE_SIZE) {
		u64 pte = pte_read((void *)va, 1);

		if (va == (u64)shared)
			continue;	/* the library mapped shared_info there */
		if ((!(pte & PTE_P) || PTE_MFN(pte) != mfn_of((void *)va)) && bad++ < 3)
			fail_at(__FILE__, __LINE__, "%lx has entry %lx, its pfn is mfn %lx", va, pte, mfn_of((void *)va));
	}
	EXPECT_RC(bad, 0);
}

CASE(read_only_tables, "page tables, and only they, are mapped read-only")
{
	u64 pt = start_info->pt_base, pt_end = pt + start_info->nr_pt_frames * PAGE_SIZE, end = mapped_end(), bad = 0;

	for (u64 va = VIRT_BASE; va < end; va += PAGE_SIZE) {
		bool want = va < pt || va >= pt_end, is = pte_read((void *)va, 1) & PTE_W;

		if (want != is && bad++ < 3)
			fail_at(__FILE__, __LINE__, "%lx is %s", va, is ? "writable" : "read-only");
	}
	EXPECT_RC(bad, 0);
}

static unsigned count_tables(u64 table, int level)
{
	unsigned n = 1;
	u64 *t = (u64 *)table;

	for (int i = 0; i < 512 && level > 1; i++) {
		if (level == 4 && i >= 256 && i < 272)
			continue;	/* Xen's own slots */
		if (t[i] & PTE_P)
			n += count_tables((u64)va_of_mfn(PTE_MFN(t[i])), level - 1);
	}
	return n;
}

CASE(pt_frames, "pt_base is cr3's table, and nr_pt_frames counts exactly the tables that hang from it")
{
	u64 cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	EXPECT_HEX(cr3 >> PAGE_SHIFT, mfn_of((void *)start_info->pt_base));
	EXPECT_RC(count_tables(start_info->pt_base, 4), start_info->nr_pt_frames);
}

CASE(cmdline, "the module's first word is dropped, the rest is the command line, with its terminator")
{
	EXPECT(!strncmp((char *)start_info->cmd_line, "alpha beta=1  gamma", 19));
}

CASE(module, "the module after the kernel arrives whole, at its exact length")
{
	u64 start = start_info->mod_start;
	const char *p;

	SKIP_IF(!is_dom0(), "the domU has none");
	if (start_info->flags & SIF_MOD_START_PFN)
		start = VIRT_BASE + (start << PAGE_SHIFT);
	REQUIRE(start != 0);
	EXPECT_RC(start_info->mod_len, 4099);
	p = (const char *)start;
	EXPECT_HEX(start & 4095, 0);
	for (unsigned i = 0; i < 4099; i++)
		if (p[i] != "0123456789\n"[i % 11]) {
			fail_at(__FILE__, __LINE__, "byte %u is %x", i, p[i]);
			break;
		}
}

CASE(console_info, "dom0 has a console description inside the start_info page; a domU a ring and a port")
{
	if (is_dom0()) {
		u32 off = start_info->console.dom0.info_off, size = start_info->console.dom0.info_size;

		EXPECT(off >= sizeof(*start_info) && off + size <= PAGE_SIZE);
		EXPECT(size >= 8 && size <= sizeof(struct dom0_vga_console_info));
	} else {
		EXPECT(start_info->console.domU.mfn != 0);
		EXPECT(start_info->console.domU.evtchn != 0);
		EXPECT(start_info->store_mfn != 0);
		EXPECT(start_info->store_evtchn != 0);
	}
}

CASE(hypercall_page, "the page that the note names is filled: 64 entries of 32 bytes, each an instruction sequence")
{
	for (unsigned i = 0; i < 43; i++) {
		u8 *entry = (u8 *)hypercall_page + i * 32;

		if (!entry[0] && !entry[1])
			fail_at(__FILE__, __LINE__, "entry %u is empty", i);
	}
}

CASE(m2p, "M2P is readable at the start of Xen's half, and holds an invalid value for a frame of Xen's")
{
	unsigned long mfn = start_info->shared_info >> PAGE_SHIFT;

	EXPECT_HEX(machine_to_phys_mapping[mfn_of(_image_start)], pfn_of(_image_start));
	EXPECT_HEX(machine_to_phys_mapping[mfn] >> 63, 1);
	EXPECT_RC(CATCH(machine_to_phys_mapping[mfn] = 1), X_PF);
	EXPECT_HEX(this_cpu()->last.error & 7, 3);	/* a guest kernel's fault shows the user bit clear */
}

CASE(bss_is_zero, "memory beyond the file image is zero")
{
	static char big[65536];
	unsigned bad = 0;

	for (unsigned i = 0; i < sizeof(big); i++)
		bad += big[i] != 0;
	EXPECT_RC(bad, 0);
}
