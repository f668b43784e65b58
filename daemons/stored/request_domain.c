// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests on domains, and XS_CONTROL. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "request.h"
#include "skel/log.h"
#include "watch.h"

static int domid_of(const char *text, uint32_t *domid)
{
	return text ? parse_number(text, DOMIDS - 1, domid) : -EINVAL;
}

static struct domain *domain_of(struct request *r, int *err)
{
	uint32_t domid;

	*err = domid_of(request_one(r), &domid);
	if (*err)
		return NULL;
	if (!r->store->domains[domid])
		*err = -ENOENT;
	return r->store->domains[domid];
}

int request_introduce_arguments(const struct request *r, uint32_t *domid, uint64_t *gfn, uint32_t *port)
{
	const char *vec[3];
	unsigned long long frame;

	if (request_strings(r, vec, 3) != 3 || domid_of(vec[0], domid) || parse_number(vec[2], INT32_MAX, port))
		return -EINVAL;
	if (sscanf(vec[1], "%llu", &frame) != 1 || *domid == 0 || *port == 0)
		return -EINVAL;
	*gfn = frame;
	return 0;
}

int req_introduce(struct request *r)
{
	struct store *s = r->store;
	uint32_t domid, port;
	uint64_t gfn;
	struct domain *d;
	int err = request_introduce_arguments(r, &domid, &gfn, &port);
	bool is_new;

	if (!err)
		err = r->record->result;
	if (err)
		return err;
	is_new = !s->domains[domid];
	d = is_new ? domain_new(s, domid) : s->domains[domid];
	d->gfn = gfn;
	d->port = port;
	d->shutdown = false;
	if (d->conn)
		conn_free(s, d->conn);
	d->conn = conn_new(s, r->record->a, r->record->b, true, domid);
	if (is_new)
		watch_fire_special(s, INTRODUCE_DOMAIN);
	return request_ok(r);
}

int req_release(struct request *r)
{
	int err;
	struct domain *d = domain_of(r, &err);

	if (!d)
		return err;
	if (d->domid == 0)
		return -EINVAL;
	domain_free(r->store, d);
	watch_fire_special(r->store, RELEASE_DOMAIN);
	return request_ok(r);
}

int req_resume(struct request *r)
{
	int err;
	struct domain *d = domain_of(r, &err);

	if (!d)
		return err;
	d->shutdown = false;
	return request_ok(r);
}

int req_set_target(struct request *r)
{
	const char *vec[2];
	uint32_t domid, target;

	if (request_strings(r, vec, 2) != 2 || domid_of(vec[0], &domid) || domid_of(vec[1], &target))
		return -EINVAL;
	if (!r->store->domains[domid] || !r->store->domains[target])
		return -ENOENT;
	r->store->domains[domid]->target = target;
	return request_ok(r);
}

int req_domain_path(struct request *r)
{
	char path[64];
	uint32_t domid;
	const char *text = request_one(r);

	if (!text || parse_number(text, UINT32_MAX, &domid))
		return -EINVAL;
	return request_reply(r, path, sprintf(path, "/local/domain/%u", domid) + 1);
}

int req_is_introduced(struct request *r)
{
	uint32_t domid;
	const char *text = request_one(r);

	if (!text || parse_number(text, UINT32_MAX, &domid))
		return -EINVAL;
	return request_reply(r, domid < DOMIDS && r->store->domains[domid] ? "T" : "F", 2);
}

/* XS_CONTROL. Replies must follow from the state, as all replies. */

static int reply_text(struct request *r, const char *text)
{
	return request_reply(r, text, strlen(text) + 1);
}

static int control_check(struct request *r, const char **vec, int n)
{
	const char *bad = store_check(r->store);

	(void)vec;
	(void)n;
	if (!*bad)
		return request_ok(r);
	log_error("check: %s", bad);
	return reply_text(r, bad);
}

static int control_log(struct request *r, const char **vec, int n)
{
	if (n != 2 || (strcmp(vec[1], "on") && strcmp(vec[1], "off")))
		return -EINVAL;
	log_level = !strcmp(vec[1], "on") ? 7 : 6;
	return request_ok(r);
}

static int control_print(struct request *r, const char **vec, int n)
{
	if (n != 2)
		return -EINVAL;
	log_info("control: %s", vec[1]);
	return request_ok(r);
}

static int control_memreport(struct request *r, const char **vec, int n)
{
	char text[128];

	(void)vec;
	(void)n;
	snprintf(text, sizeof(text), "nodes %llu\n", (unsigned long long)node_sums.nodes);
	return reply_text(r, text);
}

static int domain_quota(struct request *r, const char *text)
{
	struct store *s = r->store;
	const struct conn *c;
	char out[256];
	uint32_t domid;

	if (domid_of(text, &domid))
		return -EINVAL;
	if (!s->domains[domid])
		return -ENOENT;
	c = s->domains[domid]->conn;
	snprintf(out, sizeof(out), "Domain %u:\n%-16s: %8u\n%-16s: %8u\n%-16s: %8u\n", domid, "nodes", s->nodes_of[domid],
		 "watches", s->watches_of[domid], "transactions", c ? c->transactions : 0);
	return reply_text(r, out);
}

static int control_quota(struct request *r, const char **vec, int n)
{
	char out[1024] = "Quota settings:\n";
	size_t len = strlen(out);
	uint32_t value;

	if (n == 2)
		return domain_quota(r, vec[1]);
	if (n == 4 && !strcmp(vec[1], "set")) {
		for (unsigned i = 0; i < QUOTAS; i++)
			if (!strcmp(vec[2], quota_names[i]) && !parse_number(vec[3], INT32_MAX, &value)) {
				r->store->quota[i] = value;
				return request_ok(r);
			}
		return -EINVAL;
	}
	if (n != 1)
		return -EINVAL;
	for (unsigned i = 0; i < QUOTAS; i++)
		len += snprintf(out + len, sizeof(out) - len, "%-17s: %8u\n", quota_names[i], r->store->quota[i]);
	return reply_text(r, out);
}

static int control_help(struct request *r, const char **vec, int n);

static const struct {
	const char *name, *arguments;
	int (*run)(struct request *, const char **vec, int n);
} controls[] = {
	{ "check", "", control_check },
	{ "help", "", control_help },
	{ "log", "on|off", control_log },
	{ "memreport", "", control_memreport },
	{ "print", "<string>", control_print },
	{ "quota", "[set <name> <val>|<domid>]", control_quota },
};
#define CONTROLS (sizeof(controls) / sizeof(controls[0]))

static int control_help(struct request *r, const char **vec, int n)
{
	char out[512];
	size_t len = 0;

	(void)vec;
	(void)n;
	for (size_t i = 0; i < CONTROLS; i++)
		len += snprintf(out + len, sizeof(out) - len, "%s\t%s\n", controls[i].name, controls[i].arguments);
	return reply_text(r, out);
}

int req_control(struct request *r)
{
	const char *vec[4];
	int n = request_strings(r, vec, 4);

	if (n < 1 || n > 4)
		return -EINVAL;
	for (size_t i = 0; i < CONTROLS; i++)
		if (!strcmp(vec[0], controls[i].name))
			return controls[i].run(r, vec, n);
	return -EINVAL;
}
