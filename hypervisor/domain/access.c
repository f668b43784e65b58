/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "domain/domain.h"

bool domain_may_control(const struct domain *src, const struct domain *tgt)
{
	if (src == tgt)
		return true;
	return !tgt->is_system && (src->is_control || src->target == tgt);
}
