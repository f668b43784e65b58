/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spec.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "device/image.h"
#include "device/lock.h"

#define DEFAULT_BRIDGE "xenbr0"
#define MAX_SPEC       1024

#define wrong(...) why_set(why, -EINVAL, __VA_ARGS__)

static int copy_word(char *out, size_t size, const char *word, struct why *why)
{
	if (strlen(word) >= size)
		return wrong("\"%s\" is too long", word);
	strcpy(out, word);
	return 0;
}

static int disk_access(struct device_disk *d, const char *word, struct why *why)
{
	if (!strcmp(word, "r") || !strcmp(word, "ro"))
		d->read_only = true;
	else if (*word && strcmp(word, "w") && strcmp(word, "rw"))
		return wrong("\"%s\" is not an access: r or w", word);
	return 0;
}

static int disk_format(struct device_disk *d, const char *word, struct why *why)
{
	d->format[0] = 0;
	if (!*word || !strcmp(word, "raw"))
		return 0;
	return image_format(word) ? copy_word(d->format, sizeof(d->format), word, why) : wrong("format %s cannot be used", word);
}

static int disk_type(struct device_disk *d, const char *word, struct why *why)
{
	if (*word && strcmp(word, "disk") && strcmp(word, "cdrom"))
		return wrong("\"%s\" is not a type of disk: disk or cdrom", word);
	d->cdrom = !strcmp(word, "cdrom");
	return 0;
}

/* hdc:cdrom, as it was written once. */
static int disk_name(struct device_disk *d, const char *word, struct why *why)
{
	const char *colon = strchr(word, ':');
	int n = snprintf(d->vdev, sizeof(d->vdev), "%.*s", (int)strcspn(word, ":"), word);

	if (n >= (int)sizeof(d->vdev))
		return wrong("\"%s\" is too long", word);
	return colon ? disk_type(d, colon + 1, why) : 0;
}

/* Who serves it follows from what it is. */
static int disk_backend(const char *word, struct why *why)
{
	return !*word || !strcmp(word, "phy") || !strcmp(word, "qdisk") ? 0 : wrong("back end %s cannot be used yet", word);
}

/* A path that does not begin with / is one below /dev. */
static int disk_target(struct device_disk *d, const char *word, struct why *why)
{
	int n = snprintf(d->target, sizeof(d->target), "%s%s", *word && *word != '/' ? "/dev/" : "", word);

	return n < (int)sizeof(d->target) ? 0 : wrong("\"%s\" is too long", word);
}

static int disk_named(struct device_disk *d, const char *name, const char *value, struct why *why)
{
	if (!strcmp(name, "vdev"))
		return disk_name(d, value, why);
	if (!strcmp(name, "access"))
		return disk_access(d, value, why);
	if (!strcmp(name, "format"))
		return disk_format(d, value, why);
	if (!strcmp(name, "devtype"))
		return disk_type(d, value, why);
	if (!strcmp(name, "backendtype"))
		return disk_backend(value, why);
	return wrong("\"%s\" cannot be used yet", name);
}

/* Old words before a target; after one there is no format. */
static char *disk_prefix(struct device_disk *d, char *word, unsigned *place)
{
	static const char *const prefixes[] = { "phy:", "file:", "raw:", "tap:", "tap2:", "aio:", "qcow2:", "vhd:" };

	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (strncmp(word, prefixes[i], n))
			continue;
		*place = 2;
		snprintf(d->format, sizeof(d->format), "%.*s", i < 6 ? 0 : (int)n - 1, word);
		word += n;
		i = -1;
	}
	return word;
}

/* xl-disk-configuration(5): words with names, and words whose place says what they are. */
static int disk_word(struct device_disk *d, char *word, unsigned *place, struct why *why)
{
	char *equals = strchr(word, '=');

	if (equals && word[0] != '/') {
		*equals = 0;
		return disk_named(d, word, equals + 1, why);
	}
	if (!strcmp(word, "cdrom"))
		return disk_type(d, word, why);
	if (!*word && *place < 4) {
		(*place)++;
		return 0;
	}
	switch ((*place)++) {
	case 0:
		return disk_target(d, disk_prefix(d, word, place), why);
	case 1:
		return disk_format(d, word, why);
	case 2:
		return disk_name(d, word, why);
	case 3:
		return disk_access(d, word, why);
	default:
		return wrong("\"%s\" cannot be used yet", word);
	}
}

int spec_disk(struct device *d, const char *text, struct why *why)
{
	char words[MAX_SPEC], *rest = words, *word;
	unsigned place = 0;
	int rc = 0;

	memset(d, 0, sizeof(*d));
	d->kind = DEVICE_DISK;
	if (strlen(text) >= sizeof(words))
		return wrong("a disk of more than 1023 characters");
	strcpy(words, text);
	while (!rc && rest) {
		rest += strspn(rest, " ");
		if (!strncmp(rest, "target=", 7)) { /* takes all that follows, commas too */
			rc = disk_target(&d->disk, rest + 7, why);
			break;
		}
		word = strsep(&rest, ",");
		rc = disk_word(&d->disk, word, &place, why);
	}
	if (d->disk.cdrom)
		d->disk.read_only = true;
	if (!rc && (!d->disk.vdev[0] || (!d->disk.target[0] && !d->disk.cdrom)))
		rc = wrong("\"%s\" names no disk (vdev) or no target", text);
	return rc;
}

static int check_mac(const char *mac, struct why *why)
{
	unsigned b[6];
	char end;

	if (sscanf(mac, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &end) != 6 ||
	    strlen(mac) != 17)
		return wrong("\"%s\" is not a MAC address", mac);
	return b[0] & 1 ? wrong("%s is a group's address, not a card's", mac) : 0;
}

/* "10Mb/s@20ms": bits or bytes a second, and how often credit is renewed. */
static int card_rate(struct device_card *c, const char *text, struct why *why)
{
	static const struct {
		const char *name;
		double bytes;
	} units[] = { { "b/s", 1. / 8 }, { "Kb/s", 1e3 / 8 }, { "Mb/s", 1e6 / 8 }, { "Gb/s", 1e9 / 8 },
		      { "B/s", 1 }, { "KB/s", 1e3 }, { "MB/s", 1e6 }, { "GB/s", 1e9 } },
	  times[] = { { "us", 1 }, { "ms", 1e3 }, { "s", 1e6 } };
	const char *at = strchr(text, '@');
	size_t n = at ? (size_t)(at - text) : strlen(text);
	unsigned long long value, every = 50;
	double rate = 0, us = at ? 0 : 50e3;
	char *end;

	value = strtoull(text, &end, 10);
	for (unsigned i = 0; isdigit((unsigned char)*text) && i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i].name) == n - (end - text) && !strncmp(end, units[i].name, n - (end - text)))
			rate = value * units[i].bytes;
	if (at && isdigit((unsigned char)at[1])) {
		every = strtoull(at + 1, &end, 10);
		for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++)
			if (!strcmp(end, times[i].name))
				us = every * times[i].bytes;
	}
	if (rate * us / 1e6 < 1 || rate * us / 1e6 >= UINT32_MAX || us >= UINT32_MAX)
		return wrong("rate: \"%s\" is not as 10Mb/s or 250KB/s@20ms", text);
	c->rate_bytes = rate * us / 1e6;
	c->rate_us = us;
	return 0;
}

static int card_mtu(struct device_card *c, const char *text, struct why *why)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (!isdigit((unsigned char)*text) || *end || n < 68 || n > 65535)
		return wrong("mtu: 68 to 65535 are possible");
	c->mtu = n;
	return 0;
}

static int card_ip(struct device_card *c, const char *text, struct why *why)
{
	uint32_t addresses[LOCK_MAX_ADDRESSES];

	if (lock_addresses(text, addresses) <= 0)
		return wrong("ip: \"%s\": up to %d IPv4 addresses with spaces between are wanted", text, LOCK_MAX_ADDRESSES);
	return copy_word(c->ip, sizeof(c->ip), text, why);
}

static int card_word(struct device_card *c, char *word, struct why *why)
{
	char *equals = strchr(word, '=');

	if (!*word)
		return 0;
	if (!equals)
		return wrong("\"%s\": words have the form NAME=VALUE", word);
	*equals++ = 0;
	if (!strcmp(word, "mac"))
		return check_mac(equals, why) ?: copy_word(c->mac, sizeof(c->mac), equals, why);
	if (!strcmp(word, "bridge"))
		return copy_word(c->bridge, sizeof(c->bridge), equals, why);
	if (!strcmp(word, "vifname"))
		return copy_word(c->name, sizeof(c->name), equals, why);
	if (!strcmp(word, "rate"))
		return card_rate(c, equals, why);
	if (!strcmp(word, "mtu"))
		return card_mtu(c, equals, why);
	if (!strcmp(word, "ip"))
		return card_ip(c, equals, why);
	if (!strcmp(word, "type"))
		return strcmp(equals, "vif") ? wrong("type %s is not for PV guests", equals) : 0;
	if (!strcmp(word, "model"))
		return 0; /* of emulated cards */
	return wrong("\"%s\" cannot be used yet", word);
}

int spec_card(struct device *d, const char *text, unsigned number, struct why *why)
{
	char words[MAX_SPEC], *rest = words;
	uint8_t r[3];
	int rc = 0;

	memset(d, 0, sizeof(*d));
	d->kind = DEVICE_CARD;
	d->id = number;
	strcpy(d->card.bridge, DEFAULT_BRIDGE);
	if (strlen(text) >= sizeof(words))
		return wrong("a card of more than 1023 characters");
	strcpy(words, text);
	while (!rc && rest) {
		rest += strspn(rest, " ");
		rc = card_word(&d->card, strsep(&rest, ","), why);
	}
	if (!rc && !d->card.mac[0]) {
		if (getrandom(r, sizeof(r), 0) != sizeof(r))
			abort();
		snprintf(d->card.mac, sizeof(d->card.mac), "00:16:3e:%02x:%02x:%02x", r[0] & 0x7f, r[1], r[2]);
	}
	return rc;
}
