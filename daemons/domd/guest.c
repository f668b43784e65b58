/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <xen/sched.h>

#include "domd/domd_json.h"

/* A guest that lives shorter is started again later each time: after 2 seconds, 4, 8, up to 64. */
#define SHORT_LIFE  10000
#define FIRST_DELAY 2000
#define MOST_HASTY  6u

const char *const guest_phase_names[GUEST_PHASES] = {
#define PHASE(name, word) word,
	DOMD_PHASES(PHASE)
#undef PHASE
};
const char *const guest_action_names[GUEST_ACTIONS] = DOMD_ACTIONS;
static const char *const reasons[] = DOMD_REASONS;
/* By reason: its name in a configuration, and what holds if it is not there, as with xl. */
static const struct {
	const char *name;
	enum guest_action otherwise;
} settings[] = {
	[SHUTDOWN_poweroff] = {"on_poweroff", ACTION_DESTROY}, [SHUTDOWN_reboot] = {"on_reboot", ACTION_RESTART},
	[SHUTDOWN_suspend] = {"on_crash", ACTION_DESTROY},     [SHUTDOWN_crash] = {"on_crash", ACTION_DESTROY},
	[SHUTDOWN_watchdog] = {"on_watchdog", ACTION_DESTROY},
};

const char *guest_reason_name(unsigned reason)
{
	return reason < sizeof(reasons) / sizeof(reasons[0]) ? reasons[reason] : "unknown";
}

/* -1: no such word. */
static int action_of(const char *word)
{
	char plain[32];

	snprintf(plain, sizeof(plain), "%s", word);
	for (char *c = plain; *c; c++)
		*c = *c == '_' ? '-' : *c;
	for (int i = 0; i < GUEST_ACTIONS; i++)
		if (!strcmp(plain, guest_action_names[i]))
			return i;
	return -1;
}

enum guest_action guest_action(const struct guest *g, unsigned reason)
{
	unsigned i = reason < sizeof(settings) / sizeof(settings[0]) ? reason : SHUTDOWN_crash;
	const char *word = json_string_value(json_object_get(g->config, settings[i].name));
	int action = word ? action_of(word) : -1;

	return action < 0 ? settings[i].otherwise : (enum guest_action)action;
}

static int check_actions(const json_t *config, struct why *why)
{
	const char *word;

	for (unsigned i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		word = json_string_value(json_object_get(config, settings[i].name));
		if (word && action_of(word) < 0)
			return why_set(why, -EOPNOTSUPP,
				       "%s: \"%.40s\" cannot be had here; xl.cfg(5) has a list", settings[i].name, word);
	}
	return 0;
}

bool guest_is_uuid(const char *text)
{
	for (int i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : !(isdigit((unsigned char)text[i]) || (text[i] >= 'a' && text[i] <= 'f')))
			return false;
	}
	return !text[36];
}

void guest_make_uuid(char text[37])
{
	uint8_t u[16];

	if (getrandom(u, sizeof(u), 0) != sizeof(u))
		abort();
	u[6] = (u[6] & 0x0f) | 0x40;
	u[8] = (u[8] & 0x3f) | 0x80;
	vm_uuid_text(u, text);
}

int guest_init(struct guest *g, json_t *config, struct why *why)
{
	static const uint8_t none[16];
	struct vm_config *v = malloc(sizeof(*v));
	json_t *c = json_object_get(config, "c_info");
	int rc = v && json_is_object(c) ? domd_json_get(v, config, why) : why_set(why, -EINVAL, "there is no configuration");

	memset(g, 0, sizeof(*g));
	if (!rc && (!v->name[0] || isdigit((unsigned char)v->name[0])))
		rc = why_set(why, -EINVAL, "the guest's name is empty or begins with a digit");
	if (!rc)
		rc = check_actions(config, why);
	if (!rc) {
		snprintf(g->name, sizeof(g->name), "%s", v->name);
		if (memcmp(v->uuid, none, 16))
			vm_uuid_text(v->uuid, g->uuid);
		else
			guest_make_uuid(g->uuid);
		json_object_set_new(c, "uuid", json_string(g->uuid));
		g->config = json_incref(config);
	}
	free(v);
	return rc;
}

void guest_fini(struct guest *g)
{
	json_decref(g->config);
	g->config = NULL;
}

void guest_rename(struct guest *g, const char *name)
{
	snprintf(g->name, sizeof(g->name), "%s", name);
	json_object_set_new(json_object_get(g->config, "c_info"), "name", json_string(name));
}

int64_t guest_died(struct guest *g, enum guest_action action, int64_t now)
{
	static const enum guest_phase phases[] = {
		[ACTION_DESTROY] = GUEST_ENDING,
		[ACTION_RESTART] = GUEST_ENDING,
		[ACTION_PRESERVE] = GUEST_PRESERVED,
		[ACTION_RENAME] = GUEST_ASIDE,
		[ACTION_DUMP_DESTROY] = GUEST_DUMPING,
		[ACTION_DUMP_RESTART] = GUEST_DUMPING,
	};
	int64_t delay = 0;

	g->phase = phases[action];
	g->aside_name[0] = g->aside_uuid[0] = 0;
	g->again = action == ACTION_RESTART || action == ACTION_DUMP_RESTART;
	if (!g->again && action != ACTION_RENAME)
		return 0;
	g->hasty = now - g->started < SHORT_LIFE ? g->hasty + 1 : 0;
	g->hasty = g->hasty < MOST_HASTY ? g->hasty : MOST_HASTY;
	if (g->hasty)
		delay = FIRST_DELAY << (g->hasty - 1);
	g->not_before = now + delay;
	return delay;
}

int guest_save(int dir, const struct guest *g)
{
	json_t *o = json_pack("{s:s, s:s, s:O, s:s, s:i, s:b, s:s, s:s, s:I, s:I, s:i}", "uuid", g->uuid, "name", g->name, "config",
			      g->config, "phase", guest_phase_names[g->phase], "domain", (int)g->domain, "again", g->again,
			      "aside_uuid", g->aside_uuid, "aside_name", g->aside_name, "started", (json_int_t)g->started,
			      "not_before", (json_int_t)g->not_before, "hasty", (int)g->hasty);
	char temporary[48];
	int fd, rc = o ? 0 : -EINVAL;

	snprintf(temporary, sizeof(temporary), ".%s", g->uuid);
	fd = rc ? -1 : openat(dir, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (!rc && fd < 0)
		rc = -errno;
	if (!rc && json_dumpfd(o, fd, JSON_COMPACT))
		rc = -EIO;
	if (fd >= 0)
		close(fd);
	if (!rc && renameat(dir, temporary, dir, g->uuid) < 0)
		rc = -errno;
	json_decref(o);
	return rc;
}

static int word_index(const char *word, const char *const *list, int n)
{
	for (int i = 0; word && i < n; i++)
		if (!strcmp(word, list[i]))
			return i;
	return -1;
}

static int unpack(const json_t *o, const char *uuid, struct guest *g)
{
	const char *name, *phase, *aside_uuid, *aside_name;
	json_int_t started, not_before;
	int domain, again, hasty, n;
	json_t *config;

	if (json_unpack((json_t *)o, "{s:s, s:o, s:s, s:i, s:b, s:s, s:s, s:I, s:I, s:i}", "name", &name, "config", &config,
			"phase", &phase, "domain", &domain, "again", &again, "aside_uuid", &aside_uuid, "aside_name", &aside_name,
			"started", &started, "not_before", &not_before, "hasty", &hasty))
		return -EINVAL;
	n = word_index(phase, guest_phase_names, GUEST_PHASES);
	if (n < 0)
		return -EINVAL;
	*g = (struct guest){
		.phase = n, .domain = domain, .again = again, .started = started, .not_before = not_before, .hasty = hasty};
	snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->aside_uuid, sizeof(g->aside_uuid), "%s", aside_uuid);
	snprintf(g->aside_name, sizeof(g->aside_name), "%s", aside_name);
	g->config = json_incref(config);
	return 0;
}

int guest_load(int dir, const char *uuid, struct guest *g)
{
	int fd = openat(dir, uuid, O_RDONLY | O_CLOEXEC), rc;
	json_error_t error;
	json_t *o;

	if (fd < 0)
		return -errno;
	o = json_loadfd(fd, 0, &error);
	close(fd);
	rc = o ? unpack(o, uuid, g) : -EINVAL;
	json_decref(o);
	return rc;
}

void guest_forget(int dir, const char *uuid)
{
	unlinkat(dir, uuid, 0);
}
