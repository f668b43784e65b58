/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs that take a guest's state out of a domain and put it into another. */
#ifndef ANEL_MOVE_H
#define ANEL_MOVE_H

#include "vm/vm.h"

int verb_save(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_restore(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_migrate(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_migrate_receive(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_resume(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
