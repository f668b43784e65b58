/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "domains.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vm/vm_life.h"

static int read_all(struct vm_host *host, struct xen_domctl_getdomaininfo **list, struct why *why)
{
	struct xen_domctl_getdomaininfo *more;
	domid_t first = 0;
	int n, done = 0;

	do {
		more = realloc(*list, (done + 64) * sizeof(**list));
		if (!more)
			return why_set(why, -ENOMEM, "no memory");
		*list = more;
		n = hcall_domains(host->hcall, first, 64, *list + done);
		if (n < 0)
			return why_set(why, n, "the hypervisor does not list its domains: %s", strerror(-n));
		done += n;
		first = done ? (*list)[done - 1].domain + 1 : 0;
	} while (n == 64);
	return done;
}

int domains_read(struct vm_host *host, char **words, int n, struct xen_domctl_getdomaininfo **list, struct why *why)
{
	domid_t id;
	int rc = 0;

	*list = n ? calloc(n, sizeof(**list)) : NULL;
	if (n && !*list)
		return why_set(why, -ENOMEM, "no memory");
	if (!n)
		rc = read_all(host, list, why);
	for (int i = 0; i < n && rc >= 0; i++) {
		rc = vm_find(host, words[i], &id, why);
		if (!rc)
			rc = vm_info(host, id, *list + i, why);
		rc = rc ? rc : i + 1;
	}
	rc = n && rc > 0 ? n : rc;
	if (rc < 0) {
		free(*list);
		*list = NULL;
	}
	return rc;
}

json_t *domains_text(const char *text)
{
	json_t *t = text ? json_string(text) : json_null();

	return t ? t : json_string("(unreadable)");
}

json_t *domains_name(struct vm_host *host, domid_t id)
{
	char *name = vm_name(host, id);
	json_t *t = domains_text(name ? name : "");

	free(name);
	return t;
}
