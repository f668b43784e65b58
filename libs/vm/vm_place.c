/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_place.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int vm_cpus_read(struct hcall *h, struct vm_cpus *cpus, struct why *why)
{
	int rc;

	cpus->n = HCALL_MAX_CPUS;
	rc = hcall_cpu_nodes(h, cpus->nodes, &cpus->n);
	if (!rc && !cpus->n)
		rc = -EIO;
	return rc ? why_set(why, rc, "the hypervisor does not tell of its CPUs: %s", strerror(-rc)) : 0;
}

static bool pinned(const struct vm_config *v)
{
	return v->cpus.text[0] || v->cpus_soft.text[0];
}

/* The map of one vCPU; *has: there is one. */
static int map_of(const struct vm_pins *pins, unsigned vcpu, const struct vm_cpus *cpus, struct hcall_cpumap *map,
		  bool *has, struct why *why)
{
	char list[1024];
	int rc;

	*has = vm_pins_of(pins, vcpu, list);
	rc = *has ? vm_cpus_parse(list, cpus, map, why) : 0;
	return rc ? why_prefix(why, rc, "CPUs of vCPU %u: ", vcpu) : 0;
}

/* act false: looks only. */
static int pin_all(struct vm_host *host, domid_t id, const struct vm_config *v, bool act, struct why *why)
{
	struct vm_cpus *cpus = malloc(sizeof(*cpus));
	struct hcall_cpumap hard, soft;
	bool has_hard, has_soft;
	int rc = cpus ? vm_cpus_read(host->hcall, cpus, why) : why_set(why, -ENOMEM, "no memory");

	for (unsigned i = 0; !rc && i < v->max_vcpus; i++) {
		rc = map_of(&v->cpus, i, cpus, &hard, &has_hard, why);
		if (!rc)
			rc = map_of(&v->cpus_soft, i, cpus, &soft, &has_soft, why);
		if (rc || !act || (!has_hard && !has_soft))
			continue;
		rc = hcall_vcpu_set_affinity(host->hcall, id, i, has_hard ? &hard : NULL, has_soft ? &soft : NULL,
					     false);
		if (rc)
			why_set(why, rc, "vCPU %u cannot be bound to its CPUs: %s", i, strerror(-rc));
	}
	free(cpus);
	return rc;
}

int vm_place_check(struct vm_host *host, const struct vm_config *config, struct why *why)
{
	return pinned(config) ? pin_all(host, 0, config, false, why) : 0;
}

/* Room above what it starts with, for its balloon driver. */
static int room(struct vm_host *host, domid_t id, const struct vm_config *v, struct why *why)
{
	int rc = v->max_kib > v->memory_kib ? hcall_memory_map(host->hcall, id, v->max_kib) : 0;

	return rc ? why_set(why, rc, "the hypervisor does not take the memory map: %s", strerror(-rc)) : 0;
}

int vm_place(struct vm_host *host, domid_t id, const struct vm_config *config, struct why *why)
{
	struct xen_domctl_sched_credit2 share;
	int rc = room(host, id, config, why);

	if (!rc && pinned(config))
		rc = pin_all(host, id, config, true, why);
	if (rc || (!config->weight && !config->cap))
		return rc;
	rc = hcall_credit2(host->hcall, id, &share);
	if (!rc) {
		share.weight = config->weight ? config->weight : share.weight;
		share.cap = config->cap;
		rc = hcall_set_credit2(host->hcall, id, &share);
	}
	return rc ? why_set(why, rc, "the scheduler takes no weight or cap: %s", strerror(-rc)) : 0;
}
