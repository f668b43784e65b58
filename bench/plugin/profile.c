// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU plugin that counts instructions by function, of a daemon and its client apart, in a machine of one CPU: user space, kernel
 * and hypervisor. Sections are marked as for count.c; at each end its functions go to the file of the argument out=PATH:
 *
 *	SECTION number
 *	PART function instructions entries
 *
 * PART is 1 for the daemon, 2 for the client, 0 before either has run. symbols=FILE is what `nm -n` prints, of all of them, with
 * the addresses at which they run. Who runs shows in user space: the daemon is a position-independent program where Linux puts
 * such without randomization, the client a static one at a low address; and a switch of the kernel's is from one to the other
 * until then. A string instruction counts once for each of its rounds. An instruction block that faults counts as whole.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

/* A block's data: its function, what it tells, its instructions. */
#define FUNCTION_BITS 17
#define FUNCTIONS (1u << FUNCTION_BITS)
enum { OF_DAEMON = 1, OF_CLIENT = 2, ENTRY = 4, SWITCH = 8 };
enum { NOBODY, DAEMON, CLIENT, PARTS };

static struct function {
	uint64_t address;
	char name[56];
} functions[FUNCTIONS];
static unsigned nr_functions;
static struct {
	uint64_t executed, entries;
} counts[FUNCTIONS][PARTS];
static int running, counting;
static FILE *out;

static int by_address(const void *x, const void *y)
{
	const struct function *a = x, *b = y;

	return (a->address > b->address) - (a->address < b->address);
}

static unsigned function_of(uint64_t address)
{
	unsigned low = 0, high = nr_functions;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (functions[middle].address <= address)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static void block(unsigned cpu, void *data)
{
	uintptr_t x = (uintptr_t)data;
	unsigned f = x & (FUNCTIONS - 1), tells = x >> FUNCTION_BITS & 15;

	if (tells & OF_DAEMON)
		running = DAEMON;
	else if (tells & OF_CLIENT)
		running = CLIENT;
	else if ((tells & SWITCH) && running)
		running = DAEMON + CLIENT - running;
	if (counting) {
		counts[f][running].executed += x >> 32;
		counts[f][running].entries += !!(tells & ENTRY);
	}
}

static void begin(unsigned cpu, void *data)
{
	memset(counts, 0, sizeof(counts));
	counting = 1;
}

static void end(unsigned cpu, void *data)
{
	counting = 0;
	fprintf(out, "SECTION %u\n", (unsigned)(uintptr_t)data);
	for (unsigned f = 0; f < nr_functions; f++)
		for (int part = 0; part < PARTS; part++)
			if (counts[f][part].executed)
				fprintf(out, "%d %s %" PRIu64 " %" PRIu64 "\n", part, functions[f].name, counts[f][part].executed,
					counts[f][part].entries);
	fflush(out);
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb), n = qemu_plugin_tb_n_insns(tb);
	unsigned f = function_of(address), tells = 0;

	if (address >> 40 == 0x55)
		tells = OF_DAEMON;
	else if (address < 0x10000000)
		tells = OF_CLIENT;
	if (functions[f].address == address)
		tells |= ENTRY | (strcmp(functions[f].name, "__switch_to_asm") ? 0 : SWITCH);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block, 0, (void *)(uintptr_t)(n << 32 | tells << FUNCTION_BITS | f));
	for (size_t i = 0; i < n; i++)
		at_mark(qemu_plugin_tb_get_insn(tb, i), begin, end);
}

static void read_symbols(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], type;

	while (f && nr_functions < FUNCTIONS && fgets(line, sizeof(line), f)) {
		struct function *new = &functions[nr_functions];

		if (sscanf(line, "%" SCNx64 " %c %55s", &new->address, &type, new->name) == 3 && strchr("tTwW", type))
			nr_functions++;
	}
	if (f)
		fclose(f);
	qsort(functions, nr_functions, sizeof(functions[0]), by_address);
}

int qemu_plugin_install(plugin_id id, const struct qemu_info *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		if (!strncmp(argv[i], "symbols=", 8))
			read_symbols(argv[i] + 8);
	}
	if (!out || !nr_functions) {
		fprintf(stderr, "profile: wants out=PATH and symbols=FILE\n");
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
