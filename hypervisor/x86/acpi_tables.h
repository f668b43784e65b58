/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layouts of the static ACPI tables that are read. Source: ACPI specification 6.4, chapter 5. */
#ifndef X86_ACPI_TABLES_H
#define X86_ACPI_TABLES_H
#include "x86/acpi.h"

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision, creator_id, creator_revision;
} __packed;

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum, reserved[3];
} __packed;

struct acpi_gas { uint8_t space, bit_width, bit_offset, access; uint64_t address; } __packed;
#define GAS_MEMORY	0
#define GAS_IO		1
#define GAS_PCI		2

/* A part of a table: type and length, length included. */
struct acpi_sub { uint8_t type, length; } __packed;

/* Bytes of unaligned table memory. */
static inline uint16_t table_u16(const void *p) { uint16_t v; __builtin_memcpy(&v, p, 2); return v; }
static inline uint32_t table_u32(const void *p) { uint32_t v; __builtin_memcpy(&v, p, 4); return v; }
static inline uint64_t table_u64(const void *p) { uint64_t v; __builtin_memcpy(&v, p, 8); return v; }

/* Calls fn on each part from offset on; stops at a part that is too short or does not fit, which is named in the log. */
void acpi_for_each_sub(const struct acpi_header *t, uint32_t offset, void (*fn)(const struct acpi_sub *s));
#endif
