// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define MOST 16

static void tell(const struct skel_option *o)
{
	char left[64];

	snprintf(left, sizeof(left), "--%s %s", o->name, o->value ? o->value : "");
	printf("  %-18s %s", left, o->help);
	if (o->number)
		printf(" (%u)", *o->number);
	else if (o->text && *o->text)
		printf(" (%s)", *o->text);
	putchar('\n');
}

static bool number(const struct skel_option *o, const char *given)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(given, &end, 10);
	*o->number = value;
	return *given >= '0' && *given <= '9' && !*end && !errno && value >= o->min && value <= o->max;
}

static bool one_of(const char *words, const char *given)
{
	char spaced[64];

	return !strchr(given, ' ') && snprintf(spaced, sizeof(spaced), " %s ", given) < (int)sizeof(spaced) &&
	       strstr(words, spaced);
}

static bool set(const struct skel_option *o, const char *given)
{
	if (o->flag)
		*o->flag = true;
	else if (o->number && !number(o, given))
		return fprintf(stderr, "--%s %s: not a number from %u to %u\n", o->name, given, o->min, o->max), false;
	else if (o->words && !one_of(o->words, given))
		return fprintf(stderr, "--%s %s: not one of%s\n", o->name, given, o->words), false;
	else if (o->text)
		*o->text = given;
	return true;
}

int skel_options(const struct skel_options *s, int argc, char **argv)
{
	bool verbose = false, help = false;
	const struct skel_option common[] = {
		{ .name = "pid-file", .value = "FILE", .help = "the process's number goes there", .text = s->pid_file },
		{ .name = "verbose", .help = "say more", .flag = &verbose },
		{ .name = "help", .help = "this", .flag = &help },
		{ .name = NULL },
	};
	const struct skel_option *all[MOST];
	struct option longs[MOST + 1] = { 0 };
	int c, n = 0;

	for (const struct skel_option *o = s->own; o->name; o++)
		all[n++] = o;
	for (const struct skel_option *o = common; o->name; o++)
		all[n++] = o;
	for (int i = 0; i < n; i++)
		longs[i] = (struct option){ all[i]->name, all[i]->value ? required_argument : no_argument, NULL, i };
	while ((c = getopt_long(argc, argv, "", longs, NULL)) >= 0)
		if (c == '?' || !set(all[c], optarg))
			break;
	if (c < 0 && optind < argc)
		fprintf(stderr, "%s: not an option\n", argv[optind]);
	if (c >= 0 || optind < argc) {
		fprintf(stderr, "%s --help tells what there is\n", s->daemon);
		return 2;
	}
	if (help) {
		printf("%s [options]\n", s->daemon);
		for (int i = 0; i < n; i++)
			tell(all[i]);
		return 0;
	}
	if (verbose)
		log_level = 7;
	return -1;
}
