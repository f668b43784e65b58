/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The console: serial (8250), VGA text, EFI frame buffer; the ring that dom0 reads; input to dom0 or the debug keys. */
#ifndef X86_CONSOLE_H
#define X86_CONSOLE_H
#include "lib/panic.h"
#include "x86/keyhandler.h"
void console_early_init(void);		/* after the command line: polled output */
void console_late_init(void);		/* serial by interrupt; needs irq_init */
void console_write_guest(const char *s, size_t n);	/* dom0's CONSOLEIO_write: no prefix */
size_t console_read_input(char *buf, size_t n);	/* dom0's CONSOLEIO_read */
/* XEN_SYSCTL_readconsole: copies from the ring starting at *index (incremental) ; returns bytes; clear empties after */
size_t console_ring_read(char *buf, size_t n, uint32_t *index, bool incremental, bool clear);
extern void (*console_input_notify)(void);	/* upward: raises dom0's VIRQ_CONSOLE; may be NULL */
extern void (*console_ring_notify)(void);	/* upward: raises VIRQ_CON_RING */
/*
 * Upward: makes console_deferred() run soon in softirq context on this CPU (any context; interrupts may be off). The two
 * notifications and the debug keys' handlers run from there. NULL: they wait.
 */
extern void (*console_defer)(void);
void console_deferred(void);
void console_set_loglevel(int lower, int upper, bool guest);
void console_flush_sync(void);	/* panic: breaks locks, from now on polled */
void console_show_tail(size_t bytes);	/* the last of the ring (of what was before a panic) again, to the devices only */
#endif
