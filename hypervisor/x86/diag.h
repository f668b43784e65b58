/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug keys that show interrupts, messages, clocks and NMIs. */
#ifndef X86_DIAG_H
#define X86_DIAG_H
void diag_init(void);
#endif
