/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends of the machine. */
#ifndef X86_REBOOT_H
#define X86_REBOOT_H
#include "lib/types.h"

void machine_restart(void) __noreturn;	/* reset: ACPI, keyboard controller, triple fault */
void machine_halt(void) __noreturn;
void machine_power_off(void) __noreturn;	/* falls back to halt */
#endif
