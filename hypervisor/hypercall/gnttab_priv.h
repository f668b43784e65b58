/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: what gnttab*.c share.
 *
 * Two sides meet in a grant. The granting domain writes an entry into its shared table; the hypervisor keeps, out of its
 * reach, an active entry that says what was found there when the grant was first used, and how many use it (pins). The using
 * domain gets a handle (maptrack) for each mapping; a handle holds one pin, one page reference, for a writable mapping one
 * type reference, and one reference on the granting domain, until its last half (host or device) is unmapped.
 *
 * What stands in a shared entry is read once and believed only as far as it was checked: the guest may change it at any time.
 *
 * Locks: grant_table.lock covers the table's size and version, and the active entries; maptrack_lock the handles. Neither is
 * held while the other, pt_lock, or another domain's is taken. Not for interrupt context.
 */
#ifndef HYPERCALL_GNTTAB_PRIV_H
#define HYPERCALL_GNTTAB_PRIV_H
#include "hypercall/gnttab.h"
#include <xen/grant_table.h>

#define V1_PER_FRAME		(PAGE_SIZE / sizeof(grant_entry_v1_t))
#define V2_PER_FRAME		(PAGE_SIZE / sizeof(grant_entry_v2_t))
#define STATUS_PER_FRAME	(PAGE_SIZE / sizeof(grant_status_t))
#define ACTIVE_CHUNK		128u
#define MAPTRACK_CHUNK		128u
#define MAPTRACK_PER_FRAME	256u	/* what one "maptrack frame" of the limits means */
#define DEFAULT_GRANT_FRAMES	64
#define DEFAULT_MAPTRACK_FRAMES	1024

struct active_grant {
	uint32_t readers, writers;	/* pins; all else is valid while there are any */
	mfn_t mfn;			/* not for transitive ones */
	domid_t domid;
	uint16_t start, length;
	bool partial;			/* sub-page or transitive: for copies only */
};

struct maptrack {
	struct domain *rd;
	mfn_t mfn;
	grant_ref_t ref;		/* while free: the next free handle */
	uint8_t flags;			/* GNTMAP_device_map, host_map, readonly, contains_pte ...; 0: free */
	uint8_t in_flight;		/* unmaps that have taken a flag away and are not complete */
};

struct grant_table {
	/* lock */
	spinlock_t lock;
	unsigned version, max_version;
	unsigned nr_frames, nr_status_frames, max_frames;
	void **shared;			/* [max_frames] pages */
	grant_status_t **status;	/* version 2 only; pages stay until the domain goes */
	struct active_grant **active;	/* [ref / ACTIVE_CHUNK], made on first use */
	/* maptrack_lock */
	spinlock_t maptrack_lock;
	unsigned max_maptrack_frames;
	struct maptrack **maptrack;	/* [handle / MAPTRACK_CHUNK], made on first use */
	unsigned nr_handles;
	grant_handle_t free_handle;	/* first of the free ones, or NO_HANDLE */
	unsigned nr_mapped;
	grant_handle_t release_cursor;	/* the killer's */
};
#define NO_HANDLE UINT32_MAX

/* ---- gnttab.c ---- */
static inline unsigned gnttab_nr_entries(const struct grant_table *gt)
{
	return gt->nr_frames * (gt->version == 1 ? V1_PER_FRAME : V2_PER_FRAME);
}
static inline unsigned gnttab_status_frames_for(unsigned grant_frames)
{
	return DIV_ROUND_UP(grant_frames * V2_PER_FRAME, STATUS_PER_FRAME);
}
int gnttab_grow(struct domain *d, unsigned frames);	/* lock held; -EINVAL too many or dying, -ENOMEM */
int gnttab_grow_status(struct domain *d);		/* lock held: as many status frames as version 2 needs */
/* The domain that the caller names and may look into, referenced; NULL: *status is set. */
struct domain *gnttab_target(domid_t id, int16_t *status);

/* ---- gnttab_entry.c: entries; each with the lock held and ref < gnttab_nr_entries ---- */
static inline grant_entry_v1_t *gnttab_v1(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v1_t *)gt->shared[ref / V1_PER_FRAME] + ref % V1_PER_FRAME;
}
static inline grant_entry_v2_t *gnttab_v2(const struct grant_table *gt, grant_ref_t ref)
{
	return (grant_entry_v2_t *)gt->shared[ref / V2_PER_FRAME] + ref % V2_PER_FRAME;
}
static inline uint32_t *gnttab_header(const struct grant_table *gt, grant_ref_t ref)	/* flags and domid as one word */
{
	return gt->version == 1 ? (uint32_t *)gnttab_v1(gt, ref) : (uint32_t *)gnttab_v2(gt, ref);
}
static inline grant_status_t *gnttab_status(const struct grant_table *gt, grant_ref_t ref)
{
	return gt->version == 1 ? &gnttab_v1(gt, ref)->flags : &gt->status[ref / STATUS_PER_FRAME][ref % STATUS_PER_FRAME];
}
static inline struct active_grant *gnttab_active(const struct grant_table *gt, grant_ref_t ref)	/* NULL: never used */
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

/* ---- the operations ---- */
/* uop: the guest's array. Return: elements done (less than count: to be called again for the rest), or -errno */
long gnttab_unmap(struct gnttab_unmap_grant_ref *uop, unsigned count);
long gnttab_unmap_and_replace(struct gnttab_unmap_and_replace *uop, unsigned count);
long gnttab_map(struct gnttab_map_grant_ref *uop, unsigned count);
long gnttab_copy(struct gnttab_copy *uop, unsigned count);
long gnttab_transfer(struct gnttab_transfer *uop, unsigned count);
long gnttab_setup_table(struct gnttab_setup_table *uop, unsigned count);
long gnttab_query_size(struct gnttab_query_size *uop, unsigned count);
long gnttab_set_version(struct gnttab_set_version *uop, unsigned count);
long gnttab_get_version(struct gnttab_get_version *uop, unsigned count);
long gnttab_get_status_frames(struct gnttab_get_status_frames *uop, unsigned count);
long gnttab_swap(struct gnttab_swap_grant_ref *uop, unsigned count);
long gnttab_cache_flush(struct gnttab_cache_flush *uop, unsigned count);
#endif
