/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formatting: d i u x X o c s p %, flags, width, precision, h hh l ll z; and %pS for the name of a function. */
#ifndef LIB_PRINTF_H
#define LIB_PRINTF_H
#include "lib/types.h"
/* At most size bytes, NUL included (none if size is 0); returns the length that the whole text would have. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) __printf(3, 0);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);
#endif
