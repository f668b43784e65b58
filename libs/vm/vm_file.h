/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that is there whole or not at all, whoever is killed while it is made. */
#ifndef VM_FILE_H
#define VM_FILE_H

#include <stdbool.h>
#include "why/why.h"

struct vm_file {
	int fd;		/* to be written to */
	char *path;
	char *name;	/* that it has until it is whole; NULL: none yet, or it is no regular file */
	bool plain;
};

/*
 * Opens a file that will replace path; a path that is not a regular file (a device, a pipe) is opened itself.
 * Where the file system has no files without a name, it is PATH.anel-XXXXXX meanwhile; what killed makers left
 * of such is removed. 0 or a negative errno; reasons name the path.
 */
int vm_file_begin(struct vm_file *f, const char *path, struct why *why);
/* Puts what was written on the disk, and then in its place. 0 or a negative errno. */
int vm_file_keep(struct vm_file *f, struct why *why);
/* After both success and failure. What was not kept goes. */
void vm_file_end(struct vm_file *f);

#endif
