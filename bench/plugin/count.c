// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin that counts what the machine executes: instructions apart by who executes them, and the instructions
 * that are expensive. A program inside the machine begins and ends a section with a long nop (bench/programs/mark.S);
 * at each end a line goes to the file of the argument out=PATH:
 *
 *	SECTION user=N kernel=N hypervisor=N cr3=N ...
 *
 * All that all CPUs executed in between is in it. Section 255 is what was executed before the first instruction of a
 * guest's kernel; section 0 is the whole run, written when QEMU ends.
 * An instruction block that faults in its middle counts as whole.
 *
 * With symbols=FILE (what `nm -n` prints of the hypervisor) and functions=FILE, the second gets for each section how often each
 * of the hypervisor's functions was entered at its beginning and how many instructions it executed, a line each.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

enum ring { USER, KERNEL, HYPERVISOR, RINGS };

/* Kinds of instructions that are counted one by one, after the three sums. */
enum kind { CR3 = RINGS, CR4, INVLPG, IRET, SYSRET, SYSCALL, HYPERCALL, WRMSR, HLT, PORT, KINDS };
static const char *const names[KINDS] = { "user",   "kernel",  "hypervisor", "cr3",	 "cr4",	  "invlpg", "iret",
					  "sysret", "syscall", "hypercall",  "wrmsr", "hlt", "port" };

#define CPUS 256
#define SECTIONS 256
#define BOOT_SECTION 255

static struct {
	uint64_t n[KINDS];
} __attribute__((aligned(128))) counters[CPUS];

#define FUNCTIONS 4096

static struct function {
	uint64_t address;
	char name[64];
} functions[FUNCTIONS];
static unsigned nr_functions;
/* By CPU: instructions, entries */
static uint64_t (*executed)[FUNCTIONS][2];
static uint64_t executed_begun[SECTIONS][FUNCTIONS][2];
static FILE *functions_out;

static uint64_t begun[SECTIONS][KINDS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *out;

/* PV guests leave ffff8000'00000000 to ffff87ff'ffffffff to the hypervisor (xen/arch-x86/xen-x86_64.h). */
static enum ring ring_of(uint64_t address)
{
	if (address >> 47 == 0)
		return USER;
	return address >> 43 == 0xffff8000ul >> 11 ? HYPERVISOR : KERNEL;
}

static void sum(uint64_t *total)
{
	memset(total, 0, KINDS * sizeof(*total));
	for (int cpu = 0; cpu < CPUS; cpu++)
		for (int k = 0; k < KINDS; k++)
			total[k] += counters[cpu].n[k];
}

static void write_functions(unsigned section);

static void write_section(unsigned section)
{
	uint64_t now[KINDS];

	sum(now);
	fprintf(out, "%u", section);
	for (int k = 0; k < KINDS; k++)
		fprintf(out, " %s=%" PRIu64, names[k], now[k] - begun[section][k]);
	fputc('\n', out);
	fflush(out);
	if (functions_out)
		write_functions(section);
}

static void sum_functions(uint64_t (*total)[2])
{
	for (unsigned f = 0; f < nr_functions; f++) {
		total[f][0] = total[f][1] = 0;
		for (int cpu = 0; cpu < CPUS; cpu++)
			for (int k = 0; k < 2; k++)
				total[f][k] += executed[cpu][f][k];
	}
}

static void write_functions(unsigned section)
{
	static uint64_t now[FUNCTIONS][2];

	sum_functions(now);
	for (unsigned f = 0; f < nr_functions; f++)
		if (now[f][0] != executed_begun[section][f][0])
			fprintf(functions_out, "%u %s %" PRIu64 " %" PRIu64 "\n", section, functions[f].name,
				now[f][0] - executed_begun[section][f][0], now[f][1] - executed_begun[section][f][1]);
	fflush(functions_out);
}

/* The function that holds an address, or -1. */
static int function_of(uint64_t address)
{
	unsigned low = 0, high = nr_functions;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (functions[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return high && functions[low].address <= address ? (int)low : -1;
}

static void block_of_function(unsigned cpu, void *data)
{
	uintptr_t x = (uintptr_t)data;

	executed[cpu % CPUS][x >> 16 & (FUNCTIONS - 1)][0] += x >> 32;
	executed[cpu % CPUS][x >> 16 & (FUNCTIONS - 1)][1] += x & 1;
}

static int read_symbols(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], name[64], type;
	uint64_t address;

	if (!f)
		return 0;
	while (nr_functions < FUNCTIONS && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 " %c %63s", &address, &type, name) != 3 || (type != 't' && type != 'T'))
			continue;
		functions[nr_functions].address = address;
		strcpy(functions[nr_functions++].name, name);
	}
	fclose(f);
	executed = calloc(CPUS, sizeof(*executed));
	return executed && nr_functions;
}

static void block(unsigned cpu, void *data)
{
	uintptr_t x = (uintptr_t)data;

	counters[cpu % CPUS].n[x & 3] += x >> 2;
}

/* The first block of a guest's kernel: until here all was the hypervisor's boot. */
static void block_first(unsigned cpu, void *data)
{
	static int done;

	if (!__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&lock);
		write_section(BOOT_SECTION);
		pthread_mutex_unlock(&lock);
	}
}

static void one(unsigned cpu, void *data)
{
	counters[cpu % CPUS].n[(uintptr_t)data]++;
}

static void begin(unsigned cpu, void *data)
{
	pthread_mutex_lock(&lock);
	sum(begun[(uintptr_t)data]);
	if (functions_out)
		sum_functions(executed_begun[(uintptr_t)data]);
	pthread_mutex_unlock(&lock);
}

static void end(unsigned cpu, void *data)
{
	pthread_mutex_lock(&lock);
	write_section((uintptr_t)data);
	pthread_mutex_unlock(&lock);
}

/* The kind of an instruction, or -1. */
static int kind_of(const uint8_t *p, size_t size, enum ring ring)
{
	while (size > 1 && (*p == 0x66 || (*p & 0xf0) == 0x40))
		p++, size--;
	if (*p == 0xcf)
		return IRET;
	if (*p == 0xf4)
		return HLT;
	if ((*p & 0xf4) == 0xe4)
		return PORT;
	if (size < 2 || *p != 0x0f)
		return -1;
	switch (p[1]) {
	case 0x05:
		return ring == USER ? SYSCALL : HYPERCALL;
	case 0x07:
		return SYSRET;
	case 0x30:
		return WRMSR;
	}
	if (size < 3)
		return -1;
	if (p[1] == 0x22 && (p[2] & 0x38) == 0x18)
		return CR3;
	if (p[1] == 0x22 && (p[2] & 0x38) == 0x20)
		return CR4;
	if (p[1] == 0x01 && (p[2] & 0x38) == 0x38 && p[2] < 0xc0)
		return INVLPG;
	return -1;
}

static void look_at(struct qemu_plugin_insn *insn, enum ring ring)
{
	int kind = kind_of(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn), ring);

	if (kind >= 0)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, one, 0, (void *)(uintptr_t)kind);
	at_mark(insn, begin, end);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	static int kernel_seen;
	enum ring ring = ring_of(qemu_plugin_tb_vaddr(tb));
	size_t n = qemu_plugin_tb_n_insns(tb);

	if (ring == KERNEL && !kernel_seen) {
		kernel_seen = 1;
		qemu_plugin_register_vcpu_tb_exec_cb(tb, block_first, 0, NULL);
	}
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block, 0, (void *)(uintptr_t)(n << 2 | ring));
	if (functions_out && ring == HYPERVISOR) {
		uint64_t address = qemu_plugin_tb_vaddr(tb);
		int f = function_of(address);

		if (f >= 0)
			qemu_plugin_register_vcpu_tb_exec_cb(tb, block_of_function, 0,
				(void *)(uintptr_t)((uint64_t)n << 32 | (unsigned)f << 16 | (functions[f].address == address)));
	}
	for (size_t i = 0; i < n; i++)
		look_at(qemu_plugin_tb_get_insn(tb, i), ring);
}

static void finish(plugin_id id, void *data)
{
	write_section(0);
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		if (!strncmp(argv[i], "functions=", 10))
			functions_out = fopen(argv[i] + 10, "w");
		if (!strncmp(argv[i], "symbols=", 8) && !read_symbols(argv[i] + 8)) {
			fprintf(stderr, "count: no symbols in %s\n", argv[i] + 8);
			return 1;
		}
	}
	if (functions_out && !executed) {
		fprintf(stderr, "count: functions= needs symbols=\n");
		return 1;
	}
	if (!out) {
		fprintf(stderr, "count: no out=PATH that can be written\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
