/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where typed characters go: to dom0, or to the debug keys. Ctrl-A three times switches. */
#ifndef X86_CONSOLE_INPUT_H
#define X86_CONSOLE_INPUT_H
void console_input_deferred(void);	/* softirq: wakes dom0, runs the handlers of keys typed */
#endif
