/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hypercalls of saving, moving and restoring a guest. As in hcall.h: 0 or a negative errno. */
#ifndef HCALL_SAVE_H
#define HCALL_SAVE_H

#include "hcall/hcall.h"

/* vCPUs. Sizes and counts say what there is room for, and become what there is. */
int hcall_vcpu_online(struct hcall *h, domid_t id, unsigned vcpu, bool *online);
int hcall_vcpu_context_get(struct hcall *h, domid_t id, unsigned vcpu, vcpu_guest_context_t *context);
int hcall_vcpu_extended_get(struct hcall *h, domid_t id, unsigned vcpu, struct xen_domctl_ext_vcpucontext *e);
int hcall_vcpu_extended_set(struct hcall *h, domid_t id, unsigned vcpu, const struct xen_domctl_ext_vcpucontext *e);
int hcall_vcpu_xstate_get(struct hcall *h, domid_t id, unsigned vcpu, void *data, size_t *size);
int hcall_vcpu_xstate_set(struct hcall *h, domid_t id, unsigned vcpu, const void *data, size_t size);
int hcall_vcpu_msrs_get(struct hcall *h, domid_t id, unsigned vcpu, xen_domctl_vcpu_msr_t *msrs, uint32_t *n);
int hcall_vcpu_msrs_set(struct hcall *h, domid_t id, unsigned vcpu, const xen_domctl_vcpu_msr_t *msrs, uint32_t n);

/* The domain */
int hcall_tsc_get(struct hcall *h, domid_t id, struct xen_domctl_tsc_info *tsc);
int hcall_tsc_set(struct hcall *h, domid_t id, const struct xen_domctl_tsc_info *tsc);
int hcall_domain_policy(struct hcall *h, domid_t id, xen_cpuid_leaf_t *leaves, uint32_t *nr_leaves, xen_msr_entry_t *msrs,
			uint32_t *nr_msrs);
/* Lets a domain that has shut down go on. */
int hcall_domain_resume(struct hcall *h, domid_t id);

/* Memory */
#define HCALL_FRAME_TYPES_MAX 1024u
/* n machine frames become their types, XEN_DOMCTL_PFINFO_*. */
int hcall_frame_types(struct hcall *h, domid_t id, unsigned n, xen_pfn_t *frames);
/* Maps frames for reading. Those that cannot be have an errno in errors[] and must not be touched. NULL with errno set. */
void *hcall_map_read(struct hcall *h, domid_t id, size_t n, const xen_pfn_t *frames, int *errors);
/* The hypervisor's table of the guest's number of each of the machine's frames, *nr of them. For hcall_unmap_m2p. */
const uint64_t *hcall_map_m2p(struct hcall *h, uint64_t *nr);
void hcall_unmap_m2p(struct hcall *h, const uint64_t *m2p, uint64_t nr);
struct hcall_pin { unsigned level; xen_pfn_t frame; };	/* level: 1 to 4 */
/* How many were pinned, the first ones; if not all, *rc says what was wrong with the next. */
unsigned hcall_pin_tables(struct hcall *h, domid_t id, const struct hcall_pin *pins, unsigned n, int *rc);
int hcall_unpin_tables(struct hcall *h, domid_t id, const xen_pfn_t *frames, unsigned n);
/* Gives n of the domain's frames back to the host. */
int hcall_release_frames(struct hcall *h, domid_t id, unsigned n, const xen_pfn_t *frames);

/* The log of a domain's writes. */
int hcall_log_dirty(struct hcall *h, domid_t id, bool on);
/* A bit for each of `frames` guest frames that was written since the last time; *dirty: how many there are. */
int hcall_log_dirty_take(struct hcall *h, domid_t id, bool final, uint64_t frames, uint8_t *bitmap, uint64_t *dirty);

#endif
