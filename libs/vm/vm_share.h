/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gives how much of its memory, so that another domain has room. Arithmetic only. */
#ifndef VM_SHARE_H
#define VM_SHARE_H

#include <stdint.h>

struct vm_giver {
	uint16_t id;
	uint64_t kib, least;	/* what it has, what it is promised */
	uint64_t target;	/* what it is to have; by vm_share */
};

/*
 * Sets the targets so that the givers together let go of `short_kib`, each in proportion to what it has above its least, none
 * below that, in whole MiB where there is so much. Returns the KiB that are still missing then, for all have is not enough.
 */
uint64_t vm_share(struct vm_giver *givers, unsigned n, uint64_t short_kib);

#endif
