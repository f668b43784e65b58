/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A daemon's command line. --pid-file, --verbose and --help are every daemon's. */
#ifndef SKEL_OPTIONS_H
#define SKEL_OPTIONS_H

#include <stdbool.h>

/* Just one of text, number and flag is set. What it points to holds the default, which --help tells. */
struct skel_option {
	const char *name, *value, *help;	/* --name VALUE; no value: a flag */
	const char **text;
	const char *words;			/* text: one of these, with a space before and after each; NULL: any */
	unsigned *number, min, max;
	bool *flag;
};

struct skel_options {
	const char *daemon;
	const char **pid_file;
	const struct skel_option *own;		/* the last has no name */
};

/* -1: go on. Else the exit code: help was asked for (0), or it was told on standard error what is wrong (2). */
int skel_options(const struct skel_options *, int argc, char **argv);

#endif
