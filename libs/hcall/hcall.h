/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Hypercalls by name, over Debian's stable libraries (libxencall, libxenforeignmemory), at the interface versions of the public
 * headers. Functions return 0 or a negative errno unless they say otherwise. A handle belongs to one thread.
 */
#ifndef HCALL_H
#define HCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/grant_table.h>

struct hcall;
/* NULL with errno set: there is no hypervisor, or the caller may not ask it. */
struct hcall *hcall_open(void);
void hcall_close(struct hcall *h);

/* The host */
struct hcall_version {
	unsigned major, minor;
	char extra[16], caps[1024], compiler[64], compiled_by[16], compile_domain[32], compile_date[32];
	char changeset[64], command_line[1024];
	unsigned long virt_start;
	unsigned page_size;
};
int hcall_version(struct hcall *h, struct hcall_version *v);
int hcall_physinfo(struct hcall *h, struct xen_sysctl_physinfo *info);
int hcall_scheduler(struct hcall *h, uint32_t *id);
/* Up to *size bytes of the hypervisor's messages; *size becomes what was read. */
int hcall_console_ring(struct hcall *h, char *buffer, uint32_t *size, bool clear);
/* The same from *index on, which moves to what comes next. */
int hcall_console_more(struct hcall *h, char *buffer, uint32_t *size, uint32_t *index);
int hcall_debug_keys(struct hcall *h, const char *keys);

/* Domains */
/* How many domains with an id of at least `first` there are, up to n; their state in `info`. */
int hcall_domains(struct hcall *h, domid_t first, unsigned n, struct xen_domctl_getdomaininfo *info);
/* 0, or -ESRCH if there is no such domain. */
struct hcall_domain {
	bool dying, shutdown;
};
int hcall_domain_info(struct hcall *h, domid_t id, struct hcall_domain *info);
/* *id 0: any free one. */
int hcall_domain_create(struct hcall *h, const struct xen_domctl_createdomain *config, domid_t *id);
int hcall_domain_pause(struct hcall *h, domid_t id);
int hcall_domain_unpause(struct hcall *h, domid_t id);
/* Returns when the domain is dead; it may stay in the list while others hold its memory. */
int hcall_domain_destroy(struct hcall *h, domid_t id);
int hcall_domain_max_vcpus(struct hcall *h, domid_t id, unsigned n);
int hcall_domain_max_mem(struct hcall *h, domid_t id, uint64_t kib);
int hcall_domain_hypercall_page(struct hcall *h, domid_t id, xen_pfn_t frame);
int hcall_domain_address_size(struct hcall *h, domid_t id, unsigned bits);
int hcall_domain_tsc(struct hcall *h, domid_t id, uint32_t mode);
/* Another UUID. */
int hcall_domain_set_handle(struct hcall *h, domid_t id, const uint8_t uuid[16]);
int hcall_vcpu_context(struct hcall *h, domid_t id, unsigned vcpu, const vcpu_guest_context_t *context);
int hcall_shutdown_domain(struct hcall *h, domid_t id, unsigned reason);
/* The policy of kind XEN_SYSCTL_cpu_policy_*; leaves and msrs are arrays of *nr_leaves and *nr_msrs, which become what is used. */
int hcall_system_policy(struct hcall *h, uint32_t kind, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves, xen_msr_entry_t *msrs,
			uint32_t *nr_msrs);
int hcall_domain_set_policy(struct hcall *h, domid_t id, const xen_cpuid_leaf_t *leaves, uint32_t nr_leaves,
			    const xen_msr_entry_t *msrs, uint32_t nr_msrs);

/* Memory */
/*
 * Gives the domain n extents of 2^order frames. frames[] holds the guest's frame numbers and becomes the machine's. Returns how
 * many extents there are, which may be less than n, or a negative errno.
 */
long hcall_populate(struct hcall *h, domid_t id, unsigned order, unsigned long n, xen_pfn_t *frames);
/* Reserves frames for a domain that is being built; 0 gives back what is left. */
int hcall_claim(struct hcall *h, domid_t id, uint64_t frames);
/* What a PV guest finds when it asks for its memory map: RAM from 0 on, as much as it may ever have. */
int hcall_memory_map(struct hcall *h, domid_t id, uint64_t kib);
/* Maps frames read-write; NULL with errno set if one of them cannot be. */
void *hcall_map(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames);
void hcall_unmap(struct hcall *h, void *address, size_t n);
int hcall_pin_l4(struct hcall *h, domid_t id, xen_pfn_t frame);
/* Writes entry n of the domain's version 1 grant table. */
struct hcall_grant { unsigned n; grant_entry_v1_t entry; };
int hcall_grant_seed(struct hcall *h, domid_t id, const struct hcall_grant *grants, unsigned n);

/* Events */
int hcall_evtchn_unbound(struct hcall *h, domid_t owner, domid_t remote, evtchn_port_t *port);

#endif
