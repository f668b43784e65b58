// SPDX-License-Identifier: GPL-2.0-or-later
#include "logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "skel/log.h"

#define MAX_KEEP 99

static void older_name(const struct logfile *f, unsigned n, char name[112])
{
	snprintf(name, 112, n ? "%s.%u" : "%s", f->name, n);
}

/* Moves up to the first gap: a kill in between moves the gap, and loses nothing. */
static void shift(const struct logfile *f, unsigned keep)
{
	char from[112], to[112];
	unsigned gap = 1;

	if (!keep) {
		unlinkat(f->dir, f->name, 0);
		return;
	}
	for (; gap < keep && gap < MAX_KEEP; gap++) {
		older_name(f, gap, to);
		if (faccessat(f->dir, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			break;
	}
	for (; gap; gap--) {
		older_name(f, gap, to);
		older_name(f, gap - 1, from);
		renameat(f->dir, from, f->dir, to);
	}
}

/* What the file has beyond what the slot knows of: ours, if it is what comes next. */
static uint64_t written_untold(int fd, const struct slot *slot, uint64_t size)
{
	uint64_t known = slot->log_pos + slot->log_shift, more = size - known;
	char byte;

	if (size <= known || more > slot->end - slot->log_pos || slot->log_pos < slot_oldest(slot))
		return 0;
	for (uint64_t i = 0; i < more; i++)
		if (pread(fd, &byte, 1, known + i) != 1 || byte != slot_byte(slot, slot->log_pos + i))
			return 0;
	return more;
}

static int open_it(struct logfile *f)
{
	int flags = O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	struct stat st;
	int fd = openat(f->dir, f->name, flags, 0640);

	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static void fail(struct logfile *f, const char *what)
{
	if (!f->failed)
		log_warning("%s: %s: %s", f->name, what, strerror(errno));
	f->failed = true;
}

static void open_and_place(struct logfile *f, struct slot *slot, const struct log_limits *limits)
{
	struct stat st;

	f->fd = open_it(f);
	/* Another daemon's, as root: it is put aside, whole. */
	if (f->fd < 0 && errno == EACCES) {
		shift(f, limits->keep ? limits->keep : 1);
		f->fd = open_it(f);
	}
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		fail(f, "cannot be opened");
		return;
	}
	if (slot->log_file == st.st_ino)
		slot->log_pos += written_untold(f->fd, slot, st.st_size);
	slot->log_shift = st.st_size - slot->log_pos;
	slot->log_file = st.st_ino;
}

void logfile_open(struct logfile *f, int dir, const char *name, struct slot *slot, const struct log_limits *limits)
{
	*f = (struct logfile){ dir, -1, "", false };
	snprintf(f->name, sizeof(f->name), "%s", name);
	if (dir >= 0)
		open_and_place(f, slot, limits);
}

void logfile_close(struct logfile *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

static bool is_full(const struct slot *slot, const struct log_limits *limits)
{
	return slot->log_pos + slot->log_shift >= limits->size;
}

void logfile_write(struct logfile *f, struct slot *slot, const struct log_limits *limits)
{
	struct iovec piece[2];
	ssize_t n;

	if (slot->log_pos < slot_oldest(slot)) {
		slot->log_shift -= slot_oldest(slot) - slot->log_pos;
		slot->log_pos = slot_oldest(slot);
	}
	if (f->fd >= 0 && slot->log_pos != slot->end && is_full(slot, limits)) {
		logfile_close(f);
		shift(f, limits->keep);
		open_and_place(f, slot, limits);
		/* It could not be put aside: no log is better than a full disk. */
		if (f->fd >= 0 && is_full(slot, limits)) {
			errno = EFBIG;
			fail(f, "cannot be put aside");
			logfile_close(f);
		}
	}
	while (f->fd >= 0 && slot->log_pos < slot->end) {
		n = writev(f->fd, piece, slot_pieces(slot, slot->log_pos, SLOT_HISTORY, piece));
		if (n <= 0)
			break;
		slot->log_pos += n;
		f->failed = false;
	}
	if (slot->log_pos == slot->end)
		return;
	if (f->fd >= 0)
		fail(f, "cannot be written");
	slot->log_shift -= slot->end - slot->log_pos;
	slot->log_pos = slot->end;
}
