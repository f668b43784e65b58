/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys: what each does is registered by who owns the data. Here: help, registers, reboot. */
#include "x86/keyhandler.h"
#include "x86/console.h"
#include "x86/cpu.h"
#include "x86/nmi.h"
#include "x86/panic.h"
#include "x86/traps.h"
#include "lib/panic.h"

static struct { void (*fn)(char key); const char *desc; } handlers[128];

void keyhandler_register(char key, void (*fn)(char key), const char *desc)
{
	if ((unsigned char)key < ARRAY_SIZE(handlers)) {
		handlers[(unsigned char)key].desc = desc;
		handlers[(unsigned char)key].fn = fn;
	}
}

void keyhandler_run(char key)
{
	unsigned char k = key;

	if (k < ARRAY_SIZE(handlers) && handlers[k].fn)
		handlers[k].fn(key);
}

static void show_help(char key)
{
	printk("'%c' pressed -> showing installed handlers\n", key);
	for (unsigned k = 0; k < ARRAY_SIZE(handlers); k++)
		if (handlers[k].fn)
			printk(" key '%c' (ascii '%02x') => %s\n", k > 32 && k < 127 ? (char)k : ' ', k, handlers[k].desc);
}

static void dump_registers(char key)
{
	printk("'%c' pressed -> dumping registers\n", key);
	printk("*** Dumping CPU%u guest state: ***\n", smp_processor_id());
	show_registers(guest_cpu_user_regs());
	smp_show_others(show_one_cpu);
}

static void reboot(char key)
{
	printk("'%c' pressed -> rebooting machine\n", key);
	console_flush_sync();
	machine_restart();
}

/* '*': everything at once, but what ends the machine or changes it (capital letters and digits are left out) */
static void run_all(char key)
{
	for (unsigned k = 'a'; k <= 'z'; k++)
		if (k != 'h' && k != 'w' && k != 'o' && k != 'x' && handlers[k].fn) {
			printk("[%c: %s]\n", k, handlers[k].desc);
			handlers[k].fn((char)k);
		}
}

static void make_panic(char key)
{
	panic("'%c' pressed -> crashing the machine", key);
}

static unsigned overflow(unsigned n)
{
	volatile unsigned room[64];

	room[n % 64] = n;
	return n ? overflow(n + 1) + room[n % 64] : 0;
}

static void overflow_here(void *n) { *(unsigned *)n = overflow(*(unsigned *)n); }

/* Shows that the guard page and the double fault's stack do what they are for. */
static void overflow_stack(char key)
{
	unsigned last = 0, c, n = 1;
	cpumask_t m = { { 0 } };

	for_each_cpu(c, &cpu_online_map)
		last = c;
	cpumask_set_cpu(last, &m);
	printk("'%c' pressed -> overflowing the stack of CPU%u\n", key, last);
	on_selected_cpus(&m, overflow_here, &n, true);
}

static void show_ring(char key)
{
	printk("'%c' pressed -> showing the messages kept\n", key);
	console_show_tail(~0u);
}

void keyhandler_init(void)
{
	keyhandler_register('h', show_help, "show this message");
	keyhandler_register('d', dump_registers, "dump registers");
	keyhandler_register('R', reboot, "reboot machine");
	keyhandler_register('C', make_panic, "trigger a crash");
	keyhandler_register('w', show_ring, "synchronously dump console ring buffer (dmesg)");
	if (anel_debug)
		keyhandler_register('O', overflow_stack, "overflow the stack of the last CPU (debug builds)");
	keyhandler_register('*', run_all, "print all diagnostics");
}
