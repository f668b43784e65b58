/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verbs on a guest's disks and network cards. */
#ifndef ANEL_PLUG_H
#define ANEL_PLUG_H

#include "verbs.h"

int verb_block_list(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_block_attach(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_block_detach(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_cd_insert(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_cd_eject(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_network_list(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_network_attach(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_network_detach(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
