/* SPDX-License-Identifier: GPL-2.0-or-later */
/* domctl: access to the machine's devices; types of a guest's frames. */
#ifndef HYPERCALL_DOMCTL_IO_H
#define HYPERCALL_DOMCTL_IO_H
#include "hypercall/domctl.h"
domctl_fn domctl_irq_permission, domctl_iomem_permission, domctl_ioport_permission, domctl_memory_mapping,
	domctl_pageframeinfo;
#endif
