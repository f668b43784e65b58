// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The kernel image is the guest owner's. Right ones of each packing are read; each thing that can be wrong in one is refused
 * with its reason, and nothing outside the image is touched (AddressSanitizer watches).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>
#include "build/image.h"
#include "build/unpack.h"
#include "make_image.h"

static struct made m;
static struct image image;
static struct why why;

/* From memory of exactly its size, so that one byte more is seen. */
static int parse(void)
{
	uint8_t *exact = malloc(m.size);
	int rc;

	memcpy(exact, m.bytes, m.size);
	why.text[0] = 0;
	rc = image_parse(&image, exact, m.size, &why);
	free(exact);
	return rc;
}

static void refused(const char *reason)
{
	assert_int_equal(parse(), -ENOEXEC);
	if (!strstr(why.text, reason))
		fail_msg("refused with \"%s\", not \"%s\"", why.text, reason);
}

static void right(void **state)
{
	make_elf(&m);
	add_linux_notes(&m);
	assert_int_equal(parse(), 0);
	assert_int_equal(image.nr_segments, 2);
	assert_int_equal(image.start, 0x1000000);
	assert_int_equal(image.end, 0x1210000);
	assert_int_equal(image.virt_base, BASE);
	assert_int_equal(image.entry, BASE + 0x1000100);
	assert_int_equal(image.hypercall_page, BASE + 0x1001000);
	assert_int_equal(image.init_p2m, 0x8000000000ull);
	assert_true(image.initrd_unmapped);
	assert_string_equal(image.guest_os, "linux");
	assert_int_equal(image.segments[1].memory_size, 0x10000);
}

/* PADDR_OFFSET: physical addresses that are virtual ones. */
static void paddr_offset(void **state)
{
	make_elf(&m);
	m.phdrs[0].p_paddr += BASE;
	m.phdrs[1].p_paddr += BASE;
	add_number(&m, XEN_ELFNOTE_PADDR_OFFSET, BASE);
	assert_int_equal(parse(), 0);
	assert_int_equal(image.start, 0x1000000);
	assert_int_equal(image.segments[1].address, 0x1200000);
	assert_int_equal(image.init_p2m, IMAGE_UNSET);
	assert_false(image.initrd_unmapped);
}

static void wrong_header(void **state)
{
	make_elf(&m);
	m.bytes[1] = 'X';
	refused("neither an ELF file");
	make_elf(&m);
	m.size = 63;
	refused("neither an ELF file");
	make_elf(&m);
	m.bytes[EI_CLASS] = ELFCLASS32;
	refused("32 bits");
	make_elf(&m);
	m.head->e_machine = EM_AARCH64;
	refused("not for x86-64");
	make_elf(&m);
	m.head->e_phoff = UINT64_MAX - 8;
	refused("program headers");
	make_elf(&m);
	m.head->e_phnum = 65535;
	refused("program headers");
	make_elf(&m);
	m.head->e_phentsize = 55;
	refused("program headers");
}

static void wrong_segments(void **state)
{
	make_elf(&m);
	m.phdrs[0].p_offset = UINT64_MAX - 0x100;
	refused("segment 0 lies outside");
	make_elf(&m);
	m.phdrs[1].p_filesz = m.phdrs[1].p_memsz + 1;
	refused("segment 1 lies outside");
	make_elf(&m);
	m.phdrs[1].p_memsz = UINT64_MAX - 0x1000;
	refused("segment 1 wraps");
	make_elf(&m);
	m.phdrs[1].p_memsz = 1ull << 40;
	refused("reach up to");
	make_elf(&m);
	m.phdrs[0].p_memsz = m.phdrs[1].p_memsz = m.phdrs[0].p_filesz = m.phdrs[1].p_filesz = 0;
	refused("nothing to load");
	make_elf(&m);
	add_number(&m, XEN_ELFNOTE_PADDR_OFFSET, 0x1000001);
	refused("PADDR_OFFSET");
}

static void wrong_notes(void **state)
{
	make_elf(&m);
	m.phdrs[2].p_type = PT_NULL;
	refused("no Xen notes");
	make_elf(&m);
	m.phdrs[2].p_offset = UINT64_MAX;
	refused("no Xen notes");
	make_elf(&m);
	add_note(&m, XEN_ELFNOTE_XEN_VERSION, "xen-9.9", 8);
	refused("xen-9.9");
	make_elf(&m);
	add_note(&m, XEN_ELFNOTE_FEATURES, "!auto_translated_physmap", 24);
	refused("auto_translated_physmap");
	make_elf(&m);
	add_number(&m, XEN_ELFNOTE_ENTRY, BASE + 0x5000000);
	refused("entry");
	make_elf(&m);
	add_number(&m, XEN_ELFNOTE_ENTRY, 0);
	refused("entry");
	make_elf(&m);
	add_number(&m, XEN_ELFNOTE_HYPERCALL_PAGE, BASE + 0x1001001);
	refused("hypercall page");
	make_elf(&m);
	add_number(&m, XEN_ELFNOTE_HYPERCALL_PAGE, BASE - 0x1000);
	refused("hypercall page");
	/* The hypervisor's own addresses, no address at all, and one that wraps. */
	for (unsigned i = 0; i < 3; i++) {
		static const uint64_t bases[] = { 0xffff800000000000, 0x0000800000000000, 0xffffffffffc00000 };

		make_elf(&m);
		add_number(&m, XEN_ELFNOTE_VIRT_BASE, bases[i]);
		refused("VIRT_BASE");
	}
	/* A note's sizes that run over the end are no note. */
	make_elf(&m);
	add_note(&m, XEN_ELFNOTE_INIT_P2M, "1234567", 8);
	memset(m.bytes + m.size - 20, 0xff, 4);
	assert_int_equal(parse(), 0);
	assert_int_equal(image.init_p2m, IMAGE_UNSET);
}

static size_t pack_lzo(uint8_t *out, const uint8_t *data, size_t size)
{
	/* version, library, needed, method, level; flags: a checksum of the plain block; mode, times, name's length, checksum: 0 */
	static const uint8_t head[38] = { 0x89, 'L', 'Z', 'O', 0, 13, 10, 26, 10, 0x10, 0x30, 0x20, 0x80, 0x09, 0x40, 1, 5,
					  0, 0, 0, 1 };
	void *work = malloc(LZO1X_1_MEM_COMPRESS);
	lzo_uint n = 0;
	size_t at = sizeof(head);

	assert_int_equal(lzo_init(), LZO_E_OK);
	memcpy(out, head, sizeof(head));
	assert_int_equal(lzo1x_1_compress(data, size, out + at + 12, &n, work), LZO_E_OK);
	for (int i = 0; i < 4; i++) {
		out[at + i] = size >> (24 - 8 * i);
		out[at + 4 + i] = n >> (24 - 8 * i);
		out[at + 8 + i] = 0;
	}
	memset(out + at + 12 + n, 0, 4);
	free(work);
	return at + 12 + n + 4;
}

static size_t pack_gzip(uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
	z_stream z = { .next_in = (uint8_t *)data, .avail_in = size, .next_out = out, .avail_out = room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t pack_lzma(uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
	lzma_stream z = LZMA_STREAM_INIT;
	lzma_options_lzma options;

	lzma_lzma_preset(&options, 6);
	assert_int_equal(lzma_alone_encoder(&z, &options), LZMA_OK);
	z.next_in = data;
	z.avail_in = size;
	z.next_out = out;
	z.avail_out = room;
	assert_int_equal(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	lzma_end(&z);
	return room - z.avail_out;
}

static size_t pack(enum unpack_kind kind, uint8_t *out, size_t room, const uint8_t *data, size_t size)
{
	unsigned n = room;
	uint32_t length;
	size_t used = 0;

	switch (kind) {
	case UNPACK_GZIP:
		return pack_gzip(out, room, data, size);
	case UNPACK_BZIP2:
		assert_int_equal(BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)data, size, 9, 0, 0), BZ_OK);
		return n;
	case UNPACK_XZ:
		assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, data, size, out, &used, room), LZMA_OK);
		return used;
	case UNPACK_LZMA:
		return pack_lzma(out, room, data, size);
	case UNPACK_LZO:
		return pack_lzo(out, data, size);
	case UNPACK_LZ4:
		memcpy(out, "\x02\x21\x4c\x18", 4);
		length = LZ4_compress_default((const char *)data, (char *)out + 8, size, room - 8);
		memcpy(out + 4, &length, 4);
		return 8 + length;
	default:
		return ZSTD_compress(out, room, data, size, 3);
	}
}

/* Each packing, whole, cut short at many places, and with less room than it needs. */
static void packings(void **state)
{
	static uint8_t packed[2 * IMAGE_ROOM], bz[3 * IMAGE_ROOM], out[IMAGE_ROOM];
	struct image_payload p;
	size_t n, size, used;

	make_elf(&m);
	for (enum unpack_kind kind = UNPACK_GZIP; kind <= UNPACK_ZSTD; kind++) {
		n = pack(kind, packed, sizeof(packed), m.bytes, m.size);
		size = make_bzimage(bz, packed, n, m.size);
		assert_int_equal(image_payload(bz, size, &p, &why), 0);
		assert_true(p.packed);
		assert_int_equal(unpack_kind(p.data, p.size), kind);
		memset(out, 0xee, sizeof(out));
		assert_int_equal(unpack(kind, p.data, p.size, out, m.size, &used, &why), 0);
		assert_int_equal(used, m.size);
		assert_memory_equal(out, m.bytes, m.size);
		assert_int_equal(unpack(kind, p.data, p.size, out, m.size - 1, &used, &why), -EFBIG);
		for (size_t cut = 0; cut < n - 1; cut += 1 + n / 97) {
			uint8_t *exact = malloc(cut ? cut : 1);
			int rc;

			memcpy(exact, packed, cut);
			rc = unpack(kind, exact, cut, out, sizeof(out), &used, &why);
			/* lz4's file has no end mark and no length: what lacks its last block unpacks to less. */
			if (rc == 0)
				assert_true(used < m.size);
			else
				assert_int_equal(rc, -ENOEXEC);
			free(exact);
		}
	}
}

static void wrong_bzimage(void **state)
{
	static uint8_t bz[2 * IMAGE_ROOM];
	struct image_payload p;
	size_t size;

	make_elf(&m);
	size = make_bzimage(bz, m.bytes, m.size, m.size);
	assert_int_equal(image_payload(bz, size, &p, &why), 0);
	assert_false(p.packed);
	assert_int_equal(image_parse(&image, p.data, p.size, &why), 0);
	assert_int_equal(image_payload(bz, size - 1, &p, &why), -ENOEXEC);
	memset(bz + 0x248, 0xff, 8);
	assert_int_equal(image_payload(bz, size, &p, &why), -ENOEXEC);
	size = make_bzimage(bz, m.bytes, m.size, m.size);
	bz[0x206] = 7;
	assert_int_equal(image_payload(bz, size, &p, &why), -ENOEXEC);
	assert_non_null(strstr(why.text, "2.08"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right),       cmocka_unit_test(paddr_offset), cmocka_unit_test(wrong_header),
		cmocka_unit_test(wrong_segments), cmocka_unit_test(wrong_notes), cmocka_unit_test(packings),
		cmocka_unit_test(wrong_bzimage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
