/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The release build, and the unit tests: locks are not checked. */
#include "lib/spinlock.h"

const bool lock_check_on = false;

void lock_check_acquire(spinlock_t *l) { (void)l; }
void lock_check_acquired(spinlock_t *l) { (void)l; }
void lock_check_release(spinlock_t *l) { (void)l; }
void lock_check_none_held(void) { }
const char *lock_check_longest(unsigned i, uint64_t *ticks) { return NULL; }
void lock_check_forget(void) { }
