/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int vm_host_open(struct vm_host *host, struct why *why)
{
	host->store = NULL;
	host->doing = NULL;
	host->hcall = hcall_open();
	if (!host->hcall)
		return why_set(why, -errno, errno == EACCES ? "only root may talk to the hypervisor" :
			       "there is no hypervisor under this system, or not as dom0: %s", strerror(errno));
	host->store = store_open();
	if (host->store)
		return 0;
	why_set(why, -errno, "the store does not answer (is xenstored running?): %s", strerror(errno));
	hcall_close(host->hcall);
	return -EIO;
}

void vm_host_close(struct vm_host *host)
{
	store_close(host->store);
	hcall_close(host->hcall);
}

int vm_pause(struct vm_host *host, domid_t id, struct why *why)
{
	int rc = hcall_domain_pause(host->hcall, id);

	return rc ? why_set(why, rc, "domain %u cannot be paused: %s", id, strerror(-rc)) : 0;
}

int vm_unpause(struct vm_host *host, domid_t id, struct why *why)
{
	int rc = hcall_domain_unpause(host->hcall, id);

	return rc ? why_set(why, rc, "domain %u cannot be unpaused: %s", id, strerror(-rc)) : 0;
}

char *vm_name(struct vm_host *host, domid_t id)
{
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/name", id);
	return store_read(host->store, path);
}

static int find_name(struct vm_host *host, const char *name, domid_t *id, struct why *why)
{
	struct xen_domctl_getdomaininfo info[64];
	domid_t first = 0;
	char *found;
	bool same;
	int n;

	do {
		n = hcall_domains(host->hcall, first, 64, info);
		if (n < 0)
			return why_set(why, n, "the hypervisor does not list its domains: %s", strerror(-n));
		for (int i = 0; i < n; i++) {
			found = vm_name(host, info[i].domain);
			same = found && !strcmp(found, name);
			free(found);
			if (same) {
				*id = info[i].domain;
				return 0;
			}
		}
		first = n ? info[n - 1].domain + 1 : 0;
	} while (n == 64);
	return why_set(why, -ESRCH, "there is no domain called %s", name);
}

int vm_find(struct vm_host *host, const char *name, domid_t *id, struct why *why)
{
	struct hcall_domain info;
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	int rc;

	if (*name < '0' || *name > '9' || *end)
		return find_name(host, name, id, why);
	if (number >= DOMID_FIRST_RESERVED)
		return why_set(why, -ESRCH, "there is no domain %s", name);
	*id = number;
	rc = hcall_domain_info(host->hcall, *id, &info);
	return rc ? why_set(why, rc, "there is no domain %s", name) : 0;
}

/* All that the store has of a domain, but for its devices' back ends. */
static int remove_nodes(struct vm_host *host, domid_t id)
{
	struct store_change *c = store_change();
	char *vm, path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	vm = store_read(host->store, path);
	if (vm && !strncmp(vm, "/vm/", 4) && vm[4] && !strchr(vm + 4, '/')) {
		store_drop(c, "%s", vm);
		/* What xl notes of a guest that it made. */
		snprintf(path, sizeof(path), "/var/lib/xen/userdata-d.%u.%.36s.libxl-json", id, vm + 4);
		unlink(path);
	}
	free(vm);
	store_drop(c, "/local/domain/%u", id);
	store_drop(c, "/libxl/%u", id);
	return store_commit(host->store, c);
}

/* The hypervisor keeps a dead domain until nobody maps its memory any more; the daemons let go when they hear of it. */
static bool wait_gone(struct vm_host *host, domid_t id)
{
	struct hcall_domain info;
	struct timespec pause = { .tv_nsec = 1000000 };

	for (int i = 0; i < 28; i++) {	/* ten seconds */
		if (hcall_domain_info(host->hcall, id, &info) == -ESRCH)
			return true;
		nanosleep(&pause, NULL);
		pause.tv_nsec = pause.tv_nsec < 400000000 ? pause.tv_nsec * 2 : pause.tv_nsec;
	}
	return false;
}

int vm_destroy(struct vm_host *host, domid_t id, struct why *why)
{
	struct device_closing *closing = NULL;
	struct why ignored;
	int rc, killed, nodes, devices = 0;

	if (id == 0)
		return why_set(why, -EPERM, "dom0 is not destroyed; shut the machine down instead");
	hcall_domain_pause(host->hcall, id);
	/* Back ends let go while the hypervisor takes the guest apart. */
	rc = device_close_all(host->store, id, &closing, why);
	killed = hcall_domain_destroy(host->hcall, id);
	if (killed)
		rc = why_set(why, killed, "domain %u cannot be destroyed: %s", id, strerror(-killed));
	if (closing)
		devices = device_wait_closed(host->store, closing, rc ? &ignored : why);
	store_release(host->store, id);
	nodes = remove_nodes(host, id);
	if (rc || devices)
		return rc ? rc : devices;
	if (nodes)
		return why_set(why, nodes, "domain %u is gone, but not its nodes in the store: %s", id, strerror(-nodes));
	if (!wait_gone(host, id))
		return why_set(why, -EBUSY, "domain %u is dead, but a program in dom0 still has its memory", id);
	return 0;
}
