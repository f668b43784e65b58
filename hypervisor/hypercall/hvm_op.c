// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvm_op, as far as it concerns PV guests and their tools (xen/hvm/hvm_op.h): parameters exist for HVM
 * guests only.
 */
#include "hypercall/hvm_op.h"
#include "hypercall/dispatch.h"
#include "x86/time.h"
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static long param_access(void *arg)
{
	struct xen_hvm_param p;
	struct domain *d;
	int err;

	if (guest_copy_in(&p, arg, sizeof(p)))
		return -EFAULT;
	if (p.index >= HVM_NR_PARAMS)
		return -EINVAL;
	d = target_domain(p.domid, &err);
	if (!d)
		return err;
	domain_put(d);
	return -EINVAL;		/* not an HVM domain */
}

static long get_time(void *arg)
{
	struct xen_hvm_get_time t = { .now = now() };

	return guest_copy_out(arg, &t, sizeof(t)) ? -EFAULT : 0;
}

long hc_hvm_op(struct hypercall *h)
{
	void *arg = (void *)h->a[1];

	switch (h->a[0]) {
	case HVMOP_set_param:
	case HVMOP_get_param:
		return param_access(arg);
	case HVMOP_get_time:
		return get_time(arg);
	case HVMOP_flush_tlbs:
		return arg ? -EINVAL : -ENOSYS;
	default:
		return -ENOSYS;
	}
}
