/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "selfgrant.h"	/* v1: 2048 entries, after the case "setup" */
