/*
 * compiler.h: the compiler attributes that the headers of this project use, empty where the
 * compiler does not know them.
 */
#ifndef TCPACK_COMMON_COMPILER_H
#define TCPACK_COMMON_COMPILER_H

#if defined(__GNUC__)
#define MUST_USE              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define NORETURN              __attribute__((noreturn))
#else
#define MUST_USE
#define PRINTF_LIKE(fmt, arg)
#define NORETURN
#endif

#endif
