/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "domd/domd_json.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "vm/vm_json.h"

static json_t *pins_json(const struct vm_pins *pins)
{
	return json_pack("{s:b, s:s}", "each", pins->each, "list", pins->text);
}

json_t *domd_json_put(const struct vm_config *v)
{
	char *text = vm_json_put(v);
	json_t *o = text ? json_loads(text, 0, NULL) : NULL;
	json_t *more = json_pack("{s:o, s:o, s:i, s:i}", "cpus", pins_json(&v->cpus), "cpus_soft", pins_json(&v->cpus_soft),
				 "weight", (int)v->weight, "cap", (int)v->cap);

	free(text);
	if (!o || !more) {
		json_decref(o);
		json_decref(more);
		return NULL;
	}
	json_object_set_new(o, "on_watchdog", json_string(vm_action_names[v->on_watchdog]));
	json_object_set_new(o, "anel", more);
	return o;
}

static int wrong(struct why *why, const char *what)
{
	return why_set(why, -EINVAL, "the configuration has strange %s", what);
}

static int get_pins(struct vm_pins *pins, const json_t *o, const char *name, struct why *why)
{
	const json_t *j = json_object_get(o, name);
	const char *text = json_string_value(json_object_get(j, "list"));

	if (!j)
		return 0;
	if (!text || strlen(text) >= sizeof(pins->text))
		return wrong(why, name);
	strcpy(pins->text, text);
	pins->each = json_is_true(json_object_get(j, "each"));
	return 0;
}

static int get_number(unsigned *out, const json_t *o, const char *name, struct why *why)
{
	const json_t *j = json_object_get(o, name);

	if (j && (!json_is_integer(j) || json_integer_value(j) < 0 || json_integer_value(j) > 65535))
		return wrong(why, name);
	*out = json_integer_value(j);
	return 0;
}

static int get_more(struct vm_config *v, const json_t *more, struct why *why)
{
	int rc = get_pins(&v->cpus, more, "cpus", why);

	if (!rc)
		rc = get_pins(&v->cpus_soft, more, "cpus_soft", why);
	if (!rc)
		rc = get_number(&v->weight, more, "weight", why);
	return rc ? rc : get_number(&v->cap, more, "cap", why);
}

int domd_json_get(struct vm_config *v, const json_t *config, struct why *why)
{
	char *text = json_dumps(config, JSON_COMPACT);
	int rc = text ? vm_json_get(v, text, strlen(text) + 1, why) : why_set(why, -EINVAL, "there is no configuration");

	free(text);
	return rc ? rc : get_more(v, json_object_get(config, "anel"), why);
}
