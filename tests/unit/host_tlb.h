/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPUs with a TLB that the test makes up: control registers, invalidations and per-CPU variables are its own. */
#ifndef HOST_TLB_H
#define HOST_TLB_H
#include "x86/current.h"
#include "x86/page.h"
#include "lib/spinlock.h"

extern unsigned host_cpu_nr;		/* of the CPU that is simulated at the moment */
extern char *host_percpu[];
extern char __start_percpu[], __stop_percpu[];
uint64_t host_read_cr3(void);
void host_write_cr3(uint64_t v);
void host_invpcid(uint64_t type, uint64_t tag, uint64_t va);
void host_invlpg(const void *va);
void host_write_cr4(uint64_t v);

#undef DEFINE_PER_CPU
#define DEFINE_PER_CPU(type, name) __section("percpu") __typeof__(type) percpu_##name
#undef per_cpu
#define per_cpu(name, c) (*(__typeof__(percpu_##name) *)(host_percpu[c] + ((char *)&percpu_##name - __start_percpu)))
#undef this_cpu
#define this_cpu(name) per_cpu(name, host_cpu_nr)
extern struct cpu_info host_cpu_infos[];
#define cpu_info() (&host_cpu_infos[host_cpu_nr])
#undef smp_processor_id
#define smp_processor_id() host_cpu_nr
#define read_cr3 host_read_cr3
#define write_cr3 host_write_cr3
#define read_cr4() 0x80ul
#define write_cr4 host_write_cr4
#define invpcid host_invpcid
#define invlpg host_invlpg
#define irq_save() 0ul
#define irq_restore(f) ((void)(f))
#endif
