/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vcpu.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "args.h"
#include "domains.h"
#include "output.h"
#include "vm/vm_life.h"
#include "vm/vm_place.h"

#define CPU_POOL 0u /* the one that is there from the start */

static json_t *vcpu_json(struct vm_host *host, const struct xen_domctl_getdomaininfo *d, unsigned vcpu, unsigned cpus)
{
	struct hcall_cpumap hard, soft;
	struct hcall_vcpu v;
	char hard_text[256], soft_text[256];
	const char *state;

	if (hcall_vcpu_info(host->hcall, d->domain, vcpu, &v) ||
	    hcall_vcpu_affinity(host->hcall, d->domain, vcpu, &hard, &soft))
		return NULL;
	state = !v.online ? "offline" : d->flags & XEN_DOMINF_paused ? "paused" : v.running ? "running" : "waiting";
	if (v.online && v.blocked)
		state = "blocked";
	vm_cpus_text(&hard, cpus, hard_text, sizeof(hard_text));
	vm_cpus_text(&soft, cpus, soft_text, sizeof(soft_text));
	return json_pack("{s:o, s:i, s:i, s:o, s:s, s:f, s:s, s:s}", "name", domains_name(host, d->domain), "id",
			 (int)d->domain, "vcpu", (int)vcpu, "cpu", v.online ? json_integer(v.cpu) : json_null(),
			 "state", state, "cpu_seconds", v.cpu_time / 1e9, "hard_affinity", hard_text, "soft_affinity",
			 soft_text);
}

static void add_vcpus(struct vm_host *host, const struct xen_domctl_getdomaininfo *d, unsigned cpus, json_t *rows)
{
	json_t *row;

	for (unsigned v = 0; d->max_vcpu_id != XEN_INVALID_MAX_VCPU_ID && v <= d->max_vcpu_id; v++) {
		row = vcpu_json(host, d, v, cpus);
		if (row)
			json_array_append_new(rows, row);
	}
}

int verb_vcpu_list(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_SHRINKS },
		{ "ID", "id", COLUMN_RIGHT },
		{ "VCPU", "vcpu", COLUMN_RIGHT },
		{ "CPU", "cpu", COLUMN_RIGHT },
		{ "STATE", "state", 0 },
		{ "CPU-S", "cpu_seconds", COLUMN_RIGHT },
		{ "HARD", "hard_affinity", COLUMN_SHRINKS },
		{ "SOFT", "soft_affinity", COLUMN_SHRINKS },
	};
	struct arg args[] = { { NULL, "--json", false, NULL, 0 }, { 0 } };
	struct vm_cpus *cpus = malloc(sizeof(*cpus));
	struct xen_domctl_getdomaininfo *list = NULL;
	json_t *rows = json_array();
	char *words[64];
	int n = args_read(argc, argv, args, words, 64, why), rc = n < 0 ? n : 0;

	if (!rc)
		rc = cpus ? vm_cpus_read(host->hcall, cpus, why) : why_set(why, -ENOMEM, "no memory");
	if (!rc)
		rc = n = domains_read(host, words, n, &list, why);
	for (int i = 0; rc >= 0 && i < n; i++)
		add_vcpus(host, &list[i], cpus->n, rows);
	if (rc >= 0)
		output_rows(columns, sizeof(columns) / sizeof(columns[0]), rows, args[0].given);
	json_decref(rows);
	free(list);
	free(cpus);
	return rc < 0 ? rc : 0;
}

int verb_vcpu_set(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { "-i", "--ignore-host", false, NULL, 0 }, { 0 } };
	struct xen_sysctl_physinfo physical;
	char *words[2];
	uint64_t count;
	domid_t id;
	int n = args_read(argc, argv, args, words, 2, why), rc;

	if (n < 0)
		return n;
	if (n != 2)
		return why_set(why, -EINVAL, "anel vcpu-set [-i] DOMAIN NUMBER");
	rc = args_number(words[1], "vCPUs", 1, HCALL_MAX_CPUS, &count, why);
	if (!rc)
		rc = vm_find(host, words[0], &id, why);
	if (rc)
		return rc;
	rc = hcall_physinfo(host->hcall, &physical);
	if (rc)
		return why_set(why, rc, "the hypervisor does not answer: %s", strerror(-rc));
	if (count > physical.nr_cpus && !args[0].given)
		return why_set(why, -ERANGE,
			       "the host has %u CPUs, so %llu vCPUs would only wait for each other; -i for all that",
			       physical.nr_cpus, (unsigned long long)count);
	return vm_set_vcpus(host, id, count, why);
}

struct pin {
	domid_t id;
	bool force, has_hard, has_soft;
	unsigned first, last;
	struct hcall_cpumap hard, soft;
};

static int read_pin(struct vm_host *host, char **words, int n, struct pin *p, struct why *why)
{
	struct vm_cpus *cpus = malloc(sizeof(*cpus));
	struct xen_domctl_getdomaininfo info;
	uint64_t vcpu;
	int rc = cpus ? vm_cpus_read(host->hcall, cpus, why) : why_set(why, -ENOMEM, "no memory");

	if (!rc)
		rc = vm_find(host, words[0], &p->id, why);
	if (!rc)
		rc = vm_info(host, p->id, &info, why);
	if (!rc && strcmp(words[1], "all")) {
		rc = args_number(words[1], "vCPU", 0, info.max_vcpu_id, &vcpu, why);
		p->first = p->last = vcpu;
	} else if (!rc) {
		p->last = info.max_vcpu_id;
	}
	p->has_hard = strcmp(words[2], "-") != 0;
	p->has_soft = n == 4 && strcmp(words[3], "-");
	if (!rc && p->has_hard)
		rc = vm_cpus_parse(words[2], cpus, &p->hard, why);
	if (!rc && p->has_soft)
		rc = vm_cpus_parse(words[3], cpus, &p->soft, why);
	if (!rc && !p->has_hard && !p->has_soft && !p->force)
		rc = why_set(why, -EINVAL, "neither hard nor soft affinity is given: nothing to do");
	free(cpus);
	return rc;
}

int verb_vcpu_pin(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { "-f", "--force", false, NULL, 0 }, { 0 } };
	struct pin p = { 0 };
	char *words[4];
	int n = args_read(argc, argv, args, words, 4, why), rc;

	if (n < 0)
		return n;
	if (n < 3)
		return why_set(why, -EINVAL,
			       "anel vcpu-pin [-f] DOMAIN VCPU|all HARD [SOFT]; CPUs as in 0-3,^1 or all, - leaves "
			       "one as it is");
	p.force = args[0].given;
	rc = read_pin(host, words, n, &p, why);
	for (unsigned v = p.first; !rc && v <= p.last; v++) {
		rc = hcall_vcpu_set_affinity(host->hcall, p.id, v, p.has_hard ? &p.hard : NULL,
					     p.has_soft ? &p.soft : NULL, p.force);
		if (rc == -EBUSY)
			return why_set(why, rc,
				       "vCPU %u of domain %u is pinned by its own kernel for now; -f undoes that", v,
				       p.id);
		if (rc)
			return why_set(
				why, rc,
				"vCPU %u of domain %u cannot be bound to these CPUs (are they of its pool?): %s", v,
				p.id, strerror(-rc));
	}
	return rc;
}

static json_t *share_json(struct vm_host *host, domid_t id)
{
	struct xen_domctl_sched_credit2 share;

	if (hcall_credit2(host->hcall, id, &share))
		return NULL;
	return json_pack("{s:o, s:i, s:i, s:i}", "name", domains_name(host, id), "id", (int)id, "weight",
			 (int)share.weight, "cap", (int)share.cap);
}

static int list_shares(struct vm_host *host, const char *name, bool json, struct why *why)
{
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_SHRINKS },
		{ "ID", "id", COLUMN_RIGHT },
		{ "WEIGHT", "weight", COLUMN_RIGHT },
		{ "CAP", "cap", COLUMN_RIGHT },
	};
	struct xen_domctl_getdomaininfo *list;
	char *words[] = { (char *)name };
	json_t *rows, *row;
	int n = domains_read(host, words, name != NULL, &list, why);

	if (n < 0)
		return n;
	rows = json_array();
	for (int i = 0; i < n; i++) {
		row = share_json(host, list[i].domain);
		if (row)
			json_array_append_new(rows, row);
	}
	output_rows(columns, 4, rows, json);
	json_decref(rows);
	free(list);
	return 0;
}

static int set_share(struct vm_host *host, const char *name, const char *weight, const char *cap, struct why *why)
{
	struct xen_domctl_sched_credit2 share;
	uint64_t number;
	domid_t id;
	int rc = vm_find(host, name, &id, why), error;

	if (rc)
		return rc;
	error = hcall_credit2(host->hcall, id, &share);
	if (!error && weight) {
		rc = args_number(weight, "weight", 1, 65535, &number, why);
		share.weight = number;
	}
	if (!error && !rc && cap) {
		rc = args_number(cap, "cap, in percent of a CPU,", 0, 65535, &number, why);
		share.cap = number;
	}
	if (!error && !rc)
		error = hcall_set_credit2(host->hcall, id, &share);
	return error ? why_set(why, error, "domain %u is not the scheduler credit2's, or it refuses: %s", id,
			       strerror(-error))
		     : rc;
}

/* What is the whole pool's. */
static int pool(struct vm_host *host, const char *ratelimit, bool json, struct why *why)
{
	json_t *o;
	uint64_t number = 0;
	unsigned us;
	int rc = ratelimit ? args_number(ratelimit, "ratelimit, in microseconds,", 0, 500000, &number, why) : 0;

	if (rc)
		return rc;
	rc = ratelimit ? hcall_set_ratelimit(host->hcall, CPU_POOL, number)
		       : hcall_ratelimit(host->hcall, CPU_POOL, &us);
	if (rc)
		return why_set(why, rc, "the scheduler is not credit2, or refuses: %s", strerror(-rc));
	if (ratelimit)
		return 0;
	o = json_pack("{s:i, s:i}", "pool", (int)CPU_POOL, "ratelimit_us", (int)us);
	output_object(o, json);
	json_decref(o);
	return 0;
}

int verb_sched_credit2(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { "-d", "--domain", true, NULL, 0 },
			      { "-w", "--weight", true, NULL, 0 },
			      { "-c", "--cap", true, NULL, 0 },
			      { "-s", "--schedparam", false, NULL, 0 },
			      { "-r", "--ratelimit_us", true, NULL, 0 },
			      { NULL, "--json", false, NULL, 0 },
			      { 0 } };
	const char *domain, *weight, *cap;
	int rc = args_read(argc, argv, args, NULL, 0, why);

	domain = args[0].value;
	weight = args[1].value;
	cap = args[2].value;
	if (rc)
		return rc;
	if (args[3].given && (domain || weight || cap))
		return why_set(why, -EINVAL, "-s is about all domains; leave out -d, -w and -c");
	if (args[4].given && !args[3].given)
		return why_set(why, -EINVAL, "-r is the whole scheduler's: anel sched-credit2 -s -r MICROSECONDS");
	if (args[3].given)
		return pool(host, args[4].value, args[5].given, why);
	if (!weight && !cap)
		return list_shares(host, domain, args[5].given, why);
	if (!domain)
		return why_set(why, -EINVAL,
			       "whose weight or cap? anel sched-credit2 -d DOMAIN [-w WEIGHT] [-c CAP]");
	return set_share(host, domain, weight, cap, why);
}
