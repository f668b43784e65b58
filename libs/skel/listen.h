/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SKEL_LISTEN_H
#define SKEL_LISTEN_H

/*
 * A socket of this type that listens at the path, for root and the daemon's own user, or a negative errno. A predecessor's is
 * replaced in one step: clients that come meanwhile are refused, and see that they are to come again (libs/caller).
 */
int listen_at(const char *path, int type, int backlog);

#endif
