/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel file, unpacked. Unpacking is most of the work of starting a guest, so unpacked kernels are kept in a folder of root's,
 * under a name made of what identifies the file's content to its file system (device, inode, size, times).
 */
#ifndef BUILD_KERNEL_H
#define BUILD_KERNEL_H

#include <stdbool.h>
#include "build/image.h"

struct kernel {
	struct image image;
	void *memory;
	size_t mapped;		/* bytes at `memory` */
	int file;		/* the kept file, or -1: then `memory` has the image */
	char key[128];
};

/* cache: the folder, or NULL: nothing is kept. limit: how large the unpacked kernel may be. */
int kernel_open(struct kernel *k, const char *path, const char *cache, size_t limit, struct why *why);
/* Copies n bytes from the image at `offset`. */
int kernel_read(const struct kernel *k, void *to, uint64_t offset, size_t n);
/* Keeps the kernel for the next time, if it was unpacked now. Takes a while. */
void kernel_keep(const struct kernel *k, const char *cache);
void kernel_close(struct kernel *k);

#endif
