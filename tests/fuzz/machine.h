/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hypervisor on the host: dom0 and two domUs with a few vCPUs and frames each, and a memory of fixed size that all of them
 * see at GUEST_BASE, where hypercalls find their arguments. Each input gets new domains, which die at its end; then all must have
 * been given back. The debug build's self-check is the model.
 */
#ifndef MACHINE_H
#define MACHINE_H
#include "fuzz.h"
#include "domain/domain.h"

#define DOMS 3u
#define VCPUS 2u
#define DOM_FRAMES 24u		/* the first four are the domain's tables, L4 to L1 */
#define GUEST_BASE 0x10000000ul
#define GUEST_SIZE 0x4000u

extern struct domain *machine_dom[DOMS];
extern unsigned char *guest_memory;	/* GUEST_SIZE bytes */

void machine_begin(void);
void machine_end(void);
void machine_become(unsigned d, unsigned v);	/* nothing if that one is dead or not there */
uint64_t machine_mfn(unsigned d, unsigned n);	/* what was frame n of domain d in the beginning */
/* Issues it, up to a few times again if it gives way; runs what it left to do; every so often the self-check. */
long machine_hypercall(unsigned nr, const uint64_t a[6]);
void machine_run_deferred(void);		/* softirqs, RCU, time */
void machine_set_preempt(unsigned rate);	/* one of so many questions is answered yes; 0: never */
/* A machine address, linear address, domain or small number, as the input likes. */
uint64_t any_value(struct input *in);
uint64_t any_pte(struct input *in);
unsigned any_dom(struct input *in);
uint64_t any_mfn(struct input *in);
#endif
