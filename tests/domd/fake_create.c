/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_create() without a guest in the domain: the empty domain, its nodes, the store's word. The kernel "/refused" cannot be had.
 * And what would read its memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vm/vm.h"
#include "vm/vm_core.h"
#include "vm/vm_make.h"

static int fill(struct vm_host *host, const struct vm_config *v, domid_t id, struct why *why)
{
	struct build_result rings = {.store_frame = 1, .console_frame = 2, .store_port = 2, .console_port = 3};
	struct store_change *change = store_change();
	int rc;

	vm_put_nodes(change, v, id, 0);
	vm_put_rings(change, id, &rings);
	rc = store_commit(host->store, change);
	if (!rc && !strcmp(v->kernel, "/refused"))
		return why_set(why, -ENOENT, "there is no kernel %s", v->kernel);
	if (!rc)
		rc = store_introduce(host->store, id, rings.store_frame, rings.store_port);
	return rc ? why_set(why, rc, "the store: %s", strerror(-rc)) : 0;
}

int vm_create(struct vm_host *host, struct vm_config *v, domid_t *id, struct why *why)
{
	struct xen_domctl_createdomain d = {.max_vcpus = v->max_vcpus};
	struct why ignored;
	domid_t other;
	int rc;

	*id = 0;
	if (vm_find(host, v->name, &other, &ignored) == 0)
		return why_set(why, -EEXIST, "there is a domain %s already (%u)", v->name, other);
	memcpy(d.handle, v->uuid, sizeof(d.handle));
	rc = hcall_domain_create(host->hcall, &d, id);
	if (rc)
		return why_set(why, rc, "no domain: %s", strerror(-rc));
	rc = fill(host, v, *id, why);
	if (rc)
		vm_destroy(host, *id, &ignored);
	return rc;
}

int vm_core_path(const char *name, char path[160], struct why *why)
{
	snprintf(path, 160, "%s/core", getenv("FAKEXEN"));
	return 0;
}

/* The domain's name, as what it has in it. */
int vm_dump_core(struct vm_host *host, domid_t id, const char *path, void (*progress)(uint64_t, uint64_t), struct why *why)
{
	char *name = vm_name(host, id);
	FILE *f = fopen(path, "w");

	if (!name || !f)
		return why_set(why, -EIO, "no core");
	fputs(name, f);
	fclose(f);
	free(name);
	return 0;
}

void vm_create_after(void)
{
}
