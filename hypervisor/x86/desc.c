/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Descriptor tables. A PV guest's GDT is its own frames in pages 0..13 of a window and the CPU's reserved page as page 14, so
 * selectors 0xe000 and up are the hypervisor's whatever the guest loads. While no guest's window is loaded the GDT register
 * points 0xe000 bytes below the reserved page: what lies in between is never fetched, as no such selector is in use.
 */
#include "x86/desc.h"
#include "x86/hooks.h"
#include "x86/layout.h"
#include "lib/panic.h"
#include "lib/string.h"

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, iomap;
} __packed;

struct table_register { uint16_t limit; uint64_t base; } __packed;
struct gate { uint16_t offset_low, selector; uint8_t ist, type; uint16_t offset_mid; uint32_t offset_high, reserved; };

#define GATE_INTERRUPT	0x8e
#define GATE_DPL3	0x60
#define GDT_LIMIT	(RESERVED_GDT_BASE + PAGE_SIZE - 1)

BUILD_ASSERT(sizeof(struct tss) == 104);
BUILD_ASSERT(sizeof(struct gate) == 16);
BUILD_ASSERT(sizeof(struct cpu_info) == 280);	/* CPU_INFO_SIZE of entry.S */
BUILD_ASSERT(offsetof(struct cpu_info, spec_guest) == 224);	/* spec_asm.h */
BUILD_ASSERT(offsetof(struct cpu_info, spec_host) == 228);
BUILD_ASSERT(offsetof(struct cpu_info, verw_sel) == 230);
BUILD_ASSERT(offsetof(struct cpu_user_regs, cs) == 136);
BUILD_ASSERT(offsetof(struct cpu_user_regs, es) == 168);
BUILD_ASSERT((sizeof(struct cpu_info) - offsetof(struct cpu_user_regs, es)) % 16 == 0);

extern const char entry_stubs[];

static struct gate idt[256] __aligned(4096);
static uint64_t boot_gdt[512] __aligned(4096);
static uint64_t *gdt_page[NR_CPUS];	/* set before the CPU starts, constant thereafter */
static DEFINE_PER_CPU(struct tss, tss) __aligned(128);

/* A 16-byte system descriptor: type 9 is an available TSS, 2 an LDT. */
static void set_system_descriptor(uint64_t *d, uint64_t base, uint32_t limit, unsigned type)
{
	d[0] = (limit & 0xffff) | (base & 0xffffff) << 16 | (uint64_t)(0x80 | type) << 40 |
	       (uint64_t)(limit >> 16 & 0xf) << 48 | (base >> 24 & 0xff) << 56;
	d[1] = base >> 32;
}

void desc_setup_cpu(unsigned cpu, void *stack, uint64_t *gdt)
{
	struct tss *t = &per_cpu(tss, cpu);
	uint64_t base = (uint64_t)stack, top = base + STACK_SIZE;

	if (!gdt)
		gdt = boot_gdt;
	gdt_page[cpu] = gdt;
	/* Accessed bits are set, so the CPU never writes to the page but for the TSS's busy bit. */
	gdt[RESERVED_GDT_INDEX(HV_CS)] = 0x00af9b000000ffff;
	gdt[RESERVED_GDT_INDEX(HV_DS)] = 0x00cf93000000ffff;
	gdt[RESERVED_GDT_INDEX(GUEST_CS32)] = 0x00cffb000000ffff;
	gdt[RESERVED_GDT_INDEX(GUEST_DS32)] = 0x00cff3000000ffff;
	gdt[RESERVED_GDT_INDEX(GUEST_CS64)] = 0x00affb000000ffff;
	set_system_descriptor(&gdt[RESERVED_GDT_INDEX(TSS_SEL)], (uint64_t)t, sizeof(*t) - 1, 9);
	/* The limit tells user space which CPU this is (LSL). */
	gdt[RESERVED_GDT_INDEX(PER_CPU_GDT_SEL)] = 0x0000f50000000000 | cpu;

	memset(t, 0, sizeof(*t));
	t->rsp[0] = top - sizeof(struct cpu_info) + offsetof(struct cpu_user_regs, es);
	t->ist[0] = base + (IST_PAGE_DF + 1) * PAGE_SIZE;
	t->ist[1] = base + (IST_PAGE_MC + 1) * PAGE_SIZE;
	t->ist[2] = base + (IST_PAGE_NMI + 1) * PAGE_SIZE;
	t->ist[3] = base + (IST_PAGE_DB + 1) * PAGE_SIZE;
	t->iomap = sizeof(*t);
}

static void set_gate(unsigned vector, unsigned ist, unsigned type)
{
	uint64_t to = (uint64_t)entry_stubs + 16ul * vector;

	idt[vector] = (struct gate){
		.offset_low = to, .selector = HV_CS, .ist = ist, .type = type,
		.offset_mid = to >> 16, .offset_high = to >> 32,
	};
}

void desc_setup_idt(void)
{
	for (unsigned v = 0; v < 256; v++)
		set_gate(v, 0, GATE_INTERRUPT);
	set_gate(TRAP_BP, 0, GATE_INTERRUPT | GATE_DPL3);
	set_gate(TRAP_OF, 0, GATE_INTERRUPT | GATE_DPL3);
	set_gate(0x80, 0, GATE_INTERRUPT | GATE_DPL3);
	set_gate(TRAP_DF, IST_PAGE_DF + 1, GATE_INTERRUPT);
	set_gate(TRAP_MC, IST_PAGE_MC + 1, GATE_INTERRUPT);
	set_gate(TRAP_NMI, IST_PAGE_NMI + 1, GATE_INTERRUPT);
	set_gate(TRAP_DB, IST_PAGE_DB + 1, GATE_INTERRUPT);
}

mfn_t cpu_gdt_mfn(unsigned cpu)
{
	const uint64_t *g = gdt_page[cpu];

	return g == boot_gdt ? MFN(image_to_pa(g) >> PAGE_SHIFT) : va_to_mfn(g);
}

void cpu_set_gdt(uint64_t base, unsigned limit_bytes)
{
	struct table_register r = { limit_bytes, base };

	__asm__ volatile("lgdt %0" :: "m"(r));
}

void cpu_load_tables(void)
{
	unsigned cpu = smp_processor_id();
	struct table_register r = { sizeof(idt) - 1, (uint64_t)idt };
	uint64_t *g = gdt_page[cpu];

	/* An LTR of a busy TSS faults; ours is busy when the tables are loaded a second time. */
	g[RESERVED_GDT_INDEX(TSS_SEL)] &= ~(2ull << 40);
	cpu_set_gdt((uint64_t)g - RESERVED_GDT_BASE, GDT_LIMIT);
	__asm__ volatile("pushq %0\n\tlea 1f(%%rip), %%rax\n\tpushq %%rax\n\tlretq\n1:"
			 :: "i"(HV_CS) : "rax", "memory");
	__asm__ volatile("mov %0, %%ss" :: "r"(HV_DS));
	__asm__ volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs\n\tmov %0, %%gs" :: "r"(0));
	__asm__ volatile("lidt %0" :: "m"(r));
	__asm__ volatile("ltr %w0" :: "r"(TSS_SEL));
	__asm__ volatile("lldt %w0" :: "r"(0));
}

/* Selector of the descriptor is the same on every CPU; the descriptor is this CPU's. Interrupts off. */
void cpu_load_ldt(uint64_t base, unsigned ents)
{
	uint64_t *d;

	if (!ents) {
		__asm__ volatile("lldt %w0" :: "r"(0));
		return;
	}
	d = &gdt_page[smp_processor_id()][RESERVED_GDT_INDEX(LDT_SEL)];
	set_system_descriptor(d, base, ents * 8 - 1, 2);
	__asm__ volatile("lldt %w0" :: "r"(LDT_SEL) : "memory");
}
