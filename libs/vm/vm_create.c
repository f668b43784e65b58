/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include "build/build.h"
#include "vm/vm.h"

#define CACHE		 VM_CACHE "/kernels"
#define SLACK_KIB	 1024	/* above the guest's memory, as Debian's tools give it */
#define EVENT_PORTS	 1023
#define CONSOLE_LIMIT	 "1048576"
#define SSID_DOMU	 12	/* Flask's initial label of guests */
#define MAX_LEAVES	 256
#define MAX_MSRS	 64

struct creation {
	struct vm_host *host;
	struct vm_config *config;
	struct kernel kernel;
	int initrd;
	domid_t id;
	struct build_result built;
};

static struct kernel to_keep = { .file = -1 };

static int check(struct creation *c, struct why *why)
{
	struct vm_config *v = c->config;
	domid_t other;
	struct why ignored;
	int rc = 0;

	if (!v->name[0])
		return why_set(why, -EINVAL, "the guest has no name");
	if (vm_find(c->host, v->name, &other, &ignored) == 0)
		return why_set(why, -EEXIST, "there is a domain %s already (%u)", v->name, other);
	if (v->vcpus < 1 || v->vcpus > 4095 || v->max_vcpus < v->vcpus)
		return why_set(why, -EINVAL, "%u vCPUs: no such number", v->vcpus);
	if (v->memory_kib < 1024)
		return why_set(why, -EINVAL, "the guest has less than 1 MiB of memory");
	for (unsigned i = 0; i < v->nr_devices && !rc; i++)
		rc = device_check(&v->devices[i], why);
	return rc;
}

static int open_images(struct creation *c, struct why *why)
{
	struct vm_config *v = c->config;
	uint64_t limit = v->memory_kib * 1024;
	int rc;

	if (!v->kernel[0])
		return why_set(why, -EINVAL, "the guest has no kernel");
	rc = kernel_open(&c->kernel, v->kernel, CACHE, limit < 1u << 30 ? limit : 1u << 30, why);
	if (rc || !v->ramdisk[0])
		return rc;
	c->initrd = open(v->ramdisk, O_RDONLY | O_CLOEXEC);
	return c->initrd < 0 ? why_set(why, -errno, "ramdisk %s: %s", v->ramdisk, strerror(errno)) : 0;
}

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
static int set_policy(struct creation *c)
{
	xen_cpuid_leaf_t leaves[MAX_LEAVES];
	xen_msr_entry_t msrs[MAX_MSRS];
	uint32_t nr_leaves = MAX_LEAVES, nr_msrs = MAX_MSRS;
	int rc = hcall_system_policy(c->host->hcall, XEN_SYSCTL_cpu_policy_pv_default, leaves, &nr_leaves, msrs, &nr_msrs);

	/* Without MSRs in it, so that the domain's stay at their defaults. */
	return rc ? rc : hcall_domain_set_policy(c->host->hcall, c->id, leaves, nr_leaves, msrs, 0);
}

static int make_domain(struct creation *c, struct why *why)
{
	struct vm_config *v = c->config;
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
	c->id = 0;
	rc = hcall_domain_create(c->host->hcall, &d, &c->id);
	if (rc)
		return why_set(why, rc, "the hypervisor makes no domain: %s", strerror(-rc));
	rc = hcall_domain_max_vcpus(c->host->hcall, c->id, v->max_vcpus);
	if (!rc)
		rc = hcall_domain_max_mem(c->host->hcall, c->id, v->memory_kib + SLACK_KIB);
	if (!rc)
		rc = set_policy(c);
	return rc ? why_set(why, rc, "the new domain cannot be set up: %s", strerror(-rc)) : 0;
}

static int build(struct creation *c, struct why *why)
{
	const struct build_request r = {
		.domain = c->id,
		.memory_kib = c->config->memory_kib,
		.vcpus = c->config->vcpus,
		.kernel = &c->kernel,
		.initrd = c->initrd,
		.command_line = c->config->command_line,
	};
	return build_pv(c->host->hcall, &r, &c->built, why);
}

static void put_number(struct store_change *c, const char *path, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
	store_put(c, NULL, text, "%s/%s", path, name);
}

static void put_vm(const struct creation *c, struct store_change *change, const char *perms, const char *vm, const char *uuid)
{
	const struct vm_config *v = c->config;
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

static void put_console(const struct creation *c, struct store_change *change, const char *dom)
{
	char back[96], own[64], front[96], perms[32];

	snprintf(back, sizeof(back), "/local/domain/0/backend/console/%u/0", c->id);
	snprintf(own, sizeof(own), "/libxl/%u/device/console/0", c->id);
	snprintf(front, sizeof(front), "%s/console", dom);
	snprintf(perms, sizeof(perms), "n0,r%u", c->id);
	store_put(change, perms, "", "%s", back);
	store_put(change, NULL, back, "%s/backend", own);
	for (unsigned i = 0; i < 2; i++) {
		const char *at = i ? own : back;

		store_put(change, NULL, front, "%s/frontend", at);
		put_number(change, at, "frontend-id", c->id);
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
	put_number(change, front, "port", c->built.console_port);
	put_number(change, front, "ring-ref", c->built.console_frame);
}

static int write_nodes(struct creation *c, struct why *why)
{
	static const char *const actions[] = { "destroy", "restart", "preserve", "rename-restart" };
	const struct vm_config *v = c->config;
	struct store_change *change = store_change();
	char dom[32], vm[48], own[32], uuid[37], read[32], write[32];
	int rc;

	vm_uuid_text(v->uuid, uuid);
	snprintf(dom, sizeof(dom), "/local/domain/%u", c->id);
	snprintf(vm, sizeof(vm), "/vm/%s", uuid);
	snprintf(own, sizeof(own), "/libxl/%u", c->id);
	snprintf(read, sizeof(read), "n0,r%u", c->id);
	snprintf(write, sizeof(write), "n%u", c->id);
	store_drop(change, "%s", dom);
	store_put(change, read, "", "%s", dom);
	put_vm(c, change, read, vm, uuid);
	store_put(change, NULL, vm, "%s/vm", dom);
	store_put(change, NULL, v->name, "%s/name", dom);
	put_number(change, dom, "domid", c->id);
	for (unsigned i = 0; i < v->max_vcpus; i++)
		store_put(change, NULL, i < v->vcpus ? "online" : "offline", "%s/cpu/%u/availability", dom, i);
	put_number(change, dom, "memory/static-max", v->max_kib);
	put_number(change, dom, "memory/target", v->memory_kib);
	store_put(change, NULL, "0", "%s/memory/videoram", dom);
	store_put(change, NULL, "", "%s/device", dom);
	put_writable(change, write, dom);
	put_number(change, dom, "store/port", c->built.store_port);
	put_number(change, dom, "store/ring-ref", c->built.store_frame);
	store_put(change, NULL, "pv", "%s/type", own);
	store_put(change, NULL, actions[v->on_poweroff], "%s/anel/on_poweroff", own);
	store_put(change, NULL, actions[v->on_reboot], "%s/anel/on_reboot", own);
	store_put(change, NULL, actions[v->on_crash], "%s/anel/on_crash", own);
	put_console(c, change, dom);
	for (unsigned i = 0; i < v->nr_devices; i++)
		device_put(change, c->id, &v->devices[i]);
	rc = store_commit(c->host->store, change);
	if (!rc)
		rc = store_introduce(c->host->store, c->id, c->built.store_frame, c->built.store_port);
	return rc ? why_set(why, rc, "the store does not take the domain's nodes: %s", strerror(-rc)) : 0;
}

int vm_create(struct vm_host *host, struct vm_config *config, domid_t *id, struct why *why)
{
	struct creation c = { .host = host, .config = config, .kernel = { .file = -1 }, .initrd = -1 };
	struct why ignored;
	int rc = check(&c, why);
	bool made = false;

	if (!rc)
		rc = open_images(&c, why);
	if (!rc) {
		rc = make_domain(&c, why);
		made = c.id != 0;
	}
	if (!rc)
		rc = build(&c, why);
	if (!rc)
		rc = write_nodes(&c, why);
	if (!rc)
		rc = device_connect(host->store, c.id, config->devices, config->nr_devices, why);
	if (rc && made)
		vm_destroy(host, c.id, &ignored);
	if (c.initrd >= 0)
		close(c.initrd);
	kernel_close(&to_keep);
	to_keep = c.kernel;
	*id = c.id;
	return rc;
}

void vm_create_after(void)
{
	mkdir(VM_CACHE, 0755);
	if (to_keep.memory)
		kernel_keep(&to_keep, CACHE);
	kernel_close(&to_keep);
}
