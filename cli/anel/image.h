/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verb that looks into a saved guest's file. */
#ifndef ANEL_IMAGE_H
#define ANEL_IMAGE_H

#include "verbs.h"

int verb_image(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
