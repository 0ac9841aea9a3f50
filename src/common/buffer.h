/*
 * buffer.h: a growable run of bytes. Pure: memory only.
 *
 * A zeroed struct is an empty buffer that holds no memory. The code that declares a buffer owns it
 * and calls buffer_free(). Anyone may read the fields; only these functions change them.
 */
#ifndef TCPACK_COMMON_BUFFER_H
#define TCPACK_COMMON_BUFFER_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buffer {
    unsigned char *bytes; /* NULL while capacity is 0 */
    size_t size;          /* bytes in use */
    size_t capacity;      /* bytes allocated */
};

/* The slow path of buffer_reserve(): allocates. */
unsigned char *buffer_grow(struct buffer *buffer, size_t more) MUST_USE;

/*
 * Makes room for `more` bytes after those in use and returns a pointer to it; the caller writes
 * there and adds the number of bytes written to `size`. The pointer is valid until the next call
 * that grows the buffer. NULL with errno ENOMEM, and the buffer unchanged, if there is no memory.
 */
MUST_USE static inline unsigned char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more > buffer->capacity - buffer->size || buffer->bytes == NULL)
        return buffer_grow(buffer, more);
    return buffer->bytes + buffer->size;
}

/* Appends `size` bytes. False with errno ENOMEM, and the buffer unchanged. */
MUST_USE static inline bool buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
    unsigned char *room = buffer_reserve(buffer, size);

    if (room == NULL)
        return false;
    if (size > 0)
        memcpy(room, bytes, size);
    buffer->size += size;
    return true;
}

/* Appends a text without its NUL. False as buffer_append. */
MUST_USE static inline bool buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

/* Appends a number as decimal digits. False as buffer_append. */
bool buffer_append_decimal(struct buffer *buffer, uint64_t number) MUST_USE;

/* Appends what printf would print, without the final NUL. False as buffer_append. */
bool buffer_printf(struct buffer *buffer, const char *format, ...) MUST_USE PRINTF_LIKE(2, 3);

/* Drops the first `size` bytes; the others move to the front. `size` is at most buffer->size. */
void buffer_consume(struct buffer *buffer, size_t size);

/* Frees the memory; the buffer is empty and can be used again. */
void buffer_free(struct buffer *buffer);

#endif
