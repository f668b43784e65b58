/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The devices of a guest that goes on in a new domain. */
#ifndef VM_VM_DEVICES_H
#define VM_VM_DEVICES_H

#include "vm/vm.h"

/*
 * Until both ends of each device are connected, or for so long at most, and bridges know where the cards are. vm_times() then
 * has when.
 */
void vm_devices_wait(struct vm_host *host, domid_t id, const struct vm_config *config, int milliseconds);

#endif
