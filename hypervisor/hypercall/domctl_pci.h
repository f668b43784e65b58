/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HYPERCALL_DOMCTL_PCI_H
#define HYPERCALL_DOMCTL_PCI_H
#include "hypercall/domctl.h"
domctl_fn domctl_assign_device, domctl_test_assign_device, domctl_deassign_device, domctl_device_group;
#endif
