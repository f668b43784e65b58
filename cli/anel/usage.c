/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "domains.h"
#include "show.h"

#define BACK_ENDS "/sys/bus/xen-backend/devices"
#define SECTOR	  512

static uint64_t counter(const char *folder, const char *name)
{
	unsigned long long value = 0;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "re");
	if (f) {
		if (fscanf(f, "%llu", &value) != 1)
			value = 0;
		fclose(f);
	}
	return value;
}

/* A card's interface may have any name; it is the only one there. */
static void add_card(struct usage_devices *d, const char *back)
{
	char net[300], statistics[600];
	struct dirent *e;
	DIR *dir;

	snprintf(net, sizeof(net), "%s/net", back);
	dir = opendir(net);
	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(statistics, sizeof(statistics), "%s/%s/statistics", net, e->d_name);
		d->sent += counter(statistics, "rx_bytes");
		d->received += counter(statistics, "tx_bytes");
	}
	if (dir)
		closedir(dir);
}

static void add_disk(struct usage_devices *d, const char *back)
{
	d->read += counter(back, "statistics/rd_sect") * SECTOR;
	d->written += counter(back, "statistics/wr_sect") * SECTOR;
}

static int index_of(const struct usage *u, unsigned domain)
{
	for (int i = 0; i < u->n; i++)
		if (u->domains[i].domain == domain)
			return i;
	return -1;
}

void usage_add_devices(struct usage *u, const char *folder)
{
	unsigned domain, number;
	char back[280], kind[4];
	struct dirent *e;
	DIR *dir = opendir(folder);
	int at;

	while (dir && (e = readdir(dir))) {
		if (sscanf(e->d_name, "%3[a-z]-%u-%u", kind, &domain, &number) != 3)
			continue;
		at = index_of(u, domain);
		snprintf(back, sizeof(back), "%.200s/%.64s", folder, e->d_name);
		if (at >= 0 && !strcmp(kind, "vif"))
			add_card(&u->devices[at], back);
		else if (at >= 0 && !strcmp(kind, "vbd"))
			add_disk(&u->devices[at], back);
	}
	if (dir)
		closedir(dir);
}

int usage_read(struct vm_host *host, struct usage *u, struct why *why)
{
	struct timespec t;

	u->devices = NULL;
	u->n = domains_read(host, NULL, 0, &u->domains, why);
	if (u->n < 0)
		return u->n;
	clock_gettime(CLOCK_MONOTONIC, &t);
	u->when = t.tv_sec + t.tv_nsec / 1e9;
	u->devices = calloc(u->n + 1, sizeof(*u->devices));
	if (!u->devices) {
		usage_free(u);
		return why_set(why, -ENOMEM, "no memory");
	}
	usage_add_devices(u, BACK_ENDS);
	return 0;
}

void usage_free(struct usage *u)
{
	free(u->domains);
	free(u->devices);
	memset(u, 0, sizeof(*u));
}

/* A counter that went back is of a device that was made anew. */
static double grown(uint64_t before, uint64_t now, double seconds)
{
	return now > before ? (now - before) / seconds : 0;
}

struct usage_rates usage_between(const struct usage *before, const struct usage *now, int at)
{
	static const struct usage_devices none;
	const struct usage_devices *d = &now->devices[at], *was = &none;
	double seconds = now->when - before->when;
	int old = index_of(before, now->domains[at].domain);
	uint64_t cpu = 0;

	if (old >= 0) {
		was = &before->devices[old];
		cpu = before->domains[old].cpu_time;
	}
	if (seconds <= 0)
		return (struct usage_rates){ 0 };
	return (struct usage_rates){
		.cpu_percent = grown(cpu, now->domains[at].cpu_time, seconds) / 1e7,
		.sent = grown(was->sent, d->sent, seconds) / 1024,
		.received = grown(was->received, d->received, seconds) / 1024,
		.read = grown(was->read, d->read, seconds) / 1024,
		.written = grown(was->written, d->written, seconds) / 1024,
	};
}

static json_t *row(struct vm_host *host, const struct usage *before, const struct usage *now, int at)
{
	const struct xen_domctl_getdomaininfo *d = &now->domains[at];
	const struct usage_devices *io = &now->devices[at];
	struct usage_rates r = usage_between(before, now, at);

	return json_pack("{s:o, s:i, s:s, s:f, s:f, s:I, s:i, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I}", "name",
			 domains_name(host, d->domain), "id", (int)d->domain, "state", show_state(d), "cpu_percent",
			 r.cpu_percent, "cpu_seconds", d->cpu_time / 1e9, "memory_mib",
			 (json_int_t)(d->tot_pages >> 8), "vcpus", (int)d->nr_online_vcpus, "network_sent_kib_s",
			 r.sent, "network_received_kib_s", r.received, "disk_read_kib_s", r.read,
			 "disk_written_kib_s", r.written, "network_sent_bytes", (json_int_t)io->sent,
			 "network_received_bytes", (json_int_t)io->received, "disk_read_bytes", (json_int_t)io->read,
			 "disk_written_bytes", (json_int_t)io->written);
}

static int busier(const void *a, const void *b)
{
	double x = json_real_value(json_object_get(*(json_t *const *)a, "cpu_percent"));
	double y = json_real_value(json_object_get(*(json_t *const *)b, "cpu_percent"));

	return x > y ? -1 : x < y;
}

json_t *usage_rows(struct vm_host *host, const struct usage *before, const struct usage *now)
{
	json_t **sorted = calloc(now->n + 1, sizeof(*sorted)), *rows = json_array();
	int n = 0;

	for (int i = 0; sorted && i < now->n; i++)
		if ((sorted[n] = row(host, before, now, i)))
			n++;
	if (sorted)
		qsort(sorted, n, sizeof(*sorted), busier);
	for (int i = 0; i < n; i++)
		json_array_append_new(rows, sorted[i]);
	free(sorted);
	return rows;
}
