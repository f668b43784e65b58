// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Services of the interface that this hypervisor does not offer to PV guests: the one place that says so,
 * with the answer that Debian's Xen 4.17 gives where it lacks them too (docs/hypercalls.md).
 */
#include "hypercall/absent.h"
#include "hypercall/dispatch.h"

long hc_xsm_op(struct hypercall *h)	/* no security module */
{
	return -ENOSYS;
}

long hc_kexec_op(struct hypercall *h)
{
	return -ENOSYS;
}

long hc_tmem_op(struct hypercall *h)	/* gone since Xen 4.13 */
{
	return -ENOSYS;
}

long hc_argo_op(struct hypercall *h)	/* off unless asked for in Xen */
{
	return -ENOSYS;
}

long hc_xenpmu_op(struct hypercall *h)	/* as with Xen's vpmu off, its default: Linux goes on without */
{
	return -EOPNOTSUPP;
}

long hc_xenoprof_op(struct hypercall *h)
{
	return -ENOSYS;
}

/*
 * Device models act on HVM guests only; who and whom are checked first, as for any operation on another
 * domain.
 */
long hc_dm_op(struct hypercall *h)
{
	struct domain *d;
	int err;

	d = remote_domain(h->a[0], &err);
	if (!d)
		return err;
	domain_put(d);
	return -EINVAL;
}
