#include "trace.h"

#include "virtual_time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool trace_printing;
static uint64_t hash;

static uint64_t add(uint64_t to, uint64_t value)
{
    to = (to ^ value) * 0x100000001b3U; /* FNV-1a, eight bytes at a time */
    return to ^ to >> 29;
}

void trace_begin(void)
{
    hash = 0xcbf29ce484222325U;
}

uint64_t trace_hash(void)
{
    return hash;
}

static void print_time(void)
{
    printf("%4" PRId64 ".%06" PRId64 " ", virtual_now() / 1000000, virtual_now() % 1000000);
}

static void print_call(const char *name, int64_t first, int64_t second, int64_t result)
{
    int error = errno;

    print_time();
    printf("  %s(%" PRId64 ", %" PRId64 ") = %" PRId64 "%s%s\n", name, first, second, result,
           result == -1 ? " " : "", result == -1 ? strerror(error) : "");
    errno = error;
}

void trace_call(const char *name, int64_t first, int64_t second, int64_t result)
{
    uint64_t sum = add(hash, (uint64_t)(unsigned char)name[0] << 8 | (unsigned char)name[1]);

    sum = add(add(add(sum, (uint64_t)first), (uint64_t)second), (uint64_t)result);
    hash = add(sum, result == -1 ? (uint64_t)errno : (uint64_t)virtual_now());
    if (trace_printing)
        print_call(name, first, second, result);
}

void trace_note(const char *format, ...)
{
    va_list args;

    if (!trace_printing)
        return;
    int error = errno;
    print_time();
    va_start(args, format);
    (void)vprintf(format, args);
    va_end(args);
    (void)putchar('\n');
    errno = error;
}
