/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PV domain builder: fills a new, empty, paused domain with a kernel, so that unpausing it starts the kernel as xen/xen.h's
 * "start-of-day" says.
 */
#ifndef BUILD_BUILD_H
#define BUILD_BUILD_H

#include "build/kernel.h"
#include "hcall/hcall.h"
#include "why/why.h"

struct build_request {
	domid_t domain;
	uint64_t memory_kib;
	unsigned vcpus;
	const struct kernel *kernel;
	int initrd;		/* a descriptor, or -1 */
	const char *command_line;
	domid_t store_domain, console_domain;
};
struct build_result {
	xen_pfn_t store_frame, console_frame;	/* of the machine */
	evtchn_port_t store_port, console_port;	/* the guest's ends */
};

int build_pv(struct hcall *h, const struct build_request *request, struct build_result *result, struct why *why);

#endif
