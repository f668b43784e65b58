// SPDX-License-Identifier: GPL-2.0-or-later
/* Configuration files as xl's users write them, and mistakes, which are named with their line. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "../../cli/anel/config.h"
#include "../../cli/anel/spec.h"

static struct vm_config v;
static struct why why;

static void whole(void **state)
{
	static const char text[] =
		"# a guest\n"
		"name = \"demo\" ; type='pv'\n"
		"uuid = \"01234567-89ab-cdef-0123-456789abcdef\"\n"
		"memory = 0x180\nmaxmem = '512'\nvcpus=2\nmaxvcpus=4\n"
		"kernel = \"/boot/vmlinuz\"   # the kernel\n"
		"ramdisk = \"/boot/a \\\"b\\\"\\x41\\102\"\n"
		"root = \"/dev/xvda\"\nextra = \"quiet\"\n"
		"on_reboot = \"destroy\"\non_crash = 'preserve'\n"
		"disk = [ 'phy:/dev/vdb,xvda,w',\n"
		"  # a comment inside\n"
		"  \"format=raw, vdev=xvdb, access=ro, target=/dev/a,b\", '/dev/c,raw,xvdc1,r',]\n"
		"vif = [ 'mac=00:16:3E:01:02:03,bridge=br7', '' ]\n";

	assert_int_equal(config_parse(&v, text, "t", NULL, &why), 0);
	assert_string_equal(v.name, "demo");
	assert_int_equal(v.uuid[0], 1);
	assert_int_equal(v.uuid[15], 0xef);
	assert_int_equal(v.memory_kib, 384 * 1024);
	assert_int_equal(v.max_kib, 512 * 1024);
	assert_int_equal(v.vcpus, 2);
	assert_int_equal(v.max_vcpus, 4);
	assert_string_equal(v.ramdisk, "/boot/a \"b\"AB");
	assert_string_equal(v.command_line, "root=/dev/xvda quiet");
	assert_int_equal(v.on_poweroff, VM_DESTROY);
	assert_int_equal(v.on_reboot, VM_DESTROY);
	assert_int_equal(v.on_crash, VM_PRESERVE);
	assert_int_equal(v.nr_devices, 5);
	assert_string_equal(v.devices[0].disk.target, "/dev/vdb");
	assert_string_equal(v.devices[0].disk.vdev, "xvda");
	assert_false(v.devices[0].disk.read_only);
	assert_string_equal(v.devices[1].disk.target, "/dev/a,b");
	assert_true(v.devices[1].disk.read_only);
	assert_string_equal(v.devices[2].disk.vdev, "xvdc1");
	assert_true(v.devices[2].disk.read_only);
	assert_string_equal(v.devices[3].card.mac, "00:16:3E:01:02:03");
	assert_string_equal(v.devices[3].card.bridge, "br7");
	assert_string_equal(v.devices[4].card.bridge, "xenbr0");
	assert_int_equal(v.devices[4].id, 1);
	assert_int_equal(strncmp(v.devices[4].card.mac, "00:16:3e:", 9), 0);
}

/* One disk in the ways that xl-disk-configuration(5) has to write it. */
static void disks(void **state)
{
	static const struct {
		const char *spec, *target, *vdev;
		bool read_only, cdrom;
	} right[] = {
		{ "/srv/a.img,raw,xvda,rw", "/srv/a.img", "xvda", false, false },
		{ "/srv/a.img,,xvda", "/srv/a.img", "xvda", false, false },
		{ "file:/srv/a.img,xvda,r", "/srv/a.img", "xvda", true, false },
		{ "tap:aio:/srv/a.img,xvda,w", "/srv/a.img", "xvda", false, false },
		{ "raw:/srv/a.img,xvda,ro", "/srv/a.img", "xvda", true, false },
		{ "vg/root,,xvda,", "/dev/vg/root", "xvda", false, false },
		{ "format=, backendtype=qdisk, access=, vdev=sda, target=/a=b,c", "/a=b,c", "sda", false, false },
		{ "/a=b,,xvda", "/a=b", "xvda", false, false },
		{ "qcow2:/srv/a.img,xvda,w", "/srv/a.img", "xvda", false, false },
		{ "tap:vhd:/srv/a.img,xvda,r", "/srv/a.img", "xvda", true, false },
		{ "/srv/a.img,qcow2,xvda", "/srv/a.img", "xvda", false, false },
		{ "/root/image.iso,,hdc,cdrom", "/root/image.iso", "hdc", true, true },
		{ "/root/image.iso,,hdc,,cdrom", "/root/image.iso", "hdc", true, true },
		{ "/root/image.iso,raw,hdc,devtype=cdrom", "/root/image.iso", "hdc", true, true },
		{ "format=raw, vdev=hdc, access=ro, devtype=cdrom, target=/root/image.iso", "/root/image.iso", "hdc", true, true },
		{ "raw:/root/image.iso,hdc:cdrom,ro", "/root/image.iso", "hdc", true, true },
		{ ",,xvdc,cdrom", "", "xvdc", true, true },
		{ "vdev=xvdc,devtype=cdrom,target=", "", "xvdc", true, true },
	};
	struct device d;

	for (unsigned i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_int_equal(spec_disk(&d, right[i].spec, &why), 0);
		assert_string_equal(d.disk.target, right[i].target);
		assert_string_equal(d.disk.vdev, right[i].vdev);
		assert_int_equal(d.disk.read_only, right[i].read_only);
		assert_int_equal(d.disk.cdrom, right[i].cdrom);
		assert_string_equal(d.disk.format, strstr(right[i].spec, "qcow2") ? "qcow2" :
				    strstr(right[i].spec, "vhd") ? "vhd" : "");
	}
}

static void cards(void **state)
{
	static const struct {
		const char *rate;
		unsigned bytes, us;
	} rates[] = {
		{ "rate=10Mb/s", 62500, 50000 },  { "rate=250KB/s", 12500, 50000 }, { "rate=1MB/s@20ms", 20000, 20000 },
		{ "rate=1GB/s@1s", 1000000000, 1000000 }, { "rate=8000b/s@100000us", 100, 100000 }, { "rate=1000B/s", 50, 50000 },
	};
	static const char *const wrong[] = { "rate=", "rate=10", "rate=10mb/s", "rate=-1Mb/s", "rate=10Mb/s@",
					     "rate=10Mb/s@5", "rate=1b/s", "rate=99999999999GB/s", "rate=10Mb/sx", "mtu=67",
					     "mtu=1500x", "mtu=65536", "ip=", "ip=fe80::1", "ip=10.0.0.5/24" };
	struct device d;

	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		assert_int_equal(spec_card(&d, rates[i].rate, 0, &why), 0);
		assert_int_equal(d.card.rate_bytes, rates[i].bytes);
		assert_int_equal(d.card.rate_us, rates[i].us);
	}
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(spec_card(&d, wrong[i], 0, &why), -EINVAL);
	assert_int_equal(spec_card(&d, "ip=10.0.0.5 10.0.0.6, mtu=9000, vifname=web0", 3, &why), 0);
	assert_string_equal(d.card.ip, "10.0.0.5 10.0.0.6");
	assert_string_equal(d.card.name, "web0");
	assert_int_equal(d.card.mtu, 9000);
	assert_int_equal(d.card.rate_bytes, 0);
}

/* What xl.cfg says of CPUs and of the end, and settings on the command line, which count last. */
static void placing(void **state)
{
	static const char text[] =
		"name='a'\nkernel='k'\nvcpus=3\n"
		"cpus=\"0-3,^1\"\ncpus_soft=[ '2', 'all,^5' ]\ncpu_weight=512\ncap='150'\n"
		"on_poweroff='preserve'\non_crash='restart'\non_watchdog='rename-restart'\n"
		"disk=['phy:/dev/x,xvda,w', 'phy:/dev/y,xvdb,w']\nvif=['']\n";
	char list[1024];

	assert_int_equal(config_parse(&v, text, "t", "memory=64\ndisk=['phy:/dev/z,xvda,w']\ncap=7\n", &why), 0);
	assert_false(v.cpus.each);
	assert_true(vm_pins_of(&v.cpus, 2, list));
	assert_string_equal(list, "0-3,^1");
	assert_true(v.cpus_soft.each);
	assert_true(vm_pins_of(&v.cpus_soft, 0, list));
	assert_string_equal(list, "2");
	assert_true(vm_pins_of(&v.cpus_soft, 1, list));
	assert_string_equal(list, "all,^5");
	assert_false(vm_pins_of(&v.cpus_soft, 2, list));
	assert_int_equal(v.weight, 512);
	assert_int_equal(v.cap, 7);
	assert_int_equal(v.on_poweroff, VM_PRESERVE);
	assert_int_equal(v.on_crash, VM_RESTART);
	assert_int_equal(v.on_watchdog, VM_RENAME_RESTART);
	assert_int_equal(v.memory_kib, 64 * 1024);
	assert_int_equal(v.nr_devices, 2);
	assert_int_equal(v.devices[0].kind, DEVICE_CARD);
	assert_string_equal(v.devices[1].disk.target, "/dev/z");
	assert_int_equal(config_parse(&v, text, "t", "\nmemory=x", &why), -EINVAL);
	assert_non_null(strstr(why.text, "command line:2:"));
}

/* What is known but not given keeps its default. */
static void least(void **state)
{
	assert_int_equal(config_parse(&v, "name='a'\nkernel='k'", "t", NULL, &why), 0);
	assert_int_equal(v.memory_kib, 128 * 1024);
	assert_int_equal(v.max_kib, v.memory_kib);
	assert_int_equal(v.vcpus, 1);
	assert_string_equal(v.cpus.text, "");
	assert_int_equal(v.weight, 0);
	assert_int_equal(v.on_reboot, VM_RESTART);
	assert_string_equal(v.command_line, "");
}

static void mistakes(void **state)
{
	static const struct { const char *text, *reason; } wrong[] = {
		{ "name='a'", "needs a kernel" },
		{ "kernel='k'", "needs a name" },
		{ "name='a'\nkernel=k", "t:2: a value is" },
		{ "name='a\nb'", "t:1: a string without" },
		{ "name 'a'", "NAME = VALUE" },
		{ "=3", "NAME = VALUE" },
		{ "\n\nmemory = 12x", "t:3: this is not a number" },
		{ "memory = 0", "t:1: memory: no such amount" },
		{ "memory = 99999999999999999999999", "not a number" },
		{ "memory = [ 'a' ]", "a number is wanted" },
		{ "vcpus = 'two'", "a number is wanted" },
		{ "disk = 'phy:/dev/x,xvda,w'", "a list" },
		{ "disk = [ 'phy:/dev/x' ]", "names no disk" },
		{ "disk = [ 'phy:/dev/x,xvda,z' ]", "not an access" },
		{ "disk = [ 'format=qcow,vdev=xvda,target=/x' ]", "format qcow" },
		{ "disk = [ ',,xvda,' ]", "names no disk" },
		{ "disk = [ 'vdev=xvda,devtype=tape,target=/x' ]", "disk or cdrom" },
		{ "disk = [ 'a' 'b' ]", "closing bracket" },
		{ "disk = [ 'a', 3 ]", "a list has strings" },
		{ "vif = [ 'mac=1:2:3' ]", "MAC" },
		{ "vif = [ 'mac=01:00:00:00:00:00' ]", "group" },
		{ "vif = [ 'bridge=a-name-that-is-too-long' ]", "too long" },
		{ "type='hvm'", "only PV" },
		{ "uuid='0123'", "UUID" },
		{ "on_crash='explode'", "destroy, restart" },
		{ "\ncpus=['']", "t:2: cpus: a list of CPUs" },
		{ "cpu_weight=0", "1 to 65535" },
		{ "cap=70000", "0 to 65535" },
		{ "\n\ndisk = [ 'phy:/dev/x,xvda,z' ]", "t:3: disk: " },
		{ "bootloader='pygrub'", "cannot be done yet" },
		{ "name='a' kernel='b'", "something after" },
		{ "name='a/b'", "no /" },
		{ "name='7'", "begin with a digit" },
		{ "name='a\\0b'", "a zero" },
		{ "name='a'\nkernel='k'\nmemory=64\nmaxmem=32", "maxmem" },
		{ "disk = [ '", "closing quote" },
		{ "disk = [", "a list has strings" },
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		why.text[0] = 0;
		assert_int_equal(config_parse(&v, wrong[i].text, "t", NULL, &why), -EINVAL);
		if (!strstr(why.text, wrong[i].reason))
			fail_msg("%s: \"%s\", not \"%s\"", wrong[i].text, why.text, wrong[i].reason);
	}
}

/* Nothing that is cut off anywhere is read past its end. */
static void cut(void **state)
{
	static const char text[] = "name=\"a\\x41\"\nkernel='k'\nmemory=1\n"
				   "disk=['phy:/dev/x,xvda,w','target=a']\nvif=['mac=00:16:3e:00:00:00']\n";
	char *exact;

	for (size_t n = 0; n < sizeof(text); n++) {
		exact = test_malloc(n + 1);
		memcpy(exact, text, n);
		exact[n] = 0;
		config_parse(&v, exact, "t", NULL, &why);
		test_free(exact);
	}
}

static void disk_ids(void **state)
{
	static const struct { const char *name; int rc; unsigned id; } names[] = {
		{ "xvda", 0, 51712 }, { "xvda1", 0, 51713 }, { "xvdp15", 0, 51967 }, { "xvdq", 0, 268439552 },
		{ "xvda16", 0, 268435472 }, { "xvdaa", 0, 268442112 }, { "sda2", 0, 2050 }, { "hdb", 0, 832 }, { "hdc1", 0, 5633 },
		{ "xvd", -22, 0 }, { "xvda0", -22, 0 }, { "xvda01", -22, 0 }, { "vda", -22, 0 },
		{ "xvda256", -22, 0 },
		{ "xvdzzzzzzzzz", -22, 0 }, { "sdq", -22, 0 }, { "hde", -22, 0 }, { "", -22, 0 },
	};
	unsigned id;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(device_disk_id(names[i].name, &id), names[i].rc);
		if (!names[i].rc)
			assert_int_equal(id, names[i].id);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole), cmocka_unit_test(placing), cmocka_unit_test(least),
		cmocka_unit_test(mistakes), cmocka_unit_test(cut),
		cmocka_unit_test(disks),
		cmocka_unit_test(cards),
		cmocka_unit_test(disk_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
