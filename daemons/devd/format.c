// SPDX-License-Identifier: GPL-2.0-or-later
#include "format.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Places in the header of a qcow2 image (docs/interop/qcow2.txt of QEMU). */
enum { BACKING = 8, L1_ENTRIES = 36, L1_TABLE = 40, REFCOUNT_TABLE = 48, FEATURES = 72 };
#define EXTERNAL_DATA 4ull

/* Of a VHD image's footer, of which a dynamic one has a copy at its beginning, and of the header that this points to. */
enum { HEADER = 16, BLOCK_TABLE = 16, BLOCKS = 28 };

static uint32_t get32(const char *from)
{
	uint32_t v;

	memcpy(&v, from, sizeof(v));
	return be32toh(v);
}

static uint64_t get64(const char *from)
{
	uint64_t v;

	memcpy(&v, from, sizeof(v));
	return be64toh(v);
}

static bool has(int fd, uint64_t at, uint64_t bytes)
{
	struct stat s;

	return fstat(fd, &s) == 0 && at <= (uint64_t)s.st_size && bytes <= (uint64_t)s.st_size - at;
}

static int cut_short(struct why *why)
{
	return why_set(why, -EINVAL, "the image is cut short: the file ends before its tables");
}

static int check_qcow2(int fd, struct why *why)
{
	char head[80] = "";

	if (pread(fd, head, sizeof(head), 0) < FEATURES || memcmp(head, "QFI\xfb", 4))
		return why_set(why, -EINVAL, "this is no qcow2 image");
	if (get64(head + BACKING))
		return why_set(why, -EOPNOTSUPP, "the image is a difference to another file, which cannot be used yet; "
			       "qemu-img convert makes it whole");
	if (get32(head + 4) >= 3 && get64(head + FEATURES) & EXTERNAL_DATA)
		return why_set(why, -EOPNOTSUPP, "the image has its data in another file, which cannot be used");
	if (!has(fd, get64(head + L1_TABLE), get32(head + L1_ENTRIES) * 8ull) || !has(fd, get64(head + REFCOUNT_TABLE), 8))
		return cut_short(why);
	return 0;
}

static int check_vhd(int fd, struct why *why)
{
	char head[512], footer[512];
	ssize_t n = pread(fd, footer, sizeof(footer), 0);

	/* A fixed one has its footer at the end alone, where QEMU looks for it. */
	if (n < (ssize_t)sizeof(footer) || memcmp(footer, "conectix", 8) || get64(footer + HEADER) == UINT64_MAX)
		return 0;
	if (get64(footer + HEADER) > INT64_MAX || pread(fd, head, sizeof(head), get64(footer + HEADER)) < (ssize_t)sizeof(head) ||
	    !has(fd, get64(head + BLOCK_TABLE), get32(head + BLOCKS) * 4ull))
		return cut_short(why);
	return 0;
}

int format_check(int fd, const char *driver, struct why *why)
{
	return !strcmp(driver, "qcow2") ? check_qcow2(fd, why) : check_vhd(fd, why);
}
