/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "spec.h"
#include "value.h"
#include "vm/vm_life.h"

struct parse {
	struct vm_config *v;
	const char *path;
	const struct value *value;
	struct why *why;
	char root[VALUE_MAX_TEXT], extra[VALUE_MAX_TEXT];
	bool cmdline;
};

/* Puts the place in the file before the reason. */
static int placed(const struct parse *p, int rc)
{
	return why_prefix(p->why, rc, "%s:%u: %s: ", p->path, p->value->line, p->value->name);
}
#define wrong(p, ...) placed(p, why_set((p)->why, -EINVAL, __VA_ARGS__))

static void ignored(const struct parse *p, const char *what, const char *word)
{
	fprintf(stderr, "anel: %s:%u: %s \"%s\" is not known here and is ignored\n", p->path, p->value->line, what, word);
}

static int text(const struct parse *p, char *out, size_t size)
{
	if (p->value->kind != VALUE_TEXT)
		return wrong(p, "a string in quotes is wanted");
	if (strlen(p->value->items[0]) >= size)
		return wrong(p, "\"%s\" is too long", p->value->items[0]);
	strcpy(out, p->value->items[0]);
	return 0;
}

/* xl takes numbers in quotes too. */
static int number(const struct parse *p, uint64_t *out)
{
	char *end;

	*out = p->value->number;
	if (p->value->kind == VALUE_NUMBER)
		return 0;
	if (p->value->kind != VALUE_TEXT || !isdigit((unsigned char)p->value->items[0][0]))
		return wrong(p, "a number is wanted");
	*out = strtoull(p->value->items[0], &end, 0);
	return *end ? wrong(p, "\"%s\" is not a number", p->value->items[0]) : 0;
}

static int megabytes(const struct parse *p, uint64_t *kib)
{
	int rc = number(p, kib);

	if (!rc && (*kib == 0 || *kib > 1ull << 34))
		rc = wrong(p, "no such amount of memory");
	*kib *= 1024;
	return rc;
}

static int action(const struct parse *p, enum vm_action *out)
{
	for (unsigned i = 0; p->value->kind == VALUE_TEXT && i < VM_ACTIONS; i++)
		if (!strcmp(p->value->items[0], vm_action_names[i])) {
			*out = i;
			return 0;
		}
	return wrong(p, "destroy, restart, preserve, rename-restart, coredump-destroy or coredump-restart");
}

/* One list for all vCPUs, or a list of them for each its own. */
static int cpu_lists(const struct parse *p, struct vm_pins *out)
{
	const struct value *v = p->value;
	size_t used = 0, n;

	out->each = v->kind == VALUE_LIST;
	out->text[0] = 0;
	if (v->kind == VALUE_NUMBER) {
		snprintf(out->text, sizeof(out->text), "%llu", (unsigned long long)v->number);
		return 0;
	}
	for (unsigned i = 0; i < v->n; i++) {
		n = strlen(v->items[i]);
		if (!n || strchr(v->items[i], '\n'))
			return wrong(p, "a list of CPUs is wanted, as in \"0-3,^1\" or \"all\"");
		if (used + n + 2 > sizeof(out->text))
			return wrong(p, "too long");
		used += snprintf(out->text + used, sizeof(out->text) - used, "%s%s", i ? "\n" : "", v->items[i]);
	}
	return 0;
}

static int bounded(const struct parse *p, unsigned least, unsigned most, unsigned *out)
{
	uint64_t n;
	int rc = number(p, &n);

	if (!rc && (n < least || n > most))
		rc = wrong(p, "%u to %u are possible", least, most);
	*out = n;
	return rc;
}

static int set_name(struct parse *p)
{
	int rc = text(p, p->v->name, sizeof(p->v->name));

	if (!rc && !vm_good_name(p->v->name))
		rc = wrong(p, "\"%s\": a name has no / and does not begin with a digit", p->v->name);
	return rc;
}

static int set_uuid(struct parse *p)
{
	char t[64];
	unsigned n = 0;
	int rc = text(p, t, sizeof(t));

	for (const char *c = t; !rc && *c; c++) {
		unsigned digit = isdigit((unsigned char)*c) ? *c - '0' : (tolower((unsigned char)*c) - 'a' + 10);

		if (*c == '-')
			continue;
		if (!isxdigit((unsigned char)*c) || n == 32)
			return wrong(p, "\"%s\" is not a UUID", t);
		p->v->uuid[n / 2] = p->v->uuid[n / 2] << 4 | digit;
		n++;
	}
	return rc || n == 32 ? rc : wrong(p, "\"%s\" is not a UUID", t);
}

static int set_type(struct parse *p)
{
	char t[64];
	int rc = text(p, t, sizeof(t));

	if (!rc && strcmp(t, "pv") && strcmp(t, "generic") && strcmp(t, "linux"))
		rc = wrong(p, "\"%s\": only PV guests can be started yet", t);
	return rc;
}

static int set_memory(struct parse *p) { return megabytes(p, &p->v->memory_kib); }
static int set_maxmem(struct parse *p) { return megabytes(p, &p->v->max_kib); }
static int set_vcpus(struct parse *p) { return bounded(p, 1, 4095, &p->v->vcpus); }
static int set_maxvcpus(struct parse *p) { return bounded(p, 1, 4095, &p->v->max_vcpus); }
static int set_kernel(struct parse *p) { return text(p, p->v->kernel, sizeof(p->v->kernel)); }
static int set_ramdisk(struct parse *p) { return text(p, p->v->ramdisk, sizeof(p->v->ramdisk)); }
static int set_root(struct parse *p) { return text(p, p->root, sizeof(p->root)); }
static int set_extra(struct parse *p) { return text(p, p->extra, sizeof(p->extra)); }
static int set_on_poweroff(struct parse *p) { return action(p, &p->v->on_poweroff); }
static int set_on_reboot(struct parse *p) { return action(p, &p->v->on_reboot); }
static int set_on_crash(struct parse *p) { return action(p, &p->v->on_crash); }
static int set_on_watchdog(struct parse *p) { return action(p, &p->v->on_watchdog); }
static int set_cpus(struct parse *p) { return cpu_lists(p, &p->v->cpus); }
static int set_cpus_soft(struct parse *p) { return cpu_lists(p, &p->v->cpus_soft); }
static int set_weight(struct parse *p) { return bounded(p, 1, 65535, &p->v->weight); }
static int set_cap(struct parse *p) { return bounded(p, 0, 65535, &p->v->cap); }

static int set_cmdline(struct parse *p)
{
	p->cmdline = true;
	return text(p, p->v->command_line, sizeof(p->v->command_line));
}

static int refuse(struct parse *p)
{
	return wrong(p, "this cannot be done yet");
}

/* The setting replaces what an earlier one of its name said. */
static void forget_devices(struct vm_config *v, enum device_kind kind)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->nr_devices; i++)
		if (v->devices[i].kind != kind)
			v->devices[n++] = v->devices[i];
	v->nr_devices = n;
}

static int set_devices(struct parse *p, enum device_kind kind)
{
	struct vm_config *v = p->v;
	struct device *d;
	int rc = p->value->kind == VALUE_LIST ? 0 : wrong(p, "a list in brackets is wanted");

	forget_devices(v, kind);
	for (unsigned i = 0; i < p->value->n && !rc; i++) {
		if (v->nr_devices == VM_MAX_DEVICES)
			return wrong(p, "too many devices");
		d = &v->devices[v->nr_devices++];
		rc = kind == DEVICE_DISK ? spec_disk(d, p->value->items[i], p->why) : spec_card(d, p->value->items[i], i, p->why);
		if (rc)
			placed(p, rc);
	}
	return rc;
}

static int set_disk(struct parse *p) { return set_devices(p, DEVICE_DISK); }
static int set_vif(struct parse *p) { return set_devices(p, DEVICE_CARD); }

static const struct {
	const char *name;
	int (*set)(struct parse *p);
} settings[] = {
	{ "name", set_name },
	{ "uuid", set_uuid },
	{ "type", set_type },
	{ "builder", set_type },
	{ "memory", set_memory },
	{ "maxmem", set_maxmem },
	{ "vcpus", set_vcpus },
	{ "maxvcpus", set_maxvcpus },
	{ "kernel", set_kernel },
	{ "ramdisk", set_ramdisk },
	{ "cmdline", set_cmdline },
	{ "root", set_root },
	{ "extra", set_extra },
	{ "on_poweroff", set_on_poweroff },
	{ "on_reboot", set_on_reboot },
	{ "on_crash", set_on_crash },
	{ "on_watchdog", set_on_watchdog },
	{ "cpus", set_cpus },
	{ "cpus_soft", set_cpus_soft },
	{ "cpu_weight", set_weight },
	{ "cap", set_cap },
	{ "disk", set_disk },
	{ "vif", set_vif },
	{ "bootloader", refuse },
	{ "firmware", refuse },
	{ "pci", refuse },
};

static int set(struct parse *p)
{
	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (!strcmp(p->value->name, settings[i].name))
			return settings[i].set(p);
	ignored(p, "the setting", p->value->name);
	return 0;
}

static int finish(struct parse *p)
{
	struct vm_config *v = p->v;
	int n = 0;

	if (!p->cmdline)
		n = snprintf(v->command_line, sizeof(v->command_line), "%s%s%s%s", p->root[0] ? "root=" : "", p->root,
			     p->root[0] && p->extra[0] ? " " : "", p->extra);
	if (n >= (int)sizeof(v->command_line))
		return why_set(p->why, -EINVAL, "%s: the kernel's command line is longer than 1023 characters", p->path);
	if (!v->max_kib)
		v->max_kib = v->memory_kib;
	if (!v->max_vcpus)
		v->max_vcpus = v->vcpus;
	if (v->max_kib < v->memory_kib)
		return why_set(p->why, -EINVAL, "%s: maxmem is less than memory", p->path);
	if (v->max_vcpus < v->vcpus)
		return why_set(p->why, -EINVAL, "%s: maxvcpus is less than vcpus", p->path);
	if (!v->name[0] || !v->kernel[0])
		return why_set(p->why, -EINVAL, "%s: the guest needs a %s", p->path, v->name[0] ? "kernel" : "name");
	return 0;
}

static int parse_text(struct parse *p, const char *config, const char *path)
{
	struct value_reader r = { .at = config, .path = path, .line = 1 };
	struct value *value = malloc(sizeof(*value));
	int rc = value ? 1 : why_set(p->why, -ENOMEM, "no memory");

	p->path = path;
	p->value = value;
	while (rc > 0) {
		rc = value_next(&r, value, p->why);
		if (rc > 0)
			rc = set(p) ?: 1;
	}
	free(value);
	return rc;
}

int config_parse(struct vm_config *v, const char *config, const char *path, const char *more, struct why *why)
{
	struct parse p = { .v = v, .why = why };
	int rc;

	memset(v, 0, sizeof(*v));
	v->memory_kib = 128 * 1024;
	v->vcpus = 1;
	v->on_reboot = VM_RESTART;
	rc = parse_text(&p, config, path);
	if (!rc && more)
		rc = parse_text(&p, more, "command line");
	p.path = path;
	return rc ? rc : finish(&p);
}

int config_read(struct vm_config *v, const char *path, const char *more, struct why *why)
{
	char *config = calloc(1, 65537);
	FILE *f = fopen(path, "re");
	size_t n;
	int rc;

	if (!f || !config) {
		rc = why_set(why, f ? -ENOMEM : -errno, "%s: %s", path, strerror(f ? ENOMEM : errno));
	} else {
		n = fread(config, 1, 65536, f);
		if (ferror(f) || n == 65536 || memchr(config, 0, n))
			rc = why_set(why, -EINVAL, "%s is not a guest's configuration", path);
		else
			rc = config_parse(v, config, path, more, why);
	}
	if (f)
		fclose(f);
	free(config);
	return rc;
}
