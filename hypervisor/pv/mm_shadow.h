/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shadows of a PV guest's page tables. While its writes are logged (pv/mm_log.h) its vCPUs run on tables of the
 * hypervisor's with the same contents, but that a frame is writable in them only if it is marked dirty. How
 * they stay true: the head of pv/mm_shadow.c.
 */
#ifndef PV_MM_SHADOW_H
#define PV_MM_SHADOW_H
#include "pv/pv.h"

struct shadow_page {
	uint64_t *va;
	uint64_t mfn;			/* the guest's table; SHADOW_FREE: not in use */
	uint32_t next;			/* in a list of free ones, or of those with the same hash */
	uint16_t level;			/* of the walk in which it stands, 1..4: at most the table's own */
	uint16_t roots;			/* how many vCPUs' roots it is */
};
#define SHADOW_FREE (~0ull)
struct shadow_list { uint32_t first, nr; };

enum log_phase { LOG_ZERO, LOG_SCAN, LOG_PROTECT };
/* A reading of the log under way, which gives way between the frames. */
struct log_scan {
	bool active, clean;
	domid_t reader;
	uint8_t *bitmap;		/* the reader's; NULL: it wants the numbers alone */
	uint64_t pages;			/* bits of it */
	enum log_phase phase;
	uint64_t cursor;
	uint64_t word, bits;		/* of the bitmap, not yet written there */
	uint32_t count, since_check;
	bool flush;
};
enum log_state { LOG_OFF, LOG_STARTING, LOG_CLEARING, LOG_ON, LOG_STOPPING };

struct pv_shadow {
	enum log_state state;		/* domctl's lock, or the domain's death */
	unsigned nr_made;		/* of page[], have memory */
	bool everything;		/* all frames are dirty, whatever their flags */
	uint64_t cursor;
	struct log_scan scan;

	spinlock_t lock;		/* all that follows, and the contents of the pages */
	unsigned nr, hash_bits;
	struct shadow_page *page;
	uint32_t *hash;
	struct shadow_list clean, stale;	/* free; stale: some TLB may remember what it was */
	uint32_t faults;
};

/* For log_dirty.c: memory for n shadows is described; the pages come one by one. -ENOMEM */
int pv_shadow_describe(struct pv_shadow *s, unsigned nr);
bool pv_shadow_add_page(struct pv_shadow *s);			/* false: no memory */
bool pv_shadow_take_page(struct pv_shadow *s);			/* nobody uses the shadows any more; false: it was the last */
void pv_shadow_forget(struct pv_shadow *s);			/* nothing is found any more; no CPU has a shadow root */
struct shadow_page *pv_shadow_find(struct pv_shadow *s, uint64_t mfn, unsigned level);	/* NULL: none; the lock is held */
/* Takes the right to write out of shadow i; true: there was one. The caller flushes. */
bool pv_shadow_protect(struct pv_shadow *s, unsigned i);

static inline uint64_t pv_shadow_mfn(const struct shadow_page *p) { return p ? va_to_mfn(p->va).n : 0; }
/* The shadows of v's two roots. v is current, or paused and nowhere loaded. May flush TLBs. */
void pv_shadow_roots(struct vcpu *v);
/* A fault at a guest's address that v, which is current, or the hypervisor for it has caused. True: try again. */
bool pv_shadow_fault(struct vcpu *v, uint64_t addr, uint32_t ec);
/* An entry of a table of d's has changed. References of the old one are held until this returns. */
void pv_log_entry(struct domain *d, struct frame *table, unsigned idx);
/* The last reference of a table's type has gone; what its entries hold is given back after this. */
void pv_log_table_gone(struct frame *table);
#endif
