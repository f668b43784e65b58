/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Entries of grant tables, of either version. The accessors want the table's lock held and ref <
 * gnttab_nr_entries.
 */
#ifndef HYPERCALL_GNTTAB_ENTRY_H
#define HYPERCALL_GNTTAB_ENTRY_H
#include "hypercall/gnttab_priv.h"
static inline grant_entry_v1_t *gnttab_v1(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v1_t *)gt->shared[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}
static inline grant_entry_v2_t *gnttab_v2(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v2_t *)gt->shared[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}
/* flags and domid as one word */
static inline uint32_t *gnttab_header(const struct grant_table *gt, grant_ref_t ref)
{
	return gt->version == 1 ? (uint32_t *)gnttab_v1(gt, ref) : (uint32_t *)gnttab_v2(gt, ref);
}
static inline grant_status_t *gnttab_status(const struct grant_table *gt, grant_ref_t ref)
{
	if (gt->version == 1)
		return &gnttab_v1(gt, ref)->flags;
	return &gt->status[ref / STATUS_PER_FRAME][ref % STATUS_PER_FRAME];
}
/* NULL: never used */
static inline struct active_grant *gnttab_active(const struct grant_table *gt, grant_ref_t ref)
{
	struct active_grant *chunk = gt->active[ref / ACTIVE_CHUNK];

	return chunk ? &chunk[ref % ACTIVE_CHUNK] : NULL;
}
static inline bool gnttab_pinned(const struct grant_table *gt, grant_ref_t ref)
{
	const struct active_grant *a = gnttab_active(gt, ref);

	return a && (a->readers || a->writers);
}

#define PIN_WRITE	1u
#define PIN_MAP		2u	/* else for a copy: sub-page and transitive ones too */
struct grant_pin {
	struct domain *rd;
	grant_ref_t ref;
	bool write;
	bool devices;			/* of a mapping: the mapper's devices reach it */
	mfn_t mfn;			/* a page reference is held */
	uint16_t start, length;		/* what of the page is granted */
	uint16_t cache_flags;		/* GTF_PWT, PCD, PAT */
	bool transitive;		/* nothing but the pin is held: go on with trans_ref of trans_domid */
	domid_t trans_domid;
	grant_ref_t trans_ref;
};
/* Pins entry 'ref' of rd for domain 'who'. Takes the lock. GNTST_*; p is set on success. */
int grant_pin(struct domain *rd, grant_ref_t ref, domid_t who, unsigned how, struct grant_pin *p);
/* Gives the pin and the page reference back; type references are the caller's. */
void grant_unpin(struct grant_pin *p);
#endif
