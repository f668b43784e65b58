/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the machine's memory map to a working allocator and heap. */
#include "mem/mem_init.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mem/buddy.h"
#include "mem/heap.h"
#include "mem/m2p.h"
#include "mem/map.h"
#include "mem/ram.h"
#include "mem/section.h"
#include "mem/vmap.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/hooks.h"

extern char __init_start[], __init_end[];

static uint64_t opt_mem_limit = ~0ull;	/* frames */

__init static void parse_mem(const char *v)
{
	uint64_t n = parse_size(v, NULL);

	if (n)
		opt_mem_limit = n >> PAGE_SHIFT;
}
BOOT_PARAM(mem, "mem", parse_mem, "<size>: use no memory at or above this address");

static void *map_device(paddr_t pa, size_t size)
{
	return vmap_range(pa, size, MAP_UC);
}

static void *map_stack(void)
{
	return vmap_stack(STACK_SIZE / PAGE_SIZE, STACK_GUARD_PAGE);
}

static uint64_t frames_mib(uint64_t frames) { return frames >> (20 - PAGE_SHIFT); }

static void report(char key)
{
	printk("Memory: %lu MiB of RAM, %lu MiB free (%lu MiB of it in sections not yet opened)\n", frames_mib(frames_total()),
	       frames_mib(frames_free_count(NODE_ANY)), frames_mib(sections_closed_frames(NODE_ANY)));
	for (unsigned n = 0; n < mem_nr_nodes(); n++)
		printk("  node %u: %lu frames free, %lu of them to be scrubbed, %lu closed\n", n, frames_free_count(n),
		       buddy_dirty_count(n), sections_closed_frames(n));
	printk("  %lu frames of the machine-to-physical table, %lu of the vmap area's tables: these stay\n", m2p_frames(),
	       vmap_tables());
	heap_report();
}

static void show_map(void)
{
	static const char *const names[] = { "?", "usable", "reserved", "ACPI data", "ACPI NVS", "unusable" };

	for (unsigned i = 0; i < boot_info.nr_mem; i++) {
		const struct boot_mem *m = &boot_info.mem[i];

		printk(LOG_INFO " [%016lx, %016lx] (%s)\n", m->start, m->start + m->size - 1,
		       m->type < ARRAY_SIZE(names) ? names[m->type] : "reserved");
	}
}

static void reserve_boot_memory(void)
{
	ram_reserve(PFN_DOWN(boot_info.image_start), PFN_UP(boot_info.image_end));
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.module[i];

		ram_reserve(PFN_DOWN(m->start), PFN_UP(m->start + m->size));
	}
}

/* Frames that are known by their records must have them: the modules', which dom0 may be given. */
static void open_needed_sections(void)
{
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.module[i];

		for (uint64_t f = PFN_DOWN(m->start); f < PFN_UP(m->start + m->size); f = (f | (SECTION_FRAMES - 1)) + 1)
			if (!section_open_at(MFN(f)))
				printk(LOG_WARN "Boot module %u lies outside RAM\n", i);
	}
}

void mem_init(void)
{
	uint64_t limit = MIN((DIRECTMAP_VIRT_END - DIRECTMAP_VIRT_START) >> PAGE_SHIFT, opt_mem_limit);
	unsigned nr;

	if (host_cpu.phys_bits >= 36 && host_cpu.phys_bits < 52)
		limit = MIN(limit, 1ull << (host_cpu.phys_bits - PAGE_SHIFT));
	show_map();
	if (!ram_init(&boot_info, limit))
		panic("The boot loader's map has no RAM");
	reserve_boot_memory();
	max_mfn = ram_all.r[ram_all.nr - 1].end;
	nr = DIV_ROUND_UP(max_mfn, SECTION_FRAMES);
	map_init();
	m2p_init();
	buddy_init(map_early_zalloc);
	struct section *table = map_early_zalloc(nr * sizeof(struct section));

	map_finish();	/* the last user of early memory */
	sections_init(table, nr);
	open_needed_sections();
	vmap_init();
	x86_alloc_pages = heap_pages;
	x86_free_pages = heap_pages_free;
	x86_map_device = map_device;
	x86_map_stack = map_stack;
	keyhandler_register('m', report, "memory info");
	printk(LOG_INFO "System RAM: %lu MiB, %u node%s\n", frames_mib(frames_total()), mem_nr_nodes(),
	       mem_nr_nodes() > 1 ? "s" : "");
}

void mem_free_boot(void)
{
	uint64_t start = image_to_pa(__init_start) >> PAGE_SHIFT, end = image_to_pa(__init_end) >> PAGE_SHIFT;

	map_drop_init();
	flush_tlb_mask(&cpu_online_map, FLUSH_GLOBAL);
	section_give_back(start, end);
	for (unsigned i = 0; i < boot_info.nr_modules; i++) {
		const struct boot_module *m = &boot_info.module[i];

		/* Only whole frames: their neighbours may be somebody else's. */
		section_give_back(PFN_UP(m->start), PFN_DOWN(m->start + m->size));
	}
	boot_info.nr_modules = 0;
}
