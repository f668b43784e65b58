/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which pages of a running PV guest have been written (XEN_DOMCTL_shadow_op): how tools move it to another host
 * while it runs.
 *
 * The log is a flag of each frame, FRAME_LOGGED: set by a fault when the guest first writes through its page
 * tables (pv/mm_shadow.h), and by whoever else writes to a guest's memory or changes what it is used as
 * (frame_dirtied). Frames that others may write at any time (pv_writer_get) count as dirty while they may. The
 * reader gets a bitmap by guest frame number, which is what the M2P says.
 *
 * All but pv_log_dirty_end are called under domctl's lock, are preemptible (-EAGAIN_HYPERCALL: again with the
 * same arguments) and refuse the caller's own domain.
 */
#ifndef PV_MM_LOG_H
#define PV_MM_LOG_H
#include "pv/mm_shadow.h"
/* -EINVAL: on already, or the domain has devices, which write unseen; -ENOMEM */
int pv_log_dirty_start(struct domain *d);
int pv_log_dirty_stop(struct domain *d);	/* also where it is off */
/* d is dying, its vCPUs paused for good: the same. */
int pv_log_dirty_end(struct domain *d);
/*
 * Writes 'pages' bits to the bitmap (NULL: only counts); clean: what has been reported is clean from then on.
 * *count frames were dirty, after *faults page faults. -EINVAL off; -EBUSY another reading is under way;
 * -EFAULT
 */
int pv_log_dirty_read(struct domain *d, bool clean, uint8_t *bitmap, uint64_t pages, uint32_t *count, uint32_t *faults);
bool pv_log_dirty_is_on(const struct domain *d);	/* or about to be, or not quite off */
uint64_t pv_log_dirty_memory(const struct domain *d);	/* pages that the shadows have */
#endif
