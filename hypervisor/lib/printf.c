/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formatting: what lib/string.h lists of the C standard's, and %pS for the name of a function. */
#include "lib/printf.h"
#include "lib/string.h"
#include "lib/symbols.h"

struct out {
	char *buf;
	size_t size, pos;	/* pos goes on counting past the end */
};

struct spec {
	bool left, zero, plus, space, alt, upper;
	int width, precision;	/* precision -1: none given */
	int length;		/* bytes of the argument */
};

static void put(struct out *o, char c)
{
	if (o->pos + 1 < o->size)
		o->buf[o->pos] = c;
	o->pos++;
}

static void pad(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *sp, const char *s)
{
	if (!s)
		s = "(null)";
	int n = (int)strnlen(s, sp->precision >= 0 ? (size_t)sp->precision : SIZE_MAX / 2);

	if (!sp->left)
		pad(o, ' ', sp->width - n);
	for (int i = 0; i < n; i++)
		put(o, s[i]);
	if (sp->left)
		pad(o, ' ', sp->width - n);
}

static const char *prefix_of(const struct spec *sp, uint64_t v, unsigned base)
{
	if (!sp->alt || !v)
		return "";
	return base == 16 ? (sp->upper ? "0X" : "0x") : base == 8 ? "0" : "";
}

static int to_digits(char *digits, uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	int n = 0;

	for (; v; v /= base)
		digits[n++] = set[v % base];
	return n;
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v, bool negative, unsigned base)
{
	const char *prefix = prefix_of(sp, v, base);
	char digits[24];
	int n = to_digits(digits, v, base, sp->upper), zeros, body;
	char sign = negative ? '-' : sp->plus ? '+' : sp->space ? ' ' : 0;

	if (!n && sp->precision != 0)
		digits[n++] = '0';
	zeros = MAX(sp->precision - n, 0);
	body = n + zeros + (sign != 0) + (int)strlen(prefix);
	if (sp->zero && !sp->left && sp->precision < 0 && sp->width > body) {
		zeros = sp->width - body;
		body = sp->width;
	}
	if (!sp->left)
		pad(o, ' ', sp->width - body);
	if (sign)
		put(o, sign);
	while (*prefix)
		put(o, *prefix++);
	pad(o, '0', zeros);
	while (n--)
		put(o, digits[n]);
	if (sp->left)
		pad(o, ' ', sp->width - body);
}

/* %p: 16 digits; %pS: function+offset/size where the address is in one */
static const char *put_pointer(struct out *o, const char *fmt, const void *p)
{
	struct spec sp = { .zero = true, .width = 16, .precision = -1 };
	struct symbol sym;

	if (fmt[1] != 'S') {
		put_number(o, &sp, (uintptr_t)p, false, 16);
		return fmt;
	}
	if (symbols_lookup((uintptr_t)p, &sym)) {
		struct spec hex = { .alt = true, .precision = -1 };
		struct spec text = { .precision = -1 };

		put_text(o, &text, sym.name);
		put(o, '+');
		hex.alt = sym.offset != 0;
		put_number(o, &hex, sym.offset, false, 16);
		put(o, '/');
		put_number(o, &hex, sym.size, false, 16);
	} else {
		put_number(o, &sp, (uintptr_t)p, false, 16);
	}
	return fmt + 1;
}

static const char *parse_flags(const char *f, struct spec *sp)
{
	for (;; f++) {
		switch (*f) {
		case '-': sp->left = true; break;
		case '0': sp->zero = true; break;
		case '+': sp->plus = true; break;
		case ' ': sp->space = true; break;
		case '#': sp->alt = true; break;
		default: return f;
		}
	}
}

static const char *parse_length(const char *f, struct spec *sp)
{
	sp->length = 4;
	if (*f == 'h') {
		sp->length = f[1] == 'h' ? 1 : 2;
		f += f[1] == 'h' ? 2 : 1;
	} else if (*f == 'l') {
		sp->length = 8;
		f += f[1] == 'l' ? 2 : 1;
	} else if (*f == 'z' || *f == 't' || *f == 'j') {
		sp->length = 8;
		f++;
	}
	return f;
}

static int parse_number(const char **f)
{
	int n = 0;

	for (; **f >= '0' && **f <= '9'; ++*f)
		if (n < 10000)
			n = n * 10 + (**f - '0');
	return n;
}

static int64_t narrow_signed(int64_t v, int length)
{
	return length == 8 ? v : length == 4 ? (int32_t)v : length == 2 ? (int16_t)v : (int8_t)v;
}

static uint64_t narrow(uint64_t v, int length)
{
	return length == 8 ? v : v & ((1ull << 8 * length) - 1);
}

/* A va_list can be passed on by address only inside a struct. */
struct args { va_list ap; };

/* The text after '%' up to the conversion's letter, to which it returns a pointer. */
static const char *parse_spec(const char *fmt, struct spec *sp, struct args *args)
{
	fmt = parse_flags(fmt, sp);
	if (*fmt == '*') {
		sp->width = va_arg(args->ap, int);
		if (sp->width < 0) {
			sp->left = true;
			sp->width = -sp->width;
		}
		fmt++;
	} else {
		sp->width = parse_number(&fmt);
	}
	if (*fmt == '.') {
		fmt++;
		if (*fmt == '*') {
			sp->precision = va_arg(args->ap, int);
			fmt++;
		} else {
			sp->precision = parse_number(&fmt);
		}
	}
	return parse_length(fmt, sp);
}

static void put_signed(struct out *o, const struct spec *sp, struct args *args)
{
	int64_t v = sp->length == 8 ? va_arg(args->ap, int64_t) : narrow_signed(va_arg(args->ap, int), sp->length);

	put_number(o, sp, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, 10);
}

static void put_unsigned(struct out *o, struct spec *sp, struct args *args, char letter)
{
	uint64_t v = sp->length == 8 ? va_arg(args->ap, uint64_t) : narrow(va_arg(args->ap, unsigned), sp->length);

	sp->upper = letter == 'X';
	sp->plus = sp->space = false;
	put_number(o, sp, v, false, letter == 'u' ? 10 : letter == 'o' ? 8 : 16);
}

static void put_one(struct out *o, const struct spec *sp, char c)
{
	char text[2] = { c, 0 };

	if (c)
		put_text(o, sp, text);
	else
		put(o, 0);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };
	struct args args;

	va_copy(args.ap, ap);
	for (; *fmt; fmt++) {
		struct spec sp = { .precision = -1 };

		if (*fmt != '%') {
			put(&o, *fmt);
			continue;
		}
		fmt = parse_spec(fmt + 1, &sp, &args);
		switch (*fmt) {
		case 'd':
		case 'i':
			put_signed(&o, &sp, &args);
			break;
		case 'x':
		case 'X':
		case 'u':
		case 'o':
			put_unsigned(&o, &sp, &args, *fmt);
			break;
		case 'c':
			put_one(&o, &sp, (char)va_arg(args.ap, int));
			break;
		case 's':
			put_text(&o, &sp, va_arg(args.ap, const char *));
			break;
		case 'p':
			fmt = put_pointer(&o, fmt, va_arg(args.ap, const void *));
			break;
		default:	/* %% shows one; what is not ours is shown as it stands, and the end is not run past */
			put(&o, '%');
			if (!*fmt)
				fmt--;
			else if (*fmt != '%')
				put(&o, *fmt);
		}
	}
	va_end(args.ap);
	if (size)
		buf[MIN(o.pos, size - 1)] = 0;
	return (int)o.pos;
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
