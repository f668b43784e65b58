/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of domains. Who is about to give one to a domain holds it from before he looks whether it is free until the
 * domain has it: the store knows of no name before it is written.
 */
#ifndef VM_VM_NAMES_H
#define VM_VM_NAMES_H

#include "vm/vm.h"

#define VM_NAMES VM_RUN "/names"

/* What follows a guest's name while it is moved: that of its new domain, and of what it was. */
#define VM_COMING "--incoming"
#define VM_GOING  "--moved"

/* A descriptor; nobody else can hold the name while it is open. -EEXIST: somebody does just now. */
int vm_name_hold(const char *name, struct why *why);
void vm_name_release(const char *name, int held);
/*
 * 0: no domain has the name, nor would have it at the end of a move; else -EEXIST. A domain of this UUID (may be NULL) may
 * have it, but what a move has left may not.
 */
int vm_name_free(struct vm_host *host, const char *name, const uint8_t *uuid, struct why *why);
/* Of a guest that has come under this UUID: 0, or -EEXIST if another is called so meanwhile. xl does not ask who holds a name. */
int vm_name_still_free(struct vm_host *host, const char *name, const uint8_t *uuid, struct why *why);

#endif
