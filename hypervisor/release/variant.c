/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The release build: no assertions. */
#include "lib/panic.h"

const bool anel_debug = false;
