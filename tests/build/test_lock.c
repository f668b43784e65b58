// SPDX-License-Identifier: GPL-2.0-or-later
/* The program of locked addresses, run by this host's kernel: as a filter of a socket of which the other end sends frames. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "device/lock.h"

#define MAC   "\x00\x16\x3e\x01\x02\x03"
#define OTHER "\x00\x16\x3e\x01\x02\x04"
#define ALL   "\xff\xff\xff\xff\xff\xff"

static int ends[2];

static int setup(void **state)
{
	struct sock_filter program[LOCK_MAX_PROGRAM];
	uint32_t addresses[LOCK_MAX_ADDRESSES];
	struct sock_fprog p = { .filter = program };
	int n = lock_addresses("10.0.0.5  192.168.7.1 ", addresses);

	assert_int_equal(n, 2);
	p.len = lock_program((const uint8_t *)MAC, addresses, n, program);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	return setsockopt(ends[0], SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof(p));
}

static int teardown(void **state)
{
	return close(ends[0]) | close(ends[1]);
}

/* The kernel answers whoever sends what the filter drops with EPERM, or drops it. */
static bool passes(const void *frame, size_t n)
{
	char got[256];
	ssize_t sent = send(ends[1], frame, n, 0);
	bool arrived = recv(ends[0], got, sizeof(got), 0) == (ssize_t)n;

	assert_true(sent == (ssize_t)n || errno == EPERM || errno == EAGAIN);
	return arrived;
}

static bool ip(const char *mac, const char *from, unsigned protocol, unsigned port, unsigned length)
{
	uint8_t f[60] = { 0 };

	memcpy(f, ALL, 6);
	memcpy(f + 6, mac, 6);
	f[12] = 8;
	f[14] = length;
	f[23] = protocol;
	inet_pton(AF_INET, from, f + 26);
	f[36] = port >> 8;
	f[37] = port;
	return passes(f, sizeof(f));
}

static bool arp(const char *mac, const char *hardware, const char *from)
{
	uint8_t f[42] = { 0 };

	memcpy(f, ALL, 6);
	memcpy(f + 6, mac, 6);
	f[12] = 8;
	f[13] = 6;
	memcpy(f + 22, hardware, 6);
	inet_pton(AF_INET, from, f + 28);
	return passes(f, sizeof(f));
}

static void addresses(void **state)
{
	assert_true(ip(MAC, "10.0.0.5", 6, 0, 0x45));
	assert_true(ip(MAC, "192.168.7.1", 17, 53, 0x46));
	assert_false(ip(MAC, "10.0.0.6", 6, 0, 0x45));
	assert_false(ip(OTHER, "10.0.0.5", 6, 0, 0x45));
	/* DHCP's question, and what is like it */
	assert_true(ip(MAC, "0.0.0.0", 17, 67, 0x45));
	assert_false(ip(MAC, "0.0.0.0", 17, 68, 0x45));
	assert_false(ip(MAC, "0.0.0.0", 6, 67, 0x45));
	assert_false(ip(MAC, "0.0.0.0", 17, 67, 0x46));
	assert_false(ip(OTHER, "0.0.0.0", 17, 67, 0x45));
}

static void arps(void **state)
{
	assert_true(arp(MAC, MAC, "10.0.0.5"));
	assert_true(arp(MAC, MAC, "192.168.7.1"));
	assert_true(arp(MAC, MAC, "0.0.0.0"));
	assert_false(arp(MAC, MAC, "10.0.0.1"));
	assert_false(arp(MAC, OTHER, "10.0.0.5"));
	assert_false(arp(OTHER, MAC, "10.0.0.5"));
}

/* Other protocols, tagged frames, and frames that end too early. */
static void others(void **state)
{
	static const uint16_t types[] = { 0x86dd, 0x8100, 0x88a8, 0x0842, 0x88cc, 0x0004 };
	uint8_t f[60] = { 0 };

	memcpy(f + 6, MAC, 6);
	inet_pton(AF_INET, "10.0.0.5", f + 26);
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		f[12] = types[i] >> 8;
		f[13] = types[i];
		assert_false(passes(f, sizeof(f)));
	}
	f[12] = 8;
	f[13] = 0;
	for (unsigned n = 1; n <= sizeof(f); n++)
		assert_int_equal(passes(f, n), n >= 30);
}

static void texts(void **state)
{
	static const char *const wrong[] = { "10.0.0", "10.0.0.5,10.0.0.6", "fe80::1", "0.0.0.0", "10.0.0.5/24", "x",
					     "10.0.0.5 ::1", "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 "
					     "1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1 1.1.1.1" };
	struct sock_filter program[LOCK_MAX_PROGRAM];
	uint32_t a[LOCK_MAX_ADDRESSES];

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(lock_addresses(wrong[i], a), -EINVAL);
	assert_int_equal(lock_addresses("", a), 0);
	memset(a, 1, sizeof(a));
	assert_true(lock_program((const uint8_t *)MAC, a, LOCK_MAX_ADDRESSES, program) <= LOCK_MAX_PROGRAM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(arps),
		cmocka_unit_test(others),
		cmocka_unit_test(texts),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
