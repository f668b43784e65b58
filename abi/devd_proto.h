/* SPDX-License-Identifier: MIT */
/*
 * The protocol of anel-devd, which makes block devices of disk images, over a SOCK_SEQPACKET socket to root and the daemon's own
 * user; others are hung up on. One packet is one message.
 *
 * A request is "open FORMAT ACCESS" with the image's descriptor beside it (SCM_RIGHTS): a regular file, open for what ACCESS says.
 * FORMAT is a name of DEVD_FORMATS, ACCESS is r or w. The answer is 0 and the device's path ("0/dev/nbd3"), or 1 and a sentence.
 * "serves NUMBER", with nothing beside it, asks of a device that was made before: the answer is 0 and yes or no ("0no"). With no
 * process behind it the device answers with errors.
 *
 * The device stays while the connection is open, and then for as long as anybody has the device open.
 */
#ifndef ABI_DEVD_PROTO_H
#define ABI_DEVD_PROTO_H

#define DEVD_SOCKET	 "/run/anel-devd/socket"
#define DEVD_MESSAGE_MAX 512
#define DEVD_CLIENTS_MAX 64
#define DEVD_DISKS_MAX	 256

/* X(name, QEMU's driver) */
#define DEVD_FORMATS(X)   \
	X(qcow2, "qcow2") \
	X(vhd, "vpc")

#endif
