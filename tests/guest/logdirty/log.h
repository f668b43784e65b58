/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the cases of this folder: a child whose writes are logged, and what its bitmap must say. */
#pragma once
#include "child.h"

#define ARENA 48u	/* pages in the child that the tests write to */
extern char arena[ARENA][PAGE_SIZE];
extern struct child kid;
extern u64 slack;			/* pages that may be missing after log_down */
extern u8 dirty[CHILD_PFNS / 8];	/* what log_read got last */
extern struct xen_domctl_shadow_op_stats stats;

enum { NEVER, MUST, MAY };
extern u8 want[CHILD_PFNS];

long shadow_op(domid_t id, u32 op, void *bitmap, u64 pages);
long log_read(bool clean);		/* of kid, whole */
bool is_dirty(unsigned pfn);
bool log_up(void);			/* kid is built, runs and is logged; what it writes when idle is known */
void log_down(void);			/* and destroyed, all memory back */
void want_none(void);			/* NEVER for all but what an idle child writes, which is MAY */
void want_page(const void *va, u8 how);
/* Runs fn in the child, stops it, reads and cleans the log, and compares it with what is wanted. */
void check_run(const char *what, void (*fn)(struct comm *c));
void check_log(const char *what);	/* the same of what is dirty now, the child being stopped and let go again */
long kid_pause(bool on);
void kid_idle(void);			/* until it has been round its loop some times */
