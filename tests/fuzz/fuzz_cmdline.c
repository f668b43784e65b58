// SPDX-License-Identifier: GPL-2.0-or-later
// sources: boot/cmdline.c lib/string.c
/*
 * The command line. The words here are this file's own, since those of the hypervisor belong to their owners' files: whatever the
 * text, values are ended strings within a word's bounds, and what a parser sees is a part of the line.
 */
#include "fuzz.h"
#include "boot/cmdline.h"

/* of lib/string.c, under the names that it has on the host */
uint64_t parse_size(const char *s, const char **end);
unsigned long hv_strtoul(const char *s, const char **end, int base);

static const char *whole;
static unsigned calls;

void printk(const char *fmt, ...) { (void)fmt; }

static void check_value(const char *value)
{
	calls++;
	CHECK(strlen(value) <= strlen(whole) || !strcmp(value, "off"));
	cmdline_bool(value, NULL);
}

static void size_value(const char *value)
{
	const char *end;

	check_value(value);
	parse_size(value, &end);
	CHECK(end >= value && end <= value + strlen(value));
	hv_strtoul(value, &end, 0);
	CHECK(end >= value && end <= value + strlen(value));
}

const struct boot_param __boot_params_start[] = {
	{ "console", check_value, "" }, { "dom0_mem", size_value, "" }, { "com1", size_value, "" }, { "no-x", check_value, "" },
	{ "smap", check_value, "" }, { "a_b", check_value, "" }, { "console", size_value, "" },
};
extern const struct boot_param __boot_params_end[];
/* The linker's symbol, by hand. */
__asm__(".globl __boot_params_end\n.set __boot_params_end, __boot_params_start + 7 * 24\n");

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);

	memcpy(line, data, size);
	line[size] = 0;
	whole = line;
	calls = 0;
	cmdline_parse(line);
	CHECK(calls <= size + 1);
	free(line);
	return 0;
}
