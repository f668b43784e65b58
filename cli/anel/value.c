/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "value.h"
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int wrong(const struct value_reader *r, struct why *why, const char *what)
{
	return why_set(why, -EINVAL, "%s:%u: %s", r->path, r->line, what);
}

/* Blanks and comments; lines' ends too, if asked. */
static void skip(struct value_reader *r, bool lines)
{
	for (;; r->at++) {
		if (*r->at == '#')
			while (r->at[1] && r->at[1] != '\n')
				r->at++;
		else if (*r->at == '\n' && lines)
			r->line++;
		else if (*r->at == '\\' && r->at[1] == '\n')
			r->line++, r->at++;
		else if (*r->at != ' ' && *r->at != '\t' && *r->at != '\r')
			return;
	}
}

static char escaped(struct value_reader *r)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	const char *known = strchr(from, *r->at);
	char hex[3] = { 0 };
	unsigned v = 0;

	if (*r->at == 'x' && isxdigit((unsigned char)r->at[1]) && isxdigit((unsigned char)r->at[2])) {
		memcpy(hex, r->at + 1, 2);
		r->at += 3;
		return strtoul(hex, NULL, 16);
	}
	if (*r->at >= '0' && *r->at <= '7') {
		for (int i = 0; i < 3 && *r->at >= '0' && *r->at <= '7'; i++)
			v = v * 8 + (*r->at++ - '0');
		return v;
	}
	r->at++;
	return known ? to[known - from] : r->at[-1];
}

static int read_text(struct value_reader *r, char *out, struct why *why)
{
	char quote = *r->at++;
	size_t n = 0;
	char c;

	while (*r->at != quote) {
		if (!*r->at || *r->at == '\n')
			return wrong(r, why, "a string without its closing quote");
		if (n == VALUE_MAX_TEXT - 1)
			return wrong(r, why, "a string of more than 1023 characters");
		c = *r->at++;
		if (c == '\\' && *r->at && *r->at != '\n')
			c = escaped(r);
		if (!c)
			return wrong(r, why, "a string with a zero in it");
		out[n++] = c;
	}
	out[n] = 0;
	r->at++;
	return 0;
}

static int read_list(struct value_reader *r, struct value *v, struct why *why)
{
	int rc;

	v->kind = VALUE_LIST;
	for (r->at++;;) {
		skip(r, true);
		if (*r->at == ']') {
			r->at++;
			return 0;
		}
		if (*r->at != '"' && *r->at != '\'')
			return wrong(r, why, "a list has strings in it, and commas between them");
		if (v->n == VALUE_MAX_ITEMS)
			return wrong(r, why, "a list of more than 64 strings");
		rc = read_text(r, v->items[v->n], why);
		if (rc)
			return rc;
		v->n++;
		skip(r, true);
		if (*r->at == ',')
			r->at++;
		else if (*r->at != ']')
			return wrong(r, why, "a list without its closing bracket");
	}
}

static int read_number(struct value_reader *r, struct value *v, struct why *why)
{
	char *end;

	v->kind = VALUE_NUMBER;
	errno = 0;
	v->number = strtoull(r->at, &end, 0);
	if (errno || isalnum((unsigned char)*end))
		return wrong(r, why, "this is not a number");
	r->at = end;
	return 0;
}

static int read_value(struct value_reader *r, struct value *v, struct why *why)
{
	int rc;

	if (*r->at == '[')
		return read_list(r, v, why);
	if (isdigit((unsigned char)*r->at))
		return read_number(r, v, why);
	if (*r->at != '"' && *r->at != '\'')
		return wrong(r, why, "a value is a string in quotes, a number, or a list in brackets");
	v->kind = VALUE_TEXT;
	v->n = 1;
	rc = read_text(r, v->items[0], why);
	return rc;
}

int value_next(struct value_reader *r, struct value *v, struct why *why)
{
	size_t n = 0;
	int rc;

	for (skip(r, true); *r->at == ';'; skip(r, true))
		r->at++;
	v->n = 0;
	v->line = r->line;
	if (!*r->at)
		return 0;
	while (isalnum((unsigned char)r->at[n]) || r->at[n] == '_')
		n++;
	if (n == 0 || n >= sizeof(v->name))
		return wrong(r, why, "a setting has the form NAME = VALUE");
	memcpy(v->name, r->at, n);
	v->name[n] = 0;
	r->at += n;
	skip(r, false);
	if (*r->at != '=')
		return wrong(r, why, "a setting has the form NAME = VALUE");
	r->at++;
	skip(r, false);
	rc = read_value(r, v, why);
	if (rc)
		return rc;
	skip(r, false);
	if (*r->at && *r->at != '\n' && *r->at != ';')
		return wrong(r, why, "there is something after the value");
	return 1;
}
