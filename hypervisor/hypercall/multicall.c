// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * multicall: a list of hypercalls in one entry (xen/xen.h, struct multicall_entry). Each entry is read once
 * when its turn comes; its result goes back into it. Cut between entries, and inside one by writing what is
 * left of it back to the list.
 */
#include "hypercall/multicall.h"
#include "hypercall/dispatch.h"

static int run_entry(struct hypercall *h, struct multicall_entry *guest, bool *stop)
{
	struct multicall_entry e;
	struct hypercall inner = { .in_multicall = true };

	if (guest_copy_in(&e, guest, sizeof(e)))
		return -EFAULT;
	inner.op = e.op;
	for (unsigned i = 0; i < ARRAY_SIZE(e.args); i++)
		inner.a[i] = e.args[i];
	e.result = hypercall_invoke(&inner);

	if (inner.again) {
		e.op = inner.op;
		for (unsigned i = 0; i < ARRAY_SIZE(e.args); i++)
			e.args[i] = inner.a[i];
		e.result = 0;
		return guest_copy_out(guest, &e, sizeof(e)) ? -EFAULT : -EAGAIN_HYPERCALL;
	}
	if (inner.op == __HYPERVISOR_iret) {	/* its registers are loaded: nothing more to say */
		h->op = __HYPERVISOR_iret;
		*stop = true;
		return 0;
	}
	return guest_copy_out(&guest->result, &e.result, sizeof(e.result)) ? -EFAULT : 0;
}

long hc_multicall(struct hypercall *h)
{
	struct multicall_entry *list = (struct multicall_entry *)h->a[0];
	uint32_t nr = h->a[1];
	bool stop = false;
	int rc;

	if (h->in_multicall)
		return -EINVAL;
	for (uint32_t i = 0; i < nr; i++) {
		bool cut = i && hypercall_preempt_check();

		rc = cut ? -EAGAIN_HYPERCALL : run_entry(h, list + i, &stop);
		if (rc == -EAGAIN_HYPERCALL) {
			h->a[0] = (uint64_t)(list + i);
			h->a[1] = nr - i;
			return hypercall_again(h);
		}
		if (rc || stop)
			return rc;
	}
	return 0;
}
