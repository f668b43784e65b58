/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * I/O page tables: radix trees of 512 entries a level, as VT-d's second level and AMD-Vi's host tables are; what differs is in
 * const struct iopt_format. Every mapping is an identity: a device names machine addresses. No lock: the caller's. Sources: VT-d
 * specification 9.8; AMD IOMMU specification 2.2.3.
 *
 * The same tree without a format (iopt_slot on iopt_counters) holds a 64-bit value for each frame.
 */
#ifndef X86_IOMMU_IOPT_H
#define X86_IOMMU_IOPT_H
#include "lib/types.h"

#define IOPT_READ	1u	/* the device reads memory */
#define IOPT_WRITE	2u
#define IOPT_LARGE_ORDER 9u	/* a large leaf: 2 MiB */

struct iopt_format {
	uint64_t read, write;		/* permission bits of leaves */
	uint64_t present;		/* in a leaf, besides those */
	uint64_t table;			/* in an entry that points to a table */
	uint64_t large;			/* in a leaf above the lowest level, which a table has not */
	bool numbered;			/* bits 9..11 of a table's entry: its level; of a leaf: 0 */
};
extern const struct iopt_format iopt_vtd, iopt_amd, iopt_counters;

struct iopt {
	const struct iopt_format *fmt;
	uint64_t *root;
	uint8_t levels;			/* 3 or 4 */
	bool large;			/* large leaves may be used */
	bool writeback;			/* the unit does not snoop caches: write entries back to memory */
	uint64_t tables;		/* pages it is made of */
};

int iopt_init(struct iopt *t, const struct iopt_format *fmt, unsigned levels);	/* -ENOMEM */
void iopt_destroy(struct iopt *t);	/* any state, a zeroed struct too */
/* What a device may do with the frame. */
unsigned iopt_get(const struct iopt *t, uint64_t frame);
/* Gives the frame these permissions. 0; 1: some were taken away: IOTLBs are to be flushed; -ENOMEM; -ERANGE: beyond reach */
int iopt_set(struct iopt *t, uint64_t frame, unsigned perms);
/* Adds permissions to [first, first + nr), in large leaves where nothing is mapped yet. -ENOMEM, -ERANGE */
int iopt_add_range(struct iopt *t, uint64_t first, uint64_t nr, unsigned perms);
/* The lowest entry of a frame, its tables made on the way; NULL: not there, or ('make') no memory. Not below a large leaf. */
uint64_t *iopt_slot(struct iopt *t, uint64_t frame, bool make);
#endif
