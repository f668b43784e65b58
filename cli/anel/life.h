/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs on the life of a guest: its end, its name, its memory, and what its kernel is told. */
#ifndef ANEL_LIFE_H
#define ANEL_LIFE_H

#include "verbs.h"

int verb_shutdown(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_reboot(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_rename(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_domid(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_domname(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_uptime(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_sysrq(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_trigger(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_mem_set(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_mem_max(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
