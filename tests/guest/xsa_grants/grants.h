/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "selfgrant.h"

bool grants_up(void);		/* v1: 512 entries */
bool page_idle(void *page);
void expect_idle(grant_ref_t ref, void *page);	/* nobody uses the grant, nor holds the page, which is freed */
