/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locked addresses: of what a guest's card sends, only frames from its own MAC address and its own IPv4 addresses pass, by a
 * classic BPF program at the entrance of dom0's end (tc's clsact and cls_bpf).
 */
#ifndef DEVICE_LOCK_H
#define DEVICE_LOCK_H

#include <linux/filter.h>
#include <stdint.h>

#define LOCK_MAX_ADDRESSES 16
#define LOCK_MAX_PROGRAM   128

/* IPv4 addresses with spaces between, in network order. Their number, 0 to LOCK_MAX_ADDRESSES, or -EINVAL. */
int lock_addresses(const char *text, uint32_t addresses[LOCK_MAX_ADDRESSES]);
/*
 * The program that passes (not 0) a frame of this MAC address and, of IPv4 and ARP alone, of these addresses; also ARP probes
 * and DHCP's questions, which come from no address yet. The number of its instructions.
 */
unsigned lock_program(const uint8_t mac[6], const uint32_t *addresses, unsigned n, struct sock_filter program[LOCK_MAX_PROGRAM]);

#endif
