/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The FIFO ABI of event channels. */
#ifndef HYPERCALL_EVTCHN_FIFO_H
#define HYPERCALL_EVTCHN_FIFO_H
#include "hypercall/evtchn_priv.h"
extern const struct evtchn_port_ops evtchn_fifo_ops;
/* Operations on current's domain. -ENOENT no such vCPU, -EINVAL, -ENOMEM; event_lock is taken */
int evtchn_fifo_init_control(struct evtchn_init_control *op);
/* -EOPNOTSUPP: still two-level; -ENOSPC: it has all pages; -EINVAL: not a page that it may write */
int evtchn_fifo_expand_array(const struct evtchn_expand_array *op);
void evtchn_fifo_destroy(struct domain *d);	/* event_lock held: back to the two-level ABI */
/* Frames that d gave for control blocks and the event array: each with a page and a type reference. */
void evtchn_fifo_for_each_page(struct domain *d, void (*fn)(mfn_t m, void *arg), void *arg);
#endif
