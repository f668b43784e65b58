/* SPDX-License-Identifier: MIT */
/*
 * The store's protocol beyond <xen/io/xs_wire.h> of Xen 4.17, and what of that layout we rely on.
 *
 * XS_WATCH and XS_UNWATCH take a third string: how many levels below the path count, in decimal; 0 is the node alone.
 */
#ifndef ABI_STORE_PROTO_H
#define ABI_STORE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <xen/io/xs_wire.h>

/* In server_features of a ring: XS_WATCH takes a depth. */
#define STORE_FEATURE_WATCH_DEPTH 4u
#define STORE_DEPTH_MAX 65535u

#define STORE_SOCKET "/run/xenstored/socket"

_Static_assert(sizeof(struct xsd_sockmsg) == 16, "header of a message");
_Static_assert(offsetof(struct xenstore_domain_interface, rsp) == 1024, "ring page");
_Static_assert(offsetof(struct xenstore_domain_interface, req_cons) == 2048, "ring page");
_Static_assert(offsetof(struct xenstore_domain_interface, rsp_prod) == 2060, "ring page");
_Static_assert(offsetof(struct xenstore_domain_interface, error) == 2072, "ring page");

#endif
