/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each domain has used so far, by the hypervisor's counters and dom0's; two readings tell the present use. */
#ifndef ANEL_USAGE_H
#define ANEL_USAGE_H

#include <jansson.h>
#include "vm/vm.h"

/* Of the devices whose back end is this dom0. As the guest sees them: it sends, it reads. */
struct usage_devices {
	uint64_t sent, received;	/* bytes */
	uint64_t read, written;		/* bytes */
};
struct usage {
	struct xen_domctl_getdomaininfo *domains;
	struct usage_devices *devices;	/* of each */
	int n;
	double when;			/* seconds */
};
int usage_read(struct vm_host *host, struct usage *u, struct why *why);
void usage_free(struct usage *u);
/* Adds the counters of the back ends below a folder as /sys/bus/xen-backend/devices is. */
void usage_add_devices(struct usage *u, const char *folder);

/* An array of the domains of `now`, the busiest first. */
json_t *usage_rows(struct vm_host *host, const struct usage *before, const struct usage *now);
/* What one domain used between two readings; before: NULL if it was not there. */
struct usage_rates {
	double cpu_percent;
	double sent, received, read, written;	/* KiB a second */
};
struct usage_rates usage_between(const struct usage *before, const struct usage *now, int at);

#endif
