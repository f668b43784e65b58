/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb that writes a guest's memory into a file. */
#ifndef ANEL_CORE_H
#define ANEL_CORE_H

#include "verbs.h"

int verb_dump_core(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
