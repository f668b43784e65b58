/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "value.h"

#define DEFAULT_BRIDGE "xenbr0"

struct parse {
	struct vm_config *v;
	const char *path;
	const struct value *value;
	struct why *why;
	char root[VALUE_MAX_TEXT], extra[VALUE_MAX_TEXT];
	bool cmdline;
};

/* The reason, after its place in the file. */
#define wrong(p, ...)                                                                                    \
	why_prefix((p)->why, why_set((p)->why, -EINVAL, __VA_ARGS__), "%s:%u: %s: ", (p)->path, (p)->value->line, \
		   (p)->value->name)

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

static int count(const struct parse *p, unsigned *out)
{
	uint64_t n;
	int rc = number(p, &n);

	if (!rc && (n == 0 || n > 4095))
		rc = wrong(p, "1 to 4095 are possible");
	*out = n;
	return rc;
}

static int action(const struct parse *p, enum vm_action *out)
{
	static const char *const names[] = { "destroy", "restart", "preserve", "rename-restart" };

	for (unsigned i = 0; p->value->kind == VALUE_TEXT && i < 4; i++)
		if (!strcmp(p->value->items[0], names[i])) {
			*out = i;
			return 0;
		}
	return wrong(p, "destroy, restart, preserve or rename-restart");
}

static int set_name(struct parse *p)
{
	int rc = text(p, p->v->name, sizeof(p->v->name));

	if (!rc && (!p->v->name[0] || isdigit((unsigned char)p->v->name[0]) || strchr(p->v->name, '/')))
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
static int set_vcpus(struct parse *p) { return count(p, &p->v->vcpus); }
static int set_maxvcpus(struct parse *p) { return count(p, &p->v->max_vcpus); }
static int set_kernel(struct parse *p) { return text(p, p->v->kernel, sizeof(p->v->kernel)); }
static int set_ramdisk(struct parse *p) { return text(p, p->v->ramdisk, sizeof(p->v->ramdisk)); }
static int set_root(struct parse *p) { return text(p, p->root, sizeof(p->root)); }
static int set_extra(struct parse *p) { return text(p, p->extra, sizeof(p->extra)); }
static int set_on_poweroff(struct parse *p) { return action(p, &p->v->on_poweroff); }
static int set_on_reboot(struct parse *p) { return action(p, &p->v->on_reboot); }
static int set_on_crash(struct parse *p) { return action(p, &p->v->on_crash); }

static int set_cmdline(struct parse *p)
{
	p->cmdline = true;
	return text(p, p->v->command_line, sizeof(p->v->command_line));
}

static int refuse(struct parse *p)
{
	return wrong(p, "this cannot be done yet");
}

static struct device *new_device(struct parse *p, enum device_kind kind)
{
	struct device *d;

	if (p->v->nr_devices == VM_MAX_DEVICES)
		return NULL;
	d = &p->v->devices[p->v->nr_devices++];
	memset(d, 0, sizeof(*d));
	d->kind = kind;
	return d;
}

static int copy_word(const struct parse *p, char *out, size_t size, const char *word)
{
	if (strlen(word) >= size)
		return wrong(p, "\"%s\" is too long", word);
	strcpy(out, word);
	return 0;
}

static int disk_access(const struct parse *p, struct device_disk *d, const char *word)
{
	if (!strcmp(word, "r") || !strcmp(word, "ro"))
		d->read_only = true;
	else if (strcmp(word, "w") && strcmp(word, "rw"))
		return wrong(p, "\"%s\" is not an access: r or w", word);
	return 0;
}

/* xl-disk-configuration(5): words with names, and words whose place says what they are. */
static int disk_word(const struct parse *p, struct device_disk *d, char *word, unsigned *place)
{
	char *equals = strchr(word, '=');

	if (equals && word[0] != '/') {
		*equals++ = 0;
		if (!strcmp(word, "vdev"))
			return copy_word(p, d->vdev, sizeof(d->vdev), equals);
		if (!strcmp(word, "access"))
			return disk_access(p, d, equals);
		if (!strcmp(word, "format"))
			return strcmp(equals, "raw") ? wrong(p, "format %s cannot be used yet", equals) : 0;
		if (!strcmp(word, "backendtype"))
			return strcmp(equals, "phy") ? wrong(p, "back end %s cannot be used yet", equals) : 0;
		return wrong(p, "\"%s\" cannot be used yet", word);
	}
	if (!*word && *place < 4) {
		(*place)++;
		return 0;
	}
	switch ((*place)++) {
	case 0:
		if (!strncmp(word, "phy:", 4) || !strncmp(word, "raw:", 4)) {
			word += 4;
			(*place)++;	/* after a prefix there is no format */
		}
		return copy_word(p, d->target, sizeof(d->target), word);
	case 1:
		return strcmp(word, "raw") ? wrong(p, "format %s cannot be used yet", word) : 0;
	case 2:
		return copy_word(p, d->vdev, sizeof(d->vdev), word);
	case 3:
		return disk_access(p, d, word);
	default:
		return wrong(p, "\"%s\" cannot be used yet", word);
	}
}

static int add_disk(struct parse *p, const char *item)
{
	struct device *d = new_device(p, DEVICE_DISK);
	char words[VALUE_MAX_TEXT], *rest = words, *word;
	unsigned place = 0;
	int rc = 0;

	if (!d)
		return wrong(p, "too many devices");
	strcpy(words, item);
	while (!rc && rest) {
		rest += strspn(rest, " ");
		if (!strncmp(rest, "target=", 7)) {	/* takes all that follows, commas too */
			rc = copy_word(p, d->disk.target, sizeof(d->disk.target), rest + 7);
			break;
		}
		word = strsep(&rest, ",");
		rc = disk_word(p, &d->disk, word, &place);
	}
	if (!rc && (!d->disk.vdev[0] || !d->disk.target[0]))
		rc = wrong(p, "\"%s\" names no disk (vdev) or no target", item);
	return rc;
}

static int check_mac(const struct parse *p, const char *mac)
{
	unsigned b[6];
	char end;

	if (sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 || strlen(mac) != 17)
		return wrong(p, "\"%s\" is not a MAC address", mac);
	return b[0] & 1 ? wrong(p, "%s is a group's address, not a card's", mac) : 0;
}

static int card_word(const struct parse *p, struct device_card *c, char *word)
{
	char *equals = strchr(word, '=');

	if (!*word)
		return 0;
	if (!equals)
		return wrong(p, "\"%s\": words have the form NAME=VALUE", word);
	*equals++ = 0;
	if (!strcmp(word, "mac"))
		return check_mac(p, equals) ?: copy_word(p, c->mac, sizeof(c->mac), equals);
	if (!strcmp(word, "bridge"))
		return copy_word(p, c->bridge, sizeof(c->bridge), equals);
	if (!strcmp(word, "vifname"))
		return copy_word(p, c->name, sizeof(c->name), equals);
	if (!strcmp(word, "type"))
		return strcmp(equals, "vif") ? wrong(p, "type %s is not for PV guests", equals) : 0;
	if (!strcmp(word, "model"))
		return 0;	/* of emulated cards */
	return wrong(p, "\"%s\" cannot be used yet", word);
}

static int add_card(struct parse *p, const char *item, unsigned number)
{
	struct device *d = new_device(p, DEVICE_CARD);
	char words[VALUE_MAX_TEXT], *rest = words;
	uint8_t r[3];
	int rc = 0;

	if (!d)
		return wrong(p, "too many devices");
	d->id = number;
	strcpy(d->card.bridge, DEFAULT_BRIDGE);
	strcpy(words, item);
	while (!rc && rest) {
		rest += strspn(rest, " ");
		rc = card_word(p, &d->card, strsep(&rest, ","));
	}
	if (!rc && !d->card.mac[0]) {
		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			abort();
		snprintf(d->card.mac, sizeof(d->card.mac), "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f, r[1], r[2]);
	}
	return rc;
}

static int set_devices(struct parse *p, bool disks)
{
	int rc = p->value->kind == VALUE_LIST ? 0 : wrong(p, "a list in brackets is wanted");

	for (unsigned i = 0; i < p->value->n && !rc; i++)
		rc = disks ? add_disk(p, p->value->items[i]) : add_card(p, p->value->items[i], i);
	return rc;
}

static int set_disk(struct parse *p) { return set_devices(p, true); }
static int set_vif(struct parse *p) { return set_devices(p, false); }

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

int config_parse(struct vm_config *v, const char *config, const char *path, struct why *why)
{
	struct value_reader r = { .at = config, .path = path, .line = 1 };
	struct value *value = malloc(sizeof(*value));
	struct parse p = { .v = v, .path = path, .value = value, .why = why };
	int rc = value ? 1 : why_set(why, -ENOMEM, "no memory");

	memset(v, 0, sizeof(*v));
	v->memory_kib = 128 * 1024;
	v->vcpus = 1;
	v->on_reboot = VM_RESTART;
	while (rc > 0) {
		rc = value_next(&r, value, why);
		if (rc > 0)
			rc = set(&p) ?: 1;
	}
	free(value);
	return rc ? rc : finish(&p);
}

int config_read(struct vm_config *v, const char *path, struct why *why)
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
			rc = config_parse(v, config, path, why);
	}
	if (f)
		fclose(f);
	free(config);
	return rc;
}
