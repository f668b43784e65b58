/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_COLUMNS 16
#define NARROWEST   8

/* 0: no terminal, no limit. */
static unsigned terminal_width(void)
{
	struct winsize w;

	return isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 ? w.ws_col : 0;
}

static const char *cell(const json_t *row, const char *key, char room[32])
{
	const json_t *v = json_object_get(row, key);

	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(room, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_real(v))
		snprintf(room, 32, "%.1f", json_real_value(v));
	else
		snprintf(room, 32, "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "-");
	return room;
}

/* What a guest put into its name must not reach the terminal as commands. */
static void print_text(const char *text, int width, bool right)
{
	int n = strlen(text), shown = n < width ? n : width;

	for (int i = 0; right && i < width - shown; i++)
		putchar(' ');
	for (int i = 0; i < shown; i++)
		putchar((unsigned char)text[i] < 0x20 || text[i] == 0x7f ? '?' : i == width - 1 && n > width ? '~' : text[i]);
	for (int i = 0; !right && i < width - shown; i++)
		putchar(' ');
}

static void fit(const struct column *columns, unsigned n, int *widths)
{
	int total = n - 1, limit = terminal_width(), spare;

	for (unsigned i = 0; i < n; i++)
		total += widths[i];
	for (unsigned i = 0; limit && i < n && total > limit; i++) {
		if (!columns[i].shrinks || widths[i] <= NARROWEST)
			continue;
		spare = widths[i] - NARROWEST < total - limit ? widths[i] - NARROWEST : total - limit;
		widths[i] -= spare;
		total -= spare;
	}
}

static void print_row(const struct column *columns, unsigned n, const int *widths, const json_t *row)
{
	char room[32];
	bool last;

	for (unsigned i = 0; i < n; i++) {
		const char *text = row ? cell(row, columns[i].key, room) : columns[i].title;

		last = i == n - 1;
		print_text(text, last && !columns[i].right && (int)strlen(text) < widths[i] ? (int)strlen(text) : widths[i],
			   columns[i].right);
		putchar(last ? '\n' : ' ');
	}
}

void output_table(const struct column *columns, unsigned n, const json_t *rows)
{
	int widths[MAX_COLUMNS], length;
	const json_t *row;
	char room[32];
	size_t at;

	n = n < MAX_COLUMNS ? n : MAX_COLUMNS;
	for (unsigned i = 0; i < n; i++) {
		widths[i] = strlen(columns[i].title);
		json_array_foreach(rows, at, row) {
			length = strlen(cell(row, columns[i].key, room));
			widths[i] = length > widths[i] ? length : widths[i];
		}
	}
	fit(columns, n, widths);
	print_row(columns, n, widths, NULL);
	json_array_foreach(rows, at, row)
		print_row(columns, n, widths, row);
}

void output_fields(const json_t *object)
{
	const char *key;
	json_t *value;
	char room[32];

	json_object_foreach((json_t *)object, key, value)
		printf("%-22s : %s\n", key, cell(object, key, room));
}

void output_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}
