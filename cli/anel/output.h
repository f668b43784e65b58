/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What verbs print: tables that fit the terminal, and the same as JSON. */
#ifndef ANEL_OUTPUT_H
#define ANEL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

enum {
	COLUMN_RIGHT = 1,
	COLUMN_SHRINKS = 2,	/* may be cut to fit the terminal */
	COLUMN_SPARE = 4,	/* may be left out */
};
struct column {
	const char *title;
	const char *key;	/* of the JSON object's value that it shows */
	unsigned how;		/* COLUMN_* */
};
#define OUTPUT_COLUMNS 16

/* Narrows widths[] to a terminal of `limit` columns (0: as wide as it will); a column of width 0 is left out. */
void output_fit(const struct column *columns, unsigned n, int *widths, int limit);

/* rows: a JSON array of objects. */
void output_table(const struct column *columns, unsigned n, const json_t *rows);
/* An object's values, a line each. */
void output_fields(const json_t *object);
void output_json(const json_t *value);
/* The table or the fields, or the same as JSON. */
void output_rows(const struct column *columns, unsigned n, const json_t *rows, bool json);
void output_object(const json_t *object, bool json);
/* Text that may be a guest's, harmless to a terminal. */
void output_line(const char *text);

#endif
