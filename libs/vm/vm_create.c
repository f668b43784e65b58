/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include "build/build.h"
#include "vm/vm.h"
#include "vm/vm_make.h"
#include "vm/vm_names.h"
#include "vm/vm_place.h"
#include "vm/vm_room.h"

#define CACHE		 VM_CACHE "/kernels"

struct creation {
	struct vm_host *host;
	struct vm_config *config;
	struct kernel kernel;
	int initrd;
	domid_t id;
	int name;		/* held */
	struct build_result built;
};

static struct kernel to_keep = { .file = -1 };

static int check(struct creation *c, struct why *why)
{
	struct vm_config *v = c->config;
	int rc;

	if (!v->name[0])
		return why_set(why, -EINVAL, "the guest has no name");
	c->name = vm_name_hold(v->name, why);
	if (c->name < 0)
		return c->name;
	rc = vm_name_free(c->host, v->name, NULL, why);
	if (rc)
		return rc;
	if (v->vcpus < 1 || v->vcpus > 4095 || v->max_vcpus < v->vcpus)
		return why_set(why, -EINVAL, "%u vCPUs: no such number", v->vcpus);
	if (v->memory_kib < 1024)
		return why_set(why, -EINVAL, "the guest has less than 1 MiB of memory");
	for (unsigned i = 0; i < v->nr_devices && !rc; i++)
		rc = device_check(&v->devices[i], why);
	return rc ? rc : vm_place_check(c->host, v, why);
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

static int write_nodes(struct creation *c, struct why *why)
{
	struct store_change *change = store_change();
	int rc;

	vm_put_nodes(change, c->config, c->id, 0);
	vm_put_rings(change, c->id, &c->built);
	rc = store_commit(c->host->store, change);
	if (!rc)
		rc = store_introduce(c->host->store, c->id, c->built.store_frame, c->built.store_port);
	return rc ? why_set(why, rc, "the store does not take the domain's nodes: %s", strerror(-rc)) : 0;
}

int vm_create(struct vm_host *host, struct vm_config *config, domid_t *id, struct why *why)
{
	struct creation c = { .host = host, .config = config, .kernel = { .file = -1 }, .initrd = -1, .name = -1 };
	struct why ignored;
	int rc = check(&c, why);
	bool made = false;

	host->doing = "reading the kernel";
	if (!rc)
		rc = open_images(&c, why);
	if (!rc) {
		rc = vm_make_domain(host, config, &c.id, why);
		made = c.id != 0;
	}
	host->doing = "loading the kernel";
	if (!rc)
		rc = build(&c, why);
	if (!rc)
		vm_room_done(host, c.id);
	if (!rc)
		rc = device_open(config->devices, config->nr_devices, why);
	if (!rc)
		rc = write_nodes(&c, why);
	host->doing = "waiting for dom0's ends of the devices";
	if (!rc)
		rc = device_connect(host->store, c.id, config->devices, config->nr_devices, why);
	host->doing = NULL;
	device_release(config->devices, config->nr_devices);
	if (!rc)
		vm_note_for_xl(config, c.id);
	if (rc && made)
		vm_destroy(host, c.id, &ignored);
	vm_name_release(config->name, c.name);
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
