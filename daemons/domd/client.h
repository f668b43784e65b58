/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clients of abi/domd_proto.h: their sockets, and their requests. */
#ifndef DOMD_CLIENT_H
#define DOMD_CLIENT_H

#include "server.h"

int client_listen(struct server *, const char *path);
/* Takes `result`, and the call's id. */
void client_answer(struct server *, const struct call *, int rc, const struct why *, json_t *result);
/* To all who listen; takes `more`, further members of the event, or NULL. */
void client_event(struct server *, const char *event, const struct guest *, json_t *more);

#endif
