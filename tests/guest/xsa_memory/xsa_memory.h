/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "guest.h"

u64 pages_now(void);		/* current reservation */
bool page_idle(void *page);	/* can it be a page table? Then nobody else holds it */
