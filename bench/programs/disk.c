// SPDX-License-Identifier: GPL-2.0-or-later
/* A block device without the page cache. Its contents are overwritten. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
#define MIB (1ul << 20)
#define MAX_DEPTH 16

struct disk {
	int fd;
	uint64_t size;
	char *buffer;	/* a mebibyte for each request under way */
	uint64_t seed;
};

static uint64_t random_page(struct disk *d)
{
	d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
	return (d->seed >> 20) % (d->size / PAGE) * PAGE;
}

/* `n` requests of `size` bytes, `depth` at a time; random reads of pages, or sequential. */
static void requests(struct disk *d, int opcode, size_t size, int depth, int n)
{
	aio_context_t context = 0;
	struct iocb cb[MAX_DEPTH], *p;
	struct io_event done[MAX_DEPTH];
	uint64_t at = 0;
	int begun = 0, ended = 0;

	if (syscall(SYS_io_setup, MAX_DEPTH, &context))
		fail("no asynchronous I/O");
	memset(cb, 0, sizeof(cb));
	for (int i = 0; i < depth; i++)
		done[i].data = i;
	for (int ready = depth; ended < n; ended += ready) {
		for (int i = 0; i < ready && begun < n; i++, begun++) {
			unsigned slot = done[i].data;

			p = &cb[slot];
			p->aio_data = slot;
			p->aio_lio_opcode = opcode;
			p->aio_fildes = d->fd;
			p->aio_buf = (uint64_t)(d->buffer + slot * MIB);
			p->aio_nbytes = size;
			p->aio_offset = size == PAGE ? random_page(d) : at;
			at = (at + size) % d->size;
			if (syscall(SYS_io_submit, context, 1, &p) != 1)
				fail("io_submit failed");
		}
		ready = syscall(SYS_io_getevents, context, 1, depth, done, NULL);
		if (ready < 1)
			fail("io_getevents failed");
		for (int i = 0; i < ready; i++)
			if (done[i].res != (int64_t)size)
				fail("a request ended with %lld", (long long)done[i].res);
	}
	syscall(SYS_io_destroy, context);
}

static void measure(struct disk *d, const char *row, unsigned section, int opcode, size_t size, int depth, int n)
{
	double begun = now();

	mark_begin(section);
	requests(d, opcode, size, depth, n);
	mark_end(section);
	report(row, section, now() - begun, n);
}

int cmd_disk(int argc, char **argv)
{
	struct disk d = { .seed = 1 };

	d.fd = open(argc > 1 ? argv[1] : "", O_RDWR | O_DIRECT);
	if (d.fd < 0 || ioctl(d.fd, BLKGETSIZE64, &d.size))
		fail("no block device %s", argv[1]);
	d.size -= d.size % MIB;
	d.buffer = mmap(NULL, MAX_DEPTH * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (d.buffer == MAP_FAILED || !d.size)
		fail("no memory, or no disk");
	for (int r = argc > 2 ? atoi(argv[2]) : 1; r > 0; r--) {
		measure(&d, "4k reads, depth 1", SECTION_DISK_Q1, IOCB_CMD_PREAD, PAGE, 1, times(200));
		measure(&d, "4k reads, depth 16", SECTION_DISK_Q16, IOCB_CMD_PREAD, PAGE, 16, times(800));
		measure(&d, "1M reads", SECTION_DISK_READ, IOCB_CMD_PREAD, MIB, 4, times(32));
		measure(&d, "1M writes", SECTION_DISK_WRITE, IOCB_CMD_PWRITE, MIB, 4, times(32));
	}
	return 0;
}
