/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's configuration as xl notes it in the files that it saves (JSON), and the other way round. Pure. */
#ifndef VM_VM_JSON_H
#define VM_VM_JSON_H

#include "vm/vm.h"

/* For free(), with a zero at its end; NULL: no memory. */
char *vm_json_put(const struct vm_config *v);
/* What cannot be had here (other kinds of devices, other back ends) is refused: the guest would miss it. */
int vm_json_get(struct vm_config *v, const char *text, size_t size, struct why *why);

#endif
