/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What other services need of vCPUs. */
#ifndef HYPERCALL_VCPU_OP_H
#define HYPERCALL_VCPU_OP_H
#include "hypercall/hypercall.h"

/* Has the vCPU a place where its events can be flagged? */
bool vcpu_has_info(const struct vcpu *v);
/*
 * Loads a checked copy of a context; v is not running. 0, -EINVAL ..., -EAGAIN_HYPERCALL: call again with
 * the same.
 */
int vcpu_load_context(struct vcpu *v, const struct vcpu_guest_context *ctxt);
/* Makes an NMI pending for v. Any context. */
void vcpu_send_nmi(struct vcpu *v);
/*
 * vcpu_info_release_hook (domain/domain.h): gives back the page of a registered vcpu_info of a vCPU that
 * does not run.
 */
void vcpu_info_release(struct vcpu *v);
hypercall_fn hc_vcpu_op;
#endif
