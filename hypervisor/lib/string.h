/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_STRING_H
#define LIB_STRING_H
#include "lib/types.h"
void *memcpy(void *d, const void *s, size_t n);
void *memmove(void *d, const void *s, size_t n);
void *memset(void *d, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *s, const char *f);
/* Copies at most size-1 bytes and always ends with NUL; returns strlen(src). */
size_t strlcpy(char *d, const char *s, size_t size);
/* Number in base 10, 0x, or 0 (octal) with optional K/M/G/T suffix for parse_size; *end is set past the last char used. */
unsigned long strtoul(const char *s, const char **end, int base);
uint64_t parse_size(const char *s, const char **end);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);	/* %d %u %x %p %s %c %lx %llx %zu %*  %pS (symbol) */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
#endif
