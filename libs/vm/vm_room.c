// SPDX-License-Identifier: GPL-2.0-or-later
#include "vm/vm_room.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>
#include "vm/vm_life.h"
#include "vm/vm_share.h"

#define LOCK	   "/run/anel-room.lock"
#define MAX_GIVERS 1024
#define LOOK_MS	   50
#define PATIENCE_S 20	/* without any change of what is free or had */
#define ASK_MS	   1000 /* the same, before those who gave what they were asked for are asked for more */
/* More than is missing: the hypervisor needs some for itself, and what a balloon driver gives is not to the page. */
#define MARGIN_KIB 2048

struct room {
	struct vm_host *host;
	domid_t id;
	uint64_t frames;
	struct vm_giver givers[MAX_GIVERS];
	uint64_t before[MAX_GIVERS]; /* their targets */
	unsigned n;
	uint64_t free_kib, dying_kib, had_kib; /* the last look; had: by the givers */
};

/* Somebody who says at boot what dom0 is to have does not want it changed. */
static bool dom0_gives(struct vm_host *host)
{
	struct hcall_version *v = malloc(sizeof(*v));
	bool gives = v && hcall_version(host->hcall, v) == 0 && !strstr(v->command_line, "dom0_mem=");

	free(v);
	return gives;
}

static void consider(struct room *r, const struct xen_domctl_getdomaininfo *info, bool dom0)
{
	uint64_t least, now = info->tot_pages << 2;
	struct vm_giver *g;

	if (info->domain == r->id || r->n == MAX_GIVERS || (info->domain == 0 && !dom0) ||
	    info->flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown | XEN_DOMINF_paused))
		return;
	least = vm_memory_node(r->host, info->domain, "dynamic-min");
	if (!least && info->domain == 0)
		least = VM_LEAST_DOM0_KIB;
	if (!least || now <= least)
		return;
	r->before[r->n] = vm_memory_node(r->host, info->domain, "target");
	if (!r->before[r->n])
		r->before[r->n] = now;
	g = &r->givers[r->n++];
	*g = (struct vm_giver){info->domain, now, least, now};
}

/* What is free, what the dying still have, and what each giver has. first: finds the givers. */
static int look(struct room *r, bool first)
{
	struct xen_domctl_getdomaininfo info[64];
	struct xen_sysctl_physinfo p;
	int n, rc = hcall_physinfo(r->host->hcall, &p);
	bool dom0 = first && dom0_gives(r->host);

	if (rc)
		return rc;
	r->free_kib = p.free_pages > p.outstanding_pages ? (p.free_pages - p.outstanding_pages) << 2 : 0;
	r->dying_kib = r->had_kib = 0;
	for (unsigned from = 0; (n = hcall_domains(r->host->hcall, from, 64, info)) > 0; from = info[n - 1].domain + 1)
		for (int i = 0; i < n; i++) {
			if (info[i].flags & XEN_DOMINF_dying)
				r->dying_kib += info[i].tot_pages << 2;
			if (first)
				consider(r, &info[i], dom0);
			for (unsigned k = 0; k < r->n; k++)
				if (r->givers[k].id == info[i].domain) {
					r->givers[k].kib = info[i].tot_pages << 2;
					r->had_kib += r->givers[k].kib;
				}
		}
	return n < 0 ? n : 0;
}

static int ask(struct room *r, struct why *why)
{
	uint64_t kib = r->frames << 2, there = r->free_kib + r->dying_kib, missing;
	int rc = 0;

	missing = vm_share(r->givers, r->n, (kib > there ? kib - there : 0) + MARGIN_KIB);
	if (missing >= MARGIN_KIB)
		return why_set(why, -ENOMEM,
			       "the host has not got %llu MiB: %llu MiB are free, and %llu MiB more cannot be had "
			       "from other domains; anel list shows who has what",
			       (unsigned long long)kib >> 10, (unsigned long long)there >> 10,
			       (unsigned long long)(missing - MARGIN_KIB + 1023) >> 10);
	for (unsigned i = 0; i < r->n && !rc; i++)
		if (r->givers[i].target < r->givers[i].kib)
			rc = vm_set_memory(r->host, r->givers[i].id, r->givers[i].target, why);
	/* A giver that went meanwhile has given all. */
	return rc == -ESRCH || rc == -ENXIO ? 0 : rc;
}

static void give_back(struct room *r)
{
	struct why ignored;

	for (unsigned i = 0; i < r->n; i++)
		if (r->givers[i].target < r->before[i])
			vm_set_memory(r->host, r->givers[i].id, r->before[i], &ignored);
}

/* One who has not given what it was asked for. */
static const struct vm_giver *debtor(const struct room *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->givers[i].kib > r->givers[i].target + VM_SLACK_KIB)
			return &r->givers[i];
	return NULL;
}

static int too_slow(const struct room *r, struct why *why)
{
	const struct vm_giver *g = debtor(r);

	if (g)
		return why_set(why, -ENOMEM,
			       "domain %u was asked for its memory and keeps %llu MiB too much; has its kernel a balloon driver?",
			       g->id, (unsigned long long)(g->kib - g->target) >> 10);
	return why_set(why, -ENOMEM, "the host has not got %llu MiB of free memory", (unsigned long long)r->frames >> 8);
}

static int wait_for(struct room *r, struct why *why)
{
	struct timespec pause = {0, LOOK_MS * 1000000};
	uint64_t free_kib = r->free_kib, had = r->had_kib, dying = r->dying_kib;
	int rc;

	for (unsigned idle = 1; idle < PATIENCE_S * 1000 / LOOK_MS; idle++) {
		nanosleep(&pause, NULL);
		rc = hcall_claim(r->host->hcall, r->id, r->frames);
		if (rc != -ENOMEM)
			return rc ? why_set(why, rc, "no memory can be claimed: %s", strerror(-rc)) : 0;
		rc = look(r, false);
		if (rc)
			return why_set(why, rc, "the hypervisor does not tell of its domains: %s", strerror(-rc));
		if (free_kib != r->free_kib || had != r->had_kib || dying != r->dying_kib)
			idle = 0;
		rc = idle % (ASK_MS / LOOK_MS) == 0 && idle && !debtor(r) ? ask(r, why) : 0;
		if (rc)
			return rc;
		free_kib = r->free_kib;
		had = r->had_kib;
		dying = r->dying_kib;
	}
	return too_slow(r, why);
}

/* One at a time: who counts what is free must not count what another is about to take. */
static int make(struct room *r, struct why *why)
{
	int rc, lock = open(LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (lock < 0 || flock(lock, LOCK_EX) < 0) {
		rc = why_set(why, -errno, "%s: %s", LOCK, strerror(errno));
		if (lock >= 0)
			close(lock);
		return rc;
	}
	rc = look(r, true);
	rc = rc ? why_set(why, rc, "the hypervisor does not tell of its domains: %s", strerror(-rc)) : ask(r, why);
	if (!rc)
		rc = wait_for(r, why);
	if (rc)
		give_back(r);
	close(lock);
	return rc;
}

int vm_room(struct vm_host *host, domid_t id, uint64_t kib, struct why *why)
{
	struct room *r;
	int rc = hcall_claim(host->hcall, id, kib >> 2);

	/* Without claims the builder sees for itself. */
	if (rc != -ENOMEM)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return why_set(why, -ENOMEM, "no memory");
	r->host = host;
	r->id = id;
	r->frames = kib >> 2;
	host->doing = "waiting for memory that others give back";
	rc = make(r, why);
	free(r);
	return rc;
}

void vm_room_done(struct vm_host *host, domid_t id)
{
	hcall_claim(host->hcall, id, 0);
}
