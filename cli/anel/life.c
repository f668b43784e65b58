/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "life.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "args.h"
#include "domains.h"
#include "output.h"
#include "vm/vm_life.h"

/* A verb of a domain and exactly n - 1 further words. */
static int domain_and(struct vm_host *host, int argc, char **argv, char **words, int n, const char *usage,
		      domid_t *id, struct why *why)
{
	struct arg none[] = { { 0 } };
	int rc = args_read(argc, argv, none, words, n, why);

	if (rc >= 0 && rc != n)
		rc = why_set(why, -EINVAL, "anel %s", usage);
	return rc < 0 ? rc : vm_find(host, words[0], id, why);
}

/* -F presses a button of HVM guests that hear nothing else. */
static int no_button(const struct arg *a, struct why *why)
{
	return a->given ? why_set(why, -EOPNOTSUPP,
				  "-F presses a power or reset button, and a PV guest has none; leave it out")
			: 0;
}

/* All guests instead of words. */
static int shut_down(struct vm_host *host, char **words, int n, bool all, unsigned wait, struct why *why)
{
	struct xen_domctl_getdomaininfo *list;
	int rc = 0, count = domains_read(host, words, n, &list, why);

	for (int i = 0; i < count && !rc; i++)
		if (!all || (list[i].domain && !(list[i].flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown))))
			rc = vm_request(host, list[i].domain, "poweroff", why);
	for (int i = 0; i < count && !rc && wait; i++)
		if (list[i].domain)
			rc = vm_wait_down(host, list[i].domain, wait > 1, why);
	free(list);
	return count < 0 ? count : rc;
}

int verb_shutdown(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { "-a", "--all", false, NULL, 0 },
			      { "-w", "--wait", false, NULL, 0 },
			      { "-F", NULL, false, NULL, 0 },
			      { 0 } };
	char *words[64];
	int n = args_read(argc, argv, args, words, 64, why);

	if (n < 0 || no_button(&args[2], why))
		return n < 0 ? n : -EOPNOTSUPP;
	if ((n == 0) == !args[0].given)
		return why_set(why, -EINVAL, "which domain? anel shutdown [-w] DOMAIN..., or -a for all guests");
	return shut_down(host, words, n, args[0].given, args[1].given, why);
}

int verb_reboot(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = { { "-F", NULL, false, NULL, 0 }, { 0 } };
	char *words[64];
	domid_t id;
	int n = args_read(argc, argv, args, words, 64, why), rc = 0;

	if (n < 0 || no_button(&args[0], why))
		return n < 0 ? n : -EOPNOTSUPP;
	if (n == 0)
		return why_set(why, -EINVAL, "which domain? anel reboot DOMAIN...");
	for (int i = 0; i < n && !rc; i++) {
		rc = vm_find(host, words[i], &id, why);
		if (!rc)
			rc = vm_request(host, id, "reboot", why);
	}
	return rc;
}

int verb_rename(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[2];
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 2, "rename DOMAIN NEW-NAME", &id, why);

	return rc ? rc : vm_rename(host, id, words[1], why);
}

int verb_domid(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[1];
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 1, "domid NAME", &id, why);

	if (!rc)
		printf("%u\n", id);
	return rc;
}

int verb_domname(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[1], *name;
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 1, "domname NUMBER", &id, why);

	if (rc)
		return rc;
	name = vm_name(host, id);
	if (!name)
		return why_set(why, -ENOENT, "domain %u has no name", id);
	output_line(name);
	free(name);
	return 0;
}

/* Seconds since its start, or of this system; -1: nobody knows. */
static long uptime(struct vm_host *host, domid_t id)
{
	char path[128], *vm, *start = NULL;
	struct timespec now;
	long seconds;

	if (id == 0) {
		clock_gettime(CLOCK_BOOTTIME, &now);
		return now.tv_sec;
	}
	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	vm = store_read(host->store, path);
	if (vm && !strncmp(vm, "/vm/", 4))
		start = store_read_at(host->store, vm, "start_time");
	seconds = start ? (long)time(NULL) - strtol(start, NULL, 10) : -1;
	free(start);
	free(vm);
	return seconds < 0 ? -1 : seconds;
}

static json_t *uptime_json(struct vm_host *host, domid_t id)
{
	long s = uptime(host, id);
	char text[48] = "-";

	if (s >= 86400)
		snprintf(text, sizeof(text), "%ld day%s, %ld:%02ld:%02ld", s / 86400, s >= 2 * 86400 ? "s" : "",
			 s / 3600 % 24, s / 60 % 60, s % 60);
	else if (s >= 0)
		snprintf(text, sizeof(text), "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
	return json_pack("{s:o, s:i, s:o, s:s}", "name", domains_name(host, id), "id", (int)id, "seconds",
			 s < 0 ? json_null() : json_integer(s), "uptime", text);
}

int verb_uptime(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_SHRINKS },
		{ "ID", "id", COLUMN_RIGHT },
		{ "UPTIME", "uptime", 0 },
	};
	struct arg args[] = { { NULL, "--json", false, NULL, 0 }, { "-s", "--short", false, NULL, 0 }, { 0 } };
	struct xen_domctl_getdomaininfo *list;
	json_t *rows;
	char *words[64];
	int n = args_read(argc, argv, args, words, 64, why), count;

	if (n < 0)
		return n;
	count = domains_read(host, words, n, &list, why);
	if (count < 0)
		return count;
	rows = json_array();
	for (int i = 0; i < count; i++)
		json_array_append_new(rows, uptime_json(host, list[i].domain));
	output_rows(columns, 3, rows, args[0].given);
	json_decref(rows);
	free(list);
	return 0;
}

int verb_sysrq(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[2];
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 2, "sysrq DOMAIN LETTER", &id, why);

	return rc ? rc : vm_sysrq(host, id, words[1], why);
}

int verb_trigger(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg none[] = { { 0 } };
	uint64_t vcpu = 0;
	char *words[3];
	domid_t id;
	int n = args_read(argc, argv, none, words, 3, why), rc;

	if (n < 0)
		return n;
	if (n < 2)
		return why_set(why, -EINVAL, "anel trigger DOMAIN nmi [VCPU]");
	if (strcmp(words[1], "nmi"))
		return why_set(why, -EOPNOTSUPP,
			       "%s: a PV guest can be sent nmi alone; see anel shutdown, reboot, sysrq", words[1]);
	rc = n == 3 ? args_number(words[2], "vCPU", 0, HCALL_MAX_CPUS, &vcpu, why) : 0;
	if (!rc)
		rc = vm_find(host, words[0], &id, why);
	return rc ? rc : vm_nmi(host, id, vcpu, why);
}

int verb_mem_set(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[2];
	uint64_t kib;
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 2, "mem-set DOMAIN AMOUNT, as in mem-set demo 512m", &id, why);

	if (!rc)
		rc = args_memory(words[1], &kib, why);
	return rc ? rc : vm_set_memory(host, id, kib, why);
}

int verb_mem_max(struct vm_host *host, int argc, char **argv, struct why *why)
{
	char *words[2];
	uint64_t kib;
	domid_t id;
	int rc = domain_and(host, argc, argv, words, 2, "mem-max DOMAIN AMOUNT, as in mem-max demo 1g", &id, why);

	if (!rc)
		rc = args_memory(words[1], &kib, why);
	return rc ? rc : vm_set_max_memory(host, id, kib, why);
}
