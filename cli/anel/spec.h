/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A disk or a network card as text: xl-disk-configuration(5), xl-network-configuration(5). */
#ifndef ANEL_SPEC_H
#define ANEL_SPEC_H

#include "device/device.h"

int spec_disk(struct device *d, const char *text, struct why *why);
int spec_card(struct device *d, const char *text, unsigned number, struct why *why);

#endif
