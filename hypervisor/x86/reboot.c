/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends of the machine. Power-off is dom0's, by its AML's values (acpi_enter_sleep): the hypervisor alone can only halt. */
#include "x86/acpi.h"
#include "x86/cpu.h"
#include "x86/hooks.h"
#include "x86/io.h"
#include "x86/nmi.h"
#include "lib/panic.h"

static void delay_ms(unsigned ms)
{
	/* A port access takes about a microsecond on any board; no clock is trusted here. */
	for (unsigned i = 0; i < ms * 1000; i++)
		inb(0x80);
}

static void reset_by_acpi(void)
{
	if (acpi.reset_port)
		outb(acpi.reset_port, acpi.reset_value);
	else if (acpi.reset_mem && acpi.reset_mem < 1ul << 32) {
		volatile uint8_t *p = x86_map_device ? x86_map_device(acpi.reset_mem & PAGE_MASK, PAGE_SIZE) : NULL;

		if (p)
			mmio_write8(p + (acpi.reset_mem & ~PAGE_MASK), acpi.reset_value);
	}
	delay_ms(50);
}

static void reset_by_cf9(void)
{
	uint8_t v = inb(0xcf9) & ~6u;

	outb(0xcf9, v | 2);
	delay_ms(1);
	outb(0xcf9, v | 6);
	delay_ms(50);
}

static void reset_by_keyboard(void)
{
	for (unsigned i = 0; i < 100 && (inb(0x64) & 2); i++)
		delay_ms(1);
	outb(0x64, 0xfe);
	delay_ms(50);
}

static __noreturn void reset_by_triple_fault(void)
{
	const struct { uint16_t limit; uint64_t base; } __packed nothing = { 0, 0 };

	__asm__ volatile("lidt %0\n\tint3" :: "m"(nothing));
	for (;;)
		__asm__ volatile("hlt");
}

void machine_restart(void)
{
	irq_disable();
	smp_stop_others(NULL);
	reset_by_acpi();
	reset_by_keyboard();
	reset_by_cf9();
	reset_by_triple_fault();
}

void machine_halt(void)
{
	irq_disable();
	smp_stop_others(NULL);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void machine_power_off(void)
{
	printk(LOG_INFO "It is now safe to switch the machine off.\n");
	machine_halt();
}
