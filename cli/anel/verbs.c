/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verbs.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "args.h"
#include "config.h"
#include "domd/domd.h"
#include "progress.h"

int verb_options(int argc, char **argv, const char *const *known, unsigned *flags, char **words, int max_words, struct why *why)
{
	bool options = true;
	unsigned k;
	int n = 0;

	*flags = 0;
	for (int i = 0; i < argc; i++) {
		if (options && !strcmp(argv[i], "--")) {
			options = false;
		} else if (options && argv[i][0] == '-' && argv[i][1]) {
			for (k = 0; known[k] && strcmp(known[k], argv[i]); k++)
				;
			if (!known[k])
				return why_set(why, -EINVAL, "there is no option %s; see anel help", argv[i]);
			*flags |= 1u << k;
		} else if (n == max_words) {
			return why_set(why, -EINVAL, "\"%s\" is one word too many; see anel help", argv[i]);
		} else {
			words[n++] = argv[i];
		}
	}
	return n;
}

/* The work that nobody waits for. */
static void after(void)
{
	int null;

	fflush(NULL);
	if (fork() != 0)
		return;
	setsid();
	null = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	if (nice(10) == -1)
		errno = 0;
	vm_create_after();
	_exit(0);
}

/* Whoever interrupts a start gets it undone: signals wait until it can be. */
static int create(struct vm_host *host, struct vm_config *config, bool paused, domid_t *id, struct why *why)
{
	sigset_t set, pending;
	int rc;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	progress_begin(host);
	rc = vm_create(host, config, id, why);
	progress_end();
	if (rc)
		return rc;
	sigpending(&pending);
	if (sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) || sigismember(&pending, SIGHUP))
		rc = why_set(why, -EINTR, "interrupted; the guest was not started");
	else if (!paused)
		rc = vm_unpause(host, *id, why);
	if (rc)
		vm_destroy(host, *id, &(struct why){ "" });
	return rc;
}

/* Settings among the words, as lines of a configuration; the one word that is none is the file. */
static int split_words(char **words, int n, const char **file, char **settings, struct why *why)
{
	size_t size = 1, used = 0;

	for (int i = 0; i < n; i++)
		size += strlen(words[i]) + 1;
	*settings = calloc(1, size);
	for (int i = 0; i < n && *settings; i++) {
		if (strchr(words[i], '=') && words[i][0] != '/' && words[i][0] != '.')
			used += sprintf(*settings + used, "%s\n", words[i]);
		else if (*file)
			return why_set(why, -EINVAL, "\"%s\" is one word too many; settings have the form NAME=VALUE", words[i]);
		else
			*file = words[i];
	}
	if (!*settings)
		return why_set(why, -ENOMEM, "no memory");
	return *file ? 0 : why_set(why, -EINVAL, "which configuration? anel create FILE.cfg");
}

enum { CREATE_PAUSED, CREATE_QUIET, CREATE_CONSOLE, CREATE_FILE };

static int with_console(struct vm_host *host, domid_t id, struct why *why)
{
	char number[16], *words[] = { number };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	snprintf(number, sizeof(number), "%u", id);
	return verb_console(host, 1, words, why);
}

void verb_hand_over(const struct vm_config *config, domid_t id, bool quiet)
{
	struct why why;
	int rc = domd_adopt(config, id, &why);

	if (rc && !quiet)
		fprintf(stderr, "anel: nobody acts when %s ends: %s\n", config->name, why.text);
}

int verb_create(struct vm_host *host, int argc, char **argv, struct why *why)
{
	struct arg args[] = {
		[CREATE_PAUSED] = { .brief = "-p", .full = "--paused" },
		[CREATE_QUIET] = { .brief = "-q", .full = "--quiet" },
		[CREATE_CONSOLE] = { .brief = "-c" },
		[CREATE_FILE] = { .brief = "-f", .full = "--defconfig", .takes = true },
		{ 0 },
	};
	struct vm_config *config = malloc(sizeof(*config));
	char *words[32], *settings = NULL;
	const char *file;
	domid_t id;
	int rc = args_read(argc, argv, args, words, 32, why);

	file = args[CREATE_FILE].value;
	if (rc >= 0)
		rc = split_words(words, rc, &file, &settings, why);
	if (!rc)
		rc = config ? config_read(config, file, settings, why) : why_set(why, -ENOMEM, "no memory");
	if (!rc)
		rc = create(host, config, args[CREATE_PAUSED].given, &id, why);
	if (!rc) {
		if (!args[CREATE_QUIET].given)
			printf("domain %u: %s\n", id, config->name);
		verb_hand_over(config, id, args[CREATE_QUIET].given);
		after();
	}
	if (!rc && args[CREATE_CONSOLE].given)
		rc = with_console(host, id, why);
	free(settings);
	free(config);
	return rc;
}

/* For verbs whose words are domains. */
static int each(struct vm_host *host, int argc, char **argv, int (*act)(struct vm_host *, domid_t, struct why *), struct why *why)
{
	static const char *const known[] = { NULL };
	char *words[64];
	unsigned flags;
	domid_t id;
	int n = verb_options(argc, argv, known, &flags, words, 64, why), rc = n < 0 ? n : 0;

	if (n == 0)
		return why_set(why, -EINVAL, "which domain? A name or a number, see anel list");
	for (int i = 0; i < n && !rc; i++) {
		rc = vm_find(host, words[i], &id, why);
		if (!rc)
			rc = act(host, id, why);
	}
	return rc;
}

int verb_pause(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return each(host, argc, argv, vm_pause, why);
}

int verb_unpause(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return each(host, argc, argv, vm_unpause, why);
}

int verb_destroy(struct vm_host *host, int argc, char **argv, struct why *why)
{
	return each(host, argc, argv, vm_destroy, why);
}
