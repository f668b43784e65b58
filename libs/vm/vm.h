/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PV guest: create, find, pause, destroy. What `anel` asks for, and later domd. Its life between: vm_life.h. */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdbool.h>
#include "device/device.h"
#include "hcall/hcall.h"
#include "store/store.h"
#include "vm/vm_cpus.h"
#include "why/why.h"

#define VM_MAX_DEVICES 64
#define VM_CACHE       "/var/cache/anel"
#ifndef VM_RUN
#define VM_RUN	       "/run/anel"
#endif

/* What becomes of a guest that ends. */
enum vm_action { VM_DESTROY, VM_RESTART, VM_PRESERVE, VM_RENAME_RESTART, VM_DUMP_DESTROY, VM_DUMP_RESTART, VM_ACTIONS };
extern const char *const vm_action_names[VM_ACTIONS];

struct vm_config {
	char name[64];
	uint8_t uuid[16];	/* all zero: vm_create makes one */
	uint64_t memory_kib, max_kib;
	unsigned vcpus, max_vcpus;
	char kernel[512], ramdisk[512], command_line[1024];
	enum vm_action on_poweroff, on_reboot, on_crash, on_watchdog;
	struct vm_pins cpus, cpus_soft;
	unsigned weight, cap;	/* 0: the scheduler's default */
	struct device devices[VM_MAX_DEVICES];
	unsigned nr_devices;
};

/* Is it a name that a domain may have? 1 to 63 characters, no /, not a digit first. */
bool vm_good_name(const char *name);

struct vm_host {
	struct hcall *hcall;
	struct store *store;
	const char *_Atomic doing;	/* what takes its time just now, or NULL; another thread may show it */
};
int vm_host_open(struct vm_host *host, struct why *why);
void vm_host_close(struct vm_host *host);

/* Makes a domain that is paused, with all its devices connected in dom0. On failure nothing is left of it. */
int vm_create(struct vm_host *host, struct vm_config *config, domid_t *id, struct why *why);
/* Keeps what is worth keeping of the last vm_create's work for the next; takes a while, and nobody waits for it. */
void vm_create_after(void);
int vm_destroy(struct vm_host *host, domid_t id, struct why *why);
int vm_pause(struct vm_host *host, domid_t id, struct why *why);
int vm_unpause(struct vm_host *host, domid_t id, struct why *why);

/* A domain by its name or number. */
int vm_find(struct vm_host *host, const char *name, domid_t *id, struct why *why);
/* The name of a domain, for free(), or NULL. */
char *vm_name(struct vm_host *host, domid_t id);
void vm_uuid_text(const uint8_t uuid[16], char text[37]);

#endif
