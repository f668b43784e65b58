/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The release build believes itself. */
#include "init_self_check.h"

void self_check_init(void) { }
void self_check_all(void) { }
