/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/lock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <stdbool.h>
#include <string.h>

/* Places in a frame. */
enum { SOURCE = 6, TYPE = 12, IP = 14, IP_PROTOCOL = 23, IP_SOURCE = 26, UDP_TO = 36, ARP_HARDWARE = 22, ARP_SOURCE = 28 };
#define PASS 0xffffffff

int lock_addresses(const char *text, uint32_t addresses[LOCK_MAX_ADDRESSES])
{
	char word[INET_ADDRSTRLEN];
	struct in_addr a;
	int n = 0;

	for (text += strspn(text, " "); *text; text += strspn(text, " ")) {
		size_t len = strcspn(text, " ");

		if (n == LOCK_MAX_ADDRESSES || len >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, len);
		word[len] = 0;
		if (inet_pton(AF_INET, word, &a) != 1 || a.s_addr == 0)
			return -EINVAL;
		addresses[n++] = a.s_addr;
		text += len;
	}
	return n;
}

struct writer {
	struct sock_filter *at;
	unsigned n;
};

static void put(struct writer *w, unsigned code, unsigned value)
{
	w->at[w->n++] = (struct sock_filter)BPF_STMT(code, value);
}

/* Ends the program unless what was loaded is this. */
static void must_be(struct writer *w, unsigned load, unsigned place, unsigned value)
{
	put(w, BPF_LD | load | BPF_ABS, place);
	w->at[w->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0);
	put(w, BPF_RET | BPF_K, 0);
}

/* Passes what was loaded if it is one of these. */
static void one_of(struct writer *w, const uint32_t *addresses, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		w->at[w->n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(addresses[i]), 0, 1);
		put(w, BPF_RET | BPF_K, PASS);
	}
}

static void must_be_mac(struct writer *w, unsigned place, const uint8_t mac[6])
{
	must_be(w, BPF_W, place, (unsigned)mac[0] << 24 | mac[1] << 16 | mac[2] << 8 | mac[3]);
	must_be(w, BPF_H, place + 4, mac[4] << 8 | mac[5]);
}

unsigned lock_program(const uint8_t mac[6], const uint32_t *addresses, unsigned n, struct sock_filter program[LOCK_MAX_PROGRAM])
{
	struct writer w = { program, 0 };
	unsigned to_arp;

	must_be_mac(&w, SOURCE, mac);
	put(&w, BPF_LD | BPF_H | BPF_ABS, TYPE);
	to_arp = w.n++;
	put(&w, BPF_LD | BPF_W | BPF_ABS, IP_SOURCE);
	one_of(&w, addresses, n);
	must_be(&w, BPF_W, IP_SOURCE, 0);
	must_be(&w, BPF_B, IP, 0x45);
	must_be(&w, BPF_B, IP_PROTOCOL, IPPROTO_UDP);
	must_be(&w, BPF_H, UDP_TO, 67);
	put(&w, BPF_RET | BPF_K, PASS);
	program[to_arp] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, w.n - to_arp - 1);
	must_be(&w, BPF_H, TYPE, ETH_P_ARP);
	must_be_mac(&w, ARP_HARDWARE, mac);
	put(&w, BPF_LD | BPF_W | BPF_ABS, ARP_SOURCE);
	one_of(&w, addresses, n);
	must_be(&w, BPF_W, ARP_SOURCE, 0);
	put(&w, BPF_RET | BPF_K, PASS);
	return w.n;
}
