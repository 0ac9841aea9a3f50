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

bool buffer_append_decimal(struct buffer *buffer, uint64_t number)
{
    char digits[20]; /* of UINT64_MAX */
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return buffer_append(buffer, digits + at, sizeof digits - at);
}

bool buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (length < 0)
        return false;
    unsigned char *room = buffer_reserve(buffer, (size_t)length + 1);
    if (room == NULL)
        return false;
    va_start(args, format);
    (void)vsnprintf((char *)room, (size_t)length + 1, format, args); /* its length is known */
    va_end(args);
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
