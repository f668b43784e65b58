// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Preloaded into QEMU's storage daemon, which has no words for an image that is given as a descriptor (QEMU itself has: fdset):
 * what it opens as GIVEN_PATH is descriptor GIVEN_FD. So it needs no right to the file.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include "given.h"

static int given(int flags)
{
	int fd = fcntl(GIVEN_FD, F_DUPFD_CLOEXEC, 0), now = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (now < 0)
		return -1;
	if ((flags & O_ACCMODE) != O_RDONLY && (now & O_ACCMODE) != (flags & O_ACCMODE)) {
		errno = EACCES;
		return -1;
	}
	return fcntl(fd, F_SETFL, (now & ~O_DIRECT) | (flags & O_DIRECT)) < 0 ? -1 : fd;
}

static int pass(const char *symbol, const char *path, int flags, mode_t mode)
{
	int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, symbol);

	return strcmp(path, GIVEN_PATH) ? real(path, flags, mode) : given(flags);
}

int open(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return pass("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list ap;

	va_start(ap, flags);
	mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	return pass("open64", path, flags, mode);
}
