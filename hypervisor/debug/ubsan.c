/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the compiler calls in a build with -fsanitize=undefined (./dev build --ubsan): each names the place and panics. The
 * first argument begins with the place in the source, in GCC's and clang's builds; values of up to 64 bits follow.
 */
#include "lib/panic.h"

struct place { const char *file; uint32_t line, column; };

static void __noreturn undefined(const struct place *at, const char *what, uint64_t a, uint64_t b)
{
	panic("Undefined behaviour: %s (%lx, %lx) at %s:%u:%u", what, (unsigned long)a, (unsigned long)b, at->file, at->line,
	      at->column);
}

#define HANDLER(name, what) \
	void __ubsan_handle_##name(const struct place *at, uint64_t a, uint64_t b) { undefined(at, what, a, b); } \
	void __ubsan_handle_##name##_abort(const struct place *at, uint64_t a, uint64_t b) { undefined(at, what, a, b); }
/* Without values: what stands in the argument registers is not one. */
#define HANDLER0(name, what) \
	void __ubsan_handle_##name(const struct place *at) { undefined(at, what, 0, 0); } \
	void __ubsan_handle_##name##_abort(const struct place *at) { undefined(at, what, 0, 0); }

HANDLER(add_overflow, "+ overflows")
HANDLER(sub_overflow, "- overflows")
HANDLER(mul_overflow, "* overflows")
HANDLER(divrem_overflow, "division")
HANDLER(negate_overflow, "- overflows")
HANDLER(shift_out_of_bounds, "shift")
HANDLER(out_of_bounds, "index")
HANDLER(load_invalid_value, "value that the type has not")
HANDLER(type_mismatch_v1, "object is too small, or not aligned")
HANDLER(pointer_overflow, "pointer overflows")
HANDLER(vla_bound_not_positive, "length of an array")
HANDLER(invalid_builtin, "__builtin_clz or ctz of 0")
HANDLER0(builtin_unreachable, "unreachable")
HANDLER0(missing_return, "no value is returned")
