/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The two-level ABI of event channels. */
#ifndef HYPERCALL_EVTCHN_2L_H
#define HYPERCALL_EVTCHN_2L_H
#include "hypercall/evtchn_priv.h"
extern const struct evtchn_port_ops evtchn_2l_ops;
#endif
