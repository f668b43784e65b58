/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings and formatted text. */
#include "guest.h"

void *memset(void *d, int c, size_t n)
{
	for (u8 *p = d; n--; )
		*p++ = c;
	return d;
}

void *memcpy(void *d, const void *s, size_t n)
{
	u8 *a = d;

	for (const u8 *b = s; n--; )
		*a++ = *b++;
	return d;
}

int memcmp(const void *a, const void *b, size_t n)
{
	for (const u8 *x = a, *y = b; n--; x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (u8)*a - (u8)*b;
	return 0;
}

int strcmp(const char *a, const char *b)
{
	return strncmp(a, b, ~0UL);
}

const char *strstr(const char *hay, const char *needle)
{
	size_t n = strlen(needle);

	for (; *hay; hay++)
		if (!strncmp(hay, needle, n))
			return hay;
	return NULL;
}

struct out {
	char *p, *end;
};

static void put(struct out *o, char c)
{
	if (o->p < o->end)
		*o->p++ = c;
}

static void put_number(struct out *o, u64 v, unsigned base, bool neg, int width, char pad)
{
	char tmp[24];
	int n = 0;

	do {
		tmp[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	if (neg)
		tmp[n++] = '-';
	for (int i = n; i < width; i++)
		put(o, pad);
	while (n)
		put(o, tmp[--n]);
}

static void put_string(struct out *o, const char *s, int width)
{
	for (s = s ? s : "(null)"; *s; s++, width--)
		put(o, *s);
	for (; width > 0; width--)
		put(o, ' ');
}

static void put_arg(struct out *o, const char **fmt, va_list *ap)
{
	const char *f = *fmt;
	char pad = ' ';
	int width = 0, longs = 0;
	long v;

	if (*f == '0')
		pad = *f++;
	for (; *f >= '0' && *f <= '9'; f++)
		width = width * 10 + *f - '0';
	for (; *f == 'l' || *f == 'z'; f++)
		longs++;
	switch (*f) {
	case 'd':
		v = longs ? va_arg(*ap, long) : va_arg(*ap, int);
		put_number(o, v < 0 ? -(u64)v : (u64)v, 10, v < 0, width, pad);
		break;
	case 'u':
	case 'x':
		put_number(o, longs ? va_arg(*ap, u64) : va_arg(*ap, unsigned), *f == 'u' ? 10 : 16, false, width, pad);
		break;
	case 'p':
		put_number(o, va_arg(*ap, u64), 16, false, 16, '0');
		break;
	case 's':
		put_string(o, va_arg(*ap, const char *), width);
		break;
	case 'c':
		put(o, va_arg(*ap, int));
		break;
	default:
		put(o, *f);
	}
	*fmt = f + 1;
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, buf + size - 1 };
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		char c = *fmt++;

		if (c == '%')
			put_arg(&o, &fmt, &args);
		else
			put(&o, c);
	}
	va_end(args);
	*o.p = 0;
	return o.p - buf;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
