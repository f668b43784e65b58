/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copies by 8-byte words in plain loops: no vector registers here, and string instructions are slow under emulation. */
#include "lib/string.h"

/* The compiler must not turn these loops into calls of the very functions. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

typedef uint64_t __attribute__((may_alias, aligned(1))) word_t;

void *memcpy(void *d, const void *s, size_t n)
{
	char *dp = d;
	const char *sp = s;

	for (; n >= 32; n -= 32, dp += 32, sp += 32) {
		uint64_t a = ((const word_t *)sp)[0], b = ((const word_t *)sp)[1];
		uint64_t c = ((const word_t *)sp)[2], e = ((const word_t *)sp)[3];

		((word_t *)dp)[0] = a;
		((word_t *)dp)[1] = b;
		((word_t *)dp)[2] = c;
		((word_t *)dp)[3] = e;
	}
	for (; n >= 8; n -= 8, dp += 8, sp += 8)
		*(word_t *)dp = *(const word_t *)sp;
	while (n--)
		*dp++ = *sp++;
	return d;
}

void *memmove(void *d, const void *s, size_t n)
{
	char *dp = d;
	const char *sp = s;

	if ((uintptr_t)d - (uintptr_t)s >= n)
		return memcpy(d, s, n);	/* memcpy goes upwards and reads before it writes */
	dp += n;
	sp += n;
	for (; n >= 8; n -= 8) {
		dp -= 8;
		sp -= 8;
		*(word_t *)dp = *(const word_t *)sp;
	}
	while (n--)
		*--dp = *--sp;
	return d;
}

void *memset(void *d, int c, size_t n)
{
	char *p = d;
	uint64_t w = (uint8_t)c * 0x0101010101010101ull;

	for (; n >= 64; n -= 64, p += 64) {
		((word_t *)p)[0] = w;
		((word_t *)p)[1] = w;
		((word_t *)p)[2] = w;
		((word_t *)p)[3] = w;
		((word_t *)p)[4] = w;
		((word_t *)p)[5] = w;
		((word_t *)p)[6] = w;
		((word_t *)p)[7] = w;
	}
	for (; n >= 8; n -= 8, p += 8)
		*(word_t *)p = w;
	while (n--)
		*p++ = (char)c;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *p = a, *q = b;

	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

size_t strnlen(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i])
		i++;
	return i;
}

size_t strlen(const char *s)
{
	return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a - (uint8_t)*b;
		if (!*a)
			break;
	}
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)s;
		if (!*s)
			return NULL;
	}
}

char *strstr(const char *s, const char *f)
{
	size_t n = strlen(f);

	if (!n)
		return (char *)s;
	for (; *s; s++)
		if (!strncmp(s, f, n))
			return (char *)s;
	return NULL;
}

size_t strlcpy(char *d, const char *s, size_t size)
{
	size_t n = strlen(s);

	if (size) {
		size_t k = MIN(n, size - 1);

		memcpy(d, s, k);
		d[k] = 0;
	}
	return n;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'z')
		return (c | 32) - 'a' + 10;
	return 99;
}

/* base 0: by prefix. No digits: 0 with *end = s. What does not fit is the largest number. */
unsigned long strtoul(const char *s, const char **end, int base)
{
	unsigned long v = 0;
	const char *p = s;
	bool too_large = false;

	if ((base == 0 || base == 16) && p[0] == '0' && (p[1] | 32) == 'x' && digit(p[2]) < 16) {
		p += 2;
		base = 16;
	} else if (base == 0) {
		base = p[0] == '0' ? 8 : 10;
	}
	for (; digit(*p) < base; p++)
		if (__builtin_mul_overflow(v, (unsigned long)base, &v) || __builtin_add_overflow(v, (unsigned long)digit(*p), &v))
			too_large = true;
	if (end)
		*end = p;
	return too_large ? ~0ul : v;
}

uint64_t parse_size(const char *s, const char **end)
{
	const char *p;
	uint64_t v = strtoul(s, &p, 0);
	unsigned shift = 0;

	if (p != s) {
		switch (*p | 32) {
		case 't': shift = 40; break;
		case 'g': shift = 30; break;
		case 'm': shift = 20; break;
		case 'k': shift = 10; break;
		case 'b': p++; break;
		}
		if (shift)
			p++;
	}
	if (end)
		*end = p;
	return v > UINT64_MAX >> shift ? UINT64_MAX : v << shift;
}
