/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_life.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hcall/hcall_vcpu.h"
#include "vm/vm_names.h"

#define LEAST_DOM0_KIB (128u << 10) /* as Debian's tools: less, and dom0 dies */

int vm_info(struct vm_host *host, domid_t id, struct xen_domctl_getdomaininfo *info, struct why *why)
{
	int n = hcall_domains(host->hcall, id, 1, info);

	if (n < 0)
		return why_set(why, n, "the hypervisor does not tell of domain %u: %s", id, strerror(-n));
	return n == 1 && info->domain == id ? 0 : why_set(why, -ESRCH, "domain %u is gone", id);
}

/* A guest that can be asked for something. */
static int running(struct vm_host *host, domid_t id, struct xen_domctl_getdomaininfo *info, struct why *why)
{
	int rc = vm_info(host, id, info, why);

	if (!rc && info->flags & XEN_DOMINF_dying)
		rc = why_set(why, -ESRCH, "domain %u is dying", id);
	if (!rc && info->flags & XEN_DOMINF_shutdown)
		rc = why_set(why, -ENXIO, "domain %u has shut down already; anel destroy %u takes it away", id, id);
	return rc;
}

static int write_control(struct vm_host *host, domid_t id, const char *node, const char *value, struct why *why)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u/control/%s", id, node);
	rc = store_write(host->store, path, value);
	return rc ? why_set(why, rc, "domain %u cannot be asked, the store does not take %s: %s", id, path,
			    strerror(-rc))
		  : 0;
}

int vm_request(struct vm_host *host, domid_t id, const char *what, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc;

	if (id == 0)
		return why_set(why, -EPERM, "dom0 is this system; use its own %s", what);
	rc = running(host, id, &info, why);
	return rc ? rc : write_control(host, id, "shutdown", what, why);
}

int vm_wait_down(struct vm_host *host, domid_t id, bool gone, struct why *why)
{
	struct hcall_domain info;
	char token[64], *event;
	int rc = store_watch(host->store, "@releaseDomain", "down");

	if (rc)
		return why_set(why, rc, "the store does not tell when domains end: %s", strerror(-rc));
	for (;;) {
		rc = hcall_domain_info(host->hcall, id, &info);
		if (rc == -ESRCH || (!rc && !gone && (info.shutdown || info.dying)))
			break;
		/* A dead domain that waits for its last page sends no event. */
		event = rc ? NULL : store_wait(host->store, 1000, token);
		if (!rc && !event && errno != ETIMEDOUT)
			rc = -errno;
		free(event);
		if (rc)
			return why_set(why, rc, "waiting for domain %u's end: %s", id, strerror(-rc));
	}
	store_unwatch(host->store, "@releaseDomain", "down");
	return 0;
}

int vm_rename(struct vm_host *host, domid_t id, const char *name, struct why *why)
{
	struct store_change *change;
	char path[64], *vm;
	int held, rc;

	if (!vm_good_name(name))
		return why_set(why, -EINVAL,
			       "\"%s\": a name has 1 to 63 characters, no / and does not begin with a digit", name);
	held = vm_name_hold(name, why);
	if (held < 0)
		return held;
	rc = vm_name_free(host, name, NULL, why);
	if (rc) {
		vm_name_release(name, held);
		return rc;
	}
	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	vm = store_read(host->store, path);
	change = store_change();
	store_put(change, NULL, name, "/local/domain/%u/name", id);
	if (vm && !strncmp(vm, "/vm/", 4) && !strchr(vm + 4, '/'))
		store_put(change, NULL, name, "%s/name", vm);
	free(vm);
	rc = store_commit(host->store, change);
	vm_name_release(name, held);
	return rc ? why_set(why, rc, "the store does not take the name: %s", strerror(-rc)) : 0;
}

int vm_sysrq(struct vm_host *host, domid_t id, const char *letter, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc;

	if (!isalnum((unsigned char)letter[0]) || letter[1])
		return why_set(why, -EINVAL,
			       "\"%s\" is not one letter or digit; h makes a Linux guest list them on its console",
			       letter);
	rc = running(host, id, &info, why);
	return rc ? rc : write_control(host, id, "sysrq", letter, why);
}

int vm_nmi(struct vm_host *host, domid_t id, unsigned vcpu, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = running(host, id, &info, why);

	if (!rc && vcpu > info.max_vcpu_id)
		rc = why_set(why, -EINVAL, "domain %u has no vCPU %u, only 0 to %u", id, vcpu, info.max_vcpu_id);
	if (rc)
		return rc;
	rc = hcall_trigger(host->hcall, id, XEN_DOMCTL_SENDTRIGGER_NMI, vcpu);
	return rc ? why_set(why, rc, "domain %u takes no NMI: %s", id, strerror(-rc)) : 0;
}

int vm_set_vcpus(struct vm_host *host, domid_t id, unsigned n, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	struct store_change *change;
	int rc = running(host, id, &info, why);

	if (!rc && (n < 1 || n > info.max_vcpu_id + 1))
		rc = why_set(why, -ERANGE, "domain %u can have 1 to %u vCPUs (maxvcpus when it was made)", id,
			     info.max_vcpu_id + 1);
	if (rc)
		return rc;
	change = store_change();
	for (unsigned i = 0; i <= info.max_vcpu_id; i++)
		store_put(change, NULL, i < n ? "online" : "offline", "/local/domain/%u/cpu/%u/availability", id, i);
	rc = store_commit(host->store, change);
	return rc ? why_set(why, rc, "the store does not take the number of vCPUs: %s", strerror(-rc)) : 0;
}

uint64_t vm_memory_node(struct vm_host *host, domid_t id, const char *node)
{
	char path[64], *text;
	uint64_t kib;

	snprintf(path, sizeof(path), "/local/domain/%u/memory/%s", id, node);
	text = store_read(host->store, path);
	kib = text ? strtoull(text, NULL, 10) : 0;
	free(text);
	return kib;
}

static int write_memory(struct vm_host *host, domid_t id, const char *node, uint64_t kib)
{
	char path[64], text[24];

	snprintf(path, sizeof(path), "/local/domain/%u/memory/%s", id, node);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)kib);
	return store_write(host->store, path, text);
}

/* The hypervisor's limit, then the node; the limit is put back if the store does not take the node. */
static int limit_memory(struct vm_host *host, const struct xen_domctl_getdomaininfo *info, const char *node,
			uint64_t kib, struct why *why)
{
	int rc = hcall_domain_max_mem(host->hcall, info->domain, kib + VM_SLACK_KIB);

	if (rc)
		return why_set(why, rc, "the hypervisor refuses the limit of domain %u: %s", info->domain,
			       strerror(-rc));
	rc = write_memory(host, info->domain, node, kib);
	if (!rc)
		return 0;
	hcall_domain_max_mem(host->hcall, info->domain, info->max_pages << 2);
	return why_set(why, rc, "the store does not take the memory of domain %u: %s", info->domain, strerror(-rc));
}

int vm_set_memory(struct vm_host *host, domid_t id, uint64_t kib, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = running(host, id, &info, why);
	uint64_t most;

	if (rc)
		return rc;
	most = vm_memory_node(host, id, "static-max");
	if (!most)
		most = info.tot_pages << 2;
	if (kib > most)
		return why_set(why, -ERANGE, "domain %u can have at most %llu MiB (maxmem when it was made)", id,
			       (unsigned long long)most >> 10);
	if (id == 0 && kib < LEAST_DOM0_KIB)
		return why_set(why, -ERANGE, "dom0 dies of less than %u MiB", LEAST_DOM0_KIB >> 10);
	return limit_memory(host, &info, "target", kib, why);
}

int vm_set_max_memory(struct vm_host *host, domid_t id, uint64_t kib, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = running(host, id, &info, why);
	uint64_t target = vm_memory_node(host, id, "target");

	if (!rc && kib < target)
		rc = why_set(why, -ERANGE, "domain %u is to have %llu MiB now; first lower that by anel mem-set", id,
			     (unsigned long long)target >> 10);
	return rc ? rc : limit_memory(host, &info, "static-max", kib, why);
}
