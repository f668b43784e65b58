// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Kept kernels: the second opening gives the same image as the first, from the folder; a file that changed, a folder that others
 * may write and a kept file that is damaged are not believed; the folder does not grow.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zstd.h>
#include "build/kernel.h"
#include "make_image.h"

#define LIMIT (1u << 20)
static char folder[64], cache[96], path[96];
static struct made m;
static struct why why;

static void write_file(const char *name, const void *data, size_t size)
{
	int f = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(f, data, size), size);
	close(f);
}

/* A packed kernel whose text begins with this byte. */
static void write_kernel(uint8_t first)
{
	static uint8_t packed[2 * IMAGE_ROOM], bz[3 * IMAGE_ROOM];
	size_t n;

	make_elf(&m);
	m.bytes[4096] = first;
	/* Notes before the data; these are zeros up to the last byte of the file. */
	memcpy(m.bytes + 12288, m.bytes + 20480, m.phdrs[2].p_filesz);
	m.phdrs[2].p_offset = 12288;
	m.phdrs[1].p_memsz = IMAGE_ROOM;
	memset(m.bytes + 16384, 0, IMAGE_ROOM - 16384);
	m.phdrs[1].p_filesz = IMAGE_ROOM - 16384;
	m.size = IMAGE_ROOM;
	m.bytes[IMAGE_ROOM - 1] = 0x77;
	n = ZSTD_compress(packed, sizeof(packed), m.bytes, m.size, 3);
	write_file(path, bz, make_bzimage(bz, packed, n, m.size));
}

static unsigned kept(char name[400])
{
	DIR *dir = opendir(cache);
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.') {
			snprintf(name, 400, "%s/%s", cache, e->d_name);
			n++;
		}
	if (dir)
		closedir(dir);
	return n;
}

/* Opens, compares all segments with what was packed, and keeps it if asked. */
static void check(bool from_folder, bool keep)
{
	struct kernel k;
	uint8_t *read;

	assert_int_equal(kernel_open(&k, path, cache, LIMIT, &why), 0);
	assert_int_equal(k.file >= 0, from_folder);
	assert_int_equal(k.image.nr_segments, 2);
	for (unsigned i = 0; i < k.image.nr_segments; i++) {
		const struct image_segment *s = &k.image.segments[i];

		read = malloc(s->file_size);
		memset(read, 0xee, s->file_size);
		assert_int_equal(kernel_read(&k, read, s->offset, s->file_size), 0);
		assert_memory_equal(read, m.bytes + s->offset, s->file_size);
		free(read);
	}
	if (keep)
		kernel_keep(&k, cache);
	kernel_close(&k);
}

static void keeping(void **state)
{
	char name[400];

	write_kernel(1);
	check(false, false);
	assert_int_equal(kept(name), 0);
	check(false, true);
	assert_int_equal(kept(name), 1);
	check(true, true);
	assert_int_equal(kept(name), 1);
}

static void changed(void **state)
{
	char name[400];

	write_kernel(2);
	check(false, true);
	assert_int_equal(kept(name), 2);
	check(true, false);
}

static void damaged(void **state)
{
	char name[400];

	assert_true(kept(name) > 0);
	for (unsigned n = kept(name); n; n = kept(name))
		unlink(name);
	write_kernel(3);
	check(false, true);
	assert_int_equal(kept(name), 1);
	assert_int_equal(truncate(name, 100), 0);
	check(false, false);
	/* Not a file of ours: a link. */
	unlink(name);
	assert_int_equal(symlink(path, name), 0);
	check(false, false);
	unlink(name);
}

static void folder_of_others(void **state)
{
	char name[400];

	write_kernel(4);
	check(false, true);
	assert_int_equal(kept(name), 1);
	assert_int_equal(chmod(cache, 0777), 0);
	check(false, true);
	assert_int_equal(kept(name), 1);
	assert_int_equal(chmod(cache, 0700), 0);
	check(true, false);
}

static void bounded(void **state)
{
	char name[400];

	for (unsigned i = 0; i < 20; i++) {
		write_kernel(i);
		check(false, true);
	}
	assert_in_range(kept(name), 1, 8);
	check(true, false);
}

static void limits(void **state)
{
	struct kernel k;

	write_kernel(5);
	assert_int_equal(kernel_open(&k, path, NULL, IMAGE_ROOM - 1, &why), -EFBIG);
	assert_int_equal(kernel_open(&k, "/", NULL, LIMIT, &why), -EINVAL);
	assert_int_equal(kernel_open(&k, "/none", NULL, LIMIT, &why), -ENOENT);
	write_file(path, "", 0);
	assert_int_equal(kernel_open(&k, path, NULL, LIMIT, &why), -EFBIG);
}

static int start(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/anel-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(cache, sizeof(cache), "%s/kept", folder);
	snprintf(path, sizeof(path), "%s/kernel", folder);
	return 0;
}

static int end(void **state)
{
	char name[400];

	while (kept(name))
		unlink(name);
	rmdir(cache);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeping), cmocka_unit_test(changed), cmocka_unit_test(damaged), cmocka_unit_test(folder_of_others),
		cmocka_unit_test(bounded), cmocka_unit_test(limits),
	};
	return cmocka_run_group_tests(tests, start, end);
}
