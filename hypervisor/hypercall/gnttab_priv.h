/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Grant tables: what gnttab*.c share.
 *
 * Two sides meet in a grant. The granting domain writes an entry into its shared table; the hypervisor
 * keeps, out of its reach, an active entry that says what was found there when the grant was first used,
 * and how many use it (pins). The using domain gets a handle (maptrack) for each mapping; a handle holds
 * one pin, one page reference, for a writable mapping one type reference, and one reference on the granting
 * domain, until its last half (host or device) is unmapped.
 *
 * What stands in a shared entry is read once and believed only as far as it was checked: the guest may
 * change it at any time.
 *
 * Locks: grant_table.lock covers the table's size and version, and the active entries; maptrack_lock the
 * handles. Neither is held while the other, a page table's FTYPE_BUSY, or another domain's is taken. Not for interrupt
 * context.
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
	bool devices;			/* the mapper's devices reach it */
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
	grant_handle_t follow_cursor;	/* of gnttab_devices_follow */
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
/* lock held: as many status frames as version 2 needs for so many others. -EINVAL dying, -ENOMEM */
int gnttab_grow_status(struct domain *d, unsigned grant_frames);
/* The domain that the caller names and may look into, referenced; NULL: *status is set. */
struct domain *gnttab_target(domid_t id, int16_t *status);
#endif
