// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Builds dom0's first memory image as a PV domain's start of day is defined (xen/xen.h, "Start-of-day memory layout"):
 *
 *   virtual, from VIRT_BASE: kernel | start_info | page tables | stack | padding to 4 MiB, at least 512 KiB
 *   pseudo-physical frames:  the same order, then the initrd (not mapped: MOD_START_PFN), then the p2m list and the tables that map
 *                            it at INIT_P2M, then the rest
 *
 * A kernel without the note MOD_START_PFN finds the initrd, one without INIT_P2M the p2m list, mapped after the kernel.
 *
 * The tables are written raw, with themselves mapped read-only, and then become page tables like any other: by validation.
 */
#include "pv/dom0_build.h"
#include "pv/mm.h"
#include "boot/boot.h"
#include "lib/elf.h"
#include "lib/errno.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "lib/unpack.h"
#include "mem/heap.h"
#include "x86/traps.h"

#define MAX_EXTENTS	4096
#define TABLE_FLAGS	(PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define PAD_BYTES	(512ul << 10)

struct extent { uint64_t pfn, mfn, pages; };

struct build {
	struct domain *d;
	struct elf_kernel k;
	struct extent *extents;
	unsigned nr_extents;
	uint64_t nr_pages;
	uint64_t virt_base, virt_end;
	/* in frames */
	uint64_t kernel_pages, si_pfn, pt_pfn, pt_pages, stack_pfn, initrd_pfn, initrd_pages, p2m_pfn, p2m_list_pages, p2m_pages;
	uint64_t p2m_virt;
	bool initrd_mapped, p2m_mapped;
	uint64_t next_pt;	/* allocation of table frames, as pfn */
	uint64_t root_mfn;
};

static uint64_t mfn_of_pfn(const struct build *b, uint64_t pfn)
{
	unsigned lo = 0, hi = b->nr_extents;

	while (hi - lo > 1) {
		unsigned mid = (lo + hi) / 2;

		if (b->extents[mid].pfn <= pfn)
			lo = mid;
		else
			hi = mid;
	}
	BUG_ON(pfn - b->extents[lo].pfn >= b->extents[lo].pages);
	return b->extents[lo].mfn + (pfn - b->extents[lo].pfn);
}

static void *va_of_pfn(const struct build *b, uint64_t pfn) { return mfn_to_va(MFN(mfn_of_pfn(b, pfn))); }

/*
 * Up to this pfn: frames in the largest pieces to be had, so that dom0's DMA buffers tend to be contiguous. Not cleared, which
 * would be most of the time on a large machine: what the machine's memory held at power-on is no secret from dom0, and no PV
 * kernel counts on zeros.
 */
static int allocate(struct build *b, uint64_t end)
{
	const struct extent *last = b->nr_extents ? &b->extents[b->nr_extents - 1] : NULL;
	uint64_t pfn = last ? last->pfn + last->pages : 0;
	unsigned order = MAX_ORDER;

	while (pfn < end) {
		struct frame *f;

		while ((1ull << order) > end - pfn)
			order--;
		f = domain_alloc_frames(b->d, order, ALLOC_NODE(NODE_ANY) | ALLOC_NO_SCRUB);
		if (!f) {
			if (!order--)
				return -ENOMEM;
			continue;
		}
		if (b->nr_extents == MAX_EXTENTS)
			return -ENOMEM;
		b->extents[b->nr_extents++] = (struct extent){ pfn, frame_mfn(f).n, 1ull << order };
		for (uint64_t i = 0; i < 1ull << order; i++)
			m2p_set(MFN(frame_mfn(f).n + i), pfn + i);
		pfn += 1ull << order;
	}
	return 0;
}

/* Table frames that map [va, end): how many L1, L2 and L3. */
static uint64_t tables_for(uint64_t va, uint64_t end)
{
	uint64_t n = 0;

	for (unsigned shift = 21; shift <= 39; shift += 9)
		n += ((end - 1) >> shift) - (va >> shift) + 1;
	return n;
}

/* What the kernel finds by frame number, or at an address of its own: after all that is mapped at VIRT_BASE. */
static void place_unmapped(struct build *b)
{
	uint64_t pfn = b->stack_pfn + 1;

	if (!b->initrd_mapped) {
		b->initrd_pfn = pfn;
		pfn += b->initrd_pages;
	}
	b->p2m_pages = b->p2m_list_pages;
	if (b->p2m_mapped) {
		b->p2m_virt = b->virt_base + (b->p2m_pfn << PAGE_SHIFT);
		return;
	}
	b->p2m_pfn = pfn;
	b->p2m_virt = b->k.init_p2m;
	b->p2m_pages += tables_for(b->p2m_virt, b->p2m_virt + (b->p2m_list_pages << PAGE_SHIFT));
}

static int lay_out(struct build *b, size_t initrd_size)
{
	struct elf_kernel *k = &b->k;
	uint64_t offset = k->paddr_offset == ELF_NOTE_UNSET ? 0 : k->paddr_offset, tables = 0;

	b->virt_base = k->virt_base == ELF_NOTE_UNSET ? 0 : k->virt_base;
	if (k->start < offset)
		return -EINVAL;
	b->kernel_pages = PFN_UP(k->end - offset);
	b->initrd_pages = PFN_UP(initrd_size);
	b->initrd_mapped = k->mod_start_pfn == ELF_NOTE_UNSET || !k->mod_start_pfn;
	b->p2m_list_pages = PFN_UP(b->nr_pages * 8);
	b->p2m_mapped = k->init_p2m == ELF_NOTE_UNSET;
	b->initrd_pfn = b->kernel_pages;
	b->p2m_pfn = b->initrd_pfn + (b->initrd_mapped ? b->initrd_pages : 0);
	b->si_pfn = b->p2m_pfn + (b->p2m_mapped ? b->p2m_list_pages : 0);
	b->pt_pfn = b->si_pfn + 1;
	/* Tables lie inside what they map: grow until it fits. */
	for (;;) {
		uint64_t end = b->virt_base + ((b->pt_pfn + tables + 1) << PAGE_SHIFT), need;

		b->virt_end = ROUNDUP(end + PAD_BYTES, 4ul << 20);
		need = tables_for(b->virt_base, b->virt_end) + 1;
		if (need <= tables)
			break;
		tables = need;
	}
	b->pt_pages = tables;
	b->stack_pfn = b->pt_pfn + tables;
	place_unmapped(b);
	return MAX(b->p2m_pfn + b->p2m_pages, b->stack_pfn) + (PAD_BYTES >> PAGE_SHIFT) > b->nr_pages ? -ENOMEM : 0;
}

static uint64_t *new_table(struct build *b, uint64_t *entry)
{
	uint64_t pfn = b->next_pt++;

	memset(va_of_pfn(b, pfn), 0, PAGE_SIZE);
	*entry = pte_make(MFN(mfn_of_pfn(b, pfn)), TABLE_FLAGS);
	return va_of_pfn(b, pfn);
}

/* The L1 entry of va, its tables made on the way. */
static uint64_t *leaf(struct build *b, uint64_t va)
{
	uint64_t *t = mfn_to_va(MFN(b->root_mfn));

	for (unsigned shift = 39; shift > 12; shift -= 9) {
		uint64_t *e = &t[(va >> shift) & 511];

		t = *e & PTE_P ? mfn_to_va(pte_mfn(*e)) : new_table(b, e);
	}
	return &t[l1_index(va)];
}

static void map(struct build *b, uint64_t va, uint64_t pfn, uint64_t flags)
{
	*leaf(b, va) = pte_make(MFN(mfn_of_pfn(b, pfn)), flags);
}

static void build_tables(struct build *b)
{
	b->next_pt = b->pt_pfn + 1;
	b->root_mfn = mfn_of_pfn(b, b->pt_pfn);
	memset(mfn_to_va(MFN(b->root_mfn)), 0, PAGE_SIZE);
	for (uint64_t va = b->virt_base, pfn = 0; va < b->virt_end && pfn < b->nr_pages; va += PAGE_SIZE, pfn++) {
		bool table = (pfn >= b->pt_pfn && pfn < b->stack_pfn) ||
			(pfn >= b->p2m_pfn + b->p2m_list_pages && pfn < b->p2m_pfn + b->p2m_pages);

		map(b, va, pfn, table ? TABLE_FLAGS & ~PTE_W : TABLE_FLAGS);
	}
	BUG_ON(b->next_pt > b->stack_pfn);
	if (b->p2m_mapped)
		return;
	b->next_pt = b->p2m_pfn + b->p2m_list_pages;
	for (uint64_t i = 0; i < b->p2m_list_pages; i++)
		map(b, b->p2m_virt + (i << PAGE_SHIFT), b->p2m_pfn + i, TABLE_FLAGS);
	BUG_ON(b->next_pt > b->p2m_pfn + b->p2m_pages);
}

/* Copies into pseudo-physical memory, frame by frame; src NULL clears. */
static void put(struct build *b, uint64_t pa, const void *src, size_t n)
{
	const uint8_t *s = src;

	while (n) {
		size_t piece = MIN(n, PAGE_SIZE - (pa & ~PAGE_MASK));
		uint8_t *to = (uint8_t *)va_of_pfn(b, pa >> PAGE_SHIFT) + (pa & ~PAGE_MASK);

		if (s) {
			memcpy(to, s, piece);
			s += piece;
		} else {
			memset(to, 0, piece);
		}
		pa += piece;
		n -= piece;
	}
}

static void load_kernel(struct build *b)
{
	uint64_t offset = b->k.paddr_offset == ELF_NOTE_UNSET ? 0 : b->k.paddr_offset;

	for (unsigned i = 0; i < b->k.nr_segments; i++) {
		const struct elf_segment *s = &b->k.segment[i];

		put(b, s->paddr - offset, b->k.image + s->file_offset, s->file_size);
		put(b, s->paddr - offset + s->file_size, NULL, s->mem_size - s->file_size);
	}
}

static void write_p2m(struct build *b)
{
	for (unsigned i = 0; i < b->nr_extents; i++) {
		const struct extent *e = &b->extents[i];

		for (uint64_t n = 0; n < e->pages; n++) {
			uint64_t pfn = e->pfn + n;

			((uint64_t *)va_of_pfn(b, b->p2m_pfn + pfn / 512))[pfn % 512] = e->mfn + n;
		}
	}
}

static size_t vga_info(struct dom0_vga_console_info *vga)
{
	memset(vga, 0, sizeof(*vga));
	if (!boot_info.video.present && boot_info.efi)
		return 0;
	if (!boot_info.video.present) {		/* a BIOS leaves the text mode on */
		vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
		vga->u.text_mode_3.font_height = 16;
		vga->u.text_mode_3.rows = 25;
		vga->u.text_mode_3.columns = 80;
		return sizeof(*vga);
	}
	if (boot_info.video.text) {
		vga->video_type = XEN_VGATYPE_TEXT_MODE_3;
		vga->u.text_mode_3.font_height = 16;
		vga->u.text_mode_3.rows = boot_info.video.text_rows;
		vga->u.text_mode_3.columns = boot_info.video.text_cols;
		return sizeof(*vga);
	}
	vga->video_type = boot_info.efi ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
	vga->u.vesa_lfb.width = boot_info.video.width;
	vga->u.vesa_lfb.height = boot_info.video.height;
	vga->u.vesa_lfb.bytes_per_line = boot_info.video.pitch;
	vga->u.vesa_lfb.bits_per_pixel = boot_info.video.bpp;
	vga->u.vesa_lfb.lfb_base = boot_info.video.base;
	vga->u.vesa_lfb.ext_lfb_base = boot_info.video.base >> 32;
	vga->u.vesa_lfb.lfb_size = (boot_info.video.pitch * boot_info.video.height + 0xffff) >> 16;
	vga->u.vesa_lfb.red_pos = boot_info.video.rpos;
	vga->u.vesa_lfb.red_size = boot_info.video.rsize;
	vga->u.vesa_lfb.green_pos = boot_info.video.gpos;
	vga->u.vesa_lfb.green_size = boot_info.video.gsize;
	vga->u.vesa_lfb.blue_pos = boot_info.video.bpos;
	vga->u.vesa_lfb.blue_size = boot_info.video.bsize;
	return sizeof(*vga);
}

static void write_start_info(struct build *b, size_t initrd_size, const char *cmdline)
{
	struct start_info *si = va_of_pfn(b, b->si_pfn);
	struct dom0_vga_console_info vga;
	size_t vga_size = vga_info(&vga);

	BUILD_ASSERT(sizeof(struct start_info) + sizeof(struct dom0_vga_console_info) <= PAGE_SIZE);
	memset(si, 0, PAGE_SIZE);
	strlcpy(si->magic, b->k.pae ? "xen-3.0-x86_64p" : "xen-3.0-x86_64", sizeof(si->magic));
	si->nr_pages = b->nr_pages;
	si->shared_info = va_to_pa(b->d->shared);
	si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	if (vga_size) {
		si->console.dom0.info_off = sizeof(*si);
		si->console.dom0.info_size = vga_size;
		memcpy(si + 1, &vga, vga_size);
	}
	si->pt_base = b->virt_base + (b->pt_pfn << PAGE_SHIFT);
	si->nr_pt_frames = b->pt_pages;
	si->mfn_list = b->p2m_virt;
	if (!b->p2m_mapped) {
		si->first_p2m_pfn = b->p2m_pfn;
		si->nr_p2m_frames = b->p2m_pages;
	}
	if (initrd_size) {
		si->flags |= b->initrd_mapped ? 0 : SIF_MOD_START_PFN;
		si->mod_start = b->initrd_mapped ? b->virt_base + (b->initrd_pfn << PAGE_SHIFT) : b->initrd_pfn;
		si->mod_len = initrd_size;
	}
	strlcpy((char *)si->cmd_line, cmdline, sizeof(si->cmd_line));
}

static int first_context(struct build *b)
{
	struct vcpu *v = b->d->vcpu[0];
	int rc = pv_pin_initial_root(b->d, MFN(b->root_mfn));

	if (!rc)
		rc = pv_set_guest_table(v, MFN(b->root_mfn), false, false);
	if (rc)
		return rc;
	memset(&v->regs, 0, sizeof(v->regs));
	v->regs.rip = b->k.entry;
	v->regs.rsp = b->virt_base + ((b->stack_pfn + 1) << PAGE_SHIFT);
	v->regs.rsi = b->virt_base + (b->si_pfn << PAGE_SHIFT);
	v->regs.rflags = 0x202;
	v->regs.cs = GUEST_CS64;
	v->regs.ss = GUEST_DS32;
	v->info->evtchn_upcall_mask = 1;
	v->pv->kernel_ss = GUEST_DS32;
	v->pv->kernel_sp = v->regs.rsp;
	v->is_initialised = true;
	__atomic_fetch_and(&v->pause_flags, ~VPF_DOWN, __ATOMIC_SEQ_CST);
	return 0;
}

/* The ELF file, unpacked where it was packed; *unpacked is to be freed by the caller. */
static int open_kernel(struct build *b, paddr_t kernel, size_t size, void **unpacked, unsigned *order)
{
	const void *image = pa_to_va(kernel), *payload;
	const char *why = NULL, *format = "?";
	size_t packed, room, n;
	int rc = bzimage_payload(image, size, &payload, &packed, &room);

	*unpacked = NULL;
	if (rc != -ENOEXEC) {
		void *work = heap_alloc(UNPACK_WORK);
		struct frame *f;

		for (*order = 0; (PAGE_SIZE << *order) < room && *order < MAX_ORDER; ++*order)
			;
		f = rc ? NULL : frames_alloc(*order, ALLOC_NODE(NODE_ANY) | ALLOC_NO_SCRUB);
		if (f)
			*unpacked = frame_va(f);
		if (!rc)
			rc = f && work ? unpack(payload, packed, *unpacked, PAGE_SIZE << *order, &n, work, &format) : -ENOMEM;
		heap_free(work);
		if (rc) {
			printk(LOG_ERR "dom0's kernel: cannot unpack its payload (%s): error %d\n", format, rc);
			return rc;
		}
		image = *unpacked;
		size = n;
	}
	rc = elf_parse(&b->k, image, size, &why);
	if (!rc && (!b->k.has_xen_notes || b->k.virt_base == ELF_NOTE_UNSET)) {
		why = "it has not the notes of a PV kernel (XEN_ELFNOTE_VIRT_BASE)";
		rc = -EINVAL;
	}
	if (rc)
		printk(LOG_ERR "dom0's kernel: %s\n", why);
	return rc;
}

static int check_addresses(struct build *b)
{
	uint64_t hp = b->k.hypercall_page - b->virt_base, p2m = b->p2m_virt, len = b->p2m_list_pages << PAGE_SHIFT;

	if (b->k.hypercall_page != ELF_NOTE_UNSET && ((hp & ~PAGE_MASK) || (hp >> PAGE_SHIFT) >= b->kernel_pages))
		return -EINVAL;
	if (!guest_addr_ok(b->virt_base, b->virt_end - b->virt_base) || (b->virt_base & ~PAGE_MASK) ||
	    !guest_addr_ok(p2m, len) || (p2m & ~PAGE_MASK))
		return -EINVAL;
	return !b->p2m_mapped && p2m + len > b->virt_base && p2m < b->virt_end ? -EINVAL : 0;
}

/* The kernel to where it belongs. Unpacked it may be more than what dom0 leaves free: most of dom0's memory comes after it. */
static int take_kernel(struct build *b, paddr_t kernel, size_t size, size_t initrd_size)
{
	void *unpacked;
	unsigned order = 0;
	int rc = open_kernel(b, kernel, size, &unpacked, &order);

	if (!rc)
		rc = lay_out(b, initrd_size);
	if (!rc)
		rc = check_addresses(b);
	if (!rc)
		rc = allocate(b, MIN(b->nr_pages, ROUNDUP(b->kernel_pages, 1ull << 9)));
	if (!rc)
		load_kernel(b);
	if (unpacked)
		frames_free(frame_of(va_to_mfn(unpacked)), order, true);
	return rc;
}

int pv_build_dom0(struct domain *d, paddr_t kernel, size_t kernel_size, paddr_t initrd, size_t initrd_size,
		  const char *cmdline, uint64_t nr_pages)
{
	struct build *b = new_object(struct build);
	int rc = -ENOMEM;

	if (!b)
		return rc;
	b->d = d;
	b->nr_pages = nr_pages;
	b->extents = new_array(struct extent, MAX_EXTENTS);
	if (b->extents)
		rc = take_kernel(b, kernel, kernel_size, initrd_size);
	if (!rc)
		rc = allocate(b, b->nr_pages);
	if (!rc) {
		put(b, b->initrd_pfn << PAGE_SHIFT, pa_to_va(initrd), initrd_size);
		build_tables(b);
		write_p2m(b);
		write_start_info(b, initrd_size, cmdline);
		if (b->k.hypercall_page != ELF_NOTE_UNSET)
			hypercall_page_init(va_of_pfn(b, (b->k.hypercall_page - b->virt_base) >> PAGE_SHIFT));
		rc = first_context(b);
		if (strstr(b->k.features, "pae_pgdir_above_4gb"))
			d->vm_assist |= 1ul << VMASST_TYPE_pae_extended_cr3;
		printk(LOG_INFO "dom0: %s, %lu MiB, kernel at %lx-%lx, entry %lx, p2m at %lx, initrd %zu KiB\n", b->k.guest_os,
		       (unsigned long)(nr_pages >> 8), (unsigned long)b->virt_base, (unsigned long)b->virt_end,
		       (unsigned long)b->k.entry, (unsigned long)b->p2m_virt, initrd_size >> 10);
	}
	heap_free(b->extents);
	heap_free(b);
	return rc;
}
