/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_json.h"
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include "device/image.h"

static json_t *disk_json(const struct device *d)
{
	bool empty = device_is_empty(d);
	json_t *o = json_pack("{s:s*, s:s, s:s, s:s, s:i}", "pdev_path", empty ? NULL : d->disk.target, "vdev", d->disk.vdev,
			      "backend", d->disk.format[0] ? "qdisk" : "phy", "format",
			      empty ? "empty" : d->disk.format[0] ? d->disk.format : "raw", "readwrite", d->disk.read_only ? 0 : 1);

	if (d->disk.cdrom) {
		json_object_set_new(o, "removable", json_integer(1));
		json_object_set_new(o, "is_cdrom", json_integer(1));
	}
	return o;
}

static json_t *card_json(const struct device *d)
{
	json_t *o = json_pack("{s:i, s:s, s:s, s:s*, s:s*, s:s}", "devid", (int)d->id, "mac", d->card.mac, "bridge", d->card.bridge,
			      "ifname", d->card.name[0] ? d->card.name : NULL, "ip", d->card.ip[0] ? d->card.ip : NULL,
			      "nictype", "vif");

	if (d->card.mtu)
		json_object_set_new(o, "mtu", json_integer(d->card.mtu));
	if (d->card.rate_bytes) {
		json_object_set_new(o, "rate_bytes_per_interval", json_integer(d->card.rate_bytes));
		json_object_set_new(o, "rate_interval_usecs", json_integer(d->card.rate_us));
	}
	return o;
}

static json_t *devices_json(const struct vm_config *v, enum device_kind kind)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < v->nr_devices; i++)
		if (v->devices[i].kind == kind)
			json_array_append_new(list, kind == DEVICE_DISK ? disk_json(&v->devices[i]) : card_json(&v->devices[i]));
	return list;
}

/* libxl's word for it. */
static const char *const words[VM_ACTIONS] = { "destroy",	       "restart",	   "preserve",
						"rename_restart", "coredump_destroy", "coredump_restart" };

char *vm_json_put(const struct vm_config *v)
{
	json_t *vcpus = json_array(), *all;
	char uuid[37], *text;

	for (unsigned i = 0; i < v->vcpus; i++)
		json_array_append_new(vcpus, json_integer(i));
	vm_uuid_text(v->uuid, uuid);
	all = json_pack("{s:{s:s, s:s, s:s}, s:{s:i, s:o, s:I, s:I, s:s, s:s, s:s, s:{}}, s:o, s:o, s:s, s:s, s:s}", "c_info",
			"type", "pv", "name", v->name, "uuid", uuid, "b_info", "max_vcpus", (int)v->max_vcpus, "avail_vcpus", vcpus,
			"max_memkb", (json_int_t)v->max_kib, "target_memkb", (json_int_t)v->memory_kib, "kernel", v->kernel,
			"cmdline", v->command_line, "ramdisk", v->ramdisk, "type.pv", "disks", devices_json(v, DEVICE_DISK), "nics",
			devices_json(v, DEVICE_CARD), "on_poweroff", words[v->on_poweroff], "on_reboot", words[v->on_reboot],
			"on_crash", words[v->on_crash]);
	text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;
	json_decref(all);
	return text;
}

/* --- reading --- */

struct reading {
	struct vm_config *v;
	struct why *why;
};

static int wrong(struct reading *r, const char *what, const char *name)
{
	return why_set(r->why, -EINVAL, "the saved guest's configuration has %s %s", what, name);
}

/* A string that fits, or nothing. Names with control characters are nobody's. */
static int text(struct reading *r, const json_t *in, const char *name, char *out, size_t size)
{
	const json_t *j = json_object_get(in, name);
	const char *s = json_string_value(j);

	if (!j || json_is_null(j))
		return 0;
	if (!s || strlen(s) >= size)
		return wrong(r, "a strange", name);
	for (const char *c = s; *c; c++)
		if (iscntrl((unsigned char)*c))
			return wrong(r, "a strange", name);
	strcpy(out, s);
	return 0;
}

static int number(struct reading *r, const json_t *in, const char *name, uint64_t most, uint64_t *out)
{
	const json_t *j = json_object_get(in, name);

	if (!j || json_is_null(j))
		return 0;
	if (!json_is_integer(j) || json_integer_value(j) < 0 || (uint64_t)json_integer_value(j) > most)
		return wrong(r, "a strange", name);
	*out = json_integer_value(j);
	return 0;
}

/* A word that must be this one if it is there. */
static int word(struct reading *r, const json_t *in, const char *name, const char *want)
{
	const char *s = json_string_value(json_object_get(in, name));

	if (!s || !strcmp(s, want))
		return 0;
	return why_set(r->why, -EOPNOTSUPP, "the saved guest has a %s %s, which cannot be had here yet", name, s);
}

static int uuid(struct reading *r, const json_t *in)
{
	char t[48] = "";
	unsigned n = 0;
	int rc = text(r, in, "uuid", t, sizeof(t));

	for (const char *c = t; !rc && *c; c++) {
		if (*c == '-')
			continue;
		if (!isxdigit((unsigned char)*c) || n == 32)
			return wrong(r, "a strange", "uuid");
		r->v->uuid[n / 2] =
			r->v->uuid[n / 2] << 4 | (isdigit((unsigned char)*c) ? *c - '0' : tolower((unsigned char)*c) - 'a' + 10);
		n++;
	}
	return rc || n == 0 || n == 32 ? rc : wrong(r, "a strange", "uuid");
}

static int action(struct reading *r, const json_t *in, const char *name, enum vm_action *out)
{
	const char *s = json_string_value(json_object_get(in, name));

	for (unsigned i = 0; s && i < VM_ACTIONS; i++)
		if (!strcmp(s, words[i]))
			*out = i;
	return 0;
}

static struct device *new_device(struct reading *r, enum device_kind kind)
{
	struct device *d;

	if (r->v->nr_devices == VM_MAX_DEVICES)
		return NULL;
	d = &r->v->devices[r->v->nr_devices++];
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	return d;
}

/* Who serves it follows from what it is. */
static int disk_format(struct reading *r, const json_t *j, struct device_disk *d)
{
	const char *backend = json_string_value(json_object_get(j, "backend"));
	int rc = text(r, j, "format", d->format, sizeof(d->format));

	if (!rc && !(backend && !strcmp(backend, "qdisk")))
		rc = word(r, j, "backend", "phy");
	if (rc)
		return rc;
	if (!strcmp(d->format, "raw") || (d->cdrom && !d->target[0]))
		memset(d->format, 0, sizeof(d->format));
	return !d->format[0] || image_format(d->format) ? 0 : word(r, j, "format", "raw");
}

static int disk(struct reading *r, const json_t *j)
{
	struct device *d = new_device(r, DEVICE_DISK);
	uint64_t write = 0, cdrom = 0;
	int rc = d ? 0 : wrong(r, "too many", "disks");

	if (!rc)
		rc = text(r, j, "pdev_path", d->disk.target, sizeof(d->disk.target));
	if (!rc)
		rc = text(r, j, "vdev", d->disk.vdev, sizeof(d->disk.vdev));
	if (!rc)
		rc = number(r, j, "readwrite", 1, &write);
	if (!rc)
		rc = number(r, j, "is_cdrom", 1, &cdrom);
	if (rc)
		return rc;
	d->disk.cdrom = cdrom;
	d->disk.read_only = cdrom || !write;
	if (!d->disk.vdev[0] || (!d->disk.target[0] && !cdrom))
		return wrong(r, "a disk without", d->disk.vdev[0] ? "target" : "name");
	return disk_format(r, j, &d->disk);
}

static int card(struct reading *r, const json_t *j)
{
	struct device *d = new_device(r, DEVICE_CARD);
	uint64_t id = 0, mtu = 0, bytes = 0, us = 0;
	unsigned b[6];
	char end;
	int rc = d ? 0 : wrong(r, "too many", "network cards");

	if (!rc)
		rc = number(r, j, "devid", VM_MAX_DEVICES, &id);
	if (!rc)
		rc = text(r, j, "mac", d->card.mac, sizeof(d->card.mac));
	if (!rc)
		rc = text(r, j, "bridge", d->card.bridge, sizeof(d->card.bridge));
	if (!rc)
		rc = text(r, j, "ifname", d->card.name, sizeof(d->card.name));
	if (!rc)
		rc = text(r, j, "ip", d->card.ip, sizeof(d->card.ip));
	if (!rc)
		rc = number(r, j, "mtu", 65535, &mtu);
	if (!rc)
		rc = number(r, j, "rate_bytes_per_interval", UINT32_MAX, &bytes);
	if (!rc)
		rc = number(r, j, "rate_interval_usecs", UINT32_MAX, &us);
	if (!rc)
		rc = word(r, j, "nictype", "vif");
	if (rc)
		return rc;
	d->id = id;
	d->card.mtu = mtu;
	d->card.rate_bytes = bytes;
	d->card.rate_us = us;
	if (sscanf(d->card.mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    strlen(d->card.mac) != 17 || strchr(d->card.bridge, '/') || strchr(d->card.name, '/'))
		return wrong(r, "a strange", "network card");
	return 0;
}

static int devices(struct reading *r, const json_t *all)
{
	static const char *const others[] = {"pcidevs",	   "rdms",    "dtdevs", "vfbs",	    "vkbs",	"vtpms",   "p9s",
					     "pvcallsifs", "vdispls", "vsnds",	"channels", "usbctrls", "usbdevs", "virtios"};
	const json_t *j;
	size_t i;
	int rc = 0;

	for (unsigned k = 0; k < sizeof(others) / sizeof(others[0]); k++)
		if (json_array_size(json_object_get(all, others[k])))
			return why_set(r->why, -EOPNOTSUPP, "the saved guest has %s, which cannot be had here yet", others[k]);
	json_array_foreach(json_object_get(all, "disks"), i, j) {
		if (!rc)
			rc = disk(r, j);
	}
	json_array_foreach(json_object_get(all, "nics"), i, j) {
		if (!rc)
			rc = card(r, j);
	}
	return rc;
}

static int sizes(struct reading *r, const json_t *b)
{
	struct vm_config *v = r->v;
	uint64_t vcpus = 0;
	int rc = number(r, b, "max_memkb", 1ull << 40, &v->max_kib);

	v->memory_kib = v->max_kib;
	if (!rc)
		rc = number(r, b, "target_memkb", 1ull << 40, &v->memory_kib);
	if (!rc)
		rc = number(r, b, "max_vcpus", 4095, &vcpus);
	if (rc)
		return rc;
	v->max_vcpus = vcpus;
	v->vcpus = json_array_size(json_object_get(b, "avail_vcpus"));
	if (!v->vcpus || v->vcpus > v->max_vcpus)
		v->vcpus = v->max_vcpus;
	if (v->max_kib < v->memory_kib)
		v->max_kib = v->memory_kib;
	return v->memory_kib && v->max_vcpus ? 0 : wrong(r, "no", v->max_vcpus ? "memory" : "vCPUs");
}

static int all_of(struct reading *r, const json_t *all)
{
	const json_t *c = json_object_get(all, "c_info"), *b = json_object_get(all, "b_info"), *pv = json_object_get(b, "type.pv");
	struct vm_config *v = r->v;
	int rc = word(r, c, "type", "pv");

	if (!rc)
		rc = text(r, c, "name", v->name, sizeof(v->name));
	if (!rc && (!v->name[0] || strchr(v->name, '/')))
		rc = wrong(r, "a strange", "name");
	if (!rc)
		rc = uuid(r, c);
	if (!rc)
		rc = sizes(r, b);
	/* Where they stand depends on the tools' age. */
	for (int i = 0; i < 2 && !rc; i++) {
		const json_t *at = i ? b : pv;

		rc = text(r, at, "kernel", v->kernel, sizeof(v->kernel));
		if (!rc)
			rc = text(r, at, "ramdisk", v->ramdisk, sizeof(v->ramdisk));
		if (!rc)
			rc = text(r, at, "cmdline", v->command_line, sizeof(v->command_line));
	}
	if (!rc)
		rc = action(r, all, "on_poweroff", &v->on_poweroff) ?: action(r, all, "on_reboot", &v->on_reboot) ?:
		     action(r, all, "on_crash", &v->on_crash);
	return rc ? rc : devices(r, all);
}

int vm_json_get(struct vm_config *v, const char *config, size_t size, struct why *why)
{
	struct reading r = { v, why };
	json_error_t error;
	json_t *all = json_loadb(config, strnlen(config, size), JSON_REJECT_DUPLICATES, &error);
	int rc;

	memset(v, 0, sizeof(*v));
	v->on_reboot = VM_RESTART;
	if (!all)
		return why_set(why, -EINVAL, "the saved guest's configuration is not understood: %s in line %d", error.text,
			       error.line);
	rc = json_is_object(all) ? all_of(&r, all) : wrong(&r, "not", "the form of one");
	json_decref(all);
	return rc;
}
