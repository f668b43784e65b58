/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of anel-domd (abi/domd_proto.h). */
#ifndef DOMD_DOMD_H
#define DOMD_DOMD_H

#include "vm/vm.h"

/*
 * Gives a domain that the caller has made into the daemon's care. 0; -ENOENT or -ECONNREFUSED: the daemon does not run; or another
 * negative errno, with the reason.
 */
int domd_adopt(const struct vm_config *config, domid_t id, struct why *why);

#endif
