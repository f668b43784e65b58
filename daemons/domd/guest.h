/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest in our care, and the note of it in a file. Each step of an action is noted before it is done, so that whoever comes after
 * a kill goes on from there: what a phase means is in abi/domd_proto.h.
 */
#ifndef DOMD_GUEST_H
#define DOMD_GUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "domd_proto.h"
#include "why/why.h"

#define GUEST_NAME 64

enum guest_phase {
#define PHASE(name, word) GUEST_##name,
	DOMD_PHASES(PHASE)
#undef PHASE
		GUEST_PHASES
};
enum guest_action {
	ACTION_DESTROY,
	ACTION_RESTART,
	ACTION_PRESERVE,
	ACTION_RENAME,
	ACTION_DUMP_DESTROY,
	ACTION_DUMP_RESTART,
	GUEST_ACTIONS
};

struct guest {
	char uuid[37], name[GUEST_NAME];
	json_t *config; /* as xl saves it */
	enum guest_phase phase;
	unsigned domain;			     /* 0: none */
	bool again;				     /* in GUEST_DUMPING and GUEST_ENDING: then it is started again */
	char aside_uuid[37], aside_name[GUEST_NAME]; /* the old domain's new ones, from GUEST_ASIDE on */
	int64_t started;			     /* milliseconds since the host's boot */
	int64_t not_before;			     /* the same: its next start */
	unsigned hasty;				     /* how many lives in a row were short */
};

extern const char *const guest_phase_names[GUEST_PHASES];
extern const char *const guest_action_names[GUEST_ACTIONS];
const char *guest_reason_name(unsigned reason);

/* Of a configuration: checks it, and takes name and UUID, or makes one. The guest takes a reference. */
int guest_init(struct guest *, json_t *config, struct why *);
void guest_fini(struct guest *);
/* What is configured for an end; for another reason than the first five that for a crash. */
enum guest_action guest_action(const struct guest *, unsigned reason);
/* Another name, here and in the configuration. */
void guest_rename(struct guest *, const char *name);
/* A new UUID as text. */
void guest_make_uuid(char text[37]);

/* What comes of its end: the phase after it, and how long the next start waits (milliseconds). */
int64_t guest_died(struct guest *, enum guest_action, int64_t now);

/* In the folder `dir`. 0 or -errno. */
int guest_save(int dir, const struct guest *);
int guest_load(int dir, const char *uuid, struct guest *);
void guest_forget(int dir, const char *uuid);
bool guest_is_uuid(const char *text);

#endif
