// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Ring, slot and log at every point where a kill can come. A stop between two stores is played by putting back what the
 * process had not got to; what must stay true: the log is the guest's stream, each byte once.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "consoled/budget.h"
#include "consoled/logfile.h"
#include "consoled/ring.h"
#include "consoled/typed.h"

static char folder[] = "/tmp/anel-consoled-XXXXXX";
static int dir;
static struct slots slots;
static struct xencons_interface page;
static const uint8_t handle[SLOT_HANDLE] = "a domain";
static const struct log_limits large = { 1u << 30, 4 };

static int set_up(void **state)
{
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	dir = mkdtemp(folder) ? open(folder, O_RDONLY | O_DIRECTORY) : -1;
	memset(&page, 0, sizeof(page));
	return dir < 0 || slots_open(&slots, dir);
}

static int tear_down(void **state)
{
	static const char *const names[] = { "consoles", "log", "log.1", "log.2", "log.3" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlinkat(dir, names[i], 0);
	slots_close(&slots);
	close(dir);
	return rmdir(folder);
}

static char of_stream(uint64_t pos)
{
	return (char)(pos * 7 + pos / 251);
}

/* The guest writes up to n more bytes of the stream. */
static void guest_writes(uint64_t *sent, unsigned n)
{
	while (n-- && page.out_prod - page.out_cons < sizeof(page.out))
		page.out[MASK_XENCONS_IDX(page.out_prod++, page.out)] = of_stream((*sent)++);
}

static void check_file(const char *name, uint64_t *at)
{
	int fd = openat(dir, name, O_RDONLY);
	char bytes[4096];
	ssize_t n;

	assert_true(fd >= 0);
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(bytes[i], of_stream((*at)++));
	close(fd);
}

static void test_stream(void **state)
{
	uint64_t sent = 0, at = 0;
	uint32_t index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	struct logfile log;

	page.out_cons = page.out_prod = UINT32_MAX - 3000;
	logfile_open(&log, dir, "log", slot, &large);
	srand(1);
	for (int i = 0; i < 3000; i++) {
		uint64_t log_pos = slot->log_pos;
		uint32_t cons = page.out_cons;
		int died = rand() % 6;

		guest_writes(&sent, rand() % 1500);
		assert_true(ring_receive(&page, slot) >= 0);
		assert_true(slot->end == sent);
		if (died == 1) {
			/* The guest was not told; meanwhile it may have written where there was room. */
			page.out_cons = cons;
			guest_writes(&sent, rand() % 300);
			ring_resume(&page, slot);
			ring_receive(&page, slot);
		}
		logfile_write(&log, slot, &large);
		if (died == 2)
			slot->log_pos = log_pos;
		if (died == 3 && sent > log_pos) {
			slot->log_pos = log_pos;
			assert_int_equal(ftruncate(log.fd, log_pos + rand() % (sent - log_pos)), 0);
		}
		if (died) {
			logfile_close(&log);
			ring_resume(&page, slot);
			assert_ptr_equal(slots_find(&slots, 5, 0, handle, &index), slot);
			logfile_open(&log, dir, "log", slot, &large);
			logfile_write(&log, slot, &large);
		}
		assert_true(page.out_cons == page.out_prod);
		assert_true(slot->log_pos == sent && slot->log_shift == 0);
		for (uint64_t p = slot_oldest(slot); p < sent; p += 97)
			assert_int_equal(slot_byte(slot, p), of_stream(p));
	}
	logfile_close(&log);
	check_file("log", &at);
	assert_true(at == sent);
}

/* One more instruction of the child; false: it has ended. */
static bool step(pid_t child)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SINGLESTEP, child, NULL, NULL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSTOPPED(status);
}

/* Stopped after each instruction of taking a batch: who starts with what memory holds then has every byte, once. */
static void test_stopped_anywhere(void **state)
{
	uint64_t sent = 0, stops = 0, begun = 0;
	uint32_t index, copy_index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index), *copy = slots_new(&slots, 6, 0, handle, &copy_index);
	struct xencons_interface *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	assert_ptr_not_equal(shared, MAP_FAILED);
	page.out_cons = page.out_prod = UINT32_MAX - 100;
	/* The batch before it leaves its marks, and the next one goes over both ends of the ring. */
	guest_writes(&sent, 70);
	assert_int_equal(ring_receive(&page, slot), 70);
	guest_writes(&sent, 50);
	*shared = page;
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		ring_receive(shared, slot);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL), 0);
	do {
		page = *shared;
		memcpy(copy, slot, SLOT_HEAD + SLOT_HISTORY);
		stops++;
		begun += copy->end != sent && (copy->batch_end != 70 || copy->batch_size != 70);
		ring_resume(&page, copy);
		assert_true(ring_receive(&page, copy) >= 0);
		assert_int_equal(copy->end, sent);
		assert_true(page.out_cons == page.out_prod);
		for (uint64_t p = 0; p < sent; p++)
			assert_int_equal(slot_byte(copy, p), of_stream(p));
	} while (step(child));
	assert_true(slot->end == sent && begun && stops > begun);
	munmap(shared, sizeof(*shared));
}

static void test_rotation(void **state)
{
	static const struct log_limits small = { 10000, 3 };
	static const char *const names[] = { "log", "log.1", "log.2", "log.3", "log.4" };
	uint64_t sent = 0, at;
	uint32_t index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	struct logfile log;
	struct stat st;

	logfile_open(&log, dir, "log", slot, &small);
	for (int i = 0; i < 200; i++) {
		guest_writes(&sent, 1000);
		ring_receive(&page, slot);
		logfile_write(&log, slot, &small);
	}
	at = sent;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(fstatat(dir, names[i], &st, 0), 0);
		assert_in_range(st.st_size, i ? 10000 : 1, 10000 + 2048);
		at -= st.st_size;
	}
	for (int i = 3; i >= 0; i--)
		check_file(names[i], &at);
	assert_true(at == sent);
	assert_int_equal(fstatat(dir, names[4], &st, 0), -1);
	/* Killed with log.1 and log.2 moved on, or only log.2: the gap is filled first, nothing goes over the end. */
	assert_int_equal(unlinkat(dir, "log.2", 0), 0);
	assert_int_equal(fstatat(dir, "log.3", &st, 0), 0);
	for (int i = 0; i < 10; i++) {
		guest_writes(&sent, 1000);
		ring_receive(&page, slot);
		logfile_write(&log, slot, &small);
	}
	struct stat now;
	assert_int_equal(fstatat(dir, "log.3", &now, 0), 0);
	assert_true(now.st_ino == st.st_ino);
	logfile_close(&log);
}

/* What cannot be put aside does not grow. */
static void test_stuck_rotation(void **state)
{
	static const struct log_limits small = { 10000, 1 };
	uint64_t sent = 0;
	uint32_t index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	struct logfile log;
	struct stat st;

	assert_int_equal(mkdirat(dir, "log.1", 0700), 0);
	logfile_open(&log, dir, "log", slot, &small);
	for (int i = 0; i < 200; i++) {
		guest_writes(&sent, 1000);
		ring_receive(&page, slot);
		logfile_write(&log, slot, &small);
	}
	assert_true(slot->log_pos == sent && log.failed);
	assert_int_equal(fstatat(dir, "log", &st, 0), 0);
	assert_in_range(st.st_size, 10000, 10000 + 2048);
	assert_int_equal(unlinkat(dir, "log.1", AT_REMOVEDIR), 0);
	logfile_close(&log);
}

/* Another's words at the end of the file are kept, and ours follow. */
static void test_shared_file(void **state)
{
	uint64_t sent = 0;
	uint32_t index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	struct logfile log;
	struct stat st;

	logfile_open(&log, dir, "log", slot, &large);
	guest_writes(&sent, 100);
	ring_receive(&page, slot);
	logfile_write(&log, slot, &large);
	assert_int_equal(write(log.fd, "other", 5), 5);
	logfile_close(&log);
	guest_writes(&sent, 100);
	ring_receive(&page, slot);
	logfile_open(&log, dir, "log", slot, &large);
	logfile_write(&log, slot, &large);
	assert_int_equal(fstat(log.fd, &st), 0);
	assert_int_equal(st.st_size, 205);
	logfile_close(&log);
	/* A link or a pipe of that name is no log. */
	unlinkat(dir, "log", 0);
	assert_int_equal(symlinkat("elsewhere", dir, "log"), 0);
	logfile_open(&log, dir, "log", slot, &large);
	assert_int_equal(log.fd, -1);
	guest_writes(&sent, 100);
	ring_receive(&page, slot);
	logfile_write(&log, slot, &large);
	assert_true(slot->log_pos == sent);
	unlinkat(dir, "log", 0);
	assert_int_equal(mkfifoat(dir, "log", 0600), 0);
	logfile_open(&log, dir, "log", slot, &large);
	assert_int_equal(log.fd, -1);
}

/* Whatever the four indexes are: nothing outside the rings is touched (the sanitizer looks), and an honest guest goes on. */
static void test_liar(void **state)
{
	static const uint32_t odd[] = { 0, 1, 1023, 1024, 1025, 2047, 2048, 2049, INT32_MAX, INT32_MIN, UINT32_MAX,
					UINT32_MAX - 2047 };
	uint32_t index, *const words[] = { &page.in_cons, &page.in_prod, &page.out_cons, &page.out_prod };
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	int pipes[2], pipe = typed_pipe();
	ssize_t n;

	assert_true(pipe >= 0);
	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	srand(2);
	for (int i = 0; i < 200000; i++) {
		uint64_t before = slot->end;
		uint32_t word = rand() % 2 ? odd[rand() % 12] : (uint32_t)rand() * 3u, ready;
		int got;

		*words[rand() % 4] = word;
		ready = page.out_prod - page.out_cons;
		got = ring_receive(&page, slot);
		assert_int_equal(got, ready > 2048 ? -EPROTO : (int)ready);
		assert_true(slot->end == before + (got > 0 ? got : 0));
		assert_int_equal(page.out_cons, page.out_prod);
		assert_true(ring_room(&page) <= sizeof(page.in));
		assert_int_equal(write(pipes[1], "some words", 10), 10);
		n = typed_move(&slots, slot, pipe, pipes[0], &page);
		assert_true(n <= (ssize_t)sizeof(page.in));
		if (n < 10) {
			char rest[16];

			assert_int_equal(read(pipes[0], rest, sizeof(rest)), 10 - (n > 0 ? n : 0));
		}
		if (i % 5 == 0)
			ring_resume(&page, slot);
	}
	close(pipe);
	close(pipes[0]);
	close(pipes[1]);
}

/* The daemon ends behind the system call and before its note, at every place of the history's ring, its wrap too. */
static void test_pty_stopped_anywhere(void **state)
{
	uint64_t sent = 0, got = 0, before;
	char bytes[SLOT_HISTORY], c;
	uint32_t index;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	int pipes[2];

	assert_int_equal(pipe2(pipes, O_NONBLOCK), 0);
	slot_resume_pty(&slots, slot);
	assert_int_equal(slot->pty_pos, 0);
	while (got < 5 * SLOT_HISTORY / 2) {
		unsigned n = 1 + sent * 31 % 3000;

		for (unsigned i = 0; i < n; i++) {
			c = of_stream(sent++);
			slot_put(slot, &c, 1, i);
		}
		slot_commit(slot, 0, n);
		while (slot->pty_pos < slot->end) {
			before = slot->pty_pos;
			assert_true(slot_to_pty(&slots, slot, pipes[1]) > 0);
			if (sent % 3)
				slot->pty_pos = before;
			slot_resume_pty(&slots, slot);
			slot_resume_pty(&slots, slot);
		}
		n = read(pipes[0], bytes, sizeof(bytes));
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(bytes[i], of_stream(got++));
		assert_int_equal(got, sent);
	}
	/* What is sent again on purpose is no note of the past. */
	before = slot->pty_pos;
	slot_set_pty(slot, before - 100);
	assert_true(slot_to_pty(&slots, slot, pipes[1]) > 0);
	slot_set_pty(slot, before - 100);
	slot_resume_pty(&slots, slot);
	assert_int_equal(slot->pty_pos, before - 100);
	close(pipes[0]);
	close(pipes[1]);
}

static int in_pipe(int fd)
{
	int n;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

/* Who starts with what memory and the pipe hold now has all that has left the pty, once. */
static void check_typed(struct slots *copies, const struct slot *slot, int pipe, int rest, uint32_t begin)
{
	uint32_t index;
	struct slot *copy = slots_find(copies, 5, 0, handle, &index);
	int other = typed_pipe(), n;

	memcpy(copy, slot, SLOT_HEAD);
	if (in_pipe(pipe))
		assert_int_equal(tee(pipe, other, SLOT_TYPED, SPLICE_F_NONBLOCK), in_pipe(pipe));
	typed_resume(copies, other);
	typed_give(copies, copy, &page);
	n = page.in_prod - begin;
	assert_int_equal(n + rest, 300);
	for (int i = 0; i < n; i++)
		assert_int_equal(page.in[MASK_XENCONS_IDX(begin + i, page.in)], of_stream(i));
	close(other);
}

/* Stopped after each instruction of taking what was typed. */
static void test_typed_stopped_anywhere(void **state)
{
	struct xencons_interface *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint32_t index, begin = UINT32_MAX - 100, moved = 0;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &index);
	int pty[2], pipe = typed_pipe(), status, there;
	struct slots copies;
	pid_t child;

	assert_ptr_not_equal(shared, MAP_FAILED);
	assert_int_equal(pipe2(pty, O_NONBLOCK), 0);
	assert_int_equal(mkdirat(dir, "copies", 0700), 0);
	there = openat(dir, "copies", O_RDONLY | O_DIRECTORY);
	assert_int_equal(slots_open(&copies, there), 0);
	assert_non_null(slots_new(&copies, 5, 0, handle, &index));
	shared->in_cons = shared->in_prod = begin;
	for (int i = 0; i < 300; i++) {
		char c = of_stream(i);

		assert_int_equal(write(pty[1], &c, 1), 1);
	}
	child = fork();
	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		typed_move(&slots, slot, pipe, pty[0], shared);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL), 0);
	do {
		page = *shared;
		moved += in_pipe(pipe) != 0;
		check_typed(&copies, slot, pipe, in_pipe(pty[0]), begin);
	} while (step(child));
	assert_true(moved && shared->in_prod == begin + 300 && !in_pipe(pipe));
	slots_close(&copies);
	unlinkat(there, "consoles", 0);
	unlinkat(dir, "copies", AT_REMOVEDIR);
	close(there);
	close(pipe);
	close(pty[0]);
	close(pty[1]);
	munmap(shared, sizeof(*shared));
}

static void test_slots(void **state)
{
	uint8_t other[SLOT_HANDLE] = "another";
	uint32_t a, b, found;
	struct slot *slot = slots_new(&slots, 5, 0, handle, &a);
	struct stat st;

	assert_null(slots_find(&slots, 5, 0, other, &found));
	assert_null(slots_find(&slots, 5, 1, handle, &found));
	assert_ptr_not_equal(slots_new(&slots, 5, 1, handle, &b), slot);
	slots_close(&slots);
	assert_int_equal(slots_open(&slots, dir), 0);
	assert_non_null(slots_find(&slots, 5, 1, handle, &found));
	assert_int_equal(found, b);
	slots_free(&slots, a);
	slots_free(&slots, b);
	assert_null(slots_find(&slots, 5, 0, handle, &found));
	assert_non_null(slots_new(&slots, 6, 0, handle, &found));
	assert_int_equal(found, 0);
	for (uint32_t i = 1; i < SLOTS; i++)
		if (!slots_new(&slots, 7, i, handle, &found))
			break;
	assert_int_equal(found, SLOTS - 1);
	assert_null(slots_new(&slots, 8, 0, handle, &found));
	/* A file of another layout: nothing of it is believed. */
	assert_int_equal(pwrite(slots.fd, "\xff", 1, 0), 1);
	slots_close(&slots);
	assert_int_equal(slots_open(&slots, dir), 0);
	assert_null(slots_find(&slots, 6, 0, handle, &found));
	assert_int_equal(fstat(slots.fd, &st), 0);
	assert_in_range(st.st_blocks, 0, 64);
}

static void test_budget(void **state)
{
	static const struct budget_limits limits = { .rate = 1000, .burst = 500 };
	struct budget b = { 500, 0 };
	uint64_t now = 0, spent = 0;

	srand(3);
	while (now < 100000000000u) {
		now += rand() % 3000000;
		budget_fill(&b, &limits, now);
		if (!budget_over(&b)) {
			budget_spend(&b, 50);
			spent += 50;
		}
	}
	assert_in_range(spent, 90000, 100000 + 550);
	budget_fill(&b, &limits, now + (1ull << 62));
	assert_int_equal(b.left, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stopped_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stuck_rotation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shared_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_liar, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_pty_stopped_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_typed_stopped_anywhere, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_slots, set_up, tear_down),
		cmocka_unit_test(test_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
