// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration in a saved guest's file: what is put there is got back; what xl puts there is understood;
 * what the guest would miss here, or what is no configuration at all, is refused with its reason.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "vm/vm_json.h"

static struct vm_config in, out;
static struct why why;

static void make(void)
{
	memset(&in, 0, sizeof(in));
	strcpy(in.name, "a guest \"of\" ours");
	for (unsigned i = 0; i < 16; i++)
		in.uuid[i] = 17 * i;
	in.memory_kib = 262144;
	in.max_kib = 524288;
	in.vcpus = 2;
	in.max_vcpus = 4;
	strcpy(in.kernel, "/boot/vmlinuz");
	strcpy(in.command_line, "root=/dev/xvda quiet");
	in.on_reboot = VM_RESTART;
	in.on_crash = VM_RENAME_RESTART;
	in.nr_devices = 5;
	in.devices[0] = (struct device){ .kind = DEVICE_DISK, .disk = { .vdev = "xvda", .target = "/dev/vg/a, b" } };
	in.devices[1] = (struct device){ .kind = DEVICE_DISK, .disk = { .vdev = "xvdb", .target = "/srv/a.img", .format = "qcow2",
									 .read_only = true } };
	in.devices[2] = (struct device){ .kind = DEVICE_DISK, .disk = { .vdev = "xvdc", .read_only = true, .cdrom = true } };
	in.devices[3] = in.devices[2];
	strcpy(in.devices[3].disk.target, "/srv/a.iso");
	in.devices[4] = (struct device){ .kind = DEVICE_CARD, .id = 1,
					 .card = { .mac = "00:16:3e:01:02:03", .bridge = "xenbr0", .name = "web0", .mtu = 9000,
						   .rate_bytes = 62500, .rate_us = 50000, .ip = "10.0.0.5 10.0.0.6" } };
}

static void there_and_back(void **state)
{
	char *text;

	make();
	text = vm_json_put(&in);
	assert_non_null(text);
	assert_int_equal(vm_json_get(&out, text, strlen(text) + 1, &why), 0);
	assert_memory_equal(&out, &in, sizeof(in));
	free(text);
}

/* Shortened from what xl of Xen 4.17 saves. */
static const char xl[] =
	"{\"c_info\": {\"type\": \"pv\", \"name\": \"kept\", \"uuid\": \"7bd37474-3a5c-4c0b-9a43-0d0c7ef26e7a\", "
	"\"run_hotplug_scripts\": \"True\"}, \"b_info\": {\"max_vcpus\": 2, \"avail_vcpus\": [0, 1], \"max_memkb\": 196608, "
	"\"target_memkb\": 180000, \"type.pv\": {\"kernel\": \"/boot/vmlinuz\", \"cmdline\": \"console=hvc0\"}}, "
	"\"disks\": [{\"pdev_path\": \"/dev/vdb\", \"vdev\": \"xvda\", \"backend\": \"phy\", \"format\": \"raw\", \"readwrite\": "
	"1}], "
	"\"nics\": [{\"devid\": 0, \"mac\": \"00:16:3e:5a:00:01\", \"bridge\": \"xenbr0\", \"nictype\": \"vif\"}], "
	"\"on_poweroff\": \"preserve\", \"on_reboot\": \"restart\"}";

static void from_xl(void **state)
{
	assert_int_equal(vm_json_get(&out, xl, sizeof(xl), &why), 0);
	assert_string_equal(out.name, "kept");
	assert_int_equal(out.uuid[0], 0x7b);
	assert_int_equal(out.memory_kib, 180000);
	assert_int_equal(out.max_kib, 196608);
	assert_int_equal(out.vcpus, 2);
	assert_string_equal(out.kernel, "/boot/vmlinuz");
	assert_string_equal(out.command_line, "console=hvc0");
	assert_int_equal(out.nr_devices, 2);
	assert_false(out.devices[0].disk.read_only);
	assert_int_equal(out.on_poweroff, VM_PRESERVE);
}

/* xl's, with one text in another's place. */
static void refused(const char *from, const char *to, const char *reason)
{
	const char *place = strstr(xl, from);
	char text[2048];

	assert_non_null(place);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(place - xl), xl, to, place + strlen(from));
	assert_true(vm_json_get(&out, text, strlen(text), &why) < 0);
	if (!strstr(why.text, reason))
		fail_msg("refused, but not for \"%s\": %s", reason, why.text);
}

static void wrong(void **state)
{
	refused("{\"c_info\"", "{{\"c_info\"", "not understood");
	refused("\"type\": \"pv\"", "\"type\": \"hvm\"", "type hvm");
	refused("\"kept\"", "\"a/b\"", "strange name");
	refused("\"kept\"", "\"a\\u0007b\"", "strange name");
	refused("\"kept\"", "7", "strange name");
	refused("\"kept\"", "\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "strange name");
	refused("7bd37474", "7bd3747g", "strange uuid");
	refused("7bd37474", "7bd374", "strange uuid");
	refused("\"max_vcpus\": 2", "\"max_vcpus\": 0", "no vCPUs");
	refused("\"max_vcpus\": 2", "\"max_vcpus\": -1", "strange max_vcpus");
	refused("180000", "1.5", "strange target_memkb");
	refused("180000", "99999999999999", "strange target_memkb");
	refused("\"phy\"", "\"tap\"", "backend tap");
	refused("\"raw\"", "\"qed\"", "format qed");
	refused("\"/dev/vdb\"", "null", "without target");
	refused("\"readwrite\": 1", "\"is_cdrom\": 2", "is_cdrom");
	refused("3e:5a", "3e-5a", "strange network card");
	refused("xenbr0", "../br", "strange network card");
	refused("\"nics\"", "\"pcidevs\": [{}], \"nics\"", "pcidevs");
	assert_true(vm_json_get(&out, "[]", 2, &why) < 0);
	assert_true(vm_json_get(&out, "", 0, &why) < 0);
	assert_true(vm_json_get(&out, "{}", 2, &why) < 0);
	assert_true(vm_json_get(&out, "{\"c_info\":[],\"b_info\":7,\"disks\":{},\"nics\":[7]}", 48, &why) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(from_xl), cmocka_unit_test(wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
