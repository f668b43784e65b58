/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the state of the store is a function of: one record for each thing that happens to it. */
#ifndef STORED_RECORD_H
#define STORED_RECORD_H

#include <stdint.h>
#include <errno.h>		/* xs_wire.h has the table of errors only then */
#include <xen/io/xs_wire.h>

#include "store.h"

enum record_kind {
	REC_REQUEST,	/* slot: whose; the message follows. For XS_INTRODUCE result says whether the ring was attached, a and b
			   are slot and generation of its connection */
	REC_CONNECT,	/* slot, a: generation; a client of the socket */
	REC_DISCONNECT,	/* slot */
	REC_BROKEN,	/* slot: violated the protocol */
	REC_COALESCE,	/* slot: does not read; its events wait */
	REC_RESUME,	/* slot: reads again */
	REC_DOOM,	/* slot, a: transaction */
	REC_DOM0,	/* dom0's own ring; slot, a: generation, b: port; result and c: where its streams begin */
	REC_RECONNECT,	/* a domain starts its ring anew; slot, a: generation, b: domain */
	REC_DEAD,	/* a: domain */
	REC_SHUTDOWN,	/* a: domain */
	REC_QUOTA,	/* a: which, b: value */
	REC_KINDS
};

struct record {
	uint32_t size;		/* of it all, a multiple of 8 */
	uint16_t kind, slot;
	uint32_t a, b;
	int32_t result;
	uint32_t c;
};

struct request_record {
	struct record head;
	struct xsd_sockmsg msg;
	char body[];		/* msg.len bytes and one of 0 */
};

#define RECORD_MAX (sizeof(struct request_record) + XENSTORE_PAYLOAD_MAX + 8)

static inline uint32_t request_record_size(uint32_t len)
{
	return (sizeof(struct request_record) + len + 1 + 7) & ~7u;
}

/* False: no record that could have been written. */
bool record_valid(const struct store *, const struct record *, uint64_t room);
void record_apply(struct store *, const struct record *);

#endif
