/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device/device_disk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "device/image.h"
#include "device/loopdev.h"

#define BACK_ENDS "/sys/bus/xen-backend/devices"

int disk_check(struct device *d, struct why *why)
{
	struct stat s;

	if (device_disk_id(d->disk.vdev, &d->id))
		return why_set(why, -EINVAL, "disk %s: not a name for a disk, as xvda is", d->disk.vdev);
	if (device_is_empty(d))
		return 0;
	if (stat(d->disk.target, &s) < 0)
		return why_set(why, -errno, "disk %s: %s: %s", d->disk.vdev, d->disk.target, strerror(errno));
	if (!S_ISBLK(s.st_mode) && !S_ISREG(s.st_mode))
		return why_set(why, -ENOTBLK, "disk %s: %s is neither a block device nor a file", d->disk.vdev, d->disk.target);
	if (!S_ISREG(s.st_mode) && d->disk.format[0])
		return why_set(why, -EINVAL, "disk %s: %s is not a file, as an image of format %s is", d->disk.vdev, d->disk.target,
			       d->disk.format);
	return 0;
}

/* What is mounted, swapped to or a part of another device in dom0 is no guest's to write. */
static int check_unused(const struct device *d, struct why *why)
{
	int fd = d->disk.read_only ? -1 : open(d->disk.target, O_RDWR | O_EXCL | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	if (d->disk.read_only || fd >= 0)
		return 0;
	return why_set(why, -errno, "disk %s: %s: %s", d->disk.vdev, d->disk.target,
		       errno == EBUSY ? "dom0 itself uses it (is it mounted?)" : strerror(errno));
}

int disk_open(struct device *d, struct why *why)
{
	struct stat s;
	int rc;

	if (stat(d->disk.target, &s) < 0)
		return why_set(why, -errno, "disk %s: %s: %s", d->disk.vdev, d->disk.target, strerror(errno));
	if (S_ISBLK(s.st_mode) && !d->disk.format[0]) {
		snprintf(d->disk.node, sizeof(d->disk.node), "%s", d->disk.target);
		rc = check_unused(d, why);
	} else {
		rc = d->disk.format[0] ? image_open(d->disk.target, d->disk.format, d->disk.read_only, d->disk.node, why)
				       : loopdev_open(d->disk.target, d->disk.read_only, d->disk.node, why);
		if (rc >= 0) {
			d->disk.held = rc;
			rc = stat(d->disk.node, &s) < 0 ? why_set(why, -errno, "%s: %s", d->disk.node, strerror(errno)) : 0;
		} else {
			why_prefix(why, rc, "disk %s: ", d->disk.vdev);
		}
	}
	d->disk.major = major(s.st_rdev);
	d->disk.minor = minor(s.st_rdev);
	return rc;
}

/* A line that blkback shows of a device; empty if it does not. */
static void shown(unsigned domain, unsigned id, const char *name, char line[32])
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), BACK_ENDS "/vbd-%u-%u/%s", domain, id, name);
	line[0] = 0;
	f = fopen(path, "re");
	if (!f)
		return;
	if (!fgets(line, 32, f))
		line[0] = 0;
	fclose(f);
}

bool disk_taken(unsigned domain, const struct device *d)
{
	char line[32];

	if (access(BACK_ENDS, F_OK) < 0)
		return true;
	shown(domain, d->id, "physical_device", line);
	return line[0];
}

/* Block devices with the same bytes behind them. */
static bool same(const struct device *d, unsigned major, unsigned minor)
{
	struct loopdev_file mine, other;

	if (major == d->disk.major && minor == d->disk.minor)
		return true;
	return major == LOOPDEV_MAJOR && d->disk.major == LOOPDEV_MAJOR && loopdev_file(minor, &other) == 0 &&
	       loopdev_file(d->disk.minor, &mine) == 0 && mine.device == other.device && mine.inode == other.inode;
}

/* One guest that moves has two domains for a while, of which one runs. */
static bool same_guest(struct store *s, unsigned a, unsigned b)
{
	char path[48], *vm_a, *vm_b;
	bool yes;

	snprintf(path, sizeof(path), "/local/domain/%u/vm", a);
	vm_a = store_read(s, path);
	snprintf(path, sizeof(path), "/local/domain/%u/vm", b);
	vm_b = store_read(s, path);
	yes = a != b && vm_a && vm_b && strlen(vm_a) >= 40 && !strncmp(vm_a, vm_b, 40);
	free(vm_a);
	free(vm_b);
	return yes;
}

/* Not if its nodes are gone: then blkback is letting go of it. */
static bool is_there(struct store *s, unsigned domain, unsigned id)
{
	char path[80], *state;

	snprintf(path, sizeof(path), "/local/domain/0/backend/vbd/%u/%u/state", domain, id);
	state = store_read(s, path);
	free(state);
	return state != NULL;
}

int disk_shared(struct store *s, unsigned domain, const struct device *d, struct why *why)
{
	unsigned other, id, major, minor;
	char device[32], mode[32];
	struct dirent *e;
	DIR *dir = opendir(BACK_ENDS);
	int rc = 0;

	while (dir && !rc && (e = readdir(dir))) {
		if (sscanf(e->d_name, "vbd-%u-%u", &other, &id) != 2 || (other == domain && id == d->id))
			continue;
		shown(other, id, "physical_device", device);
		shown(other, id, "mode", mode);
		if (sscanf(device, "%x:%x", &major, &minor) != 2 || (d->disk.read_only && mode[0] == 'r') ||
		    !same(d, major, minor) || same_guest(s, domain, other) || !is_there(s, other, id))
			continue;
		rc = why_set(why, -EBUSY, "disk %s: domain %u has %s too, and %s may write; one guest alone may have it so",
			     d->disk.vdev, other, d->disk.target, d->disk.read_only ? "it" : "this one");
	}
	if (dir)
		closedir(dir);
	return rc;
}
