/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef LIB_STRING_H
#define LIB_STRING_H
#include "lib/printf.h"
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
/* base 0: 0x, 0 (octal) or decimal. parse_size: with an optional K, M, G or T. *end (may be NULL): past the last character used. */
unsigned long strtoul(const char *s, const char **end, int base);
uint64_t parse_size(const char *s, const char **end);
#endif
