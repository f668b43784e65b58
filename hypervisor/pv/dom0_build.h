/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PV_DOM0_BUILD_H
#define PV_DOM0_BUILD_H
#include "domain/domain.h"
/*
 * Allocates nr_pages for d, loads kernel and initrd (machine addresses of the boot modules; initrd_size 0: none), and makes vCPU 0
 * ready to run. Boot CPU only. -EINVAL: not a PV kernel (said in the log), -ENOMEM.
 */
int pv_build_dom0(struct domain *d, paddr_t kernel, size_t kernel_size, paddr_t initrd, size_t initrd_size,
		  const char *cmdline, uint64_t nr_pages);
#endif
