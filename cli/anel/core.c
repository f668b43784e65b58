/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "args.h"
#include "vm/vm_core.h"

static time_t begun;

/* A line for who waits longer than a second. */
static void progress(uint64_t done, uint64_t pages)
{
	if (isatty(STDERR_FILENO) && time(NULL) > begun + 1)
		fprintf(stderr, "\r%llu of %llu MiB%s", (unsigned long long)done >> 8, (unsigned long long)pages >> 8,
			done == pages ? "\n" : "");
}

int verb_dump_core(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg none[] = { { 0 } };
	char path[160], *words[2], *name;
	domid_t id;
	int n = args_read(argc, argv, none, words, 2, why), rc;

	if (n < 0)
		return n;
	if (n == 0)
		return why_set(why, -EINVAL, "which domain? anel dump-core DOMAIN [FILE]");
	rc = vm_find(host, words[0], &id, why);
	if (!rc && n == 1) {
		name = vm_name(host, id);
		rc = vm_core_path(name, path, why);
		words[1] = path;
		free(name);
	}
	begun = time(NULL);
	if (!rc)
		rc = vm_dump_core(host, id, words[1], progress, why);
	if (!rc && n == 1)
		printf("%s\n", path);
	return rc;
}
