/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "show.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "domains.h"
#include "output.h"
#include "verbs.h"

#define MAX_MESSAGES (4u << 20)

const char *show_state(const struct xen_domctl_getdomaininfo *d)
{
	unsigned reason = d->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;

	if (d->flags & XEN_DOMINF_dying)
		return "dying";
	if (d->flags & XEN_DOMINF_shutdown)
		return reason == 3 ? "crashed" : reason == 2 ? "suspended" : "shut down";
	if (d->flags & XEN_DOMINF_paused)
		return "paused";
	return d->flags & XEN_DOMINF_running ? "running" : "idle";
}

static json_t *domain_json(struct vm_host *host, const struct xen_domctl_getdomaininfo *d)
{
	char uuid[37];

	vm_uuid_text(d->handle, uuid);
	return json_pack("{s:o, s:i, s:I, s:i, s:s, s:f, s:s}", "name", domains_name(host, d->domain), "id", (int)d->domain,
			 "memory_mib", (json_int_t)((d->tot_pages + d->outstanding_pages) >> 8), "vcpus",
			 (int)d->nr_online_vcpus, "state", show_state(d), "cpu_seconds", d->cpu_time / 1e9, "uuid", uuid);
}

int verb_list(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "--json", "-l", "--long", NULL };
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_SHRINKS }, { "ID", "id", COLUMN_RIGHT },
		{ "MIB", "memory_mib", COLUMN_RIGHT }, { "VCPUS", "vcpus", COLUMN_RIGHT },
		{ "STATE", "state", 0 }, { "CPU-S", "cpu_seconds", COLUMN_RIGHT },
	};
	struct xen_domctl_getdomaininfo *list;
	json_t *rows;
	char *words[64];
	unsigned flags;
	int n = verb_options(argc, argv, known, &flags, words, 64, why);

	if (n < 0)
		return n;
	n = domains_read(host, words, n, &list, why);
	if (n < 0)
		return n;
	rows = json_array();
	for (int i = 0; i < n; i++)
		json_array_append_new(rows, domain_json(host, &list[i]));
	output_rows(columns, sizeof(columns) / sizeof(columns[0]), rows, flags);
	json_decref(rows);
	free(list);
	return 0;
}

static const char *scheduler_name(uint32_t id)
{
	static const char *const names[] = {
		[XEN_SCHEDULER_CREDIT] = "credit", [XEN_SCHEDULER_CREDIT2] = "credit2", [XEN_SCHEDULER_ARINC653] = "arinc653",
		[XEN_SCHEDULER_RTDS] = "rtds",	   [XEN_SCHEDULER_NULL] = "null",
	};

	return id < sizeof(names) / sizeof(names[0]) && names[id] ? names[id] : "unknown";
}

int verb_info(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "--json", NULL };
	struct hcall_version v;
	struct xen_sysctl_physinfo p;
	struct utsname u;
	uint32_t scheduler;
	unsigned flags;
	char version[64];
	json_t *o;
	int rc = verb_options(argc, argv, known, &flags, NULL, 0, why);

	if (rc)
		return rc;
	rc = hcall_version(host->hcall, &v);
	if (!rc)
		rc = hcall_physinfo(host->hcall, &p);
	if (!rc)
		rc = hcall_scheduler(host->hcall, &scheduler);
	if (rc)
		return why_set(why, rc, "the hypervisor does not answer: %s", strerror(-rc));
	uname(&u);
	snprintf(version, sizeof(version), "%u.%u%s", v.major, v.minor, v.extra);
	o = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:I, s:I, s:s, s:s, s:s, s:s}", "host", u.nodename,
		      "kernel", u.release, "hypervisor", version, "capabilities", v.caps, "cpus", (int)p.nr_cpus, "nodes",
		      (int)p.nr_nodes, "cores_per_socket", (int)p.cores_per_socket, "threads_per_core",
		      (int)p.threads_per_core, "cpu_mhz", (int)(p.cpu_khz / 1000), "memory_mib",
		      (json_int_t)(p.total_pages >> 8), "free_mib", (json_int_t)(p.free_pages >> 8), "outstanding_mib",
		      (json_int_t)(p.outstanding_pages >> 8), "scheduler", scheduler_name(scheduler), "command_line",
		      v.command_line, "compiler", v.compiler, "build_date", v.compile_date);
	if (!o)
		return why_set(why, -EIO, "the hypervisor's texts are not UTF-8");
	output_object(o, flags & 1);
	json_decref(o);
	return 0;
}

int verb_dmesg(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { "-c", "--clear", NULL };
	uint32_t size = MAX_MESSAGES;
	char *buffer = malloc(size);
	unsigned flags = 0;
	int rc = verb_options(argc, argv, known, &flags, NULL, 0, why);

	if (!buffer)
		rc = why_set(why, -ENOMEM, "no memory");
	if (!rc) {
		rc = hcall_console_ring(host->hcall, buffer, &size, flags != 0);
		if (rc)
			why_set(why, rc, "the hypervisor does not give its messages: %s", strerror(-rc));
		else
			fwrite(buffer, 1, size, stdout);
	}
	free(buffer);
	return rc;
}

int verb_debug_keys(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const char *const known[] = { NULL };
	char *keys;
	unsigned flags;
	int rc = verb_options(argc, argv, known, &flags, &keys, 1, why);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return why_set(why, -EINVAL, "which keys? anel debug-keys h, then anel dmesg, lists them");
	rc = hcall_debug_keys(host->hcall, keys);
	return rc ? why_set(why, rc, "the hypervisor takes no keys: %s", strerror(-rc)) : 0;
}
