/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs on vCPUs: how many, where, and their share of the CPUs. */
#ifndef ANEL_VCPU_H
#define ANEL_VCPU_H

#include "verbs.h"

int verb_vcpu_list(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_vcpu_set(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_vcpu_pin(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_sched_credit2(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
