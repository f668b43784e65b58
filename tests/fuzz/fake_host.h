// SPDX-License-Identifier: GPL-2.0-or-later
/* A hypervisor of arrays: two domains' frames in one file of memory, which is mapped as foreign memory is. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "hcall/hcall_save.h"

#define HOST_FRAMES	4096u
#define LARGE_FIRST	3584u	/* those from here on are given by 512 */
#define GUEST_FRAMES	2048u	/* that a domain may have */

struct fake_domain {
	bool log;
	uint64_t shared;		/* frame of its shared info */
	uint64_t max_pages, pages;
	unsigned vcpus;
	vcpu_guest_context_t context[4];
	bool set[4];
	struct xen_domctl_ext_vcpucontext extended[4];
	uint8_t xstate[4][832];
	xen_domctl_vcpu_msr_t msrs[4][3];
	struct xen_domctl_tsc_info tsc;
	xen_cpuid_leaf_t leaves[5];
	struct hcall_grant grants[2];
	uint8_t dirty[GUEST_FRAMES / 8];
};
struct fake_host {
	struct fake_domain domain[3];
	uint64_t m2p[HOST_FRAMES];
	uint8_t owner[HOST_FRAMES];
	uint32_t type[HOST_FRAMES];	/* XEN_DOMCTL_PFINFO_* */
	uint32_t pinned[HOST_FRAMES];	/* level */
	unsigned pins;			/* how often a table was pinned */
	unsigned maps;			/* that were not taken back */
	/* Called when the log is read: what the guest does meanwhile. */
	void (*between)(unsigned round);
	unsigned round;
};
extern struct fake_host host;

void fake_begin(void);
void fake_end(void);
/* The page of a frame. */
void *fake_page(uint64_t mfn);
/* Gives the domain a frame under a number, somewhere. */
uint64_t fake_give(unsigned id, uint64_t pfn);

#endif
