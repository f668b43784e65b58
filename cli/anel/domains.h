/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The domains that a verb is about. */
#ifndef ANEL_DOMAINS_H
#define ANEL_DOMAINS_H

#include <jansson.h>
#include "vm/vm.h"

/* Those that the words name, or all if there is no word; for free(). The number of them, or a negative errno. */
int domains_read(struct vm_host *host, char **words, int n, struct xen_domctl_getdomaininfo **list, struct why *why);
/* The name as JSON, whatever bytes it has. */
json_t *domains_name(struct vm_host *host, domid_t id);
/* Text of a guest or of the store as JSON; NULL: null. */
json_t *domains_text(const char *text);

#endif
