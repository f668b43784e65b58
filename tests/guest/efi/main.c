/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EFI runtime services as dom0 gets them (platform_op), on a machine with UEFI firmware, started by GRUB.
 *
 * What could be wrong: the firmware runs in ring 0 at addresses of its own, with our stack and dom0's registers about.
 * How it is provoked: time and variables are read and written, names and buffers are too small, too long, not there.
 * A wrong host: crashes in the firmware, loses the caller's SSE registers, lets a size exceed its buffer.
 */
#include "guest.h"
#include <xen/platform.h>

static struct xen_platform_op p;
#define call p.u.efi_runtime_call
#define NOT_FOUND	0x800000000000000eUL
#define TOO_SMALL	0x8000000000000005UL

static const u16 name[] = { 'A', 'n', 'e', 'l', 0 };
static const struct xenpf_efi_guid guid = { 0x12345678, 0x1234, 0x1234, { 1, 2, 3, 4, 5, 6, 7, 8 } };
static u8 data[64];

static long efi(u32 function)
{
	p.cmd = XENPF_efi_runtime_call;
	p.interface_version = XENPF_INTERFACE_VERSION;
	call.function = function;
	return HCALL1(__HYPERVISOR_platform_op, &p);
}

static long info(u32 index)
{
	p.cmd = XENPF_firmware_info;
	p.interface_version = XENPF_INTERFACE_VERSION;
	p.u.firmware_info.type = XEN_FW_EFI_INFO;
	p.u.firmware_info.index = index;
	return HCALL1(__HYPERVISOR_platform_op, &p);
}

CASE(firmware, "firmware_info: versions, vendor, configuration tables, memory")
{
	static u16 vendor[32];

	SKIP_IF(host_is_xen(), "GRUB has ended the boot services, which Xen takes for a BIOS");
	REQUIRE_RC(info(XEN_FW_EFI_VERSION), 0);
	EXPECT(p.u.firmware_info.u.efi_info.version >> 16 == 2);
	EXPECT_RC(info(XEN_FW_EFI_RT_VERSION), 0);
	EXPECT(p.u.firmware_info.u.efi_info.version >> 16 == 2);
	memset(&p, 0, sizeof(p));
	p.u.firmware_info.u.efi_info.vendor.bufsz = 8;
	set_xen_guest_handle(p.u.firmware_info.u.efi_info.vendor.name, vendor);
	EXPECT_RC(info(XEN_FW_EFI_VENDOR), 0);
	EXPECT(vendor[0] && vendor[1] && vendor[2] && !vendor[3] && !vendor[4]);
	EXPECT_RC(info(XEN_FW_EFI_CONFIG_TABLE), 0);
	EXPECT(p.u.firmware_info.u.efi_info.cfg.nent > 2 && p.u.firmware_info.u.efi_info.cfg.addr);
	p.u.firmware_info.u.efi_info.mem.addr = p.u.firmware_info.u.efi_info.cfg.addr;
	p.u.firmware_info.u.efi_info.mem.size = 1UL << 40;
	EXPECT_RC(info(XEN_FW_EFI_MEM_INFO), 0);
	EXPECT_RC(p.u.firmware_info.u.efi_info.mem.type, 6);	/* runtime services' data */
	EXPECT(p.u.firmware_info.u.efi_info.mem.size < 1UL << 30);
	EXPECT_REFUSED(info(99));
}

CASE(time, "get_time is the wall clock's; what is written to the SSE registers before is there after")
{
	u64 before[2] = { 0x1122334455667788, 0x99aabbccddeeff00 }, after[2];

	SKIP_IF(host_is_xen(), "no EFI");
	memset(&p, 0, sizeof(p));
	__asm__ volatile("movups %0, %%xmm5" : : "m"(before));
	EXPECT_RC(efi(XEN_EFI_get_time), 0);
	__asm__ volatile("movups %%xmm5, %0" : "=m"(after));
	EXPECT_RC(memcmp(before, after, 16), 0);
	EXPECT_HEX(call.status, 0);
	EXPECT(call.u.get_time.time.year >= 2024 && call.u.get_time.time.month >= 1 && call.u.get_time.time.month <= 12);
	EXPECT_RC((shared->wc_sec / 31556952) + 1970, call.u.get_time.time.year);
	call.misc = 1;
	EXPECT_RC(efi(XEN_EFI_get_time), -XEN_EINVAL);
}

static void aim(u64 size)
{
	memset(&p, 0, sizeof(p));
	set_xen_guest_handle(call.u.get_variable.name, (void *)name);
	set_xen_guest_handle(call.u.get_variable.data, data);
	call.u.get_variable.size = size;
	call.u.get_variable.vendor_guid = guid;
}

CASE(variable, "a variable is made, read, read into too small a buffer, found by its name and deleted")
{
	static u16 next[256];
	bool found = false;

	SKIP_IF(host_is_xen(), "no EFI");
	for (unsigned i = 0; i < 10; i++)
		data[i] = i + 1;
	aim(10);
	call.misc = XEN_EFI_VARIABLE_BOOTSERVICE_ACCESS | XEN_EFI_VARIABLE_RUNTIME_ACCESS | XEN_EFI_VARIABLE_NON_VOLATILE;
	REQUIRE_RC(efi(XEN_EFI_set_variable), 0);
	EXPECT_HEX(call.status, 0);
	memset(data, 0, sizeof(data));
	aim(sizeof(data));
	EXPECT_RC(efi(XEN_EFI_get_variable), 0);
	EXPECT_HEX(call.status, 0);
	EXPECT_RC(call.u.get_variable.size, 10);
	EXPECT(data[0] == 1 && data[9] == 10 && data[10] == 0);
	EXPECT_HEX(call.misc, 7);
	memset(data, 0, sizeof(data));
	aim(9);
	EXPECT_RC(efi(XEN_EFI_get_variable), 0);
	EXPECT_HEX(call.status, TOO_SMALL);
	EXPECT_RC(call.u.get_variable.size, 10);
	EXPECT_RC(data[0], 0);
	for (unsigned n = 0; n < 500 && !found; n++) {
		struct xenpf_efi_guid was = call.u.get_next_variable_name.vendor_guid;

		memset(&p, 0, sizeof(p));
		call.u.get_next_variable_name.size = sizeof(next);
		set_xen_guest_handle(call.u.get_next_variable_name.name, next);
		if (n)
			call.u.get_next_variable_name.vendor_guid = was;
		if (efi(XEN_EFI_get_next_variable_name) || call.status)
			break;
		found = !memcmp(next, name, sizeof(name)) &&
			!memcmp(&call.u.get_next_variable_name.vendor_guid, &guid, sizeof(guid));
	}
	EXPECT(found);
	aim(0);
	EXPECT_RC(efi(XEN_EFI_set_variable), 0);
	EXPECT_HEX(call.status, 0);
	aim(sizeof(data));
	EXPECT_RC(efi(XEN_EFI_get_variable), 0);
	EXPECT_HEX(call.status, NOT_FOUND);
}

CASE(store, "query_variable_info tells of room")
{
	SKIP_IF(host_is_xen(), "no EFI");
	memset(&p, 0, sizeof(p));
	call.u.query_variable_info.attr = 7;
	EXPECT_RC(efi(XEN_EFI_query_variable_info), 0);
	EXPECT_HEX(call.status, 0);
	EXPECT(call.u.query_variable_info.max_store_size >= call.u.query_variable_info.remain_store_size);
	EXPECT(call.u.query_variable_info.max_size);
}

CASE(errors, "names that do not end, pointers that are bad, sizes beyond reason, functions that are none")
{
	static u16 endless[4096];

	SKIP_IF(host_is_xen(), "no EFI");
	for (unsigned i = 0; i < 4096; i++)
		endless[i] = 'x';
	aim(10);
	set_xen_guest_handle(call.u.get_variable.name, (void *)endless);
	EXPECT_RC(efi(XEN_EFI_get_variable), -XEN_EINVAL);
	aim(10);
	set_xen_guest_handle(call.u.get_variable.name, BAD_PTR);
	EXPECT_RC(efi(XEN_EFI_get_variable), -XEN_EFAULT);
	aim(10);
	set_xen_guest_handle(call.u.set_variable.data, BAD_PTR);
	call.misc = 7;
	EXPECT_RC(efi(XEN_EFI_set_variable), -XEN_EFAULT);
	aim(~0UL);
	EXPECT_RC(efi(XEN_EFI_set_variable), -XEN_EINVAL);
	aim(~0UL);
	EXPECT_RC(efi(XEN_EFI_get_variable), 0);
	EXPECT_HEX(call.status, NOT_FOUND);
	EXPECT_RC(efi(77), -XEN_EOPNOTSUPP);
}
