/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "complete.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SEPARATORS " []|"

/* The next word of a verb's arguments, a bracket's inside word by word; NULL at their end. */
static const char *next(const char *at, char word[32], bool *option_value)
{
	const char *end;

	at += strspn(at, SEPARATORS);
	*option_value = false;
	if (!*at)
		return NULL;
	snprintf(word, 32, "%.*s", (int)strcspn(at, SEPARATORS), at);
	at += strcspn(at, SEPARATORS);
	/* [-d|--domain DOMAIN]: what follows is the option's. */
	for (end = at; *end == '|'; end += strcspn(end, SEPARATORS))
		end++;
	*option_value = word[0] == '-' && *end == ' ' && end[1] != '[' && strcspn(end, "]") < strcspn(end, "[");
	return at;
}

static bool starts(const char *word, const char *part)
{
	return !strncmp(word, part, strlen(part));
}

static void offer_if(const char *word, const char *part, void (*offer)(const char *))
{
	if (starts(word, part))
		offer(word);
}

/* The word that stands for the value of an option, in `out`; false: it takes none. */
static bool value_of(const struct verb *v, const char *option, char out[32])
{
	const char *at = v->arguments;
	bool has;

	while ((at = next(at, out, &has)))
		if (!strcmp(out, option) && has) {
			while ((at = next(at, out, &has)) && out[0] == '-')
				;
			return at != NULL;
		}
	return false;
}

static void offer_options(const struct verb *v, const char *part, void (*offer)(const char *))
{
	const char *at = v->arguments;
	char word[32];
	bool has;

	while ((at = next(at, word, &has)))
		if (word[0] == '-')
			offer_if(word, part, offer);
}

/* What stands at a place among the words that are no options: capitals for something, others for themselves. */
static bool offer_place(const struct verb *v, int place, const char *part, void (*offer)(const char *))
{
	const char *at = v->arguments, *here;
	bool has, domain = false, last;
	char word[32];
	int i = 0;

	while ((here = at) && (at = next(at, word, &has))) {
		if (word[0] == '-') {
			while (has && at && word[0] == '-')
				at = next(at, word, &has);
			continue;
		}
		/* "VCPU|all" is one place. */
		if (here > v->arguments && *here == '|')
			i--;
		last = strstr(word, "...") != NULL;
		if (i == place || (i < place && last)) {
			domain |= starts(word, "DOMAIN");
			if (islower((unsigned char)word[0]))
				offer_if(word, part, offer);
		}
		i++;
	}
	return domain;
}

bool complete_words(const struct verb *table, char **words, int n, void (*offer)(const char *word))
{
	const char *part = words[n - 1];
	const struct verb *v = table;
	char value[32];
	int place = 0;

	if (n == 1) {
		for (; v->name; v++)
			offer_if(v->name, part, offer);
		return false;
	}
	while (v->name && strcmp(v->name, words[0]))
		v++;
	if (!v->name)
		return false;
	if (n > 2 && value_of(v, words[n - 2], value))
		return starts(value, "DOMAIN");
	if (part[0] == '-') {
		offer_options(v, part, offer);
		return false;
	}
	for (int i = 1; i < n - 1; i++) {
		if (words[i][0] != '-' || !words[i][1])
			place++;
		else if (value_of(v, words[i], value))
			i++;
	}
	return offer_place(v, place, part, offer);
}
