/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domains that the test dom0 builds itself: a copy of the test kernel at the same addresses, so that a function's address
 * in the parent is its address in the child. The child waits for a function in the shared page and runs it.
 */
#pragma once
#include "guest.h"
#include <xen/domctl.h>
#include <xen/grant_table.h>

#define CHILD_PFNS  1024	/* its addresses: 4 MiB from VIRT_BASE */
#define CHILD_EXTRA 8		/* pages for the tests' use */

struct comm {
	void (*volatile fn)(struct comm *c);	/* set by the parent, cleared by the child when done */
	volatile u64 alive;			/* counts the child's idle rounds */
	volatile long arg[16], res[64];
};

struct child {
	domid_t id;
	unsigned slot;			/* window slots from 300 + 16 * slot are this child's */
	xen_pfn_t mfn[CHILD_PFNS];	/* 0: not populated */
	u64 shared_mfn;
	unsigned first, si, list, comm_pfn, extra, l4, l3, l2, l1, total;	/* pfns; total: pages populated */
	struct comm *comm;		/* the parent's mapping */
};

long domctl(u32 cmd, domid_t id, struct xen_domctl *d);	/* fills in the version */
long sysctl_op(u32 cmd, void *s);			/* struct xen_sysctl */
extern u32 child_flags;		/* XEN_DOMCTL_CDF_* of the children made from now on */
/* The sum of the performance counters whose names have 'name' in them, of one CPU or of all (-1); ~0: the host does not say. */
u64 perf_count(const char *name, int cpu);
u64 free_pages(void);
u64 free_settled(void);	/* the same, after what is being freed has been */
long child_create(struct child *c, unsigned slot);	/* an empty, paused domain of one vCPU; 0 or -errno */
long child_build(struct child *c);	/* memory, page tables, context; 0 or -errno */
long child_start(struct child *c);	/* unpauses, and waits until it is alive */
bool nothing_lost(u64 before);	/* are as many free as before? else the case fails */
bool nothing_lost_but(u64 before, u64 slack);	/* with so many pages for what many domains leave in caches */
bool child_up(struct child *c, unsigned slot);	/* all three; an error of the case if one fails */
/* Runs fn in the child; true when it finished within some seconds. */
bool child_run(struct child *c, void (*fn)(struct comm *c));
long child_destroy(struct child *c);	/* unmaps the parent's mappings and destroys */
bool child_gone(domid_t id);		/* waits until no such domain is listed */
long child_info(domid_t id, struct xen_domctl_getdomaininfo *info);	/* -ESRCH if there is none with that number */
long map_foreign(void *va, u64 pte, domid_t id);
void *child_va(unsigned pfn);		/* the child's address of its page */
