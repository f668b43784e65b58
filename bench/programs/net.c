// SPDX-License-Identifier: GPL-2.0-or-later
/* TCP streams and UDP round trips. The server is the same for all: its first byte says what the client wants. */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PORT 7890
#define MIB (1ul << 20)

static char buffer[128 << 10];

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	if (text && inet_pton(AF_INET, text, &a.sin_addr) != 1)
		fail("no address %s", text);
	return a;
}

static int server(int type)
{
	struct sockaddr_in a = address(NULL);
	int fd = socket(AF_INET, type, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || (type == SOCK_STREAM && listen(fd, 8)))
		fail("port %d is taken", PORT);
	return fd;
}

static void send_all(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer));

		if (n <= 0)
			fail("the connection broke");
		bytes -= n;
	}
}

static void receive_all(int fd, uint64_t bytes)
{
	while (bytes) {
		ssize_t n = read(fd, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer));

		if (n <= 0)
			fail("the connection broke");
		bytes -= n;
	}
}

/* What each connection starts with. */
struct wish {
	uint64_t bytes;
	uint64_t to_client;
};

static void serve_streams(void)
{
	int fd = server(SOCK_STREAM);

	for (;;) {
		int c = accept(fd, NULL, NULL);
		struct wish w;

		if (c >= 0 && read(c, &w, sizeof(w)) == sizeof(w)) {
			if (w.to_client)
				send_all(c, w.bytes);
			else
				receive_all(c, w.bytes);
			/* The sender waits until all has arrived. */
			if (write(c, "", 1) != 1)
				fprintf(stderr, "anel-bench: a client has gone\n");
		}
		close(c);
	}
}

int cmd_net_serve(int argc, char **argv)
{
	int fd = server(SOCK_DGRAM);

	if (!fork())
		serve_streams();
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

		if (n >= 0)
			sendto(fd, buffer, n, 0, (struct sockaddr *)&from, length);
	}
}

static void stream(const char *row, unsigned section, const char *to, long mib, int to_client)
{
	struct sockaddr_in a = address(to);
	struct wish w = { mib * MIB, to_client };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	double begun;
	char c;

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail("no server at %s", to);
	begun = now();
	mark_begin(section);
	if (write(fd, &w, sizeof(w)) != sizeof(w))
		fail("the connection broke");
	if (to_client)
		receive_all(fd, w.bytes);
	else
		send_all(fd, w.bytes);
	if (read(fd, &c, 1) != 1)
		fail("the connection broke");
	mark_end(section);
	report(row, section, now() - begun, mib);
	close(fd);
}

int cmd_net_to(int argc, char **argv)
{
	if (argc < 4)
		fail("to ADDRESS MIB REPEAT");
	for (int r = atoi(argv[3]); r > 0; r--)
		stream("to", SECTION_NET_SEND, argv[1], times(atol(argv[2])), 0);
	return 0;
}

int cmd_net_from(int argc, char **argv)
{
	if (argc < 4)
		fail("from ADDRESS MIB REPEAT");
	for (int r = atoi(argv[3]); r > 0; r--)
		stream("from", SECTION_NET_RECEIVE, argv[1], times(atol(argv[2])), 1);
	return 0;
}

static void round_trips(int fd, int n)
{
	struct timeval second = { .tv_sec = 1 };
	double *values = malloc(n * sizeof(*values)), begun = now();
	int lost = 0;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
	mark_begin(SECTION_NET_PING);
	for (int i = 0; i < n; i++) {
		double sent = now();

		if (send(fd, buffer, 64, 0) != 64 || recv(fd, buffer, sizeof(buffer), 0) != 64)
			lost++;
		values[i] = now() - sent;
	}
	mark_end(SECTION_NET_PING);
	if (lost > n / 100)
		fail("%d of %d packets were lost", lost, n);
	report_times("ping", SECTION_NET_PING, values, n, now() - begun);
	free(values);
}

int cmd_net_ping(int argc, char **argv)
{
	struct sockaddr_in a = address(argc > 1 ? argv[1] : "");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
		fail("no server at %s", argv[1]);
	for (int r = argc > 3 ? atoi(argv[3]) : 1; r > 0; r--)
		round_trips(fd, times(argc > 2 ? atoi(argv[2]) : 200));
	return 0;
}
