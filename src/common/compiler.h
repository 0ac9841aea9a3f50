/*
 * compiler.h: the compiler attributes that this project's headers use; empty for a compiler that
 * does not have them.
 */
#ifndef TCPACK_COMMON_COMPILER_H
#define TCPACK_COMMON_COMPILER_H

#if defined(__GNUC__)
#define MUST_USE              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define NORETURN              __attribute__((noreturn))
#define ALWAYS_INLINE         inline __attribute__((always_inline))
#else
#define MUST_USE
#define PRINTF_LIKE(fmt, arg)
#define NORETURN
#define ALWAYS_INLINE inline
#endif

#endif
