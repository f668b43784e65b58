/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The local APIC, xAPIC or x2APIC. Source: Intel SDM vol. 3, chapter 11. */
#ifndef X86_APIC_H
#define X86_APIC_H
#include "x86/current.h"

/* Vectors that are not given to interrupt lines. 0x20..0x2f: the 8259s' (masked; spurious ones arrive nevertheless). */
#define VECTOR_PIC		0x20
#define VECTOR_DYNAMIC_FIRST	0x30
#define VECTOR_SOFT_INT		0x80
#define VECTOR_DYNAMIC_LAST	0xef
#define VECTOR_TIMER		0xf0
#define VECTOR_TLB		0xfb
#define VECTOR_EVENT_CHECK	0xfc
#define VECTOR_CALL		0xfd
#define VECTOR_ERROR		0xfe
#define VECTOR_SPURIOUS		0xff

#define APIC_DM_NMI	0x400u
#define APIC_DM_INIT	0x500u
#define APIC_DM_STARTUP	0x600u
#define APIC_ASSERT	0x4000u
#define APIC_LEVEL	0x8000u

extern bool x2apic_on;
void apic_init(void);		/* boot CPU: chooses the mode, maps the registers, masks the 8259s; needs mem_init */
void apic_init_cpu(void);	/* each CPU on itself (apic_init does it for the boot CPU) */
void apic_timer_calibrate(void);	/* boot CPU: needs time_init and apic_init; does nothing until both are done */
uint32_t apic_id(void);
void apic_eoi(void);
/* One interprocessor interrupt: a vector or APIC_DM_*, to an APIC id. Any context but NMI. */
void apic_send(uint32_t dest, uint32_t command);
/* Is vector requested but not yet delivered, or in service, on this CPU? */
bool apic_vector_busy(unsigned vector);
void apic_timer_watch(void);	/* this CPU's timer fires once a second from now on, for the watchdog; interrupts off */
void apic_timer_interrupt(void);
void apic_error_interrupt(void);
void apic_stop_cpu(void);
#endif
