// SPDX-License-Identifier: GPL-2.0-or-later
/* A ring whose guest is honest gets every byte once, in order; one that lies is refused. Marks survive at every point. */
#include "drive.h"
#include <cmocka.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stored/ring.h"

static struct xenstore_domain_interface page;
static struct slot slot;

static void test_stream(void **state)
{
	uint32_t start = UINT32_MAX - 3000, sent = 0, taken = 0, total = 200000;

	memset(&page, 0, sizeof(page));
	page.req_prod = page.req_cons = start;
	memset(&slot, 0, sizeof(slot));
	slot_reset(&slot, 1, start, 0);
	srand(1);
	while (taken < total) {
		int n = rand() % 700;

		while (n-- && page.req_prod - page.req_cons < XENSTORE_RING_SIZE && sent < total)
			page.req[MASK_XENSTORE_IDX(page.req_prod++)] = (char)(sent++ * 7);
		assert_true(ring_receive(&page, &slot, (uint64_t)start + taken) >= 0);
		assert_int_equal(page.req_cons, (uint32_t)slot_in(&slot));
		n = rand() % (slot_in(&slot) - start - taken + 1);
		for (int i = 0; i < n; i++, taken++) {
			char c;

			slot_copy(&slot, (uint64_t)start + taken, &c, 1);
			assert_int_equal(c, (char)(taken * 7));
		}
		/* A new process says again what the page says already. */
		ring_publish(&page, &slot);
		assert_int_equal(page.req_cons, (uint32_t)slot_in(&slot));
	}
}

static void test_replies(void **state)
{
	static char out[100000];
	uint32_t read = 0;

	memset(&page, 0, sizeof(page));
	slot_reset(&slot, 1, 0, 0);
	for (unsigned i = 0; i < sizeof(out); i++)
		out[i] = i * 13;
	while (read < sizeof(out)) {
		uint64_t at = slot_out(&slot);

		assert_true(ring_send(&page, &slot, out + at, sizeof(out) - at > 500 ? 500 : sizeof(out) - at) >= 0);
		assert_true(page.rsp_prod - page.rsp_cons <= XENSTORE_RING_SIZE);
		for (int n = rand() % 600; n && page.rsp_cons != page.rsp_prod; n--, read++)
			assert_int_equal(page.rsp[MASK_XENSTORE_IDX(page.rsp_cons++)], (char)(read * 13));
	}
}

static void test_liar(void **state)
{
	memset(&page, 0, sizeof(page));
	slot_reset(&slot, 1, 0, 0);
	page.req_prod = XENSTORE_RING_SIZE + 1;
	assert_int_equal(ring_receive(&page, &slot, 0), -EPROTO);
	page.req_prod = UINT32_MAX;
	assert_int_equal(ring_receive(&page, &slot, 0), -EPROTO);
	page.rsp_cons = 1;
	assert_int_equal(ring_send(&page, &slot, "x", 1), -EPROTO);
	/* What it does to our indexes is nothing to us. */
	page.req_prod = 4;
	page.req_cons = 99;
	page.rsp_cons = 0;
	page.rsp_prod = 77;
	assert_int_equal(ring_receive(&page, &slot, 0), 4);
	assert_int_equal(page.req_cons, 4);
	assert_int_equal(ring_send(&page, &slot, "x", 1), 1);
	assert_int_equal(page.rsp_prod, 1);
}

static void test_socket_marks(void **state)
{
	int pair[2];
	char bytes[3000];

	slot_reset(&slot, 1, 0, 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(slot_receive(&slot, pair[0], 0), -EAGAIN);
	assert_int_equal(slot_in(&slot), 0);
	for (uint64_t pos = 0; pos < 60000; pos += sizeof(bytes)) {
		assert_int_equal(write(pair[1], bytes, sizeof(bytes)), sizeof(bytes));
		assert_int_equal(slot_receive(&slot, pair[0], pos), sizeof(bytes));
		assert_int_equal(slot_in(&slot), pos + sizeof(bytes));
	}
	assert_int_equal(slot_send(&slot, pair[0], bytes, 100), 100);
	assert_int_equal(slot_send(&slot, pair[0], bytes, 10), 10);
	assert_int_equal(slot_out(&slot), 110);
	close(pair[1]);
	assert_int_equal(slot_receive(&slot, pair[0], 60000), -ECONNRESET);
	assert_int_equal(slot_receive(&slot, pair[0], 60000), 0);
	close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_liar),
		cmocka_unit_test(test_socket_marks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
