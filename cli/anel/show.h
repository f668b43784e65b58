/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs that only look: list, info, dmesg. */
#ifndef ANEL_SHOW_H
#define ANEL_SHOW_H

#include "hcall/hcall.h"

/* A word for people. */
const char *show_state(const struct xen_domctl_getdomaininfo *d);

#endif
