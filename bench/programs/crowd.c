// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Many domains: each has one vCPU and 64 pages, and never runs. They are made by bare hypercalls, so that the tools' own cost, which
 * is far larger, is not in the way.
 */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>

#define FIRST_ID 1000u
#define FRAMES 64

static int privcmd;

/* What the hypervisor reads and writes: one page that stays where it is. */
static struct shared {
	xen_domctl_t domctl;
	struct xen_memory_reservation reservation;
	xen_pfn_t frames[FRAMES];
} *shared;

static void hypercall(const char *what, unsigned long op, unsigned long a, unsigned long b, long wanted)
{
	privcmd_hypercall_t call = { .op = op, .arg = { a, b } };
	long rc = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

	if (rc != wanted)
		fail("%s: %ld", what, rc);
}

static xen_domctl_t *domctl(unsigned id, unsigned cmd)
{
	xen_domctl_t *d = memset(&shared->domctl, 0, sizeof(*d));

	d->cmd = cmd;
	d->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
	d->domain = id;
	return d;
}

static void issue(const char *what)
{
	hypercall(what, __HYPERVISOR_domctl, (unsigned long)&shared->domctl, 0, 0);
}

static void make(unsigned id)
{
	struct xen_domctl_createdomain *c = &domctl(id, XEN_DOMCTL_createdomain)->u.createdomain;

	c->max_vcpus = 1;
	c->max_evtchn_port = 1023;
	c->max_grant_frames = c->max_maptrack_frames = -1;
	c->grant_opts = XEN_DOMCTL_GRANT_version(2);
	issue("createdomain");
	domctl(id, XEN_DOMCTL_max_vcpus)->u.max_vcpus.max = 1;
	issue("max_vcpus");
	domctl(id, XEN_DOMCTL_max_mem)->u.max_mem.max_memkb = FRAMES * 4;
	issue("max_mem");
	memset(&shared->reservation, 0, sizeof(shared->reservation));
	for (int i = 0; i < FRAMES; i++)
		shared->frames[i] = i;
	shared->reservation.domid = id;
	shared->reservation.nr_extents = FRAMES;
	set_xen_guest_handle(shared->reservation.extent_start, shared->frames);
	hypercall("populate_physmap", __HYPERVISOR_memory_op, XENMEM_populate_physmap,
		  (unsigned long)&shared->reservation, FRAMES);
}

/* Until all of it is gone; a domain that is large is destroyed in parts. */
static void unmake(unsigned id)
{
	privcmd_hypercall_t call = { .op = __HYPERVISOR_domctl, .arg = { (unsigned long)&shared->domctl } };

	do
		domctl(id, XEN_DOMCTL_destroydomain);
	while (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call));
}

/* crowd HAVE WANT: makes domains until there are WANT. The last is what is measured. "crowd HAVE 0" ends them. */
int cmd_crowd(int argc, char **argv)
{
	unsigned have = argc > 2 ? atoi(argv[1]) : 0, want = argc > 2 ? atoi(argv[2]) : 0;
	double start;

	privcmd = open("/dev/xen/privcmd", O_RDWR);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	if (privcmd < 0 || shared == MAP_FAILED)
		fail("no privcmd");
	memset(shared, 0, sizeof(*shared));
	while (have > want)
		unmake(FIRST_ID + --have);
	while (have + 1 < want)
		make(FIRST_ID + have++);
	if (have == want)
		return 0;
	start = now();
	mark_begin(SECTION_CROWD);
	make(FIRST_ID + have);
	mark_end(SECTION_CROWD);
	report("crowd", SECTION_CROWD, now() - start, 1);
	return 0;
}
