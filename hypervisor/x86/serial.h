/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Serial ports: com1=, com2=, sync_console. */
#ifndef X86_SERIAL_H
#define X86_SERIAL_H
#include "x86/console_sink.h"
/* The first of the 8 I/O ports of serial line nr if the hypervisor uses it, or 0. */
unsigned serial_port_in_use(unsigned nr);
extern const struct console_sink serial1_sink, serial2_sink;
#endif
