/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs of `anel`. Each takes its own arguments, without the verb; returns 0 or a negative errno with the reason. */
#ifndef ANEL_VERBS_H
#define ANEL_VERBS_H

#include "vm/vm.h"

struct verb {
	const char *name, *arguments, *what;
	int (*run)(struct vm_host *host, int argc, char **argv, struct why *why);
};
/* All, the last without a name. The words of `arguments` are what completion offers: options, DOMAIN, FILE. */
extern const struct verb verbs[];

/* The words of argv that are not options; options must be in `known` ("--json", "-p" ...), and *flags gets a bit for each. */
int verb_options(int argc, char **argv, const char *const *known, unsigned *flags, char **words, int max_words, struct why *why);

/* Gives a guest that was made to whoever acts when it ends; if there is nobody, says so, but for quiet. */
void verb_hand_over(const struct vm_config *config, domid_t id, bool quiet);

int verb_create(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_list(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_console(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_pause(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_unpause(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_destroy(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_info(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_debug_keys(struct vm_host *host, int argc, char **argv, struct why *why);
int verb_dmesg(struct vm_host *host, int argc, char **argv, struct why *why);

#endif
