/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The debug build: assertions are checked, and all messages are shown unless loglvl= says otherwise. */
#include "lib/panic.h"

const bool anel_debug = true;
