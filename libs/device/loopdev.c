/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/loopdev.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* One try: -EBUSY if somebody else was faster with the number. */
static int configure(int control, int file, const char *name, bool read_only, char node[32])
{
	struct loop_config c = { .fd = file };
	int number = ioctl(control, LOOP_CTL_GET_FREE), fd, rc = 0;

	if (number < 0)
		return -errno;
	snprintf(node, 32, "/dev/loop%d", number);
	fd = open(node, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	c.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (read_only ? LO_FLAGS_READ_ONLY : 0);
	strncpy((char *)c.info.lo_file_name, name, LO_NAME_SIZE - 1);
	if (ioctl(fd, LOOP_CONFIGURE, &c) < 0)
		rc = -errno;
	if (rc)
		close(fd);
	return rc ? rc : fd;
}

int loopdev_open(const char *file, bool read_only, char node[32], struct why *why)
{
	int control, rc = -EBUSY, fd = open(file, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		return why_set(why, -errno, "%s: %s", file, strerror(errno));
	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control < 0) {
		rc = why_set(why, -errno, "%s: no loop device can be had, /dev/loop-control: %s (is the module loop there?)", file,
			     strerror(errno));
		close(fd);
		return rc;
	}
	for (int i = 0; i < 64 && rc == -EBUSY; i++)
		rc = configure(control, fd, file, read_only, node);
	close(control);
	close(fd);
	return rc < 0 ? why_set(why, rc, "%s: the loop device %s cannot be made: %s", file, node, strerror(-rc)) : rc;
}

int loopdev_file(unsigned minor, struct loopdev_file *file)
{
	struct loop_info64 info;
	char node[32];
	int fd, rc;

	snprintf(node, sizeof(node), "/dev/loop%u", minor);
	fd = open(node, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = ioctl(fd, LOOP_GET_STATUS64, &info) < 0 ? -errno : 0;
	close(fd);
	if (!rc)
		*file = (struct loopdev_file){ info.lo_device, info.lo_inode };
	return rc;
}
