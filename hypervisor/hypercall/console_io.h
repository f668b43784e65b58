/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dom0's console, other guests' lines in the log. */
#ifndef HYPERCALL_CONSOLE_IO_H
#define HYPERCALL_CONSOLE_IO_H
#include "hypercall/hypercall.h"
hypercall_fn hc_console_io;
/* Lets input and the log's growth raise dom0's VIRQ_CONSOLE and VIRQ_CON_RING. */
void console_io_init(void);
#endif
