/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <string.h>
#include "vm/vm.h"

const char *const vm_action_names[VM_ACTIONS] = {
	"destroy", "restart", "preserve", "rename-restart", "coredump-destroy", "coredump-restart",
};

bool vm_good_name(const char *name)
{
	return name[0] && !isdigit((unsigned char)name[0]) && !strchr(name, '/') &&
	       strlen(name) < sizeof(((struct vm_config *)0)->name);
}
