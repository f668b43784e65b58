/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HYPERCALL_DOMCTL_SHADOW_H
#define HYPERCALL_DOMCTL_SHADOW_H
#include "hypercall/domctl.h"
domctl_fn domctl_shadow;
#endif
