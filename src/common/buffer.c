#include "common/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 64 };

unsigned char *buffer_grow(struct buffer *buffer, size_t more)
{
    if (more > SIZE_MAX / 2 - buffer->size) {
        errno = ENOMEM;
        return NULL;
    }
    size_t capacity = buffer->capacity < CAPACITY_MIN ? CAPACITY_MIN : buffer->capacity;
    while (capacity < buffer->size + more)
        capacity *= 2;
    unsigned char *bytes = realloc(buffer->bytes, capacity);
    if (bytes == NULL)
        return NULL;
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return bytes + buffer->size;
}

/* "00" to "99", one after the other: two digits for each division. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

bool buffer_append_decimal(struct buffer *buffer, uint64_t number)
{
    char digits[20]; /* of UINT64_MAX */
    size_t at = sizeof digits;

    while (number >= 10) {
        at -= 2;
        memcpy(digits + at, pairs + number % 100 * 2, 2);
        number /= 100;
    }
    if (number > 0 || at == sizeof digits)
        digits[--at] = (char)('0' + number);
    return buffer_append(buffer, digits + at, sizeof digits - at);
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;

    size_t room = buffer->capacity - buffer->size;
    char *text = room == 0 ? NULL : (char *)buffer->bytes + buffer->size;

    va_start(args, format);
    int length = vsnprintf(text, room, format, args);
    va_end(args);
    if (length < 0)
        return false;
    if ((size_t)length >= room) {
        text = (char *)buffer_reserve(buffer, (size_t)length + 1);
        if (text == NULL)
            return false;
        va_start(args, format);
        (void)vsnprintf(text, (size_t)length + 1, format, args); /* its length is known */
        va_end(args);
    }
    buffer->size += (size_t)length;
    return true;
}

void buffer_consume(struct buffer *buffer, size_t size)
{
    buffer->size -= size;
    if (buffer->size > 0 && size > 0)
        memmove(buffer->bytes, buffer->bytes + size, buffer->size);
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct buffer){0};
}
