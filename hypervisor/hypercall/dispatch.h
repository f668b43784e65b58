/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the services of this folder share: invoking, who may. */
#ifndef HYPERCALL_DISPATCH_H
#define HYPERCALL_DISPATCH_H
#include "hypercall/hypercall.h"
#include "hypercall/target.h"

/* Is the running domain one of 'who'? */
bool caller_may(enum hc_who who);
/* Checks the row of h->op and calls it; -ENOSYS, -EPERM or the handler's result. */
long hypercall_invoke(struct hypercall *h);
#endif
