/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests of the protocol (<xen/io/xs_wire.h>): a table of their handlers, and what handlers share. */
#ifndef STORED_REQUEST_H
#define STORED_REQUEST_H

#include "record.h"
#include "tx.h"

struct request {
	struct store *store;
	struct conn *conn;
	struct tx *tx;
	const struct record *record;
	const struct xsd_sockmsg *msg;
	const char *body;	/* msg->len bytes, then a 0 */
};

/* Executes a request and appends its reply to the connection's stream. */
void request_run(struct store *, const struct request_record *);

/* Handlers return a negative errno, which becomes the reply, or have replied. */
typedef int request_handler(struct request *);
int request_reply(struct request *, const void *body, size_t len);
int request_ok(struct request *);
/* The body's strings, each ended by a 0: as many as there are up to max; -EINVAL if the last is not ended. */
int request_strings(const struct request *, const char **vec, int max);
/* The body is just one string. */
const char *request_one(const struct request *);
/* A whole decimal number of up to max. */
int parse_number(const char *text, uint32_t max, uint32_t *value);

/* The arguments of XS_INTRODUCE: whoever writes its record attaches the ring first. */
int request_introduce_arguments(const struct request *, uint32_t *domid, uint64_t *gfn, uint32_t *port);

request_handler req_introduce, req_release, req_resume, req_set_target, req_domain_path, req_is_introduced, req_control;

#endif
