/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_save.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xen/sched.h>
#include "hcall/hcall_save.h"
#include "stream/save.h"
#include "vm/vm_file.h"
#include "vm/vm_json.h"
#include "vm/vm_times.h"

#define PATIENCE	60000	/* milliseconds for a guest to suspend itself */

int vm_step(const char *who, const char *step, struct why *why)
{
	const char *at = getenv("ANEL_FAIL_AT");
	char name[64];
	sigset_t pending;

	snprintf(name, sizeof(name), "%s.%s", who, step);
	if (at && !strcmp(at, name))
		return why_set(why, -EIO, "failed at step %s, as ANEL_FAIL_AT says", name);
	if (at && !strncmp(at, "kill:", 5) && !strcmp(at + 5, name))
		raise(SIGKILL);
	vm_time_step(name);
	sigpending(&pending);
	if (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP))
		return why_set(why, -EINTR, "interrupted");
	return 0;
}

int vm_lock(domid_t id, struct why *why)
{
	char path[48];
	int fd, rc;

	snprintf(path, sizeof(path), "/run/anel/domain-%u.lock", id);
	mkdir("/run/anel", 0755);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return why_set(why, -errno, "%s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	rc = errno == EWOULDBLOCK ? why_set(why, -EBUSY, "somebody is saving or moving the guest") :
	     why_set(why, -errno, "%s: %s", path, strerror(errno));
	close(fd);
	return rc;
}

/* --- what a guest is --- */

static void read_text(struct vm_host *host, const char *base, const char *name, char *out, size_t size)
{
	char *text = store_read_at(host->store, base, name);

	snprintf(out, size, "%s", text ? text : "");
	free(text);
}

static uint64_t read_number(struct vm_host *host, const char *base, const char *name)
{
	char *text = store_read_at(host->store, base, name);
	uint64_t n = text ? strtoull(text, NULL, 10) : 0;

	free(text);
	return n;
}

static int describe_device(struct vm_host *host, const char *kind, const char *at, struct device *d, struct why *why)
{
	char text[32], back[128];

	memset(d, 0, sizeof(*d));
	read_text(host, at, "backend", back, sizeof(back));
	if (strncmp(back, "/local/domain/0/", 16))
		return why_set(why, -EOPNOTSUPP, "the guest has a device behind another domain: %s", back);
	if (!strcmp(kind, "vif")) {
		d->kind = DEVICE_CARD;
		d->id = read_number(host, at, "handle");
		read_text(host, at, "mac", d->card.mac, sizeof(d->card.mac));
		read_text(host, at, "bridge", d->card.bridge, sizeof(d->card.bridge));
		read_text(host, at, "vifname", d->card.name, sizeof(d->card.name));
		read_text(host, at, "ip", d->card.ip, sizeof(d->card.ip));
		d->card.mtu = read_number(host, at, "mtu");
		read_text(host, at, "rate", text, sizeof(text));
		if (sscanf(text, "%u,%u", &d->card.rate_bytes, &d->card.rate_us) != 2)
			d->card.rate_bytes = d->card.rate_us = 0;
		return 0;
	}
	d->kind = DEVICE_DISK;
	read_text(host, at, "device-type", text, sizeof(text));
	d->disk.cdrom = !strcmp(text, "cdrom");
	read_text(host, at, "type", text, sizeof(text));
	if (strcmp(kind, "vbd") || strcmp(text, "phy"))
		return why_set(why, -EOPNOTSUPP, "the guest has a device (%s%s%s) that cannot be saved yet", kind, *text ? " " : "",
			       text);
	read_text(host, at, "dev", d->disk.vdev, sizeof(d->disk.vdev));
	read_text(host, at, "params", d->disk.target, sizeof(d->disk.target));
	read_text(host, at, "anel-format", d->disk.format, sizeof(d->disk.format));
	read_text(host, at, "mode", text, sizeof(text));
	d->disk.read_only = d->disk.cdrom || strcmp(text, "w") != 0;
	return 0;
}

static int describe_kind(struct vm_host *host, domid_t id, const char *kind, struct vm_config *v, struct why *why)
{
	char at[160], *ids, *one;
	unsigned n;
	int rc = 0;

	snprintf(at, sizeof(at), "/libxl/%u/device/%.64s", id, kind);
	ids = one = store_list(host->store, at, &n);
	for (unsigned i = 0; ids && i < n && !rc; i++, one += strlen(one) + 1) {
		snprintf(at, sizeof(at), "/libxl/%u/device/%.64s/%.16s", id, kind, one);
		if (v->nr_devices == VM_MAX_DEVICES)
			rc = why_set(why, -E2BIG, "the guest has too many devices");
		else
			rc = describe_device(host, kind, at, &v->devices[v->nr_devices++], why);
	}
	free(ids);
	return rc;
}

/* Drives for CDs with nothing in them. */
static int describe_drives(struct vm_host *host, domid_t id, struct vm_config *v, struct why *why)
{
	char at[64], *ids, *one;
	struct device *d;
	unsigned n;
	int rc = 0;

	snprintf(at, sizeof(at), "/libxl/%u/anel/drive", id);
	ids = one = store_list(host->store, at, &n);
	for (unsigned i = 0; ids && i < n && !rc; i++, one += strlen(one) + 1) {
		if (v->nr_devices == VM_MAX_DEVICES) {
			rc = why_set(why, -E2BIG, "the guest has too many devices");
			break;
		}
		d = &v->devices[v->nr_devices++];
		*d = (struct device){ .kind = DEVICE_DISK, .disk = { .read_only = true, .cdrom = true } };
		read_text(host, at, one, d->disk.vdev, sizeof(d->disk.vdev));
	}
	free(ids);
	return rc;
}

static int describe_devices(struct vm_host *host, domid_t id, struct vm_config *v, struct why *why)
{
	char path[64], *kinds, *kind;
	unsigned n;
	int rc = 0;

	snprintf(path, sizeof(path), "/libxl/%u/device", id);
	kinds = kind = store_list(host->store, path, &n);
	for (unsigned i = 0; kinds && i < n && !rc; i++, kind += strlen(kind) + 1)
		if (strcmp(kind, "console"))
			rc = describe_kind(host, id, kind, v, why);
	free(kinds);
	return rc ? rc : describe_drives(host, id, v, why);
}

/* What xl noted of a guest that it made. */
static void describe_by_xl(struct vm_host *host, domid_t id, struct vm_config *v)
{
	struct vm_config *noted = malloc(sizeof(*noted));
	char *text = malloc(STREAM_CONFIG_MAX), path[128], uuid[37];
	struct why ignored;
	size_t n;
	FILE *f;

	vm_uuid_text(v->uuid, uuid);
	snprintf(path, sizeof(path), "/var/lib/xen/userdata-d.%u.%s.libxl-json", id, uuid);
	f = text && noted ? fopen(path, "re") : NULL;
	n = f ? fread(text, 1, STREAM_CONFIG_MAX, f) : 0;
	if (n && vm_json_get(noted, text, n, &ignored) == 0) {
		v->on_poweroff = noted->on_poweroff;
		v->on_reboot = noted->on_reboot;
		v->on_crash = noted->on_crash;
	}
	if (f)
		fclose(f);
	free(text);
	free(noted);
}

static void describe_actions(struct vm_host *host, domid_t id, struct vm_config *v)
{
	static const char *const names[] = { "on_poweroff", "on_reboot", "on_crash", "on_watchdog" };
	enum vm_action *const to[] = { &v->on_poweroff, &v->on_reboot, &v->on_crash, &v->on_watchdog };
	char base[32], text[24];

	v->on_reboot = VM_RESTART;
	snprintf(base, sizeof(base), "/libxl/%u/anel", id);
	read_text(host, base, "on_reboot", text, sizeof(text));
	if (!*text)
		describe_by_xl(host, id, v);
	for (unsigned i = 0; *text && i < 4; i++) {
		read_text(host, base, names[i], text, sizeof(text));
		for (unsigned k = 0; k < VM_ACTIONS; k++)
			if (!strcmp(text, vm_action_names[k]))
				*to[i] = k;
	}
}

int vm_describe(struct vm_host *host, domid_t id, struct vm_config *v, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	char dom[32], vm[80];
	int rc = hcall_domains(host->hcall, id, 1, &info);

	memset(v, 0, sizeof(*v));
	if (rc != 1 || info.domain != id)
		return why_set(why, rc < 0 ? rc : -ESRCH, "there is no domain %u", id);
	memcpy(v->uuid, info.handle, sizeof(v->uuid));
	snprintf(dom, sizeof(dom), "/local/domain/%u", id);
	read_text(host, dom, "name", v->name, sizeof(v->name));
	read_text(host, dom, "vm", vm, sizeof(vm));
	v->max_vcpus = info.max_vcpu_id + 1;
	v->vcpus = info.nr_online_vcpus;
	v->memory_kib = read_number(host, dom, "memory/target");
	v->max_kib = read_number(host, dom, "memory/static-max");
	if (v->memory_kib < info.tot_pages * 4)
		v->memory_kib = info.tot_pages * 4;
	if (v->max_kib < v->memory_kib)
		v->max_kib = v->memory_kib;
	if (*vm) {
		read_text(host, vm, "image/kernel", v->kernel, sizeof(v->kernel));
		read_text(host, vm, "image/ramdisk", v->ramdisk, sizeof(v->ramdisk));
		read_text(host, vm, "image/cmdline", v->command_line, sizeof(v->command_line));
	}
	describe_actions(host, id, v);
	if (!v->name[0])
		return why_set(why, -ENOENT, "domain %u has no name in the store", id);
	return describe_devices(host, id, v, why);
}

/* --- suspend and resume --- */

/* 1: suspended; 0: runs; else the reason why it will not suspend. */
static int suspended(struct vm_host *host, domid_t id, struct why *why)
{
	struct xen_domctl_getdomaininfo info;
	int rc = hcall_domains(host->hcall, id, 1, &info);

	if (rc != 1 || info.domain != id || info.flags & XEN_DOMINF_dying)
		return why_set(why, rc < 0 ? rc : -ESRCH, "the guest is gone");
	if (!(info.flags & XEN_DOMINF_shutdown))
		return info.flags & XEN_DOMINF_paused ? why_set(why, -EBUSY, "the guest is paused and cannot suspend itself") : 0;
	if ((info.flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask) == SHUTDOWN_suspend)
		return 1;
	return why_set(why, -EINVAL, "the guest has ended");
}

static int not_suspended(struct vm_host *host, const char *node, struct why *why)
{
	char *asked = store_read(host->store, node);
	bool unread = asked && !strcmp(asked, "suspend");

	free(asked);
	if (unread)
		store_write(host->store, node, "");
	return why_set(why, -ETIMEDOUT,
		       unread ? "the guest does not listen to the wish that it suspend itself (is it still starting?)"
			      : "the guest began to suspend itself and does not come to an end");
}

int vm_suspend(struct vm_host *host, domid_t id, struct why *why)
{
	struct timespec start, now, pause = { .tv_nsec = 1000000 };
	char node[64];
	int rc = suspended(host, id, why);

	if (rc)
		return rc < 0 ? rc : 0;
	snprintf(node, sizeof(node), "/local/domain/%u/control/shutdown", id);
	rc = store_write(host->store, node, "suspend");
	if (rc)
		return why_set(why, rc, "the guest cannot be asked to suspend itself: %s", strerror(-rc));
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		nanosleep(&pause, NULL);
		rc = suspended(host, id, why);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!rc && (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < PATIENCE);
	return rc < 0 ? rc : rc ? 0 : not_suspended(host, node, why);
}

int vm_resume(struct vm_host *host, domid_t id, struct why *why)
{
	vcpu_guest_context_t *c;
	struct why ignored;
	int rc = suspended(host, id, &ignored);

	if (rc != 1)
		return rc < 0 && rc != -EBUSY ? why_set(why, rc, "%s", ignored.text) : 0;
	c = malloc(sizeof(*c));
	rc = c ? hcall_vcpu_context_get(host->hcall, id, 0, c) : -ENOMEM;
	if (!rc) {
		c->user_regs.rax = 1;	/* SCHEDOP_shutdown's answer: it was not to be */
		rc = hcall_vcpu_context(host->hcall, id, 0, c);
	}
	free(c);
	if (!rc)
		rc = hcall_domain_resume(host->hcall, id);
	if (rc)
		return why_set(why, rc, "the suspended guest cannot go on: %s", strerror(-rc));
	rc = store_resume(host->store, id);
	return rc ? why_set(why, rc, "the store does not hear that the guest goes on: %s", strerror(-rc)) : 0;
}

int vm_recover(struct vm_host *host, domid_t id, struct why *why)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct why ignored;
	char node[64], *asked;
	bool unread;

	hcall_log_dirty(host->hcall, id, false);
	snprintf(node, sizeof(node), "/local/domain/%u/control/shutdown", id);
	asked = store_read(host->store, node);
	unread = asked && !strcmp(asked, "suspend");
	free(asked);
	if (unread)
		store_write(host->store, node, "");
	for (int i = 0; i < 30 && suspended(host, id, &ignored) == 0; i++)
		nanosleep(&pause, NULL);
	return vm_resume(host, id, why);
}

int vm_set_name(struct vm_host *host, domid_t id, const char *name)
{
	struct store_change *c = store_change();
	char path[64], *vm;

	snprintf(path, sizeof(path), "/local/domain/%u/vm", id);
	vm = store_read(host->store, path);
	store_put(c, NULL, name, "/local/domain/%u/name", id);
	if (vm && !strncmp(vm, "/vm/", 4))
		store_put(c, NULL, name, "%.80s/name", vm);
	free(vm);
	return store_commit(host->store, c);
}

/* --- out --- */

struct sending {
	struct vm_host *host;
	domid_t id;
	const struct vm_progress *progress;
	int fd;
};

static int write_all(void *to, struct iovec *v, int n)
{
	int fd = ((struct sending *)to)->fd;
	ssize_t done;

	while (n) {
		if (!v->iov_len) {
			v++;
			n--;
			continue;
		}
		done = writev(fd, v, n);
		if (done < 0 && errno != EINTR)
			return -errno;
		for (done = done < 0 ? 0 : done; n && (size_t)done >= v->iov_len; v++, n--)
			done -= v->iov_len;
		if (n) {
			v->iov_base = (char *)v->iov_base + done;
			v->iov_len -= done;
		}
	}
	return 0;
}

static int skip(void *to, uint64_t n)
{
	return lseek(((struct sending *)to)->fd, n, SEEK_CUR) < 0 ? -errno : 0;
}

static int on_suspend(void *arg, struct why *why)
{
	struct sending *s = arg;

	return vm_suspend(s->host, s->id, why);
}

static int on_step(void *arg, const char *step, struct why *why)
{
	return vm_step("send", step, why);
}

static void on_progress(void *arg, unsigned round, uint64_t done, uint64_t pages)
{
	const struct sending *s = arg;
	char what[48];

	if (done == pages)
		vm_time("here: round %u of its memory is sent, %llu pages", round, (unsigned long long)pages);
	if (round)
		snprintf(what, sizeof(what), "what was written since, round %u", round);
	if (s->progress && s->progress->tell)
		s->progress->tell(s->progress->arg, round ? what : "memory", done * 4096, pages * 4096);
}

int vm_send(struct vm_host *host, domid_t id, unsigned how, const struct vm_progress *progress, int fd, struct why *why)
{
	struct sending s = { host, id, progress, fd };
	struct stream_writer w = { .write = write_all, .skip = how & VM_SEND_HOLES ? skip : NULL, .to = &s };
	struct save_request q = {
		.live = how & VM_SEND_LIVE, .brief = how & VM_SEND_BRIEF, .arg = &s,
		.suspend = on_suspend, .step = on_step, .progress = on_progress,
	};
	struct vm_config *config = malloc(sizeof(*config));
	struct hcall_version version;
	char *text = NULL;
	int rc = config ? suspended(host, id, why) : why_set(why, -ENOMEM, "no memory");

	if (rc >= 0)
		rc = vm_describe(host, id, config, why);
	if (!rc) {
		text = vm_json_put(config);
		rc = text ? hcall_version(host->hcall, &version) : -ENOMEM;
		if (!rc)
			rc = stream_put_file(&w, text, strlen(text) + 1);
		if (rc)
			why_set(why, rc, "the guest's configuration cannot be written: %s", strerror(-rc));
	}
	if (!rc) {
		q.xen_major = version.major;
		q.xen_minor = version.minor;
		rc = save_guest(host->hcall, id, &q, &w, why);
	}
	free(text);
	free(config);
	return rc;
}

int vm_save(struct vm_host *host, domid_t id, const char *path, const struct vm_progress *progress, struct why *why)
{
	struct why ignored;
	struct vm_file f;
	int rc = vm_file_begin(&f, path, why);

	if (rc)
		return rc;
	rc = vm_send(host, id, f.plain ? VM_SEND_HOLES : 0, progress, f.fd, why);
	if (!rc)
		rc = vm_step("send", "sync", why);
	/* The guest is given up for this file. */
	if (!rc)
		rc = vm_file_keep(&f, why);
	vm_file_end(&f);
	if (rc && vm_resume(host, id, &ignored))
		why_prefix(why, rc, "the guest is suspended and does not go on (%s), after: ", ignored.text);
	return rc;
}
