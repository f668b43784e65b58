// SPDX-License-Identifier: GPL-2.0-or-later
/* What is noted of a guest, what is configured for its end, and how fast a guest that ends at once is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/sched.h>

#include "../../libs/domd/domd_json.h"
#include "../../daemons/domd/guest.h"

static json_t *config(const char *more)
{
	char text[1024];
	json_t *o;

	snprintf(text, sizeof(text),
		 "{\"c_info\": {\"type\": \"pv\", \"name\": \"demo\", \"uuid\": \"01020304-0506-4708-890a-0b0c0d0e0f10\"}, "
		 "\"b_info\": {\"max_vcpus\": 1, \"max_memkb\": 65536, \"type.pv\": {\"kernel\": \"/k\"}}%s}",
		 more);
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	return o;
}

static struct guest guest(const char *more)
{
	struct guest g;
	struct why why;
	json_t *c = config(more);

	assert_int_equal(guest_init(&g, c, &why), 0);
	json_decref(c);
	return g;
}

static void test_actions(void **state)
{
	struct guest g = guest("");

	(void)state;
	assert_int_equal(guest_action(&g, SHUTDOWN_poweroff), ACTION_DESTROY);
	assert_int_equal(guest_action(&g, SHUTDOWN_reboot), ACTION_RESTART);
	assert_int_equal(guest_action(&g, SHUTDOWN_crash), ACTION_DESTROY);
	assert_int_equal(guest_action(&g, 77), ACTION_DESTROY);
	guest_fini(&g);
	g = guest(", \"on_poweroff\": \"preserve\", \"on_reboot\": \"destroy\", \"on_crash\": \"rename_restart\", \"on_watchdog\": "
		  "\"restart\"");
	assert_int_equal(guest_action(&g, SHUTDOWN_poweroff), ACTION_PRESERVE);
	assert_int_equal(guest_action(&g, SHUTDOWN_reboot), ACTION_DESTROY);
	assert_int_equal(guest_action(&g, SHUTDOWN_crash), ACTION_RENAME);
	assert_int_equal(guest_action(&g, SHUTDOWN_watchdog), ACTION_RESTART);
	assert_int_equal(guest_action(&g, SHUTDOWN_soft_reset), ACTION_RENAME);
	guest_fini(&g);
}

static void test_refused(void **state)
{
	static const char *const wrong[] = {
		", \"on_crash\": \"soft-reset\"",
		", \"on_poweroff\": \"explode\"",
		", \"disks\": [{\"vdev\": \"xvda\"}]",
	};
	struct guest g;
	struct why why;
	json_t *c;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		c = config(wrong[i]);
		assert_true(guest_init(&g, c, &why) < 0);
		json_decref(c);
	}
	assert_true(guest_init(&g, NULL, &why) < 0);
	c = json_string("demo");
	assert_true(guest_init(&g, c, &why) < 0);
	json_decref(c);
	assert_true(guest_is_uuid("01020304-0506-4708-890a-0b0c0d0e0f10"));
	assert_false(guest_is_uuid("01020304-0506-4708-890a-0b0c0d0e0f1"));
	assert_false(guest_is_uuid("../20304-0506-4708-890a-0b0c0d0e0f10"));
	assert_false(guest_is_uuid(".1020304-0506-4708-890a-0b0c0d0e0f10"));
}

/* A guest that ends at once waits longer each time, up to a minute; one that has lived for a while does not wait. */
static void test_delay(void **state)
{
	struct guest g = guest(", \"on_crash\": \"restart\"");
	int64_t now = 1000, delay, last = 0, sum = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		g.started = now;
		now += 50;
		delay = guest_died(&g, ACTION_RESTART, now);
		assert_true(delay >= last && delay >= 2000 && delay <= 64000 && g.not_before == now + delay);
		assert_true(g.phase == GUEST_ENDING && g.again);
		now = g.not_before;
		sum += delay;
		last = delay;
	}
	assert_true(last == 64000 && sum > 15 * 60000);
	g.started = now;
	assert_int_equal(guest_died(&g, ACTION_RENAME, now + 3600000), 0);
	assert_true(g.phase == GUEST_ASIDE && g.not_before == now + 3600000);
	g.started = now;
	assert_int_equal(guest_died(&g, ACTION_RESTART, now + 1), 2000);
	assert_int_equal(guest_died(&g, ACTION_PRESERVE, now), 0);
	assert_true(g.phase == GUEST_PRESERVED && !g.again);
	assert_int_equal(guest_died(&g, ACTION_DESTROY, now), 0);
	assert_true(g.phase == GUEST_ENDING && !g.again);
	guest_fini(&g);
}

static void test_note(void **state)
{
	char folder[] = "/tmp/anel-domd-XXXXXX";
	struct guest g = guest(""), h;
	int dir, fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY);
	guest_rename(&g, "other");
	g.phase = GUEST_ASIDE;
	g.domain = 7;
	g.started = 1ll << 40;
	g.hasty = 3;
	strcpy(g.aside_name, "other-1");
	assert_int_equal(guest_load(dir, g.uuid, &h), -ENOENT);
	assert_int_equal(guest_save(dir, &g), 0);
	assert_int_equal(guest_load(dir, g.uuid, &h), 0);
	assert_string_equal(h.name, "other");
	assert_string_equal(h.uuid, g.uuid);
	assert_string_equal(h.aside_name, "other-1");
	assert_string_equal(json_string_value(json_object_get(json_object_get(h.config, "c_info"), "name")), "other");
	assert_true(h.phase == GUEST_ASIDE && h.domain == 7 && h.started == 1ll << 40 && h.hasty == 3);
	guest_fini(&h);
	/* Half a note is none. */
	fd = openat(dir, g.uuid, O_WRONLY);
	assert_int_equal(ftruncate(fd, 30), 0);
	close(fd);
	assert_int_equal(guest_load(dir, g.uuid, &h), -EINVAL);
	guest_forget(dir, g.uuid);
	assert_int_equal(guest_load(dir, g.uuid, &h), -ENOENT);
	close(dir);
	rmdir(folder);
	guest_fini(&g);
}

/* What `anel create` hands over comes out again, also what xl does not save. */
static void test_handed_over(void **state)
{
	struct vm_config *v = calloc(1, sizeof(*v)), *w = calloc(1, sizeof(*w));
	struct why why;
	struct guest g;
	json_t *o;

	(void)state;
	strcpy(v->name, "demo");
	strcpy(v->kernel, "/k");
	v->uuid[0] = 7;
	v->memory_kib = v->max_kib = 65536;
	v->vcpus = 1;
	v->max_vcpus = 2;
	v->on_poweroff = VM_PRESERVE;
	v->on_reboot = VM_DESTROY;
	v->on_crash = VM_RENAME_RESTART;
	v->on_watchdog = VM_RESTART;
	v->cpus = (struct vm_pins){ true, "0\n1" };
	strcpy(v->cpus_soft.text, "node:0");
	v->weight = 512;
	v->cap = 75;
	v->devices[0] = (struct device){ .kind = DEVICE_DISK, .disk = { .vdev = "xvda", .target = "/dev/a" } };
	v->nr_devices = 1;
	o = domd_json_put(v);
	assert_non_null(o);
	assert_int_equal(guest_init(&g, o, &why), 0);
	assert_int_equal(guest_action(&g, SHUTDOWN_poweroff), ACTION_PRESERVE);
	assert_int_equal(guest_action(&g, SHUTDOWN_reboot), ACTION_DESTROY);
	assert_int_equal(guest_action(&g, SHUTDOWN_crash), ACTION_RENAME);
	assert_int_equal(guest_action(&g, SHUTDOWN_watchdog), ACTION_RESTART);
	assert_int_equal(domd_json_get(w, g.config, &why), 0);
	w->on_watchdog = v->on_watchdog;	/* the guest's to read */
	assert_memory_equal(w, v, sizeof(*v));
	json_object_set_new(json_object_get(o, "anel"), "cap", json_integer(-1));
	assert_int_equal(domd_json_get(w, o, &why), -EINVAL);
	guest_fini(&g);
	json_decref(o);
	free(v);
	free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_delay),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_handed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
