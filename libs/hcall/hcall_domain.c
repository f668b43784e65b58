/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>
#include "hcall/hcall_priv.h"

int hcall_domains(struct hcall *h, domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info)
{
	const unsigned at_once = HCALL_DATA_SIZE / sizeof(*info);
	struct xen_sysctl op;
	unsigned done = 0, want;
	int rc;

	while (done < n) {
		want = n - done < at_once ? n - done : at_once;
		memset(&op, 0, sizeof(op));
		op.u.getdomaininfolist.first_domain = first;
		op.u.getdomaininfolist.max_domains = want;
		set_xen_guest_handle(op.u.getdomaininfolist.buffer, (struct xen_domctl_getdomaininfo *)h->data);
		rc = hcall_sysctl(h, XEN_SYSCTL_getdomaininfolist, &op);
		if (rc)
			return rc;
		if (op.u.getdomaininfolist.num_domains > want)
			return -EIO;
		memcpy(info + done, h->data, op.u.getdomaininfolist.num_domains * sizeof(*info));
		done += op.u.getdomaininfolist.num_domains;
		if (op.u.getdomaininfolist.num_domains < want)
			break;
		first = info[done - 1].domain + 1;
	}
	return done;
}

int hcall_domain_info(struct hcall *h, domid_t id, struct hcall_domain *info)
{
	struct xen_domctl op = { 0 };
	int rc = hcall_domctl(h, XEN_DOMCTL_getdomaininfo, id, &op);

	if (rc)
		return rc;
	/* The hypervisor answers with the next domain when there is none of this number. */
	if (op.u.getdomaininfo.domain != id)
		return -ESRCH;
	info->dying = op.u.getdomaininfo.flags & XEN_DOMINF_dying;
	info->shutdown = op.u.getdomaininfo.flags & XEN_DOMINF_shutdown;
	return 0;
}

int hcall_domain_create(struct hcall *h, const struct xen_domctl_createdomain *config, domid_t *id)
{
	struct xen_domctl op = { .u.createdomain = *config };
	int rc = hcall_domctl(h, XEN_DOMCTL_createdomain, *id, &op);

	if (!rc)
		*id = op.domain;
	return rc;
}

int hcall_domain_pause(struct hcall *h, domid_t id)
{
	struct xen_domctl op = { 0 };

	return hcall_domctl(h, XEN_DOMCTL_pausedomain, id, &op);
}

int hcall_domain_unpause(struct hcall *h, domid_t id)
{
	struct xen_domctl op = { 0 };

	return hcall_domctl(h, XEN_DOMCTL_unpausedomain, id, &op);
}

int hcall_domain_destroy(struct hcall *h, domid_t id)
{
	struct xen_domctl op = { 0 };
	int rc;

	do
		rc = hcall_domctl(h, XEN_DOMCTL_destroydomain, id, &op);
	while (rc == -EAGAIN);
	return rc;
}

int hcall_domain_max_vcpus(struct hcall *h, domid_t id, unsigned n)
{
	struct xen_domctl op = { .u.max_vcpus.max = n };

	return hcall_domctl(h, XEN_DOMCTL_max_vcpus, id, &op);
}

int hcall_domain_max_mem(struct hcall *h, domid_t id, uint64_t kib)
{
	struct xen_domctl op = { .u.max_mem.max_memkb = kib };

	return hcall_domctl(h, XEN_DOMCTL_max_mem, id, &op);
}

int hcall_domain_hypercall_page(struct hcall *h, domid_t id, xen_pfn_t frame)
{
	struct xen_domctl op = { .u.hypercall_init.gmfn = frame };

	return hcall_domctl(h, XEN_DOMCTL_hypercall_init, id, &op);
}

int hcall_domain_address_size(struct hcall *h, domid_t id, unsigned bits)
{
	struct xen_domctl op = { .u.address_size.size = bits };

	return hcall_domctl(h, XEN_DOMCTL_set_address_size, id, &op);
}

int hcall_domain_tsc(struct hcall *h, domid_t id, uint32_t mode)
{
	struct xen_domctl op = { .u.tsc_info.tsc_mode = mode };

	return hcall_domctl(h, XEN_DOMCTL_settscinfo, id, &op);
}

int hcall_domain_set_handle(struct hcall *h, domid_t id, const uint8_t uuid[16])
{
	struct xen_domctl op = { 0 };

	memcpy(op.u.setdomainhandle.handle, uuid, sizeof(op.u.setdomainhandle.handle));
	return hcall_domctl(h, XEN_DOMCTL_setdomainhandle, id, &op);
}

int hcall_vcpu_context(struct hcall *h, domid_t id, unsigned vcpu, const vcpu_guest_context_t *context)
{
	struct xen_domctl op = { .u.vcpucontext.vcpu = vcpu };

	memcpy(h->data, context, sizeof(*context));
	set_xen_guest_handle(op.u.vcpucontext.ctxt, (vcpu_guest_context_t *)h->data);
	return hcall_domctl(h, XEN_DOMCTL_setvcpucontext, id, &op);
}

/* Leaves first, then MSRs, in the one buffer. */
static xen_msr_entry_t *policy_msrs(struct hcall *h, uint32_t nr_leaves, uint32_t nr_msrs)
{
	size_t leaves = (size_t)nr_leaves * sizeof(xen_cpuid_leaf_t), msrs = (size_t)nr_msrs * sizeof(xen_msr_entry_t);

	return leaves <= HCALL_DATA_SIZE && msrs <= HCALL_DATA_SIZE - leaves ? (void *)((char *)h->data + leaves) : NULL;
}

int hcall_system_policy(struct hcall *h, uint32_t kind, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves, xen_msr_entry_t *msrs,
			uint32_t *nr_msrs)
{
	xen_msr_entry_t *buffer = policy_msrs(h, *nr_leaves, *nr_msrs);
	struct xen_sysctl op = { .u.cpu_policy = { .index = kind } };
	int rc;

	if (!buffer)
		return -E2BIG;
	op.u.cpu_policy.nr_leaves = *nr_leaves;
	op.u.cpu_policy.nr_msrs = *nr_msrs;
	set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)h->data);
	set_xen_guest_handle(op.u.cpu_policy.msrs, buffer);
	rc = hcall_sysctl(h, XEN_SYSCTL_get_cpu_policy, &op);
	if (rc)
		return rc;
	if (op.u.cpu_policy.nr_leaves > *nr_leaves || op.u.cpu_policy.nr_msrs > *nr_msrs)
		return -EIO;
	*nr_leaves = op.u.cpu_policy.nr_leaves;
	*nr_msrs = op.u.cpu_policy.nr_msrs;
	memcpy(leaves, h->data, *nr_leaves * sizeof(*leaves));
	memcpy(msrs, buffer, *nr_msrs * sizeof(*msrs));
	return 0;
}

int hcall_domain_set_policy(struct hcall *h, domid_t id, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
			    const xen_msr_entry_t *msrs, uint32_t nr_msrs)
{
	xen_msr_entry_t *buffer = policy_msrs(h, nr_leaves, nr_msrs);
	struct xen_domctl op = { 0 };

	if (!buffer)
		return -E2BIG;
	memcpy(h->data, leaves, nr_leaves * sizeof(*leaves));
	memcpy(buffer, msrs, nr_msrs * sizeof(*msrs));
	op.u.cpu_policy.nr_leaves = nr_leaves;
	op.u.cpu_policy.nr_msrs = nr_msrs;
	set_xen_guest_handle(op.u.cpu_policy.leaves, (xen_cpuid_leaf_t *)h->data);
	set_xen_guest_handle(op.u.cpu_policy.msrs, buffer);
	return hcall_domctl(h, XEN_DOMCTL_set_cpu_policy, id, &op);
}
