/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "plug.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <linux/major.h>
#include "args.h"
#include "device/device_plug.h"
#include "device/image.h"
#include "domains.h"
#include "output.h"
#include "spec.h"

/* A node of a device's end: text, or a number. */
static json_t *node(struct vm_host *host, const char *base, const char *name, bool number)
{
	char *text = store_read_at(host->store, base, name), *end;
	long long n = text ? strtoll(text, &end, 10) : 0;
	json_t *v = number && text && *text && !*end ? json_integer(n) : number ? json_null() : domains_text(text);

	free(text);
	return v;
}

/* An image's block device whose process was given up answers with errors (docs/anel-devd.md). */
static const char *health(struct vm_host *host, const char *back)
{
	char *device = store_read_at(host->store, back, "physical-device");
	unsigned major, minor;
	bool is_nbd = device && sscanf(device, "%x:%x", &major, &minor) == 2 && major == NBD_MAJOR;
	int served = is_nbd ? image_served(minor) : 1;

	free(device);
	return served > 0 ? "ok" : served == 0 ? "broken" : "unknown";
}

static json_t *empty_drive_json(struct vm_host *host, domid_t id, unsigned number)
{
	char *vdev = device_drive(host->store, id, number);

	if (!vdev)
		return NULL;
	return json_pack("{s:i, s:i, s:n, s:n, s:o, s:n, s:s, s:n, s:n, s:n}", "number", (int)number, "backend", 0, "state",
			 "event_channel", "vdev", domains_text(vdev), "target", "mode", "r", "ring_ref", "backend_path", "health");
}

static json_t *device_json(struct vm_host *host, domid_t id, enum device_kind kind, unsigned number)
{
	/* Keys of the JSON, and nodes of the back end. */
	static const char *const texts[2][3][2] = {
		[DEVICE_DISK] = { { "vdev", "dev" }, { "target", "params" }, { "mode", "mode" } },
		[DEVICE_CARD] = { { "mac", "mac" }, { "bridge", "bridge" }, { "ifname", "vifname" } },
	};
	char back[160], front[80];
	unsigned backend = 0;
	json_t *o = kind == DEVICE_DISK ? empty_drive_json(host, id, number) : NULL;

	if (o || device_back(host->store, id, kind, number, back))
		return o;
	sscanf(back, "/local/domain/%u/", &backend);
	snprintf(front, sizeof(front), "/local/domain/%u/device/%s/%u", id, kind == DEVICE_DISK ? "vbd" : "vif",
		 number);
	o = json_pack("{s:i, s:i, s:o, s:o}", "number", (int)number, "backend", (int)backend, "state",
		      node(host, front, "state", true), "event_channel", node(host, front, "event-channel", true));
	for (unsigned i = 0; i < 3; i++)
		json_object_set_new(o, texts[kind][i][0], node(host, back, texts[kind][i][1], false));
	if (kind == DEVICE_DISK) {
		json_object_set_new(o, "ring_ref", node(host, front, "ring-ref", true));
		json_object_set_new(o, "health", json_string(health(host, back)));
	} else {
		json_object_set_new(o, "tx_ring_ref", node(host, front, "tx-ring-ref", true));
		json_object_set_new(o, "rx_ring_ref", node(host, front, "rx-ring-ref", true));
	}
	json_object_set_new(o, "backend_path", json_string(back));
	return o;
}

static void add_devices(struct vm_host *host, domid_t id, enum device_kind kind, json_t *rows)
{
	unsigned n, *numbers = device_numbers(host->store, id, kind, &n);
	json_t *row;

	for (unsigned i = 0; numbers && i < n; i++) {
		row = device_json(host, id, kind, numbers[i]);
		if (!row)
			continue;
		json_object_set_new(row, "domain", json_integer(id));
		json_array_append_new(rows, row);
	}
	free(numbers);
}

static int list(struct vm_host *host, int argc, char **argv, enum device_kind kind, const struct column *columns,
		unsigned nr, struct why *why)
{
	struct arg args[] = { { NULL, "--json", false, NULL, 0 }, { 0 } };
	char *words[64];
	json_t *rows;
	domid_t id;
	int n = args_read(argc, argv, args, words, 64, why), rc = 0;

	if (n < 0)
		return n;
	if (n == 0)
		return why_set(why, -EINVAL, "which domain? A name or a number, see anel list");
	rows = json_array();
	for (int i = 0; i < n && !rc; i++) {
		rc = vm_find(host, words[i], &id, why);
		if (!rc)
			add_devices(host, id, kind, rows);
	}
	if (!rc)
		output_rows(columns, nr, rows, args[0].given);
	json_decref(rows);
	return rc;
}

int verb_block_list(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const struct column columns[] = {
		{ "VDEV", "number", COLUMN_RIGHT },
		{ "BE", "backend", COLUMN_RIGHT },
		{ "DOMAIN", "domain", COLUMN_RIGHT },
		{ "STATE", "state", COLUMN_RIGHT },
		{ "EVT-CH", "event_channel", COLUMN_RIGHT | COLUMN_SPARE },
		{ "RING-REF", "ring_ref", COLUMN_RIGHT | COLUMN_SPARE },
		{ "NAME", "vdev", 0 },
		{ "MODE", "mode", 0 },
		{ "HEALTH", "health", 0 },
		{ "TARGET", "target", COLUMN_SHRINKS },
		{ "BE-PATH", "backend_path", COLUMN_SHRINKS | COLUMN_SPARE },
	};
	return list(host, argc, argv, DEVICE_DISK, columns, sizeof(columns) / sizeof(columns[0]), why);
}

int verb_network_list(struct vm_host *host, int argc, char **argv, struct why *why)
{
	static const struct column columns[] = {
		{ "IDX", "number", COLUMN_RIGHT },
		{ "BE", "backend", COLUMN_RIGHT },
		{ "DOMAIN", "domain", COLUMN_RIGHT },
		{ "MAC", "mac", 0 },
		{ "BRIDGE", "bridge", COLUMN_SHRINKS },
		{ "STATE", "state", COLUMN_RIGHT },
		{ "EVT-CH", "event_channel", COLUMN_RIGHT | COLUMN_SPARE },
		{ "TX-REF", "tx_ring_ref", COLUMN_RIGHT | COLUMN_SPARE },
		{ "RX-REF", "rx_ring_ref", COLUMN_RIGHT | COLUMN_SPARE },
		{ "BE-PATH", "backend_path", COLUMN_SHRINKS | COLUMN_SPARE },
	};
	return list(host, argc, argv, DEVICE_CARD, columns, sizeof(columns) / sizeof(columns[0]), why);
}

/* Words after the domain are parts of one text, as if there were commas between them. */
static int join(char **words, int n, char *text, size_t size, struct why *why)
{
	size_t used = 0;

	text[0] = 0;
	for (int i = 0; i < n; i++) {
		if (used + strlen(words[i]) + 2 > size)
			return why_set(why, -E2BIG, "a device of more than %zu characters", size - 1);
		used += sprintf(text + used, "%s%s", i ? "," : "", words[i]);
	}
	return 0;
}

static int attach(struct vm_host *host, int argc, char **argv, enum device_kind kind, const char *usage,
		  struct why *why)
{
	struct arg none[] = { { 0 } };
	char *words[16], text[1024];
	struct device device;
	domid_t id;
	int n = args_read(argc, argv, none, words, 16, why), rc;

	if (n < 0)
		return n;
	if (n < 1 + (kind == DEVICE_DISK))
		return why_set(why, -EINVAL, "anel %s", usage);
	rc = join(words + 1, n - 1, text, sizeof(text), why);
	if (!rc)
		rc = vm_find(host, words[0], &id, why);
	if (!rc && id == 0)
		rc = why_set(why, -EINVAL, "dom0 has its devices without the hypervisor");
	if (!rc)
		rc = kind == DEVICE_DISK ? spec_disk(&device, text, why)
					 : spec_card(&device, text, device_free_card(host->store, id), why);
	return rc ? rc : device_attach(host->store, id, &device, why);
}

int verb_block_attach(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return attach(host, argc, argv, DEVICE_DISK,
		      "block-attach DOMAIN DISK..., as in block-attach demo phy:/dev/vdb xvdb w", why);
}

int verb_network_attach(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return attach(host, argc, argv, DEVICE_CARD, "network-attach DOMAIN [bridge=NAME] [mac=ADDRESS]", why);
}

static int disk_number(struct vm_host *host, domid_t id, const char *word, unsigned *number, struct why *why)
{
	uint64_t n;
	int rc;

	if (device_disk_id(word, number) == 0)
		return 0;
	rc = args_number(word, "disk", 0, UINT32_MAX, &n, why);
	*number = n;
	return rc ? why_set(why, -EINVAL, "\"%s\" is no disk's name (xvdb) nor number; see anel block-list %u", word,
			    id)
		  : 0;
}

/* By its number, or its MAC address. */
static int card_number(struct vm_host *host, domid_t id, const char *word, unsigned *number, struct why *why)
{
	unsigned n, *numbers;
	char back[160], *mac;
	uint64_t value;
	bool found = false;

	if (!strchr(word, ':')) {
		int rc = args_number(word, "card", 0, UINT32_MAX, &value, why);

		*number = value;
		return rc;
	}
	numbers = device_numbers(host->store, id, DEVICE_CARD, &n);
	for (unsigned i = 0; numbers && i < n && !found; i++) {
		mac = device_back(host->store, id, DEVICE_CARD, numbers[i], back)
			      ? NULL
			      : store_read_at(host->store, back, "mac");
		found = mac && !strcasecmp(mac, word);
		*number = numbers[i];
		free(mac);
	}
	free(numbers);
	return found ? 0
		     : why_set(why, -ENOENT, "domain %u has no card with the address %s; see anel network-list %u",
			       id, word, id);
}

static int detach(struct vm_host *host, int argc, char **argv, enum device_kind kind, const char *usage,
		  struct why *why)
{
	struct arg args[] = { { "-f", "--force", false, NULL, 0 }, { 0 } };
	char *words[2];
	unsigned number;
	domid_t id;
	int n = args_read(argc, argv, args, words, 2, why), rc;

	if (n < 0)
		return n;
	if (n != 2)
		return why_set(why, -EINVAL, "anel %s", usage);
	rc = vm_find(host, words[0], &id, why);
	if (!rc)
		rc = kind == DEVICE_DISK ? disk_number(host, id, words[1], &number, why)
					 : card_number(host, id, words[1], &number, why);
	return rc ? rc : device_detach(host->store, id, kind, number, args[0].given, why);
}

int verb_block_detach(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return detach(host, argc, argv, DEVICE_DISK, "block-detach [--force] DOMAIN DISK", why);
}

int verb_network_detach(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return detach(host, argc, argv, DEVICE_CARD, "network-detach [--force] DOMAIN NUMBER|MAC", why);
}

static int change(struct vm_host *host, int argc, char **argv, bool eject, struct why *why)
{
	struct arg none[] = { { 0 } };
	char *words[3];
	unsigned number;
	domid_t id;
	int n = args_read(argc, argv, none, words, 3, why), rc;

	if (n < 0)
		return n;
	if (n != (eject ? 2 : 3))
		return why_set(why, -EINVAL, "anel %s", eject ? "cd-eject DOMAIN DISK" : "cd-insert DOMAIN DISK TARGET");
	rc = vm_find(host, words[0], &id, why);
	if (!rc)
		rc = disk_number(host, id, words[1], &number, why);
	return rc ? rc : device_change(host->store, id, number, eject ? "" : words[2], why);
}

int verb_cd_insert(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return change(host, argc, argv, false, why);
}

int verb_cd_eject(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return change(host, argc, argv, true, why);
}
