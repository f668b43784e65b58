/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a new guest and one that comes from elsewhere have alike: the empty domain, and its nodes in the store. */
#ifndef VM_VM_MAKE_H
#define VM_VM_MAKE_H

#include "build/build.h"
#include "vm/vm.h"

/* An empty domain with its vCPUs, limit and CPU. *id is 0 if there is none; otherwise it is the caller's to destroy. */
int vm_make_domain(struct vm_host *host, struct vm_config *config, domid_t *id, struct why *why);
/* All nodes but those of the two rings. number: 0, or what tells its place in /vm from that of its like on this host. */
void vm_put_nodes(struct store_change *change, const struct vm_config *config, domid_t id, unsigned number);
/* Xl's own note of a guest, so that it can save, list and change one that it has not made. vm_destroy removes it. */
void vm_note_for_xl(const struct vm_config *config, domid_t id);
/* The rings of the store and the console; then the daemons may be told. */
void vm_put_rings(struct store_change *change, domid_t id, const struct build_result *rings);

#endif
