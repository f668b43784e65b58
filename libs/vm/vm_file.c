/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_file.h"
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define MARK	".anel-"
#define TRIES	100

static int open_folder(const char *path, int flags)
{
	char *folder = strdup(path), *slash = folder ? strrchr(folder, '/') : NULL;
	int fd;

	if (!folder)
		return -1;
	if (slash)
		slash[slash == folder] = 0;
	fd = open(slash ? folder : ".", flags | O_CLOEXEC, 0600);
	free(folder);
	return fd;
}

/* Who makes one keeps it locked. */
static void remove_left(const char *path)
{
	char *pattern = NULL, *out;
	glob_t found = { 0 };
	int fd;

	if (asprintf(&pattern, "%*s" MARK "??????", (int)(2 * strlen(path)), "") < 0)
		return;
	out = pattern;
	for (const char *c = path; *c; c++) {
		if (strchr("*?[\\", *c))
			*out++ = '\\';
		*out++ = *c;
	}
	strcpy(out, MARK "??????");
	if (glob(pattern, GLOB_NOSORT, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			fd = open(found.gl_pathv[i], O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
			if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
				unlink(found.gl_pathv[i]);
			if (fd >= 0)
				close(fd);
		}
		globfree(&found);
	}
	free(pattern);
}

static int open_named(struct vm_file *f)
{
	if (asprintf(&f->name, "%s" MARK "XXXXXX", f->path) < 0)
		return -1;
	f->fd = mkostemp(f->name, O_CLOEXEC);
	if (f->fd < 0) {
		free(f->name);
		f->name = NULL;
		return -1;
	}
	return flock(f->fd, LOCK_EX | LOCK_NB);
}

int vm_file_begin(struct vm_file *f, const char *path, struct why *why)
{
	struct stat st;
	int rc = 0;

	*f = (struct vm_file){ .fd = -1, .path = strdup(path), .plain = stat(path, &st) < 0 || S_ISREG(st.st_mode) };
	if (!f->path)
		return why_set(why, -ENOMEM, "no memory");
	if (!f->plain) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
		rc = f->fd < 0 ? -1 : 0;
	} else {
		remove_left(path);
		f->fd = open_folder(path, O_TMPFILE | O_WRONLY);
		if (f->fd < 0)
			rc = open_named(f);
	}
	if (rc) {
		rc = why_set(why, -errno, "%s: %s", path, strerror(errno));
		vm_file_end(f);
	}
	return rc;
}

/* A file that has none gets a name; one that nobody has, for rename() alone takes a name away from another file. */
static int give_name(struct vm_file *f)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	unsigned char dice[6];
	char self[40], *end;

	if (flock(f->fd, LOCK_EX | LOCK_NB) < 0 || asprintf(&f->name, "%s" MARK "XXXXXX", f->path) < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	end = f->name + strlen(f->name) - sizeof(dice);
	for (int i = 0; i < TRIES; i++) {
		if (getrandom(dice, sizeof(dice), 0) != sizeof(dice))
			break;
		for (unsigned k = 0; k < sizeof(dice); k++)
			end[k] = letters[dice[k] % (sizeof(letters) - 1)];
		if (linkat(AT_FDCWD, self, AT_FDCWD, f->name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	free(f->name);
	f->name = NULL;
	return -1;
}

int vm_file_keep(struct vm_file *f, struct why *why)
{
	int folder, rc = 0;

	if (fsync(f->fd) < 0 && errno != EINVAL && errno != EROFS)
		return why_set(why, -errno, "the file cannot be written: %s", strerror(errno));
	if (!f->plain)
		return 0;
	if ((!f->name && give_name(f) < 0) || rename(f->name, f->path) < 0)
		return why_set(why, -errno, "%s: %s", f->path, strerror(errno));
	free(f->name);
	f->name = NULL;
	folder = open_folder(f->path, O_RDONLY | O_DIRECTORY);
	if (folder < 0 || (fsync(folder) < 0 && errno != EINVAL))
		rc = why_set(why, -errno, "%s: %s", f->path, strerror(errno));
	if (folder >= 0)
		close(folder);
	return rc;
}

void vm_file_end(struct vm_file *f)
{
	int error = errno;

	if (f->name)
		unlink(f->name);
	if (f->fd >= 0)
		close(f->fd);
	free(f->name);
	free(f->path);
	*f = (struct vm_file){ .fd = -1 };
	errno = error;
}
