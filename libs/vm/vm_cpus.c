/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_cpus.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *text, const char *what, uint64_t most, uint64_t *out, struct why *why)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno)
		return why_set(why, -EINVAL, "\"%s\" is no number of a %s", text, what);
	return *out > most ? why_set(why, -ERANGE, "there is no %s %s", what, text) : 0;
}

static int range(const char *text, const char *what, uint64_t most, uint64_t *first, uint64_t *last, struct why *why)
{
	const char *dash = strchr(text, '-');
	char one[32];
	int rc;

	snprintf(one, sizeof(one), "%.*s", dash ? (int)(dash - text) : 31, text);
	rc = number(one, what, most, first, why);
	*last = *first;
	if (!rc && dash)
		rc = number(dash + 1, what, most, last, why);
	if (!rc && *last < *first)
		rc = why_set(why, -EINVAL, "%s: %s ends before it begins", what, text);
	return rc;
}

static int cpu_word(const char *word, const struct vm_cpus *cpus, struct hcall_cpumap *map, struct why *why)
{
	bool without = *word == '^', nodes;
	uint64_t first = 0, last = cpus->n - 1;
	bool any = false;
	int rc = 0;

	word += without;
	nodes = !strncmp(word, "node:", 5) || !strncmp(word, "nodes:", 6);
	if (nodes)
		rc = range(strchr(word, ':') + 1, "node", UINT32_MAX - 1, &first, &last, why);
	else if (strcmp(word, "all"))
		rc = range(word, "CPU", cpus->n - 1, &first, &last, why);
	for (unsigned c = 0; !rc && c < cpus->n; c++) {
		uint64_t at = nodes ? cpus->nodes[c] : c;

		if (at < first || at > last)
			continue;
		any = true;
		if (without)
			map->bits[c / 8] &= ~(1u << c % 8);
		else
			map->bits[c / 8] |= 1u << c % 8;
	}
	return rc || any ? rc : why_set(why, -EINVAL, "no CPU is of %s", word);
}

int vm_cpus_parse(const char *text, const struct vm_cpus *cpus, struct hcall_cpumap *map, struct why *why)
{
	static const struct hcall_cpumap none;
	char words[1024], *rest = words, *word;
	int rc = 0;

	*map = none;
	if (strlen(text) >= sizeof(words))
		return why_set(why, -EINVAL, "a list of CPUs of more than 1023 characters");
	strcpy(words, text);
	while (!rc && (word = strsep(&rest, ","))) {
		word += strspn(word, " ");
		word[strcspn(word, " ")] = 0;
		rc = cpu_word(word, cpus, map, why);
	}
	if (!rc && !memcmp(map, &none, sizeof(none)))
		rc = why_set(why, -EINVAL, "\"%s\" leaves no CPU", text);
	return rc;
}

void vm_cpus_text(const struct hcall_cpumap *map, unsigned cpus, char *text, unsigned size)
{
	unsigned n = 0, end, all = 0;

	for (unsigned c = 0; c < cpus; c++)
		all += hcall_cpu_in(map, c);
	if (all == cpus) {
		snprintf(text, size, "all");
		return;
	}
	text[0] = 0;
	for (unsigned c = 0; c < cpus && n < size; c = end + 1) {
		end = c;
		if (!hcall_cpu_in(map, c))
			continue;
		while (end + 1 < cpus && hcall_cpu_in(map, end + 1))
			end++;
		n += snprintf(text + n, size - n, end > c ? "%s%u-%u" : "%s%u", n ? "," : "", c, end);
	}
}

bool vm_pins_of(const struct vm_pins *pins, unsigned vcpu, char list[1024])
{
	const char *at = pins->text;

	for (unsigned i = 0; pins->each && at && i < vcpu; i++) {
		at = strchr(at, '\n');
		at += at != NULL;
	}
	if (!at || !*at || *at == '\n')
		return false;
	snprintf(list, 1024, "%.*s", pins->each ? (int)strcspn(at, "\n") : 1023, at);
	return true;
}
