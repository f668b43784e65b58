/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration files of guests, in the syntax of xl.cfg(5). */
#ifndef ANEL_CONFIG_H
#define ANEL_CONFIG_H

#include "vm/vm.h"

/*
 * Reads the file, then `more` (or NULL), settings that override it. What is unknown is named on standard error and
 * ignored; what cannot be done is a failure.
 */
int config_read(struct vm_config *v, const char *path, const char *more, struct why *why);
/* The same from text; `path` is for messages. */
int config_parse(struct vm_config *v, const char *text, const char *path, const char *more, struct why *why);

#endif
