/* SPDX-License-Identifier: GPL-2.0-or-later */
/* System time: nanoseconds since boot, the same on all CPUs, from the TSC calibrated against HPET, PM timer or PIT. */
#ifndef X86_TIME_H
#define X86_TIME_H
#include "lib/types.h"
s_time_t now(void);			/* any context */
extern uint64_t tsc_khz;
/* What a guest needs to compute the same time from the TSC (xen.h, struct vcpu_time_info). */
struct time_scale { uint64_t tsc_stamp; uint64_t system_time; uint32_t mul; int8_t shift; };
void time_get_scale(struct time_scale *out);	/* of this CPU, now */
/* Of any counter: mul in [2^31, 2^32), ns = ((ticks << shift) * mul) >> 32 */
void time_scale_of(uint64_t hz, uint32_t *mul, int8_t *shift);
uint64_t tsc_to_ns(uint64_t tsc);
void time_init(void);			/* boot CPU; needs ACPI */
void time_init_ap(void);
int64_t time_tsc_offset(unsigned cpu);	/* what is added to that CPU's TSC */
uint64_t wallclock_get(s_time_t *at);	/* seconds since 1970 at boot (system time 0) + *at nanoseconds part */
void wallclock_set(uint64_t sec, uint32_t nsec, s_time_t system_time);	/* platform_op settime */
/* One-shot hardware timer of this CPU: fires at 'deadline' (0: off); the handler raises SOFTIRQ_TIMER. */
void apic_timer_program(s_time_t deadline);
/* A second deadline of this CPU, which raises SOFTIRQ_SCHEDULE; 0: none. Interrupts off. */
void apic_turn_ends(s_time_t deadline);
#endif
