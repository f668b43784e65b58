/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What verbs print: tables that fit the terminal, and the same as JSON. */
#ifndef ANEL_OUTPUT_H
#define ANEL_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

struct column {
	const char *title;
	const char *key;	/* of the JSON object's value that it shows */
	bool right;
	bool shrinks;		/* may be cut to fit the terminal */
};

/* rows: a JSON array of objects. */
void output_table(const struct column *columns, unsigned n, const json_t *rows);
/* An object's values, a line each. */
void output_fields(const json_t *object);
void output_json(const json_t *value);

#endif
