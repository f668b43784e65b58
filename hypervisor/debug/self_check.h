/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by debug/self_check*.c. */
#ifndef DEBUG_SELF_CHECK_H
#define DEBUG_SELF_CHECK_H
#include "domain/domain.h"
#include "lib/panic.h"

/* What holds a frame, counted from the holders' side. */
struct frame_want {
	uint32_t refs, types;
	int32_t grants, writable_grants;	/* handles that map it, less entries of page tables that do */
};
struct self_check {
	struct frame_want *want;		/* [max_mfn] */
	uint32_t owned[DOMID_FIRST_RESERVED], heap[DOMID_FIRST_RESERVED];	/* frames of each domain; of them heap pages */
	uint32_t handles[DOMID_FIRST_RESERVED];	/* grant mappings of what it granted */
	/* A reference too many may be one that is given back after a grace period: it must last to be believed. */
	uint64_t suspect;
	unsigned suspected;
};
#define LIE(fmt, ...) panic("Self-check: " fmt, ##__VA_ARGS__)

void self_check_frames(struct self_check *c);
void self_check_shadows(void);
void self_check_lists(struct self_check *c);
#endif
