// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fake_host.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct fake_host host;
static uint8_t *memory;
static int file = -1;
static uint64_t next;

void fake_begin(void)
{
	memset(&host, 0, sizeof(host));
	file = memfd_create("frames", 0);
	assert(file >= 0 && ftruncate(file, HOST_FRAMES * 4096ull) == 0);
	memory = mmap(NULL, HOST_FRAMES * 4096ull, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert(memory != MAP_FAILED);
	next = 1000;
	for (unsigned i = 1; i < 3; i++) {
		host.domain[i].shared = fake_give(i, GUEST_FRAMES * 8);
		host.domain[i].max_pages = GUEST_FRAMES;
		host.domain[i].vcpus = 3;
	}
}

void fake_end(void)
{
	munmap(memory, HOST_FRAMES * 4096ull);
	close(file);
}

void *fake_page(uint64_t mfn)
{
	assert(mfn < HOST_FRAMES);
	return memory + mfn * 4096;
}

/* Frames are given in no order that could be guest's. */
uint64_t fake_give(unsigned id, uint64_t pfn)
{
	for (unsigned i = 0; i < HOST_FRAMES; i++) {
		next = (next * 5 + 7) % HOST_FRAMES;
		if (next && next < LARGE_FIRST && !host.owner[next])
			break;
	}
	assert(next < LARGE_FIRST && !host.owner[next]);
	host.owner[next] = id;
	host.m2p[next] = pfn;
	host.type[next] = 0;
	host.domain[id].pages++;
	memset(fake_page(next), 0xc5, 4096);
	return next;
}

int hcall_domains(struct hcall *h, domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info)
{
	const struct fake_domain *d = &host.domain[first];

	memset(info, 0, sizeof(*info));
	info->domain = first;
	info->shared_info_frame = d->shared;
	info->max_pages = d->max_pages;
	info->tot_pages = d->pages;
	info->max_vcpu_id = d->vcpus - 1;
	return 1;
}

static void *map(domid_t id, size_t n, const xen_pfn_t *frames, int protection, int *errors)
{
	uint8_t *at = mmap(NULL, n * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (size_t i = 0; i < n; i++) {
		bool ok = frames[i] < HOST_FRAMES && host.owner[frames[i]] == id;

		/* A page table is written to by nobody. */
		ok = ok && (!(protection & PROT_WRITE) || !host.pinned[frames[i]]);
		if (errors)
			errors[i] = ok ? 0 : -EINVAL;
		if (ok) {
			assert(mmap(at + i * 4096, 4096, protection, MAP_SHARED | MAP_FIXED, file, frames[i] * 4096) != MAP_FAILED);
		} else if (!errors) {
			munmap(at, n * 4096);
			errno = EINVAL;
			return NULL;
		}
	}
	host.maps++;
	return at;
}

void *hcall_map(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames)
{
	return map(id, n, frames, PROT_READ | PROT_WRITE, NULL);
}

void *hcall_map_read(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames, int *errors)
{
	return map(id, n, frames, PROT_READ, errors);
}

void hcall_unmap(struct hcall *h, void *address, size_t n)
{
	munmap(address, n * 4096);
	host.maps--;
}

const uint64_t *hcall_map_m2p(struct hcall *h, uint64_t *nr)
{
	*nr = HOST_FRAMES;
	host.maps++;
	return host.m2p;
}

void hcall_unmap_m2p(struct hcall *h, const uint64_t *m2p, uint64_t nr) { host.maps--; }

int hcall_frame_types(struct hcall *h, domid_t id, unsigned n, xen_pfn_t *frames)
{
	for (unsigned i = 0; i < n; i++)
		frames[i] = frames[i] < HOST_FRAMES && host.owner[frames[i]] == id ? host.type[frames[i]] : XEN_DOMCTL_PFINFO_XTAB;
	return 0;
}

/* 2 MiB in one piece, as long as there are some. */
static long populate_large(domid_t id, xen_pfn_t *frame)
{
	unsigned first = LARGE_FIRST;

	while (first < HOST_FRAMES && host.owner[first])
		first += 512;
	if (first == HOST_FRAMES || host.domain[id].pages + 512 > host.domain[id].max_pages)
		return 0;
	for (unsigned k = 0; k < 512; k++) {
		host.owner[first + k] = id;
		host.m2p[first + k] = *frame + k;
		host.type[first + k] = 0;
		memset(fake_page(first + k), 0xc5, 4096);
	}
	host.domain[id].pages += 512;
	*frame = first;
	return 1;
}

long hcall_populate(struct hcall *h, domid_t id, unsigned order, unsigned long n, xen_pfn_t *frames)
{
	if (order)
		return populate_large(id, frames);
	for (unsigned long i = 0; i < n; i++) {
		if (host.domain[id].pages > host.domain[id].max_pages)
			return i;
		frames[i] = fake_give(id, frames[i]);
	}
	return n;
}

int hcall_release_frames(struct hcall *h, domid_t id, unsigned n, const xen_pfn_t *frames)
{
	for (unsigned i = 0; i < n; i++) {
		if (frames[i] >= HOST_FRAMES || host.owner[frames[i]] != id)
			return -EBUSY;
		host.owner[frames[i]] = 0;
		host.domain[id].pages--;
	}
	return 0;
}

/* Is the frame in a pinned table of the lowest level as one that may be written? */
static bool may_be_written(uint64_t frame)
{
	for (uint64_t table = 0; table < HOST_FRAMES; table++) {
		const uint64_t *entries = fake_page(table);

		for (unsigned i = 0; host.pinned[table] == 1 && i < 512; i++)
			if ((entries[i] & 3) == 3 && (entries[i] << 12 >> 24) == frame)
				return true;
	}
	return false;
}

/* A table is pinned once, and nobody can write to one. */
static bool can_be_pinned(domid_t id, const struct hcall_pin *pin)
{
	const uint64_t *entries;

	if (pin->frame >= HOST_FRAMES || host.owner[pin->frame] != id || host.pinned[pin->frame] || may_be_written(pin->frame))
		return false;
	entries = fake_page(pin->frame);
	for (unsigned i = 0; pin->level == 1 && i < 512; i++) {
		uint64_t frame = entries[i] << 12 >> 24;

		if (entries[i] & 1 && (frame >= HOST_FRAMES || host.owner[frame] != id || (entries[i] & 2 && host.pinned[frame])))
			return false;
	}
	return true;
}

unsigned hcall_pin_tables(struct hcall *h, domid_t id, const struct hcall_pin *pins, unsigned n, int *rc)
{
	*rc = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!can_be_pinned(id, &pins[i])) {
			*rc = -EINVAL;
			return i;
		}
		host.pinned[pins[i].frame] = pins[i].level;
		host.pins++;
	}
	return n;
}

int hcall_unpin_tables(struct hcall *h, domid_t id, const xen_pfn_t *frames, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		assert(frames[i] < HOST_FRAMES && host.owner[frames[i]] == id && host.pinned[frames[i]]);
		host.pinned[frames[i]] = 0;
	}
	return 0;
}

int hcall_vcpu_online(struct hcall *h, domid_t id, unsigned vcpu, bool *online)
{
	*online = host.domain[id].set[vcpu];
	return 0;
}

int hcall_vcpu_context_get(struct hcall *h, domid_t id, unsigned vcpu, vcpu_guest_context_t *context)
{
	*context = host.domain[id].context[vcpu];
	return 0;
}

int hcall_vcpu_context(struct hcall *h, domid_t id, unsigned vcpu, const vcpu_guest_context_t *context)
{
	host.domain[id].context[vcpu] = *context;
	host.domain[id].set[vcpu] = true;
	return 0;
}

int hcall_vcpu_extended_get(struct hcall *h, domid_t id, unsigned vcpu, struct xen_domctl_ext_vcpucontext *e)
{
	*e = host.domain[id].extended[vcpu];
	e->vcpu = vcpu;
	e->size = sizeof(*e);
	return 0;
}

int hcall_vcpu_extended_set(struct hcall *h, domid_t id, unsigned vcpu, const struct xen_domctl_ext_vcpucontext *e)
{
	host.domain[id].extended[vcpu] = *e;
	return 0;
}

int hcall_vcpu_xstate_get(struct hcall *h, domid_t id, unsigned vcpu, void *data, size_t *size)
{
	*size = sizeof(host.domain[id].xstate[vcpu]) - vcpu;	/* of odd sizes too */
	memcpy(data, host.domain[id].xstate[vcpu], *size);
	return 0;
}

int hcall_vcpu_xstate_set(struct hcall *h, domid_t id, unsigned vcpu, const void *data, size_t size)
{
	if (size > sizeof(host.domain[id].xstate[vcpu]))
		return -EINVAL;
	memcpy(host.domain[id].xstate[vcpu], data, size);
	return 0;
}

int hcall_vcpu_msrs_get(struct hcall *h, domid_t id, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs, uint32_t *n)
{
	*n = vcpu;
	memcpy(msrs, host.domain[id].msrs[vcpu], vcpu * sizeof(*msrs));
	return 0;
}

int hcall_vcpu_msrs_set(struct hcall *h, domid_t id, unsigned vcpu, const xen_domctl_vcpu_msr_t *msrs, uint32_t n)
{
	memcpy(host.domain[id].msrs[vcpu], msrs, (n < 3 ? n : 3) * sizeof(*msrs));
	return n > 3 ? -EINVAL : 0;
}

int hcall_tsc_get(struct hcall *h, domid_t id, struct xen_domctl_tsc_info *tsc)
{
	*tsc = host.domain[id].tsc;
	return 0;
}

int hcall_tsc_set(struct hcall *h, domid_t id, const struct xen_domctl_tsc_info *tsc)
{
	host.domain[id].tsc = *tsc;
	return 0;
}

int hcall_domain_policy(struct hcall *h, domid_t id, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves, xen_msr_entry_t *msrs,
			uint32_t *nr_msrs)
{
	memcpy(leaves, host.domain[id].leaves, sizeof(host.domain[id].leaves));
	*nr_leaves = 5;
	*nr_msrs = 1;
	msrs[0] = (xen_msr_entry_t){ .idx = 0xce };
	return 0;
}

int hcall_domain_set_policy(struct hcall *h, domid_t id, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
			    const xen_msr_entry_t *msrs, uint32_t nr_msrs)
{
	memcpy(host.domain[id].leaves, leaves, (nr_leaves < 5 ? nr_leaves : 5) * sizeof(*leaves));
	return 0;
}

int hcall_grant_seed(struct hcall *h, domid_t id, const struct hcall_grant *grants, unsigned n)
{
	memcpy(host.domain[id].grants, grants, n * sizeof(*grants));
	return 0;
}

int hcall_log_dirty(struct hcall *h, domid_t id, bool on)
{
	host.domain[id].log = on;
	memset(host.domain[id].dirty, 0, sizeof(host.domain[id].dirty));
	return 0;
}

int hcall_log_dirty_take(struct hcall *h, domid_t id, bool final, uint64_t frames, uint8_t *bitmap, uint64_t *dirty)
{
	if (!host.domain[id].log)
		return -EINVAL;
	if (host.between && !final)
		host.between(host.round++);
	memcpy(bitmap, host.domain[id].dirty, (frames + 7) / 8);
	memset(host.domain[id].dirty, 0, sizeof(host.domain[id].dirty));
	*dirty = 0;
	return 0;
}
