/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "act.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock/clock.h"
#include "device/device.h"
#include "domd/domd_json.h"
#include "skel/log.h"
#include "vm/vm.h"
#include "vm/vm_core.h"
#include "vm/vm_names.h"

#define AT_ONCE 64

struct work {
	const struct act *act;
	struct guest *g;
	struct vm_host host;
	struct why *why;
};

static int note(struct work *w, enum guest_phase phase)
{
	int rc;

	w->g->phase = phase;
	rc = guest_save(w->act->dir, w->g);
	return rc ? why_set(w->why, rc, "the note of %s cannot be written: %s", w->g->name, strerror(-rc)) : 0;
}

static bool is_ours(const struct xen_domctl_getdomaininfo *d, const char *uuid)
{
	char text[37];

	vm_uuid_text(d->handle, text);
	return !strcmp(text, uuid);
}

/* A domain of this UUID that is not dying, from `first` on; 0: none. Or a negative errno. */
static int find_uuid(struct work *w, const char *uuid, unsigned first)
{
	struct xen_domctl_getdomaininfo info[AT_ONCE];
	int n;

	do {
		n = hcall_domains(w->host.hcall, first, AT_ONCE, info);
		if (n < 0)
			return why_set(w->why, n, "the hypervisor does not list its domains: %s", strerror(-n));
		for (int i = 0; i < n; i++)
			if (info[i].domain && !(info[i].flags & XEN_DOMINF_dying) && is_ours(&info[i], uuid))
				return info[i].domain;
		first = n ? info[n - 1].domain + 1u : 0;
	} while (n == AT_ONCE);
	return 0;
}

/* Takes the domain and all its nodes away. That somebody still holds its memory is no failure: the number is not used again. */
static int destroy(struct work *w, unsigned domain)
{
	struct hcall_domain info;
	int rc = vm_destroy(&w->host, domain, w->why);

	if (!rc)
		return 0;
	if (rc == -EPIPE || rc == -EPROTO || rc == -ECONNRESET)
		return rc;
	return hcall_domain_info(w->host.hcall, domain, &info) == -ESRCH || info.dying ? 0 : rc;
}

/* All domains that an unfinished start has left. */
static int sweep(struct work *w)
{
	int id = 0, rc = 0;

	while (!rc && (id = find_uuid(w, w->g->uuid, id + 1)) > 0)
		rc = destroy(w, id);
	return id < 0 ? id : rc;
}

static int forget(struct work *w)
{
	guest_forget(w->act->dir, w->g->uuid);
	return 0;
}

/* The store or the hypervisor does not answer at the moment: the same is tried again. */
static bool passes(int rc)
{
	return rc == -EPIPE || rc == -EPROTO || rc == -ECONNRESET || rc == -ECONNREFUSED || rc == -ENOMEM;
}

/* A new domain, paused; noted as GUEST_STARTED, or as GUEST_RUNNING if it is to stay so. */
static int make(struct work *w, bool paused)
{
	struct vm_config *config = malloc(sizeof(*config));
	domid_t id = 0;
	int rc = config ? domd_json_get(config, w->g->config, w->why) : why_set(w->why, -ENOMEM, "no memory");

	if (!rc)
		rc = vm_create(&w->host, config, &id, w->why);
	free(config);
	if (rc)
		return rc;
	w->g->domain = id;
	w->g->started = clock_ms(CLOCK_BOOTTIME);
	return note(w, paused ? GUEST_RUNNING : GUEST_STARTED);
}

static int create(struct work *w)
{
	int other = find_uuid(w, w->g->uuid, 1), rc;

	if (other < 0)
		return other;
	if (other)
		return why_set(w->why, -EEXIST, "domain %d has the UUID %s already", other, w->g->uuid);
	rc = note(w, GUEST_CREATING);
	return rc ? rc : make(w, w->act->paused);
}

static int start(struct work *w)
{
	int rc;

	if (w->g->not_before > clock_ms(CLOCK_BOOTTIME))
		return 1;
	rc = sweep(w);
	if (!rc)
		rc = make(w, false);
	/* A guest that cannot be had as it is configured is nobody's any more. */
	if (rc && !passes(rc))
		forget(w);
	return rc;
}

static bool moves(const char *name)
{
	size_t n = strlen(name), coming = strlen(VM_COMING), going = strlen(VM_GOING);

	return (n > coming && !strcmp(name + n - coming, VM_COMING)) || (n > going && !strcmp(name + n - going, VM_GOING));
}

bool act_learn_name(struct vm_host *host, struct guest *g)
{
	char *name = vm_name(host, g->domain);
	bool other = name && *name && strcmp(name, g->name) && strlen(name) < GUEST_NAME && !strchr(name, '/') &&
		     !isdigit((unsigned char)*name) && !moves(name);

	if (other)
		guest_rename(g, name);
	free(name);
	return other;
}

static int learn_name(struct work *w)
{
	return act_learn_name(&w->host, w->g) ? note(w, w->g->phase) : 0;
}

static int end(struct work *w)
{
	struct hcall_domain info;
	int rc = 0;

	if (w->g->domain) {
		rc = w->g->again ? learn_name(w) : 0;
		/* Its number may be another's, if whoever destroyed it did so long ago. */
		if (!rc && (find_uuid(w, w->g->uuid, w->g->domain) == (int)w->g->domain ||
			    hcall_domain_info(w->host.hcall, w->g->domain, &info) || info.dying))
			rc = destroy(w, w->g->domain);
	} else {
		rc = sweep(w);
	}
	if (rc || !w->g->again)
		return rc ? rc : forget(w);
	w->g->domain = 0;
	return note(w, GUEST_STARTING);
}

/* A core that cannot be written stops nothing. One that a kill has left half is written anew. */
static int dump(struct work *w)
{
	char path[160];
	struct why why;

	if (vm_core_path(w->g->name, path, &why) || vm_dump_core(&w->host, w->g->domain, path, NULL, &why))
		log_warning("%s: no core: %s", w->g->name, why.text);
	return note(w, GUEST_ENDING);
}

static int choose_aside(struct work *w)
{
	struct why ignored;
	domid_t other;

	if (w->g->aside_name[0])
		return 0;
	for (unsigned i = 1;; i++) {
		snprintf(w->g->aside_name, sizeof(w->g->aside_name), "%.56s-%u", w->g->name, i);
		if (vm_find(&w->host, w->g->aside_name, &other, &ignored))
			break;
		if (i == 999)
			return why_set(w->why, -EEXIST, "there are %u dead domains of %s already", i, w->g->name);
	}
	guest_make_uuid(w->g->aside_uuid);
	return note(w, GUEST_ASIDE);
}

/* In one change, so that there is never a guest of two names, nor two of one. */
static int rename_nodes(struct work *w)
{
	struct store_change *c = store_change();
	const struct guest *g = w->g;
	char *name = vm_name(&w->host, g->domain);
	bool done = !name || !strcmp(name, g->aside_name);
	char vm[48];
	int rc;

	free(name);
	if (!done) {
		store_put(c, NULL, g->aside_name, "/local/domain/%u/name", g->domain);
		store_put(c, NULL, "", "/vm/%s", g->aside_uuid);
		store_put(c, NULL, g->aside_name, "/vm/%s/name", g->aside_uuid);
		store_put(c, NULL, g->aside_uuid, "/vm/%s/uuid", g->aside_uuid);
		store_drop(c, "/vm/%s", g->uuid);
		snprintf(vm, sizeof(vm), "/vm/%s", g->aside_uuid);
		store_put(c, NULL, vm, "/local/domain/%u/vm", g->domain);
	}
	rc = store_commit(w->host.store, c);
	return rc ? why_set(w->why, rc, "the dead domain of %s cannot be renamed: %s", g->name, strerror(-rc)) : 0;
}

/* The next guest takes them. */
static int take_devices(struct work *w)
{
	struct device_closing *closing;
	struct store_change *change;
	int rc = device_close_all(w->host.store, w->g->domain, &closing, w->why);

	if (!rc)
		rc = device_wait_closed(w->host.store, closing, w->why);
	if (rc)
		return rc;
	change = store_change();
	store_drop(change, "/libxl/%u/device", w->g->domain);
	rc = store_commit(w->host.store, change);
	return rc ? why_set(w->why, rc, "the dead domain's devices stay in the store: %s", strerror(-rc)) : 0;
}

static void parse_uuid(const char *text, uint8_t uuid[16])
{
	for (unsigned n = 0; n < 16; text += *text == '-' ? 1 : 2)
		if (*text != '-')
			sscanf(text, "%2hhx", &uuid[n++]);
}

static int set_aside(struct work *w)
{
	uint8_t uuid[16];
	int rc = w->g->aside_name[0] ? 0 : learn_name(w);

	if (!rc)
		rc = choose_aside(w);
	if (!rc)
		rc = rename_nodes(w);
	if (rc)
		return rc;
	parse_uuid(w->g->aside_uuid, uuid);
	rc = hcall_domain_set_handle(w->host.hcall, w->g->domain, uuid);
	if (rc && rc != -ESRCH)
		return why_set(w->why, rc, "domain %u takes no other UUID: %s", w->g->domain, strerror(-rc));
	rc = take_devices(w);
	if (rc)
		return rc;
	w->g->domain = 0;
	return note(w, GUEST_STARTING);
}

static int unpause(struct work *w)
{
	int rc = hcall_domain_unpause(w->host.hcall, w->g->domain);

	/* Somebody did already, or it is gone: that is seen later. */
	if (rc && rc != -EINVAL && rc != -ESRCH)
		return why_set(w->why, rc, "domain %u cannot be unpaused: %s", w->g->domain, strerror(-rc));
	return note(w, GUEST_RUNNING);
}

static int undo(struct work *w)
{
	int rc = sweep(w);

	return rc ? rc : forget(w);
}

/* One phase. 1: it stays in it. */
static int step(struct work *w)
{
	switch (w->g->phase) {
	case GUEST_CREATING:
		return undo(w);
	case GUEST_STARTED:
		return unpause(w);
	case GUEST_DUMPING:
		return dump(w);
	case GUEST_ENDING:
		return end(w);
	case GUEST_ASIDE:
		return set_aside(w);
	case GUEST_STARTING:
		return start(w);
	default:
		return 1;
	}
}

static int ask(struct work *w, const char *what)
{
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", w->g->domain);
	rc = store_write(w->host.store, path, what);
	return rc ? why_set(w->why, rc, "%s cannot be asked, the store does not take %s: %s", w->g->name, path, strerror(-rc)) : 0;
}

static int go_on(struct work *w)
{
	bool ends;
	int rc;

	do {
		ends = w->g->phase == GUEST_CREATING || (w->g->phase == GUEST_ENDING && !w->g->again);
		rc = step(w);
	} while (!rc && !ends);
	return rc < 0 ? rc : 0;
}

int act(const struct act *a, struct guest *g, struct why *why)
{
	struct work w = {.act = a, .g = g, .why = why};
	int rc = vm_host_open(&w.host, why);

	if (rc)
		return rc;
	if (a->kind == ACT_SHUTDOWN || a->kind == ACT_REBOOT) {
		rc = ask(&w, a->kind == ACT_REBOOT ? "reboot" : "poweroff");
	} else if (a->kind == ACT_CREATE) {
		rc = create(&w);
		if (!rc)
			rc = go_on(&w);
		else if (!passes(rc))
			forget(&w);
	} else {
		rc = go_on(&w);
	}
	vm_host_close(&w.host);
	return rc;
}

void act_after(void)
{
	vm_create_after();
}
