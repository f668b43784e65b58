/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A hypercall under way, and how a long one gives way: it changes its own arguments to name what is left and is issued again. */
#ifndef SCHED_PREEMPT_H
#define SCHED_PREEMPT_H
#include "sched/softirq.h"
#include "domain/notify.h"
#include "lib/errno.h"
struct hypercall {
	uint64_t op;
	uint64_t a[6];		/* rdi, rsi, rdx, r10, r8, r9 */
	bool again;		/* the dispatcher writes op and a[] back and lets the guest issue it again */
	bool in_multicall;
};
typedef long hypercall_fn(struct hypercall *h);	/* returns what the guest sees in rax */
/* Is there something for this CPU or vCPU to do that should not wait for the rest of a long hypercall? Cheap. */
static inline bool hypercall_preempt_check(void)
{
	return unlikely(softirq_is_pending()) || unlikely(vcpu_event_pending(current));
}
/* h->a[] has been set to what is left; return hypercall_again(h) from the handler. */
static inline long hypercall_again(struct hypercall *h) { h->again = true; return -EAGAIN_HYPERCALL; }
#endif
