/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The frame table: 16 bytes for each 4 KiB frame of RAM.
 *
 * count:  bits 0..35 references, 36..51 owner's domain id, 52..63 flags
 * type:   bits 0..31 references of the type (with FTYPE_STAMPED: none, and the TLB clock's stamp of the last use), 32..35 type,
 *         36..47 type flags, 48..57 how many entries of a page table have been validated (partial), 58..63 how many may write to
 *         the frame besides its owner's page tables (FTYPE_WRITERS_MAX: so many or more)
 *
 * A frame with owner DOMID_NONE and no references is free or the hypervisor's own. While it is in the allocator its two
 * words are links, which nobody else may read: frame_get on it fails because the FRAME_ALLOCATED flag is clear in both forms.
 * The last frame_put of a domain's frame calls the release hook (domain/pages.c). All changes are by cmpxchg; no lock.
 *
 * The table is populated a section (SECTION_FRAMES) at a time, when the allocator first opens the section: memory that nobody
 * uses costs nothing, and start-up does not grow with memory. mfn_valid is false in closed sections.
 */
#ifndef MEM_FRAME_H
#define MEM_FRAME_H
#include "x86/page.h"
#include "lib/atomic.h"
#include <xen/xen.h>

struct frame { uint64_t count, type; };

#define SECTION_SHIFT		15		/* 32768 frames, 128 MiB */
#define SECTION_FRAMES		(1ul << SECTION_SHIFT)
#define DOMID_NONE		((domid_t)0x7fff)	/* nobody: the hypervisor's own */

#define FRAME_REF_MASK		((1ull << 36) - 1)
#define FRAME_OWNER_SHIFT	36
#define FRAME_OWNER_MASK	(0xffffull << FRAME_OWNER_SHIFT)
#define FRAME_ALLOCATED		(1ull << 52)	/* references are valid: a domain's, or heap memory shared with one */
#define FRAME_XENHEAP		(1ull << 53)	/* hypervisor memory shared with its owner; the last put does not free it */
#define FRAME_DOM_REF		(1ull << 54)	/* the owner's own reference (decrease_reservation, death) */
#define FRAME_BROKEN		(1ull << 55)
#define FRAME_OFFLINE		(1ull << 59)	/* out of the allocator, whose own 57 and 58 are: nobody's until it comes back */
#define FRAME_LOGGED		(1ull << 60)	/* written since the owner's log was last cleaned (pv/mm_log.h) */
#define FRAME_IO		(1ull << 56)	/* device memory below the top of RAM */

#define FTYPE_SHIFT		32
#define FTYPE_MASK		(0xfull << FTYPE_SHIFT)
#define FTYPE_NONE		(0ull << FTYPE_SHIFT)
#define FTYPE_L1		(1ull << FTYPE_SHIFT)
#define FTYPE_L2		(2ull << FTYPE_SHIFT)
#define FTYPE_L3		(3ull << FTYPE_SHIFT)
#define FTYPE_L4		(4ull << FTYPE_SHIFT)
#define FTYPE_SEGDESC		(5ull << FTYPE_SHIFT)	/* GDT or LDT page */
#define FTYPE_WRITABLE		(7ull << FTYPE_SHIFT)
#define FTYPE_COUNT_MASK	0xffffffffull
#define FTYPE_PINNED		(1ull << 36)
#define FTYPE_VALIDATED		(1ull << 37)
#define FTYPE_BUSY		(1ull << 38)	/* being validated or taken apart by some CPU */
#define FTYPE_PARTIAL		(1ull << 39)	/* validation or taking apart was preempted; bits 48..57 say where */
#define FTYPE_STAMPED		(1ull << 40)	/* no references: bits 0..31 are the stamp, the type is the last one */
#define FTYPE_PARTIAL_SHIFT	48
#define FTYPE_WRITERS_SHIFT	58
#define FTYPE_WRITERS_MAX	63u
/* References of the type in the word t. */
#define ftype_refs(t)		((t) & FTYPE_STAMPED ? 0 : (t) & FTYPE_COUNT_MASK)

#define frame_table ((struct frame *)FRAMETABLE_VIRT)
#define m2p_table ((const uint64_t *)M2P_VIRT_START)	/* as guests see it */
static inline struct frame *frame_of(mfn_t m) { return frame_table + m.n; }	/* m must be mfn_valid */
static inline mfn_t frame_mfn(const struct frame *f) { return MFN((uint64_t)(f - frame_table)); }
static inline void *frame_va(const struct frame *f) { return mfn_to_va(frame_mfn(f)); }
bool mfn_valid(mfn_t m);			/* RAM with a frame record; any value is safe to ask */
extern uint64_t max_mfn;			/* one past the last frame of RAM */
#define M2P_INVALID	(~0ull)
void m2p_set(mfn_t m, uint64_t gfn);		/* m must be mfn_valid; gfn: M2P_INVALID, or m has been a domain's (mem/m2p.h) */
/* Under a guest's root: CPUs under the host's are not told when the table gets new pages. */
static inline uint64_t m2p_get(mfn_t m) { return m2p_table[m.n]; }
/* The name of the first of the 512 pages of the M2P that cover GiB i (mem/m2p.h); INVALID_MFN: no RAM there. */
mfn_t m2p_piece(unsigned i);

static inline domid_t frame_owner(const struct frame *f)
{
	return (READ_ONCE(f->count) & FRAME_OWNER_MASK) >> FRAME_OWNER_SHIFT;
}
static inline uint64_t frame_refs(const struct frame *f) { return READ_ONCE(f->count) & FRAME_REF_MASK; }
/* Takes a reference if f is allocated, belongs to owner and is not about to go (references > 0). Any context. */
bool __must_check frame_get(struct frame *f, domid_t owner);
/* The same whoever owns it; *owner is set. */
bool __must_check frame_get_any(struct frame *f, domid_t *owner);
void frame_ref(struct frame *f);		/* one more; the caller holds one already */
void frame_put(struct frame *f);
/* Upward: what happens when the last reference of a domain's frame goes (domain/pages.c). */
extern void (*frame_release_hook)(struct frame *f, domid_t owner);
/*
 * Of a frame that has been written to, or whose use has changed: whoever moves its owner to another host must send it again. Any
 * frame may be named; nothing is done unless it is a domain's.
 */
extern unsigned frames_logged;		/* domains whose writes are logged; 0: nobody asks for the flag */
void frame_mark_dirty(struct frame *f);
bool frame_take_dirty(struct frame *f);	/* clears the flag; was it set? */
static inline void frame_dirtied(struct frame *f)
{
	if (unlikely(READ_ONCE(frames_logged)))
		frame_mark_dirty(f);
}
/* Makes a freshly allocated frame its owner's: one reference, FRAME_ALLOCATED|FRAME_DOM_REF. */
void frame_set_owner(struct frame *f, domid_t owner);
#endif
