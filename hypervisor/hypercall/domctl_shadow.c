// SPDX-License-Identifier: GPL-2.0-or-later
/* domctl: the log of a PV guest's writes (XEN_DOMCTL_shadow_op). Of shadow paging nothing else is offered. */
#include "hypercall/domctl_shadow.h"
#include "pv/mm_log.h"

static long enable(struct domctl_call *c)
{
	if (c->op.u.shadow_op.op == XEN_DOMCTL_SHADOW_OP_ENABLE && c->op.u.shadow_op.mode != XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY)
		return -EINVAL;
	return pv_log_dirty_start(c->d);
}

/* Frames that others may write at any time are in every bitmap, so that LOGDIRTY_FINAL asks for nothing more. */
static long read_log(struct domctl_call *c)
{
	struct xen_domctl_shadow_op *op = &c->op.u.shadow_op;

	if (op->mode & ~XEN_DOMCTL_SHADOW_LOGDIRTY_FINAL)
		return -EINVAL;
	return pv_log_dirty_read(c->d, op->op == XEN_DOMCTL_SHADOW_OP_CLEAN, op->dirty_bitmap.p, op->pages,
				 &op->stats.dirty_count, &op->stats.fault_count);
}

long domctl_shadow(struct domctl_call *c)
{
	if (!c->d->pv)
		return -EOPNOTSUPP;
	switch (c->op.u.shadow_op.op) {
	case XEN_DOMCTL_SHADOW_OP_OFF:
		return pv_log_dirty_stop(c->d);
	case XEN_DOMCTL_SHADOW_OP_ENABLE:
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		return enable(c);
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		return read_log(c);
	case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
		c->op.u.shadow_op.mb = DIV_ROUND_UP(pv_log_dirty_memory(c->d), 1u << (20 - PAGE_SHIFT));
		return 0;
	}
	return -EOPNOTSUPP;
}
