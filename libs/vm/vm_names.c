/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vm/vm_names.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE 64

static int refuse(const char *name, int error, struct why *why)
{
	if (error == EWOULDBLOCK)
		return why_set(why, -EEXIST, "there is a domain %s already: it is being made, or comes from another host", name);
	return why_set(why, -error, "the name %s cannot be held: %s", name, strerror(error));
}

/* Whoever releases a name removes its file: what was locked may be no name's any more. */
int vm_name_hold(const char *name, struct why *why)
{
	struct stat locked, there;
	char path[128];
	int fd, error;

	if (!*name || strlen(name) > 63 || strchr(name, '/'))
		return why_set(why, -EINVAL, "no domain can be called so");
	snprintf(path, sizeof(path), VM_NAMES "/%s", name);
	mkdir(VM_RUN, 0755);
	mkdir(VM_NAMES, 0700);
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return refuse(name, errno, why);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			error = errno;
			close(fd);
			return refuse(name, error, why);
		}
		if (fstat(fd, &locked) == 0 && stat(path, &there) == 0 && locked.st_ino == there.st_ino)
			return fd;
		close(fd);
	}
}

void vm_name_release(const char *name, int held)
{
	char path[128];

	if (held < 0)
		return;
	snprintf(path, sizeof(path), VM_NAMES "/%s", name);
	unlink(path);
	close(held);
}

static bool has(const char *now, const char *name, bool itself)
{
	size_t n = strlen(name);

	if (strncmp(now, name, n))
		return false;
	return !now[n] ? !itself : !strcmp(now + n, VM_COMING) || !strcmp(now + n, VM_GOING);
}

static bool is_others(const char *now, const char *name, bool itself)
{
	return !itself && !strcmp(now, name);
}

static int nobody(struct vm_host *host, bool (*taken)(const char *now, const char *name, bool itself), const char *name,
		  const uint8_t *uuid, struct why *why)
{
	struct xen_domctl_getdomaininfo info[AT_ONCE];
	domid_t first = 0;
	char *now;
	int n, rc = 0;

	do {
		n = hcall_domains(host->hcall, first, AT_ONCE, info);
		if (n < 0)
			return why_set(why, n, "the hypervisor does not list its domains: %s", strerror(-n));
		for (int i = 0; i < n && !rc; i++) {
			now = vm_name(host, info[i].domain);
			if (now && taken(now, name, uuid && !memcmp(info[i].handle, uuid, sizeof(info[i].handle))))
				rc = why_set(why, -EEXIST, "there is a domain %s already (%u)", now, info[i].domain);
			free(now);
		}
		first = n ? info[n - 1].domain + 1 : 0;
	} while (n == AT_ONCE && !rc);
	return rc;
}

int vm_name_free(struct vm_host *host, const char *name, const uint8_t *uuid, struct why *why)
{
	return nobody(host, has, name, uuid, why);
}

int vm_name_still_free(struct vm_host *host, const char *name, const uint8_t *uuid, struct why *why)
{
	return nobody(host, is_others, name, uuid, why);
}
