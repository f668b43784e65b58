/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "args.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The option that word is; *value: what stands in the same word. */
static struct arg *find(struct arg *args, const char *word, const char **value)
{
	size_t n = strcspn(word, "=");

	*value = NULL;
	for (; args->brief || args->full; args++) {
		if (args->full && strlen(args->full) == n && !strncmp(word, args->full, n)) {
			*value = word[n] ? word + n + 1 : NULL;
			return args;
		}
		if (args->brief && !strcmp(word, args->brief))
			return args;
		if (args->brief && args->takes && word[1] != '-' && !strncmp(word, args->brief, 2)) {
			*value = word[2] == '=' ? word + 3 : word + 2;
			return args;
		}
	}
	return NULL;
}

int args_read(int argc, char **argv, struct arg *args, char **words, int max_words, struct why *why)
{
	bool options = true;
	const char *value;
	struct arg *a;
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (options && !strcmp(argv[i], "--")) {
			options = false;
			continue;
		}
		if (!options || argv[i][0] != '-' || !argv[i][1]) {
			if (n == max_words)
				return why_set(why, -EINVAL, "\"%s\" is one word too many; see anel help", argv[i]);
			words[n++] = argv[i];
			continue;
		}
		a = find(args, argv[i], &value);
		if (!a)
			return why_set(why, -EINVAL, "there is no option %s; see anel help", argv[i]);
		if (value && !a->takes)
			return why_set(why, -EINVAL, "%s takes no value", a->full);
		if (a->takes && !value && i + 1 == argc)
			return why_set(why, -EINVAL, "%s wants a value after it", argv[i]);
		a->value = a->takes && !value ? argv[++i] : value;
		a->given++;
	}
	return n;
}

int args_number(const char *text, const char *what, uint64_t least, uint64_t most, uint64_t *out, struct why *why)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	if (!isdigit((unsigned char)text[0]) || *end || errno)
		return why_set(why, -EINVAL, "%s: \"%s\" is not a number", what, text);
	if (*out < least || *out > most)
		return why_set(why, -ERANGE, "%s: %s is not between %llu and %llu", what, text,
			       (unsigned long long)least, (unsigned long long)most);
	return 0;
}

int args_memory(const char *text, uint64_t *kib, struct why *why)
{
	static const struct {
		char unit;
		int shift;
	} units[] = { { 0, 0 }, { 'k', 0 }, { 'm', 10 }, { 'g', 20 }, { 't', 30 }, { 'b', -10 } };
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	for (unsigned i = 0; isdigit((unsigned char)text[0]) && !errno && i < sizeof(units) / sizeof(units[0]); i++) {
		if (tolower((unsigned char)*end) != units[i].unit || (*end && end[1]))
			continue;
		if (units[i].shift >= 0 && n > UINT64_MAX >> 11 >> units[i].shift)
			break;
		*kib = units[i].shift < 0 ? n >> -units[i].shift : n << units[i].shift;
		if (!*kib)
			break;
		return 0;
	}
	return why_set(why, -EINVAL,
		       "\"%s\" is no amount of memory: a number of KiB, or with a unit as in 512m (b, k, m, g, t)",
		       text);
}
