/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_make.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "vm/vm_json.h"
#include "vm/vm_life.h"
#include "vm/vm_place.h"
#include "vm/vm_room.h"

#define EVENT_PORTS	 1023
#define CONSOLE_LIMIT	 "1048576"
#define SSID_DOMU	 12	/* Flask's initial label of guests */
#define MAX_LEAVES	 256
#define MAX_MSRS	 64

static void make_uuid(uint8_t u[16])
{
	static const uint8_t none[16];

	if (memcmp(u, none, 16))
		return;
	if (getrandom(u, 16, 0) != 16)
		abort();
	u[6] = (u[6] & 0x0f) | 0x40;
	u[8] = (u[8] & 0x3f) | 0x80;
}

/* The CPU that guests of the kind see by default. */
static int set_policy(struct vm_host *host, domid_t id)
{
	xen_cpuid_leaf_t leaves[MAX_LEAVES];
	xen_msr_entry_t msrs[MAX_MSRS];
	uint32_t nr_leaves = MAX_LEAVES, nr_msrs = MAX_MSRS;
	int rc = hcall_system_policy(host->hcall, XEN_SYSCTL_cpu_policy_pv_default, leaves, &nr_leaves, msrs, &nr_msrs);

	/* Without MSRs in it, so that the domain's stay at their defaults. */
	return rc ? rc : hcall_domain_set_policy(host->hcall, id, leaves, nr_leaves, msrs, 0);
}

int vm_make_domain(struct vm_host *host, struct vm_config *v, domid_t *id, struct why *why)
{
	struct xen_domctl_createdomain d = {
		.ssidref = SSID_DOMU,
		.max_vcpus = v->max_vcpus,
		.max_evtchn_port = EVENT_PORTS,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
		.grant_opts = XEN_DOMCTL_GRANT_version(2),
	};
	int rc;

	make_uuid(v->uuid);
	memcpy(d.handle, v->uuid, sizeof(d.handle));
	*id = 0;
	rc = hcall_domain_create(host->hcall, &d, id);
	if (rc)
		return why_set(why, rc, "the hypervisor makes no domain: %s", strerror(-rc));
	rc = hcall_domain_max_vcpus(host->hcall, *id, v->max_vcpus);
	if (!rc)
		rc = hcall_domain_max_mem(host->hcall, *id, v->memory_kib + VM_SLACK_KIB);
	if (!rc)
		rc = set_policy(host, *id);
	if (rc)
		return why_set(why, rc, "the new domain cannot be set up: %s", strerror(-rc));
	/* All or nothing, before the first frame is taken. */
	rc = vm_room(host, *id, v->memory_kib, why);
	return rc ? rc : vm_place(host, *id, v, why);
}

static void put_number(struct store_change *c, const char *path, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	store_put(c, NULL, text, "%s/%s", path, name);
}

static void put_vm(const struct vm_config *v, struct store_change *change, const char *perms, const char *vm, const char *uuid)
{
	struct timespec now;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(text, sizeof(text), "%lld.%02ld", (long long)now.tv_sec, now.tv_nsec / 10000000);
	store_put(change, perms, "", "%s", vm);
	store_put(change, NULL, v->name, "%s/name", vm);
	store_put(change, NULL, uuid, "%s/uuid", vm);
	store_put(change, NULL, "linux", "%s/image/ostype", vm);
	store_put(change, NULL, v->kernel, "%s/image/kernel", vm);
	if (v->ramdisk[0])
		store_put(change, NULL, v->ramdisk, "%s/image/ramdisk", vm);
	store_put(change, NULL, v->command_line, "%s/image/cmdline", vm);
	store_put(change, NULL, text, "%s/start_time", vm);
}

/* Nodes that the guest itself writes. */
static void put_writable(struct store_change *change, const char *perms, const char *dom)
{
	static const char *const names[] = { "device/suspend/event-channel", "control/shutdown", "control/feature-poweroff",
					     "control/feature-reboot", "control/feature-suspend", "control/sysrq", "data",
					     "drivers", "feature", "attr", "error" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		store_put(change, perms, "", "%s/%s", dom, names[i]);
	store_put(change, NULL, "1", "%s/control/platform-feature-multiprocessor-suspend", dom);
	store_put(change, NULL, "1", "%s/control/platform-feature-xs_reset_watches", dom);
}

static void put_console(struct store_change *change, domid_t id, const char *dom)
{
	char back[96], own[64], front[96], perms[32];

	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/0", id);
	snprintf(own, sizeof(own), "/libxl/%u/device/console/0", id);
	snprintf(front, sizeof(front), "%s/console", dom);
	snprintf(perms, sizeof(perms), "n0,r%u", id);
	store_put(change, perms, "", "%s", back);
	store_put(change, NULL, back, "%s/backend", own);
	for (unsigned i = 0; i < 2; i++) {
		const char *at = i ? own : back;

		store_put(change, NULL, front, "%s/frontend", at);
		put_number(change, at, "frontend-id", id);
		store_put(change, NULL, "1", "%s/online", at);
		store_put(change, NULL, "1", "%s/state", at);
		store_put(change, NULL, "vt100", "%s/protocol", at);
	}
	store_put(change, NULL, back, "%s/backend", front);
	store_put(change, NULL, "0", "%s/backend-id", front);
	store_put(change, NULL, CONSOLE_LIMIT, "%s/limit", front);
	store_put(change, NULL, "xenconsoled", "%s/type", front);
	store_put(change, NULL, "pty", "%s/output", front);
	store_put(change, NULL, "", "%s/tty", front);
}

void vm_put_nodes(struct store_change *change, const struct vm_config *v, domid_t id, unsigned number)
{
	char dom[32], vm[64], own[32], uuid[37], read[32], write[32];

	vm_uuid_text(v->uuid, uuid);
	snprintf(dom, sizeof(dom), "/local/domain/%u", id);
	if (number)
		snprintf(vm, sizeof(vm), "/vm/%s-%u", uuid, number);
	else
		snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	snprintf(own, sizeof(own), "/libxl/%u", id);
	snprintf(read, sizeof(read), "n0,r%u", id);
	snprintf(write, sizeof(write), "n%u", id);
	store_drop(change, "%s", dom);
	store_put(change, read, "", "%s", dom);
	put_vm(v, change, read, vm, uuid);
	store_put(change, NULL, vm, "%s/vm", dom);
	store_put(change, NULL, v->name, "%s/name", dom);
	put_number(change, dom, "domid", id);
	for (unsigned i = 0; i < v->max_vcpus; i++)
		store_put(change, NULL, i < v->vcpus ? "online" : "offline", "%s/cpu/%u/availability", dom, i);
	put_number(change, dom, "memory/static-max", v->max_kib);
	put_number(change, dom, "memory/target", v->memory_kib);
	put_number(change, dom, "memory/dynamic-min", v->memory_kib);
	store_put(change, NULL, "0", "%s/memory/videoram", dom);
	store_put(change, NULL, "", "%s/device", dom);
	put_writable(change, write, dom);
	store_put(change, NULL, "pv", "%s/type", own);
	store_put(change, NULL, vm_action_names[v->on_poweroff], "%s/anel/on_poweroff", own);
	store_put(change, NULL, vm_action_names[v->on_reboot], "%s/anel/on_reboot", own);
	store_put(change, NULL, vm_action_names[v->on_crash], "%s/anel/on_crash", own);
	store_put(change, NULL, vm_action_names[v->on_watchdog], "%s/anel/on_watchdog", own);
	put_console(change, id, dom);
	for (unsigned i = 0; i < v->nr_devices; i++)
		device_put(change, id, &v->devices[i]);
}

void vm_put_rings(struct store_change *change, domid_t id, const struct build_result *rings)
{
	char dom[32];

	snprintf(dom, sizeof(dom), "/local/domain/%u", id);
	put_number(change, dom, "store/port", rings->store_port);
	put_number(change, dom, "store/ring-ref", rings->store_frame);
	put_number(change, dom, "console/port", rings->console_port);
	put_number(change, dom, "console/ring-ref", rings->console_frame);
}

void vm_note_for_xl(const struct vm_config *config, domid_t id)
{
	char path[128], temp[140], uuid[37], *text = vm_json_put(config);
	FILE *f;
	bool whole;

	vm_uuid_text(config->uuid, uuid);
	snprintf(path, sizeof(path), "/var/lib/xen/userdata-d.%u.%s.libxl-json", id, uuid);
	snprintf(temp, sizeof(temp), "%s.new", path);
	/* Where there is no xl, there is no such folder. */
	f = text ? fopen(temp, "we") : NULL;
	whole = f && fwrite(text, strlen(text) + 1, 1, f) == 1;
	if (f && (fclose(f) != 0 || !whole || rename(temp, path) < 0))
		unlink(temp);
	free(text);
}
