// SPDX-License-Identifier: GPL-2.0-or-later
#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "devd_proto.h"
#include "format.h"
#include "nbd.h"
#include "skel/log.h"
#include "skel/mem.h"
#include "skel/skel.h"

#define STARTS_MAX 5 /* within a minute */

static const struct {
	const char *name, *driver;
} formats[] = {
#define FORMAT(name, driver) {#name, driver},
	DEVD_FORMATS(FORMAT)
#undef FORMAT
};

static void image_name(const struct disk *d, char name[64])
{
	snprintf(name, 64, "image-%u-%s-%c", d->image.number, d->format, d->image.writable ? 'w' : 'r');
}

static void qemu_name(const struct disk *d, char name[64])
{
	snprintf(name, 64, "qemu-%u", d->image.number);
}

static void link_name(const struct disk *d, char name[64])
{
	snprintf(name, 64, "link-%u-%u-%u", d->image.number, d->index, d->generation);
}

static void end_qemu(struct disk *d)
{
	char name[64];

	if (d->pidfd < 0)
		return;
	qemu_kill(d->pidfd);
	d->pidfd = -1;
	qemu_name(d, name);
	skel_forget_fd(name);
}

static void drop_link(struct disk *d)
{
	char name[64];

	if (d->link.fd < 0)
		return;
	loop_remove(&d->server->loop, &d->link);
	close(d->link.fd);
	d->link.fd = -1;
	link_name(d, name);
	skel_forget_fd(name);
}

/* Nobody has the device any more. */
static void release(struct disk *d)
{
	char name[64];

	drop_link(d);
	end_qemu(d);
	if (d->format) {
		image_name(d, name);
		skel_forget_fd(name);
	}
	if (d->image.fd >= 0)
		close(d->image.fd);
	list_remove(&d->all);
	list_append(&d->server->gone, &d->all);
	d->gone = true;
	d->server->nr_disks--;
}

void disk_bury(struct server *v)
{
	struct disk *d, *next;

	list_each_safe(d, next, &v->gone, struct disk, all) {
		list_remove(&d->all);
		free(d);
	}
}

static void keep_qemu(void *data, int pidfd)
{
	struct disk *d = data;
	char name[64];

	qemu_name(d, name);
	skel_keep_lonely_fd(name, pidfd);
	d->pidfd = pidfd;
}

static void on_link(struct loop_source *source, uint32_t events);

/* The link that the kernel has now. The one before is forgotten last, so that there is one at each instant. */
static int take_link(struct disk *d, int link)
{
	struct disk old = *d;
	char name[64];

	if (d->link.fd >= 0)
		loop_remove(&d->server->loop, &d->link);
	d->generation++;
	d->link = (struct loop_source){on_link, link};
	link_name(d, name);
	skel_keep_lonely_fd(name, link);
	if (old.link.fd >= 0) {
		link_name(&old, name);
		skel_forget_fd(name);
		close(old.link.fd);
	}
	/* The kernel reads it; here only its end is of interest. */
	return loop_add(&d->server->loop, &d->link, EPOLLRDHUP);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static bool has_ended(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return pidfd < 0 || poll(&p, 1, 0) > 0;
}

/* The kernel lets go of a link a moment before it lets go of the device. */
static bool is_released(const struct disk *d)
{
	bool died = has_ended(d->pidfd);

	for (int i = 0; nbd_connected(d->index); i++) {
		if (died || i == 100)
			return false;
		usleep(10000);
	}
	return true;
}

static int start(struct disk *d, struct qemu *q, struct why *why)
{
	char name[64];
	int rc = qemu_start(&d->server->qemu, &d->image, keep_qemu, d, q, why);

	if (rc) {
		d->pidfd = -1;
		qemu_name(d, name);
		skel_forget_fd(name);
	}
	return rc;
}

static int start_again(struct disk *d, struct why *why)
{
	struct qemu q;
	int rc;

	if (now_ms() - d->since > 60000) {
		d->since = now_ms();
		d->starts = 0;
	}
	if (d->starts++ == STARTS_MAX)
		return why_set(why, -EIO, "it has ended %d times within a minute", STARTS_MAX);
	end_qemu(d);
	rc = start(d, &q, why);
	if (rc)
		return rc;
	rc = nbd_reconnect(d->index, q.link);
	if (rc) {
		close(q.link);
		return why_set(why, rc, "the kernel does not take the new link: %s", strerror(-rc));
	}
	rc = take_link(d, q.link);
	return rc ? why_set(why, rc, "no memory") : 0;
}

/* Its link has ended. Its users wait until there is another, or get errors if there is none to be had. */
static void mend(struct disk *d)
{
	struct why why;

	if (is_released(d)) {
		log_info("/dev/nbd%u is released", d->index);
		release(d);
		return;
	}
	log_warning("/dev/nbd%u: QEMU's process ended or was too slow; it is started again", d->index);
	while (nbd_connected(d->index) && d->starts <= STARTS_MAX) {
		if (start_again(d, &why) == 0)
			return;
		log_warning("/dev/nbd%u: %s", d->index, why.text);
	}
	if (nbd_connected(d->index)) {
		log_error("/dev/nbd%u is broken: its users get errors from now on", d->index);
		nbd_disconnect(d->index);
	}
	release(d);
}

static void on_link(struct loop_source *source, uint32_t events)
{
	struct disk *d = list_entry(source, struct disk, link);

	if (!d->gone)
		mend(d);
}

static unsigned free_number(const struct server *v)
{
	const struct disk *d;
	unsigned n = 0;

	for (bool taken = true; taken; n += taken) {
		taken = false;
		list_each(d, &v->disks, struct disk, all)
			taken |= d->image.number == n;
	}
	return n;
}

static struct disk *new_disk(struct server *v, unsigned number)
{
	struct disk *d = mem_zalloc(sizeof(*d));

	d->server = v;
	d->image = (struct qemu_image){.fd = -1, .number = number};
	d->link.fd = d->pidfd = -1;
	list_init(&d->all);
	list_append(&v->disks, &d->all);
	v->nr_disks++;
	return d;
}

static int set_format(struct disk *d, const char *format)
{
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(format, formats[i].name)) {
			d->format = formats[i].name;
			d->image.driver = formats[i].driver;
			return 0;
		}
	return -EINVAL;
}

/* A guest that is started again wants what its last life is just letting go of. */
static void wait_for_same(const struct disk *wanted)
{
	struct disk *d, *next;
	struct stat mine, s;

	if (fstat(wanted->image.fd, &mine) < 0)
		return;
	list_each_safe(d, next, &wanted->server->disks, struct disk, all) {
		if (d == wanted || fstat(d->image.fd, &s) < 0 || s.st_dev != mine.st_dev || s.st_ino != mine.st_ino)
			continue;
		for (int i = 0; i < 300 && nbd_connected(d->index); i++)
			usleep(10000);
		if (!nbd_connected(d->index))
			release(d);
	}
}

static int connect_disk(struct disk *d, struct why *why)
{
	char name[64];
	struct qemu q;
	int rc = format_check(d->image.fd, d->image.driver, why);

	if (rc)
		return rc;
	wait_for_same(d);
	image_name(d, name);
	skel_keep_lonely_fd(name, d->image.fd);
	rc = start(d, &q, why);
	if (rc)
		return rc;
	rc = nbd_connect(q.link, q.size, q.flags, &d->index);
	if (rc) {
		close(q.link);
		return why_set(why, rc, "the kernel makes no block device of it (is its module nbd there?): %s", strerror(-rc));
	}
	rc = take_link(d, q.link);
	return rc ? why_set(why, rc, "no memory") : 0;
}

static int check_file(int fd, bool writable, struct why *why)
{
	int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	struct stat s;

	if (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode))
		return why_set(why, -EINVAL, "an image is a regular file");
	return mode == (writable ? O_RDWR : O_RDONLY) ? 0 : why_set(why, -EINVAL, "the image is not open for that access");
}

struct disk *disk_open(struct server *v, const char *format, bool writable, int fd, struct why *why)
{
	struct disk *d = new_disk(v, free_number(v));
	int rc = v->nr_disks > DEVD_DISKS_MAX ? why_set(why, -EMFILE, "there are %d disks already", DEVD_DISKS_MAX) : 0;

	d->image.fd = fd;
	d->image.writable = writable;
	if (set_format(d, format) && !rc)
		rc = why_set(why, -EINVAL, "no such format: %s", format);
	if (!rc)
		rc = check_file(fd, writable, why);
	if (!rc)
		rc = connect_disk(d, why);
	if (!rc)
		return d;
	release(d);
	return NULL;
}

/* --- after a predecessor --- */

static struct disk *numbered(struct server *v, unsigned number)
{
	struct disk *d;

	list_each(d, &v->disks, struct disk, all)
		if (d->image.number == number)
			return d;
	return new_disk(v, number);
}

void disk_kept(void *server, const char *name, int fd)
{
	unsigned number, index, generation;
	struct server *v = server;
	char format[16], access;
	struct disk *d;

	if (sscanf(name, "image-%u-%15[a-z0-9]-%c", &number, format, &access) == 3) {
		d = numbered(v, number);
		d->image.fd = fd;
		d->image.writable = access == 'w';
		set_format(d, format);
	} else if (sscanf(name, "link-%u-%u-%u", &number, &index, &generation) == 3) {
		d = numbered(v, number);
		if (d->link.fd >= 0 && d->generation > generation) {
			skel_forget_fd(name);
			close(fd);
			return;
		}
		if (d->link.fd >= 0) {
			char older[64];

			link_name(d, older);
			skel_forget_fd(older);
			close(d->link.fd);
		}
		d->index = index;
		d->generation = generation;
		d->link = (struct loop_source){on_link, fd};
	} else if (sscanf(name, "qemu-%u", &number) == 1) {
		numbered(v, number)->pidfd = fd;
	} else {
		skel_forget_fd(name);
		close(fd);
	}
}

static void disconnect_unknown(void *server, unsigned index)
{
	const struct server *v = server;
	const struct disk *d;

	list_each(d, &v->disks, struct disk, all)
		if (d->link.fd >= 0 && d->index == index)
			return;
	log_warning("/dev/nbd%u is half made, and goes", index);
	nbd_disconnect(index);
}

/* A client of the predecessor's may be waiting for nobody: a device without a user goes now. */
static void take_one(struct disk *d)
{
	int use;

	if (d->link.fd < 0 || d->image.fd < 0 || !d->format) {
		if (d->link.fd >= 0)
			nbd_disconnect(d->index);
		release(d);
		return;
	}
	loop_add(&d->server->loop, &d->link, EPOLLRDHUP);
	nbd_passing(d->index);
	use = nbd_use(d->index);
	if (use >= 0)
		close(use);
}

void disk_take_over(struct server *v)
{
	struct disk *d, *next;

	nbd_each(disconnect_unknown, v);
	list_each_safe(d, next, &v->disks, struct disk, all)
		take_one(d);
	if (v->nr_disks)
		log_info("%u disks of the one before", v->nr_disks);
}
