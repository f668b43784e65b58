/* SPDX-License-Identifier: GPL-2.0-or-later */
/* anel: the tool for one host. It parses and prints; what it does is in libs/. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "image.h"
#include "verbs.h"

static const struct verb verbs[] = {
	{ "create", "[-p] [-q] FILE.cfg", "start a guest from its configuration; -p: leave it paused", verb_create },
	{ "list", "[--json] [DOMAIN...]", "the domains", verb_list },
	{ "console", "[-n NUMBER] DOMAIN", "its console on this terminal; Ctrl-] leaves it; -n: a further console", verb_console },
	{ "pause", "DOMAIN...", "stop its vCPUs", verb_pause },
	{ "unpause", "DOMAIN...", "let them run again", verb_unpause },
	{ "destroy", "DOMAIN...", "end it at once, as if its power failed", verb_destroy },
	{ "image", "[--json] FILE", "what a saved guest's file holds, if it is whole", verb_image },
	{ "info", "[--json]", "the host", verb_info },
	{ "dmesg", "[-c]", "the hypervisor's messages; -c: and forget them", verb_dmesg },
};

static int help(FILE *f)
{
	fprintf(f, "anel VERB ...\n\n");
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		fprintf(f, "  %-8s %-22s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].what);
	return f == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct why why = { "" };
	struct vm_host host;
	int rc;

	if (argc < 2)
		return help(stderr);
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return help(stdout);
	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name))
			continue;
		rc = vm_host_open(&host, &why);
		if (!rc) {
			rc = verbs[i].run(&host, argc - 2, argv + 2, &why);
			vm_host_close(&host);
		}
		if (rc)
			fprintf(stderr, "anel: %s\n", why.text);
		return rc ? 1 : 0;
	}
	fprintf(stderr, "anel: there is no verb %s\n\n", argv[1]);
	return help(stderr);
}
