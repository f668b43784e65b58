// SPDX-License-Identifier: GPL-2.0-or-later
// sources: host_guest.h debug/lock_check.c lib/string.c
/*
 * Story: two CPUs take the same two locks in different orders once a month. What would be wrong: that it is found once a month.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/panic.h"
#include "lib/spinlock.h"
#include "x86/traps.h"

unsigned char host_ram[1][PAGE_SIZE];
struct frame host_frames[1];
uint64_t host_m2p[1];
__thread struct vcpu *host_current;
bool host_preempt(void) { return false; }

static char said[512];
static unsigned reports, panics;
static jmp_buf back;

void printk(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(said, sizeof(said), fmt, ap);
	va_end(ap);
	reports++;
}
void panic(const char *fmt, ...)
{
	(void)fmt;
	panics++;
	longjmp(back, 1);
}
void show_call_trace(uint64_t rsp, uint64_t rip) { (void)rsp; (void)rip; }

static DEFINE_SPINLOCK(a);
static DEFINE_SPINLOCK(b);
static DEFINE_SPINLOCK(c);
static spinlock_t many[3];

static void both(spinlock_t *outer, spinlock_t *inner)
{
	spin_lock(outer);
	spin_lock(inner);
	spin_unlock(inner);
	spin_unlock(outer);
}

static void one_order_is_fine(void **state)
{
	for (int i = 0; i < 3; i++) {
		both(&a, &b);
		both(&b, &c);
		both(&a, &c);
	}
	assert_int_equal(reports, 0);
	lock_check_none_held();
}

static void other_order_is_told_once(void **state)
{
	both(&c, &a);		/* not directly against anything seen: a before b before c */
	assert_int_equal(reports, 1);
	assert_non_null(strstr(said, " a'"));
	assert_non_null(strstr(said, " c'"));
	both(&c, &a);
	assert_int_equal(reports, 1);
}

static void an_attempt_cannot_wait(void **state)
{
	unsigned before = reports;

	spin_lock(&b);
	assert_true(spin_trylock(&a));
	spin_unlock(&b);	/* not in the order of taking */
	spin_unlock(&a);
	assert_int_equal(reports, before);
	lock_check_none_held();
}

static void one_class_among_itself(void **state)
{
	unsigned before = reports;

	for (int i = 0; i < 3; i++)
		spin_lock_init(&many[i]);
	both(&many[0], &many[1]);
	both(&many[1], &many[0]);
	assert_int_equal(reports, before);
}

static void never_twice_and_never_kept(void **state)
{
	spin_lock(&a);
	if (!setjmp(back))
		spin_lock(&a);
	assert_int_equal(panics, 1);
	if (!setjmp(back))
		lock_check_none_held();
	assert_int_equal(panics, 2);
	spin_unlock(&a);
	if (!setjmp(back))
		spin_unlock(&a);
	assert_int_equal(panics, 3);
}

static void without_a_name(void **state)
{
	spinlock_t x = SPIN_LOCK_UNLOCKED;
	unsigned before = reports;

	both(&a, &x);
	both(&x, &a);
	assert_int_equal(reports, before);
	lock_check_none_held();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_order_is_fine), cmocka_unit_test(other_order_is_told_once),
		cmocka_unit_test(an_attempt_cannot_wait), cmocka_unit_test(one_class_among_itself),
		cmocka_unit_test(without_a_name), cmocka_unit_test(never_twice_and_never_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
