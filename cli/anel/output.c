/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "output.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

void output_fit(const struct column *columns, unsigned n, int *widths, int limit)
{
	int total = n - 1, spare;

	for (unsigned i = 0; i < n; i++)
		total += widths[i];
	for (unsigned i = n; limit && i-- > 0 && total > limit;) {
		if (!(columns[i].how & COLUMN_SPARE))
			continue;
		total -= widths[i] + 1;
		widths[i] = 0;
	}
	for (unsigned i = 0; limit && i < n && total > limit; i++) {
		if (!(columns[i].how & COLUMN_SHRINKS) || widths[i] <= NARROWEST)
			continue;
		spare = widths[i] - NARROWEST < total - limit ? widths[i] - NARROWEST : total - limit;
		widths[i] -= spare;
		total -= spare;
	}
}

static void print_row(const struct column *columns, unsigned n, const int *widths, const json_t *row)
{
	char room[32];
	unsigned last = n - 1;
	int width;

	while (last && !widths[last])
		last--;
	for (unsigned i = 0; i <= last; i++) {
		const char *text = row ? cell(row, columns[i].key, room) : columns[i].title;

		if (!widths[i])
			continue;
		width = widths[i];
		/* No blanks at a line's end. */
		if (i == last && !(columns[i].how & COLUMN_RIGHT) && (int)strlen(text) < width)
			width = strlen(text);
		print_text(text, width, columns[i].how & COLUMN_RIGHT);
		putchar(i == last ? '\n' : ' ');
	}
}

void output_table(const struct column *columns, unsigned n, const json_t *rows)
{
	int widths[OUTPUT_COLUMNS], length;
	const json_t *row;
	char room[32];
	size_t at;

	n = n < OUTPUT_COLUMNS ? n : OUTPUT_COLUMNS;
	for (unsigned i = 0; i < n; i++) {
		widths[i] = strlen(columns[i].title);
		json_array_foreach(rows, at, row) {
			length = strlen(cell(row, columns[i].key, room));
			widths[i] = length > widths[i] ? length : widths[i];
		}
	}
	output_fit(columns, n, widths, terminal_width());
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

void output_rows(const struct column *columns, unsigned n, const json_t *rows, bool json)
{
	if (json)
		output_json(rows);
	else
		output_table(columns, n, rows);
}

void output_object(const json_t *object, bool json)
{
	if (json)
		output_json(object);
	else
		output_fields(object);
}

void output_line(const char *text)
{
	print_text(text, strlen(text), false);
	putchar('\n');
}

void output_json(const json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
}
