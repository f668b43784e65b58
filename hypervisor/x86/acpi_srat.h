/* SPDX-License-Identifier: GPL-2.0-or-later */
/* NUMA tables; after the MADT, in this order. */
#ifndef X86_ACPI_SRAT_H
#define X86_ACPI_SRAT_H
#include "x86/acpi_tables.h"
void acpi_parse_srat(const struct acpi_header *t);
void acpi_parse_slit(const struct acpi_header *t);
#endif
