/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the lowest layer needs of the console and the debugger; provided by x86/console.c and x86/panic.c. */
#ifndef LIB_PANIC_H
#define LIB_PANIC_H
#include "lib/types.h"

/* Log levels as Xen's users know them (loglvl=, guest_loglvl=). A format without a level counts as WARNING. */
#define LOG_ERR		"<0>"
#define LOG_WARN	"<1>"
#define LOG_INFO	"<2>"
#define LOG_DEBUG	"<3>"
#define LOG_GUEST	"<G>"	/* prefix: caused by a guest; rate limited; e.g. LOG_GUEST LOG_WARN "d%u: ..." */

/* Prints to the console and its ring with the prefix "(XEN) " per line. Any context, NMI excepted. */
void printk(const char *fmt, ...) __printf(1, 2);
/* Prints the reason, registers, call trace, other CPUs, last log lines; then reboots or halts. Any context. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn;

#define BUG() panic("BUG at %s:%d (%s)", __FILE__, __LINE__, __func__)
#define BUG_ON(c) do { \
	if (unlikely(c)) \
		panic("BUG_ON(%s) at %s:%d (%s)", #c, __FILE__, __LINE__, __func__); \
} while (0)
/* Checked in debug builds only: the debug/ and release/ folders each define anel_debug. */
extern const bool anel_debug;
#define ASSERT(c) do { \
	if (anel_debug && unlikely(!(c))) \
		panic("ASSERT(%s) at %s:%d (%s)", #c, __FILE__, __LINE__, __func__); \
} while (0)
#endif
