/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shutdown, pause and death of domains: the public part is in domain/domain.h. */
#ifndef DOMAIN_LIFE_H
#define DOMAIN_LIFE_H
#include "domain/domain.h"
void life_init(void);
void domain_event(void);	/* VIRQ_DOM_EXC to who holds it, once there is dom0 */
#endif
