/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests on nodes, in a transaction or not. */
#ifndef STORED_REQUEST_TREE_H
#define STORED_REQUEST_TREE_H

#include "request.h"

/*
 * The absolute path (XENSTORE_ABS_PATH_MAX bytes) of what a client wrote; *prefix is the length of what was put before it.
 * -EINVAL if it is no name of a node.
 */
int request_path(const struct request *, const char *in, char *path, unsigned *prefix);

request_handler req_directory, req_directory_part, req_read, req_get_perms, req_write, req_mkdir, req_rm, req_set_perms;

#endif
