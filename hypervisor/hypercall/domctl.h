/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * domctl's parts. A handler gets a copy of the request, which goes back to the caller when the row says so;
 * d is the domain it names with a reference (NULL where the row says that none is named). Handlers run
 * under domctl's lock, which is let go whenever a long operation gives way.
 */
#ifndef HYPERCALL_DOMCTL_H
#define HYPERCALL_DOMCTL_H
#include "hypercall/dispatch.h"
#include "lib/bitmap.h"
#include <xen/domctl.h>

struct domctl_call {
	struct xen_domctl op;		/* the one copy */
	struct domain *d;
	bool copyback;			/* write op back whatever the row says, and in spite of an error */
};
typedef long domctl_fn(struct domctl_call *c);

/*
 * The interface's bitmaps of any length to sets of CPUs and back; bytes beyond ours are read as zero and
 * written as zero. -EFAULT
 */
struct xenctl_bitmap;
int bitmap_from_guest(unsigned long *map, unsigned bits, const struct xenctl_bitmap *b);
int bitmap_to_guest(const struct xenctl_bitmap *b, const unsigned long *map, unsigned bits);
static inline int cpumask_from_guest(cpumask_t *m, const struct xenctl_bitmap *b)
{
	return bitmap_from_guest(m->bits, NR_CPUS, b);
}
static inline int cpumask_to_guest(const struct xenctl_bitmap *b, const cpumask_t *m)
{
	return bitmap_to_guest(b, m->bits, NR_CPUS);
}
hypercall_fn hc_domctl;
#endif
