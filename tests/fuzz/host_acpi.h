/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Machine memory is the fuzzer's. Included before everything. */
#ifndef HOST_ACPI_H
#define HOST_ACPI_H
#include "x86/layout.h"
const void *fuzz_memory(uint64_t pa);
#define pa_to_va(pa) ((void *)fuzz_memory(pa))
#endif
