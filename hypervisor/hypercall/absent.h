/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Services that are not offered: their one answer. */
#ifndef HYPERCALL_ABSENT_H
#define HYPERCALL_ABSENT_H
#include "hypercall/hypercall.h"
hypercall_fn hc_xsm_op, hc_kexec_op, hc_tmem_op, hc_argo_op, hc_xenpmu_op, hc_xenoprof_op,
	hc_dm_op;
#endif
