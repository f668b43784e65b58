// SPDX-License-Identifier: GPL-2.0-or-later
#include "hcall.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xencall.h>

struct hcall {
	xencall_handle *xen;
	struct xen_domctl *domctl;	/* memory that the hypervisor can reach */
};

struct hcall *hcall_open(void)
{
	struct hcall *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->xen = xencall_open(NULL, 0);
	if (h->xen)
		h->domctl = xencall_alloc_buffer(h->xen, sizeof(*h->domctl));
	if (!h->domctl) {
		hcall_close(h);
		return NULL;
	}
	return h;
}

void hcall_close(struct hcall *h)
{
	int err = errno;

	if (h->domctl)
		xencall_free_buffer(h->xen, h->domctl);
	if (h->xen)
		xencall_close(h->xen);
	free(h);
	errno = err;
}

int hcall_domain_info(struct hcall *h, uint16_t domid, struct hcall_domain *info)
{
	const struct xen_domctl_getdomaininfo *got = &h->domctl->u.getdomaininfo;

	memset(h->domctl, 0, sizeof(*h->domctl));
	h->domctl->cmd = XEN_DOMCTL_getdomaininfo;
	h->domctl->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	h->domctl->domain = domid;
	if (xencall1(h->xen, __HYPERVISOR_domctl, (uintptr_t)h->domctl) < 0)
		return -errno;
	/* The hypervisor answers with the next domain when there is none of this number. */
	if (got->domain != domid)
		return -ESRCH;
	info->dying = got->flags & XEN_DOMINF_dying;
	info->shutdown = got->flags & XEN_DOMINF_shutdown;
	return 0;
}
