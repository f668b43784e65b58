/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "build/kernel.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "build/unpack.h"

#define KEPT  8	/* kernels in the folder */
#define BLOCK 65536	/* of zeros, that become a hole */

static void set_key(struct kernel *k, const struct stat *s)
{
	snprintf(k->key, sizeof(k->key), "%llx-%llx-%llx-%llx.%lx-%llx.%lx", (unsigned long long)s->st_dev,
		 (unsigned long long)s->st_ino, (unsigned long long)s->st_size, (unsigned long long)s->st_mtim.tv_sec,
		 s->st_mtim.tv_nsec, (unsigned long long)s->st_ctim.tv_sec, s->st_ctim.tv_nsec);
}

/* What others could have written is not used. */
static int open_folder(const char *cache)
{
	int folder = open(cache, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat s;

	if (folder < 0)
		return -1;
	if (fstat(folder, &s) == 0 && s.st_uid == geteuid() && !(s.st_mode & 022))
		return folder;
	close(folder);
	return -1;
}

static bool open_kept(struct kernel *k, const char *cache)
{
	int folder = cache ? open_folder(cache) : -1;
	struct stat s;

	if (folder < 0)
		return false;
	k->file = openat(folder, k->key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	close(folder);
	if (k->file < 0)
		return false;
	if (fstat(k->file, &s) == 0 && S_ISREG(s.st_mode) && s.st_size > 0) {
		k->mapped = s.st_size;
		k->memory = mmap(NULL, k->mapped, PROT_READ, MAP_PRIVATE, k->file, 0);
		if (k->memory != MAP_FAILED) {
			futimens(k->file, NULL);
			return true;
		}
	}
	k->memory = NULL;
	close(k->file);
	k->file = -1;
	return false;
}

/* How large an unpacked payload will be, if its last four bytes say so as Linux's do; else the limit. */
static size_t room(const struct image_payload *p, size_t limit)
{
	uint32_t said = 0;

	if (p->size >= 4)
		memcpy(&said, (const uint8_t *)p->data + p->size - 4, 4);
	return said >= p->size && said <= limit ? said : limit;
}

static int unpack_payload(struct kernel *k, const struct image_payload *p, size_t limit, struct why *why)
{
	size_t used = 0;
	int rc;

	k->mapped = room(p, limit);
	for (;;) {
		k->memory = mmap(NULL, k->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (k->memory == MAP_FAILED) {
			k->memory = NULL;
			return why_set(why, -ENOMEM, "there is no memory for %zu MiB of kernel", k->mapped >> 20);
		}
		rc = unpack(unpack_kind(p->data, p->size), p->data, p->size, k->memory, k->mapped, &used, why);
		if (rc != -EFBIG || k->mapped == limit)
			break;
		munmap(k->memory, k->mapped);	/* the size that it said was none */
		k->mapped = limit;
	}
	return rc ? rc : image_parse(&k->image, k->memory, used, why);
}

static int open_file(struct kernel *k, int file, const struct stat *s, size_t limit, struct why *why)
{
	struct image_payload payload;
	void *data;
	int rc;

	if (s->st_size <= 0 || (uint64_t)s->st_size > limit)
		return why_set(why, -EFBIG, "the file has %lld bytes", (long long)s->st_size);
	data = mmap(NULL, s->st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
	if (data == MAP_FAILED)
		return why_set(why, -errno, "%s", strerror(errno));
	rc = image_payload(data, s->st_size, &payload, why);
	if (!rc && payload.packed) {
		rc = unpack_payload(k, &payload, limit, why);
		munmap(data, s->st_size);
		return rc;
	}
	k->memory = data;
	k->mapped = s->st_size;
	return rc ? rc : image_parse(&k->image, payload.data, payload.size, why);
}

int kernel_open(struct kernel *k, const char *path, const char *cache, size_t limit, struct why *why)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct stat s;

	memset(k, 0, sizeof(*k));
	k->file = -1;
	if (file < 0 || fstat(file, &s) < 0) {
		rc = -errno;
		why_set(why, rc, "%s", strerror(-rc));
	} else if (!S_ISREG(s.st_mode)) {
		rc = why_set(why, -EINVAL, "it is not a file");
	} else {
		set_key(k, &s);
		rc = open_kept(k, cache) ? image_parse(&k->image, k->memory, k->mapped, why) : -ENOENT;
		if (rc) {	/* not kept, or no longer whole */
			kernel_close(k);
			rc = open_file(k, file, &s, limit, why);
		}
	}
	if (file >= 0)
		close(file);
	if (rc) {
		kernel_close(k);
		return why_prefix(why, rc, "kernel %s: ", path);
	}
	return 0;
}

static int read_data(int file, char *to, off_t offset, size_t n)
{
	ssize_t got;

	for (size_t done = 0; done < n; done += got) {
		got = pread(file, to + done, n - done, offset + done);
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
	}
	return 0;
}

int kernel_read(const struct kernel *k, void *to, uint64_t offset, size_t n)
{
	off_t at = offset, end = offset + n, data, hole;
	int rc = 0;

	if (k->file < 0) {
		memcpy(to, k->image.elf + offset, n);
		return 0;
	}
	/* A quarter of a kernel is zeros, which are holes in the kept file. */
	for (; at < end && !rc; at = hole) {
		data = lseek(k->file, at, SEEK_DATA);
		if (data < 0 && errno != ENXIO)
			return -errno;
		data = data < 0 || data > end ? end : data;
		memset((char *)to + (at - (off_t)offset), 0, data - at);
		hole = data < end ? lseek(k->file, data, SEEK_HOLE) : end;
		if (hole < 0)
			return -errno;
		hole = hole < end ? hole : end;
		rc = read_data(k->file, (char *)to + (data - (off_t)offset), data, hole - data);
	}
	return rc;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && !memcmp(p, p + 1, n - 1));
}

static int write_sparse(int file, const uint8_t *data, size_t size)
{
	size_t at = 0, end;
	ssize_t done;

	while (at < size) {
		end = at;
		while (end < size && !all_zero(data + end, size - end < BLOCK ? size - end : BLOCK))
			end = size - end < BLOCK ? size : end + BLOCK;
		for (; at < end; at += done) {
			done = pwrite(file, data + at, end - at, at);
			if (done <= 0)
				return -1;
		}
		at = end < size ? end + BLOCK : end;
	}
	return ftruncate(file, size);
}

/* Makes room for one more: the one that was not used for longest goes. */
static void forget_oldest(int folder)
{
	DIR *dir = fdopendir(dup(folder));
	struct dirent *e;
	char oldest[256] = "";
	struct stat s;
	time_t when = 0;
	unsigned n = 0;

	while (dir && (e = readdir(dir))) {
		if (e->d_name[0] == '.' || fstatat(folder, e->d_name, &s, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (n++ == 0 || s.st_mtime < when) {
			when = s.st_mtime;
			snprintf(oldest, sizeof(oldest), "%s", e->d_name);
		}
	}
	if (dir)
		closedir(dir);
	if (n >= KEPT)
		unlinkat(folder, oldest, 0);
}

void kernel_keep(const struct kernel *k, const char *cache)
{
	char temporary[160];
	int folder, file;

	if (k->file >= 0 || k->image.elf != k->memory)
		return;
	mkdir(cache, 0700);
	folder = open_folder(cache);
	if (folder < 0)
		return;
	forget_oldest(folder);
	snprintf(temporary, sizeof(temporary), ".%s.%d", k->key, getpid());
	file = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file >= 0) {
		if (write_sparse(file, k->memory, k->image.size) || renameat(folder, temporary, folder, k->key))
			unlinkat(folder, temporary, 0);
		close(file);
	}
	close(folder);
}

void kernel_close(struct kernel *k)
{
	if (k->memory)
		munmap(k->memory, k->mapped);
	if (k->file >= 0)
		close(k->file);
	k->memory = NULL;
	k->file = -1;
}
