/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mem/map.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mem/ram.h"
#include "x86/cpu.h"
#include "x86/hooks.h"

#define TABLE_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D)
#define LARGE_FRAMES 512ull
#define HUGE_FRAMES (512ull * 512)
#define EARLY_LIMIT (1ull << 20)	/* frames that head.S maps: 4 GiB */
#define DIRECT_SLOT 262

extern const char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[], __data_end[];
extern char __init_start[], __init_text_end[], __init_end[], __bss_start[], __bss_end[];
extern uint64_t boot_l3_image[512];

static uint64_t host_l4[PTES_PER_TABLE] __aligned(PAGE_SIZE);
static uint64_t vmap_l3[PTES_PER_TABLE] __aligned(PAGE_SIZE);

static bool early_over;		/* all memory that is left is the allocator's */

mfn_t host_root_mfn(void)
{
	return MFN(image_to_pa(host_l4) >> PAGE_SHIFT);
}

uint64_t host_root_entry(unsigned slot)
{
	return slot >= ANEL_FIRST_SLOT && slot <= ANEL_LAST_SLOT && slot != PERDOMAIN_SLOT ? host_l4[slot] : 0;
}

void *map_early_zalloc(size_t size)
{
	mfn_t m;

	BUG_ON(early_over);
	m = ram_take(PFN_UP(size), 1, EARLY_LIMIT);
	if (mfn_is_invalid(m))
		panic("No memory below 4 GiB for the hypervisor's tables");
	return memset(mfn_to_va(m), 0, PFN_UP(size) << PAGE_SHIFT);
}

static uint64_t *table_of(uint64_t e)
{
	return mfn_to_va(pte_mfn(e));
}

/* Tables in the image are reached through it as well as through the direct map. */
static uint64_t *next_table(uint64_t *entry, uint64_t flags)
{
	if (!(*entry & PTE_P))
		*entry = va_to_pa(map_early_zalloc(PAGE_SIZE)) | flags;
	return table_of(*entry);
}

static uint64_t *l2_entry(uint64_t va, uint64_t flags)
{
	uint64_t *l3 = next_table(&host_l4[l4_index(va)], flags);
	uint64_t *l2 = next_table(&l3[l3_index(va)], flags);

	return &l2[l2_index(va)];
}

void map_table_for(uint64_t va, bool user)
{
	l2_entry(va, TABLE_FLAGS | (user ? PTE_U : 0));
}

void map_large(uint64_t va, mfn_t m, uint64_t flags)
{
	WRITE_ONCE(*l2_entry(va, TABLE_FLAGS), pte_make(m, flags | PTE_PS));
}

void map_entry_set(uint64_t va, uint64_t e)
{
	WRITE_ONCE(*l2_entry(va, TABLE_FLAGS), e);
}

uint64_t *map_pte(uint64_t va, void **spare)
{
	uint64_t *e = l2_entry(va, TABLE_FLAGS);

	if (!(*e & PTE_P)) {
		if (!*spare)
			return NULL;
		WRITE_ONCE(*e, va_to_pa(*spare) | TABLE_FLAGS);
		*spare = NULL;
	}
	return table_of(*e) + l1_index(va);
}

/*
 * 1 GiB pages where the whole GiB is RAM, else 2 MiB pages; device memory above 4 GiB stays out. Below 4 GiB all is mapped:
 * firmware tables lie there, and MTRRs make device memory uncached.
 */
static void map_direct(void)
{
	uint64_t *l3;

	for (uint64_t m = 0; m < MAX(max_mfn, EARLY_LIMIT); m += HUGE_FRAMES) {
		uint64_t va = (uint64_t)mfn_to_va(MFN(m)), end = m + HUGE_FRAMES;
		struct ram_range r;
		bool some = ram_next(&ram_all, m, end, &r);

		if (m < EARLY_LIMIT) {
			r = (struct ram_range){ m, end };
		} else if (!some) {
			continue;
		} else if (host_cpu.gbpages && r.start == m && r.end == end) {
			l3 = next_table(&host_l4[l4_index(va)], TABLE_FLAGS);
			l3[l3_index(va)] = pte_make(MFN(m), MAP_RW | PTE_PS);
			continue;
		}
		for (;;) {
			for (uint64_t at = r.start & ~(LARGE_FRAMES - 1); at < r.end; at += LARGE_FRAMES)
				map_large((uint64_t)mfn_to_va(MFN(at)), MFN(at), MAP_RW);
			if (!ram_next(&ram_all, MAX(r.end, m), end, &r) || m < EARLY_LIMIT)
				break;
		}
	}
}

/*
 * The early tables hold the direct map of 4 GiB (without G: they are shared with the low mapping); host_l4 gets its own. Until
 * map_finish loads it, what lies above is reached through boot_l4's slots, which are set to the same tables.
 */
void map_init(void)
{
	host_l4[l4_index(VMAP_VIRT_START)] = image_to_pa(vmap_l3) | TABLE_FLAGS;
	host_l4[l4_index(IMAGE_VIRT_START)] = image_to_pa(boot_l3_image) | TABLE_FLAGS;
	map_direct();
	map_table_for(FRAMETABLE_VIRT, false);
	map_table_for(VMAP_VIRT_START, false);	/* its first GiB, which is all that vmap.c uses */
	for (uint64_t m = 0; m < max_mfn; m += 1ull << 26)	/* a table's worth of frame records: 256 GiB */
		map_table_for(FRAMETABLE_VIRT + m * sizeof(struct frame), false);
	for (unsigned s = ANEL_FIRST_SLOT; s <= ANEL_LAST_SLOT; s++)
		boot_l4[s] = host_l4[s];
	write_cr3(read_cr3());
}

static void map_image_part(const char *start, const char *end, uint64_t flags)
{
	for (uint64_t va = (uint64_t)start; va < (uint64_t)end; va += PAGE_SIZE) {
		void *spare = NULL;

		*map_pte(va, &spare) = pte_make(MFN(image_to_pa((void *)va) >> PAGE_SHIFT), flags);
	}
}

/* The image by 4 KiB pages with the rights of each part. Built aside: we run on what is replaced. */
void map_finish(void)
{
	uint64_t *l2 = map_early_zalloc(PAGE_SIZE);
	uint64_t *l3 = map_early_zalloc(PAGE_SIZE);

	for (uint64_t va = (uint64_t)__text_start & ~(LARGE_FRAMES * PAGE_SIZE - 1); va < (uint64_t)__bss_end;
	     va += LARGE_FRAMES * PAGE_SIZE)
		l2[l2_index(va)] = va_to_pa(map_early_zalloc(PAGE_SIZE)) | TABLE_FLAGS;
	l3[l3_index(IMAGE_VIRT_START)] = va_to_pa(l2) | TABLE_FLAGS;
	host_l4[l4_index(IMAGE_VIRT_START)] = va_to_pa(l3) | TABLE_FLAGS;
	map_image_part(__text_start, __text_end, MAP_RX);
	map_image_part(__rodata_start, __rodata_end, MAP_RO);
	map_image_part(__data_start, __data_end, MAP_RW);
	map_image_part(__init_start, __init_text_end, MAP_RX);
	map_image_part(__init_text_end, __init_end, MAP_RW);
	map_image_part(__bss_start, boot_stack + STACK_GUARD_PAGE * PAGE_SIZE, MAP_RW);
	map_image_part(boot_stack + (STACK_GUARD_PAGE + 1) * PAGE_SIZE, __bss_end, MAP_RW);
	boot_l4[l4_index(IMAGE_VIRT_START)] = host_l4[l4_index(IMAGE_VIRT_START)];
	early_over = true;
	write_cr3(image_to_pa(host_l4));
	flush_tlb_local(FLUSH_GLOBAL);
}

void map_drop_init(void)
{
	for (uint64_t va = (uint64_t)__init_start; va < (uint64_t)__init_end; va += PAGE_SIZE) {
		void *spare = NULL;

		*map_pte(va, &spare) = 0;
	}
}
