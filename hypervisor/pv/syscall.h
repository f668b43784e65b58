/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each CPU's entry by SYSCALL and SYSENTER. */
#ifndef PV_SYSCALL_H
#define PV_SYSCALL_H
void pv_cpu_init(unsigned cpu);		/* each CPU, on itself: its MSRs and its stub */
#endif
