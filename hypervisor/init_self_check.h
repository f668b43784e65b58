/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Debug builds look for lies among what the parts of the hypervisor believe of each other: debug/self_check.c. In release/ these do
 * nothing.
 */
#ifndef INIT_SELF_CHECK_H
#define INIT_SELF_CHECK_H
void self_check_init(void);	/* the debug key V, and the period that self_check= asks for */
/* Checks all now, or panics. No CPU is in a hypercall, but for the caller, who holds no reference for a while only. */
void self_check_all(void);
#endif
