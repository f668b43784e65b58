/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls of dom0's programs, through Debian's libxencall. */
#ifndef HCALL_H
#define HCALL_H

#include <stdbool.h>
#include <stdint.h>

struct hcall;

/* NULL with errno set: there is no hypervisor, or the caller may not ask it. */
struct hcall *hcall_open(void);
void hcall_close(struct hcall *);

struct hcall_domain {
	bool dying, shutdown;
};

/* XEN_DOMCTL_getdomaininfo. 0, or -ESRCH if there is no such domain. */
int hcall_domain_info(struct hcall *, uint16_t domid, struct hcall_domain *);

#endif
