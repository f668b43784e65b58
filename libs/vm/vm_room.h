/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Room for a new domain's memory. */
#ifndef VM_ROOM_H
#define VM_ROOM_H

#include "vm/vm.h"

/* dom0 keeps at least this of what it has, unless /local/domain/0/memory/dynamic-min says otherwise. */
#define VM_LEAST_DOM0_KIB (512u << 10)

/*
 * Claims so much of the host's free memory for the domain, which is being made (XENMEM_claim_pages). If there is too little, it
 * waits for what dead domains give back, and lets the balloon drivers of others give what they have above the node
 * memory/dynamic-min: guests that have it and run, and dom0 if the hypervisor was started without dom0_mem. Returns as soon as the
 * claim is taken, or when nothing comes any more: -ENOMEM, the others' memory is theirs again, and `why` names who gave nothing.
 */
int vm_room(struct vm_host *host, domid_t id, uint64_t kib, struct why *why);
/* What is left of the claim when all is built. */
void vm_room_done(struct vm_host *host, domid_t id);

#endif
