/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb that shows what the domains use, again and again. */
#ifndef ANEL_TOP_H
#define ANEL_TOP_H

#include "verbs.h"

int verb_top(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
