/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EFI runtime services. The loader has ended the boot services; SetVirtualAddressMap is never called, so that the firmware runs at
 * its own addresses, in page tables that have its runtime regions in the lower half and the hypervisor in the upper.
 * While they are loaded nothing of the guest's is mapped: the GDT is the host's, and interrupts see what they see on the idle vCPU.
 * Source: UEFI 2.9, 2.3.4 and chapter 8.
 */
#include "x86/efi.h"
#include "x86/cpu.h"
#include "x86/desc.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/layout.h"
#include "x86/page.h"
#include "x86/tlb.h"
#include "boot/boot.h"
#include "lib/panic.h"
#include "lib/spinlock.h"
#include "lib/string.h"

#define CR0_TS		8ul
#define TABLE_HEADER	24u
#define EFI_MMIO	11u
#define EFI_MMIO_PORTS	12u
#define RUNTIME_SIGNATURE 0x56524553544e5552ull	/* "RUNTSERV" */

typedef uint64_t __attribute__((ms_abi)) efi_fn(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e);
struct table_register { uint16_t limit; uint64_t base; } __packed;

bool efi_runtime;
uint32_t efi_runtime_revision;

static uint64_t *root;
static bool opt_runtime = true;

static void parse_efi(const char *v)
{
	if (!strcmp(v, "no-rs"))
		opt_runtime = false;
}
BOOT_PARAM(efi, "efi", parse_efi, "no-rs: EFI runtime services are not used");

/* The table that entry i of t links, made if it is not there; NULL: no memory. */
static uint64_t *next_table(uint64_t *t, unsigned i)
{
	uint64_t *n;

	if (t[i] & PTE_P)
		return pa_to_va(t[i] & PTE_ADDR);
	n = x86_alloc_pages(0);
	if (n)
		t[i] = va_to_pa(n) | PTE_P | PTE_W | PTE_A;
	return n;
}

static bool map_page(paddr_t pa, uint64_t flags)
{
	uint64_t *t = next_table(root, l4_index(pa));

	t = t ? next_table(t, l3_index(pa)) : NULL;
	t = t ? next_table(t, l2_index(pa)) : NULL;
	if (t)
		t[l1_index(pa)] = pa | flags;
	return t;
}

static bool map_regions(void)
{
	for (unsigned i = 0; i < boot_info.nr_efi_mem; i++) {
		const struct boot_efi_mem *m = &boot_info.efi_mem[i];
		uint64_t flags = PTE_P | PTE_W | PTE_A | PTE_D;

		if (!(m->attributes & EFI_MEM_RUNTIME))
			continue;
		if (m->start + m->size < m->start || m->start + m->size > 1ull << 47)
			return false;
		if (m->type == EFI_MMIO || m->type == EFI_MMIO_PORTS)
			flags |= PTE_PCD | PTE_PWT;
		for (paddr_t pa = m->start; pa < m->start + m->size; pa += PAGE_SIZE)
			if (!map_page(pa, flags))
				return false;
	}
	return true;
}

/* The services' table is read where the firmware sees it. */
static bool read_table(uint64_t *signature)
{
	uint64_t old = read_cr3();
	unsigned long flags;
	uint64_t *t = (uint64_t *)boot_info.efi_runtime;
	bool mapped = false;

	for (unsigned i = 0; i < boot_info.nr_efi_mem; i++)
		if ((boot_info.efi_mem[i].attributes & EFI_MEM_RUNTIME) && boot_info.efi_runtime >= boot_info.efi_mem[i].start &&
		    boot_info.efi_runtime - boot_info.efi_mem[i].start + 256 <= boot_info.efi_mem[i].size)
			mapped = true;
	if (!mapped)
		return false;
	flags = irq_save();
	write_cr3(va_to_pa(root));
	*signature = t[0];
	efi_runtime_revision = t[1];
	write_cr3(old);
	irq_restore(flags);
	return true;
}

void efi_init(void)
{
	const uint64_t *host = pa_to_va(read_cr3() & PTE_ADDR);
	uint64_t signature;

	if (!boot_info.efi || !opt_runtime)
		return;
	if (!boot_info.nr_efi_mem || !boot_info.efi_runtime) {
		printk(LOG_WARN "EFI: the loader has given no memory map: no runtime services\n");
		return;
	}
	root = x86_alloc_pages(0);
	if (root)
		memcpy(root + 256, host + 256, 256 * sizeof(*root));
	if (!root || !map_regions() || !read_table(&signature) || signature != RUNTIME_SIGNATURE) {
		printk(LOG_WARN "EFI: the runtime services cannot be mapped\n");
		return;
	}
	efi_runtime = true;
	printk(LOG_INFO "EFI: runtime services, revision %u.%02u\n", efi_runtime_revision >> 16,
	       (efi_runtime_revision & 0xffff) / 10);
}

/* Microsoft's calling convention; the firmware may use SSE, and wants the x87 and SSE control words of a fresh process. */
static uint64_t __attribute__((force_align_arg_pointer, noinline)) call(enum efi_service service, const uint64_t arg[5])
{
	const uint64_t *table = (const uint64_t *)(boot_info.efi_runtime + TABLE_HEADER);
	static const uint32_t mxcsr = 0x1f80;
	efi_fn *fn = (efi_fn *)table[service];

	__asm__ volatile("fninit; ldmxcsr %0" :: "m"(mxcsr));
	return fn(arg[0], arg[1], arg[2], arg[3], arg[4]);
}

uint64_t efi_call(enum efi_service service, const uint64_t arg[5], void *xstate, uint64_t xcr0)
{
	uint64_t cr0 = read_cr0(), cr3 = read_cr3(), status;
	struct table_register gdt;

	__asm__ volatile("clts");
	xstate_save(xstate);
	irq_disable();
	__asm__ volatile("sgdt %0" : "=m"(gdt));
	cpu_set_gdt((uint64_t)mfn_to_va(cpu_gdt_mfn(smp_processor_id())) - 14 * PAGE_SIZE, 15 * PAGE_SIZE - 1);
	cpu_load_root(va_to_pa(root));
	irq_enable();
	status = call(service, arg);
	irq_disable();
	cpu_replace_root(cr3);	/* a flush meanwhile was of the tag in force, which was ours */
	cpu_set_gdt(gdt.base, gdt.limit);
	irq_enable();
	xstate_restore(xstate, xcr0);
	if (cr0 & CR0_TS)
		write_cr0(read_cr0() | CR0_TS);
	return status;
}
