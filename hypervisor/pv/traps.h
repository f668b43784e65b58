/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions of PV guests. */
#ifndef PV_TRAPS_H
#define PV_TRAPS_H
#include "lib/types.h"

void pv_init(void);			/* boot CPU: registers for the host's exceptions */
void pv_inject_exception(uint8_t vector, uint32_t error_code);	/* into current, by its trap table; may crash the domain */
void pv_inject_page_fault(uint32_t error_code, uint64_t addr);
#endif
