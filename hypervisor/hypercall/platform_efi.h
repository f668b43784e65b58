/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EFI as dom0 uses it: rows of platform_op. */
#ifndef HYPERCALL_PLATFORM_EFI_H
#define HYPERCALL_PLATFORM_EFI_H
#include "hypercall/platform.h"
platform_fn platform_efi_call;
long platform_efi_info(struct xenpf_firmware_info *f, bool *copyback);
#endif
