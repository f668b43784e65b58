/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Handlers of the interprocessor interrupts; who sends them uses x86/cpu.h. */
#ifndef X86_IPI_H
#define X86_IPI_H
#include "x86/cpu.h"
void ipi_call_interrupt(void);
void ipi_tlb_interrupt(void);
#endif
