/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The command line, in Xen's words: words of the form name, name=value or no-name, split at blanks; "..." keeps blanks.
 * Each owner registers its words with BOOT_PARAM; docs/command-line.md lists all.
 */
#include "boot/cmdline.h"
#include "lib/panic.h"
#include "lib/string.h"

#define WORD_MAX 512

extern const struct boot_param __boot_params_start[], __boot_params_end[];

bool cmdline_bool(const char *value, bool *ok)
{
	static const char *const yes[] = { "", "on", "yes", "true", "1", "enable" };
	static const char *const no[] = { "off", "no", "false", "0", "disable" };

	if (ok)
		*ok = true;
	for (unsigned i = 0; i < ARRAY_SIZE(yes); i++)
		if (!strcmp(value, yes[i]))
			return true;
	for (unsigned i = 0; i < ARRAY_SIZE(no); i++)
		if (!strcmp(value, no[i]))
			return false;
	if (ok)
		*ok = false;
	return false;
}

/* '-' and '_' are the same, as in Xen */
__init static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
			return false;
	return *a == *b;
}

__init static bool hand_over(const char *name, const char *value)
{
	bool found = false;

	for (const struct boot_param *p = __boot_params_start; p < __boot_params_end; p++) {
		if (!same_name(p->name, name))
			continue;
		p->parse(value);
		found = true;	/* go on: several may listen to one word */
	}
	return found;
}

__init static void take_word(char *word)
{
	char *eq = strchr(word, '=');

	if (eq)
		*eq = 0;
	if (hand_over(word, eq ? eq + 1 : ""))
		return;
	if (!eq && !strncmp(word, "no-", 3) && hand_over(word + 3, "off"))
		return;
	if (!eq && !strncmp(word, "no", 2) && hand_over(word + 2, "off"))
		return;
	printk(LOG_WARN "Command line: unknown word '%s%s%s'\n", word, eq ? "=" : "", eq ? eq + 1 : "");
}

/* Reads one word from *line to word, quotes removed; false at the end. What exceeds WORD_MAX is cut. */
__init static bool next_word(const char **line, char *word)
{
	const char *p = *line;
	size_t n = 0;
	bool quoted = false;

	while (*p == ' ' || *p == '\t')
		p++;
	if (!*p)
		return false;
	for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++) {
		if (*p == '"')
			quoted = !quoted;
		else if (n < WORD_MAX - 1)
			word[n++] = *p;
	}
	word[n] = 0;
	*line = p;
	return true;
}

__init void cmdline_parse(const char *line)
{
	static char word[WORD_MAX] __initdata;

	while (next_word(&line, word)) {
		if (!strcmp(word, "--"))
			break;		/* what follows is for dom0 */
		if (word[0])
			take_word(word);
	}
}
