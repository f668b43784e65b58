/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a shell offers when TAB is pressed: the verbs' own table says what may stand where. */
#ifndef ANEL_COMPLETE_H
#define ANEL_COMPLETE_H

#include "verbs.h"

/*
 * words[n - 1], of which a part or nothing is typed, follows the others; the first is the verb. Calls `offer` for each
 * word that may stand there. True: a domain may, and the caller offers those.
 */
bool complete_words(const struct verb *table, char **words, int n, void (*offer)(const char *word));

#endif
