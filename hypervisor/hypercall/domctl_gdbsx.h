/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: a debugger's view of a guest's memory. */
#ifndef HYPERCALL_DOMCTL_GDBSX_H
#define HYPERCALL_DOMCTL_GDBSX_H
#include "hypercall/domctl.h"
domctl_fn domctl_guest_memio;
#endif
