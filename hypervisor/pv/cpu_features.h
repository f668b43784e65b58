/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which CPU features a PV guest may have. */
#ifndef PV_CPU_FEATURES_H
#define PV_CPU_FEATURES_H
#include "pv/cpu_policy.h"

extern const uint32_t pv_default_features[FEATURESET_WORDS], pv_max_features[FEATURESET_WORDS];
/* Takes out features that need one that is not there. */
void cpu_features_settle(uint32_t words[FEATURESET_WORDS]);
#endif
