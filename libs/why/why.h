/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An error for a person: a negative errno together with the sentence that says what to do about it. */
#ifndef WHY_H
#define WHY_H

struct why {
	char text[400];
};

/* Sets the sentence and returns rc, so that "return why_set(...)" is the whole error path. */
int why_set(struct why *why, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts words before the sentence: "disk xvda: " */
int why_prefix(struct why *why, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
