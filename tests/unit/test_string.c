// SPDX-License-Identifier: GPL-2.0-or-later
// sources: lib/string.c lib/printf.c lib/symbols.c
/*
 * Story: the hypervisor has its own string functions. What would be wrong: a byte too many at a border, an overlapping move that
 * eats itself, a format that a panic then prints wrongly or that writes past its buffer. The C library is the model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/symbols.h"

void *hv_memcpy(void *d, const void *s, size_t n);
void *hv_memmove(void *d, const void *s, size_t n);
void *hv_memset(void *d, int c, size_t n);
int hv_memcmp(const void *a, const void *b, size_t n);
size_t hv_strnlen(const char *s, size_t n);
int hv_strcmp(const char *a, const char *b);
int hv_strncmp(const char *a, const char *b, size_t n);
char *hv_strchr(const char *s, int c);
char *hv_strstr(const char *s, const char *f);
size_t hv_strlcpy(char *d, const char *s, size_t size);
unsigned long hv_strtoul(const char *s, const char **end, int base);
uint64_t parse_size(const char *s, const char **end);
int hv_snprintf(char *buf, size_t size, const char *fmt, ...);

static const uint32_t offset[] = { 0, 0x40 }, groups[] = { 0 };
const struct symtab symtab = {
	.base = 0xffff82d040200000, .end = 0xffff82d040200080, .count = 2, .offset = offset, .groups = groups,
	.names = "first\0second",
};

#define N 200

static void copies(void **state)
{
	unsigned char a[N], b[N], c[N];

	for (int i = 0; i < 20000; i++) {
		size_t n = rand() % 100, from = rand() % 100, to = rand() % 100;

		for (int k = 0; k < N; k++)
			a[k] = c[k] = rand();
		memcpy(b, a, N);
		hv_memmove(b + to, b + from, n);
		memmove(c + to, c + from, n);
		assert_memory_equal(b, c, N);
		hv_memcpy(b + to, a + from, n);
		memcpy(c + to, a + from, n);
		assert_memory_equal(b, c, N);
		hv_memset(b + to, i, n);
		memset(c + to, i, n);
		assert_memory_equal(b, c, N);
		b[from] ^= rand() % 3;
		assert_int_equal(hv_memcmp(b, c, N) < 0, memcmp(b, c, N) < 0);
		assert_int_equal(hv_memcmp(b, c, N) == 0, memcmp(b, c, N) == 0);
	}
}

static int sign(int n) { return (n > 0) - (n < 0); }

static void texts(void **state)
{
	static const char *const t[] = { "", "a", "ab", "abc", "abd", "b", "ab\xff", "xxabc" };
	char d[4];

	for (unsigned i = 0; i < 8; i++)
		for (unsigned k = 0; k < 8; k++) {
			assert_int_equal(sign(hv_strcmp(t[i], t[k])), sign(strcmp(t[i], t[k])));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(hv_strncmp(t[i], t[k], n)), sign(strncmp(t[i], t[k], n)));
			assert_ptr_equal(hv_strstr(t[i], t[k]), strstr(t[i], t[k]));
			assert_ptr_equal(hv_strchr(t[i], t[k][0]), strchr(t[i], t[k][0]));
		}
	assert_int_equal(hv_strnlen("abc", 2), 2);
	assert_int_equal(hv_strnlen("abc", 9), 3);
	assert_int_equal(hv_strlcpy(d, "abcdef", 4), 6);
	assert_string_equal(d, "abc");
	assert_int_equal(hv_strlcpy(d, "z", 0), 1);
	assert_string_equal(d, "abc");
}

static void numbers(void **state)
{
	static const char *const t[] = { "0", "10", "0x1f", "0x", "017", "08", "x", "", "18446744073709551615", "12z" };
	const char *end;
	char *cend;

	for (unsigned i = 0; i < 10; i++)
		for (int base = 0; base <= 16; base += base ? 6 : 10) {
			unsigned long v = hv_strtoul(t[i], &end, base);

			assert_int_equal(v, strtoul(t[i], &cend, base));
			assert_ptr_equal(end, cend);
		}
	assert_int_equal(parse_size("512M,max", &end), 512ul << 20);
	assert_string_equal(end, ",max");
	assert_int_equal(parse_size("3g", NULL), 3ul << 30);
	assert_int_equal(parse_size("2T", NULL), 2ul << 40);
	assert_int_equal(parse_size("64", NULL), 64);
	assert_int_equal(parse_size("1kx", &end), 1024);
	assert_string_equal(end, "x");
	assert_int_equal(parse_size("99999999999T", NULL), UINT64_MAX);
	assert_int_equal(parse_size("M", &end), 0);
	assert_string_equal(end, "M");
}

#define SAME(...) do { \
	char a__[80], b__[80]; \
	for (size_t s__ = 1; s__ <= sizeof(a__); s__ += 13) { \
		memset(a__, '~', sizeof(a__)); \
		memset(b__, '~', sizeof(b__)); \
		assert_int_equal(hv_snprintf(a__, s__, __VA_ARGS__), snprintf(b__, s__, __VA_ARGS__)); \
		assert_memory_equal(a__, b__, sizeof(a__)); \
	} } while (0)

static void formats(void **state)
{
	static const long v[] = { 0, 1, -1, 42, 0x7fffffff, -0x80000000l, 0x7fffffffffffffffl, -0x7fffffffffffffffl - 1 };

	for (unsigned i = 0; i < 8; i++) {
		SAME("%d %i|%u|%x|%X|%o", (int)v[i], (int)v[i], (int)v[i], (int)v[i], (int)v[i], (int)v[i]);
		SAME("%ld|%lu|%lx|%#lx|%#lo|%llx", v[i], v[i], v[i], v[i], v[i], (long long)v[i]);
		SAME("%8d|%-8d|%08d|%+d|% d|%.3d", (int)v[i], (int)v[i], (int)v[i], (int)v[i], (int)v[i], (int)v[i]);
		SAME("%16lx|%-16lx|%016lx|%#018lx", v[i], v[i], v[i], v[i]);
		SAME("%hd|%hhd|%hu", (short)v[i], (signed char)v[i], (unsigned short)v[i]);
		SAME("%hhx|%zu", (unsigned char)v[i], (size_t)v[i]);
		SAME("%*d|%-*d|%.*d", 6, (int)v[i], 6, (int)v[i], 4, (int)v[i]);
	}
	SAME("%s|%10s|%-10s|%.2s|%.*s|%c|%%", "abc", "abc", "abc", "abc", 1, "abc", 'x');
	SAME("%.0d|%5c|%-5c|", 0, 'a', 'b');
}

static void pointers(void **state)
{
	char b[64];

	hv_snprintf(b, sizeof(b), "%p", (void *)0x1234);
	assert_string_equal(b, "0000000000001234");
	hv_snprintf(b, sizeof(b), "%pS", (void *)0xffff82d040200042);
	assert_string_equal(b, "second+0x2/0x40");
	hv_snprintf(b, sizeof(b), "%pS|", (void *)0x10);
	assert_string_equal(b, "0000000000000010|");
	hv_snprintf(b, sizeof(b), "%s", (char *)NULL);
	assert_string_equal(b, "(null)");
	hv_snprintf(b, sizeof(b), "a%");
	assert_string_equal(b, "a%");
	assert_int_equal(hv_snprintf(NULL, 0, "%d", 12345), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies), cmocka_unit_test(texts), cmocka_unit_test(numbers), cmocka_unit_test(formats),
		cmocka_unit_test(pointers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
