/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's configuration for anel-domd: as xl saves it, with a member "anel" for what is not saved there. Pure. */
#ifndef DOMD_JSON_H
#define DOMD_JSON_H

#include <jansson.h>
#include "vm/vm.h"

/* NULL: no memory, or a text that is no UTF-8. */
json_t *domd_json_put(const struct vm_config *v);
int domd_json_get(struct vm_config *v, const json_t *config, struct why *why);

#endif
