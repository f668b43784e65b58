// SPDX-License-Identifier: GPL-2.0-or-later
/* What `anel` makes of words, and how it shows things: options, amounts, lists of CPUs, completion, tables, figures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../cli/anel/args.h"
#include "../../cli/anel/complete.h"
#include "../../cli/anel/domains.h"
#include "../../cli/anel/output.h"
#include "../../cli/anel/show.h"
#include "../../cli/anel/usage.h"
#include "../../cli/anel/watch.h"

static struct why why;

/* Stand-ins: the figures are the test's own. */
int domains_read(struct vm_host *host, char **words, int n, struct xen_domctl_getdomaininfo **list, struct why *w)
{
	return -ENOSYS;
}
json_t *domains_name(struct vm_host *host, domid_t id)
{
	return json_sprintf("d%u", id);
}
json_t *domains_text(const char *text)
{
	return json_string(text);
}
char *vm_name(struct vm_host *host, domid_t id)
{
	return NULL;
}
const char *show_state(const struct xen_domctl_getdomaininfo *d)
{
	return "idle";
}

static void options(void **state)
{
	struct arg args[] = { { "-w", "--weight", true, NULL, 0 }, { "-f", "--force", false, NULL, 0 }, { 0 } };
	char *right[] = { "one", "-w5", "-f", "--weight=6", "--force", "-", "-w", "-7", "--", "-x" }, *words[3];
	char *bad[][2] = { { "-x", NULL }, { "--force=1", NULL }, { "-w", NULL }, { "--weigh", "5" } };

	assert_int_equal(args_read(10, right, args, words, 3, &why), 3);
	assert_string_equal(words[0], "one");
	assert_string_equal(words[1], "-");
	assert_string_equal(words[2], "-x");
	assert_int_equal(args[0].given, 3);
	assert_string_equal(args[0].value, "-7");
	assert_int_equal(args[1].given, 2);
	assert_int_equal(args_read(10, right, args, words, 2, &why), -EINVAL);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(args_read(bad[i][1] ? 2 : 1, bad[i], args, words, 3, &why), -EINVAL);
}

static void amounts(void **state)
{
	static const struct { const char *text; uint64_t kib; } amounts[] = {
		{ "65536", 65536 }, { "512m", 512 << 10 }, { "2G", 2 << 20 }, { "1t", 1 << 30 }, { "3k", 3 },
		{ "4096b", 4 },
		{ "", 0 }, { "m", 0 }, { "0", 0 }, { "1023b", 0 }, { "-1", 0 }, { "12x", 0 }, { "1mb", 0 },
		{ "1 m", 0 },
		{ "99999999999999999999", 0 }, { "18446744073709551615t", 0 }, { "18014398509481984g", 0 },
	};
	uint64_t kib;

	for (unsigned i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
		int rc = args_memory(amounts[i].text, &kib, &why);

		if (rc != (amounts[i].kib ? 0 : -EINVAL) || (!rc && kib != amounts[i].kib))
			fail_msg("%s: %d, %llu KiB", amounts[i].text, rc, (unsigned long long)kib);
	}
}

static void cpu_lists(void **state)
{
	static const struct { const char *text, *same; } lists[] = {
		{ "all", "all" }, { "0-7", "all" }, { "3", "3" }, { "0-3,^1", "0,2-3" }, { "all,^7", "0-6" },
		{ "1, 5-6", "1,5-6" },
		{ "node:1", "4-7" }, { "nodes:0-1,^node:0", "4-7" }, { "1,node:1,^6", "1,4-5,7" },
		{ "6,7,0", "0,6-7" },
		{ "", NULL }, { "8", NULL }, { "0-8", NULL }, { "3-1", NULL }, { "x", NULL }, { "1,,2", NULL },
		{ "^1", NULL },
		{ "node:2", NULL }, { "-1", NULL }, { "1-", NULL },
		{ "99999999999999999999999999999999999", NULL }, { "^", NULL },
	};
	static struct vm_cpus cpus = { 8, { 0, 0, 0, 0, 1, 1, 1, 1 } };
	struct hcall_cpumap map;
	char text[64], small[6], *exact;

	for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		exact = test_malloc(strlen(lists[i].text) + 1);
		strcpy(exact, lists[i].text);
		if ((vm_cpus_parse(exact, &cpus, &map, &why) == 0) != (lists[i].same != NULL))
			fail_msg("\"%s\": %s", lists[i].text, why.text);
		test_free(exact);
		if (!lists[i].same)
			continue;
		vm_cpus_text(&map, cpus.n, text, sizeof(text));
		assert_string_equal(text, lists[i].same);
	}
	vm_cpus_parse("0,2,4,6", &cpus, &map, &why);
	vm_cpus_text(&map, cpus.n, small, sizeof(small));
	assert_string_equal(small, "0,2,4");
}

static char offered[256];
static void offer(const char *word)
{
	strcat(strcat(offered, word), " ");
}

const struct verb verbs[] = {
	{ "create", "[-p] [-q] FILE NAME=VALUE...", "", NULL },
	{ "shutdown", "[-a|--all] [-w|--wait] DOMAIN...", "", NULL },
	{ "trigger", "DOMAIN nmi [VCPU]", "", NULL },
	{ "vcpu-pin", "[-f] DOMAIN VCPU|all CPUS [CPUS]", "", NULL },
	{ "sched", "[-d|--domain DOMAIN] [-w WEIGHT] [-s] LAST nmi", "", NULL },
	{ 0 },
};

static void completion(void **state)
{
	static const struct { const char *typed, *offers; bool domain; } cases[] = {
		{ "", "create shutdown trigger vcpu-pin sched ", false }, { "s", "shutdown sched ", false },
		{ "x", "", false },
		{ "create ", "", false }, { "create -", "-p -q ", false }, { "shutdown --w", "--wait ", false },
		{ "shutdown ", "", true }, { "shutdown a b -w ", "", true }, { "trigger ", "", true },
		{ "trigger a ", "nmi ", false },
		{ "trigger a x", "", false }, { "trigger a nmi ", "", false }, { "vcpu-pin a a", "all ", false },
		{ "vcpu-pin -f ", "", true }, { "vcpu-pin a 0 ", "", false }, { "sched -d ", "", true },
		{ "sched -w ", "", false },
		{ "sched -d a -", "-d --domain -w -s ", false }, { "sched --domain ", "", true },
		{ "sched -w 5 -s a ", "nmi ", false }, { "none ", "", false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64], *rest = text, *words[8];
		int n = 0;

		strcpy(text, cases[i].typed);
		while (rest)
			words[n++] = strsep(&rest, " ");
		offered[0] = 0;
		if (complete_words(verbs, words, n, offer) != cases[i].domain || strcmp(offered, cases[i].offers))
			fail_msg("\"%s\": offers %s", cases[i].typed, offered);
	}
}

/* As many spare columns go as must, from the right; then what can be cut is cut; the rest is left as it is. */
static void tables(void **state)
{
	static const struct column c[] = {
		{ "A", "a", COLUMN_SHRINKS }, { "B", "b", COLUMN_SPARE }, { "C", "c", COLUMN_RIGHT },
		{ "D", "d", COLUMN_SPARE },
	};
	static const struct { int limit, widths[4]; } cases[] = {
		{ 0, { 20, 10, 5, 10 } }, { 48, { 20, 10, 5, 10 } }, { 47, { 20, 10, 5, 0 } }, { 37,
		{ 20, 10, 5, 0 } },
		{ 36, { 20, 0, 5, 0 } }, { 20, { 14, 0, 5, 0 } }, { 10, { 8, 0, 5, 0 } }, { 1, { 8, 0, 5, 0 } },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int widths[] = { 20, 10, 5, 10 };

		output_fit(c, 4, widths, cases[i].limit);
		assert_memory_equal(widths, cases[i].widths, sizeof(widths));
	}
}

static void put(const char *folder, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void figures(void **state)
{
	char folder[] = "/tmp/anel-usage-XXXXXX", command[64];
	struct xen_domctl_getdomaininfo was[] = { { .domain = 1, .cpu_time = 1000000000 },
	{ .domain = 2, .cpu_time = 5000 } };
	struct xen_domctl_getdomaininfo is[] = { { .domain = 0, .cpu_time = 10000000 },
	{ .domain = 2, .cpu_time = 4000 },
						 { .domain = 1, .cpu_time = 2000000000, .tot_pages = 512 } };
	struct usage_devices none[2] = { { .read = 512 } }, devices[3] = { 0 };
	struct usage before = { was, none, 2, 10.0 }, now = { is, devices, 3, 12.0 };
	struct usage_rates r;
	json_t *rows;

	assert_non_null(mkdtemp(folder));
	put(folder, "vif-1-0/net/odd/statistics/rx_bytes", "4096\n");
	put(folder, "vif-1-0/net/odd/statistics/tx_bytes", "2048\n");
	put(folder, "vif-1-1/net/vif1.1/statistics/rx_bytes", "4096\n");
	put(folder, "vbd-1-51712/statistics/rd_sect", "9\n");
	put(folder, "vbd-1-51712/statistics/wr_sect", "x\n");
	put(folder, "vbd-7-51712/statistics/rd_sect", "9\n");
	put(folder, "console-1-0/state", "4\n");
	usage_add_devices(&now, folder);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
	r = usage_between(&before, &now, 2);
	assert_true(r.cpu_percent > 49.99 && r.cpu_percent < 50.01);
	assert_true(r.sent == 4 && r.received == 1 && r.read == 2 && r.written == 0);
	r = usage_between(&before, &now, 1);	/* its counter went back: another domain of that number */
	assert_true(r.cpu_percent == 0);
	r = usage_between(&now, &now, 0);
	assert_true(r.cpu_percent == 0);
	rows = usage_rows(NULL, &before, &now);
	assert_int_equal(json_array_size(rows), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(rows, 0), "name")), "d1");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "network_sent_bytes")), 8192);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "memory_mib")), 2);
	json_decref(rows);
}

static void events(void **state)
{
	static const struct watched before[] = {
		{ 0, { 0 }, "running", "zero" }, { 3, { 1 }, "running", "a" }, { 4, { 2 }, "running", "b" },
		{ 7, { 3 }, "paused", "c" },
	}, now[] = {
		{ 0, { 0 }, "running", "zero" }, { 4, { 9 }, "running", "b" }, { 7, { 3 }, "crashed", "d" },
		{ 8, { 4 }, "paused", "e" },
	};
	static const char *const lines[] = { "gone 3 a running", "gone 4 b running", "new 4 b running", "renamed 7 d crashed",
					     "state 7 d crashed", "new 8 e paused" };
	json_t *list = watch_events(before, 4, now, 4), *e;
	const char *what, *name, *is;
	char line[64];
	size_t i;
	int id;

	assert_int_equal(json_array_size(list), 6);
	json_array_foreach(list, i, e) {
		json_unpack(e, "{s:s, s:i, s:s, s:s}", "event", &what, "id", &id, "name", &name, "state", &is);
		snprintf(line, sizeof(line), "%s %d %s %s", what, id, name, is);
		assert_string_equal(line, lines[i]);
	}
	json_decref(list);
	list = watch_events(now, 4, now, 4);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options), cmocka_unit_test(amounts), cmocka_unit_test(cpu_lists),
		cmocka_unit_test(completion),
		cmocka_unit_test(tables), cmocka_unit_test(figures), cmocka_unit_test(events),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
