#include "server/journal/arrays.h"

#include <string.h>

/*
 * An array of one dimension (array_recv() in PostgreSQL): number of dimensions, whether there are
 * NULLs, type of the elements; of the dimension, number of elements and lowest index. Then each
 * element: its length, -1 for NULL, and its bytes. Numbers are 32 bits, the highest byte first.
 */
enum { HEADER_SIZE = 5 * 4, LENGTH_SIZE = 4, NUMBER_SIZE = 8 };

#define LENGTH_OF_NULL 0xffffffffU

static void put(unsigned char *to, uint32_t number)
{
    to[0] = (unsigned char)(number >> 24);
    to[1] = (unsigned char)(number >> 16);
    to[2] = (unsigned char)(number >> 8);
    to[3] = (unsigned char)number;
}

bool array_add(struct array *array, const void *bytes, size_t size)
{
    size_t header = array->count == 0 ? HEADER_SIZE : 0;
    size_t length = bytes == NULL ? 0 : size;
    unsigned char *to = buffer_reserve(&array->bytes, header + LENGTH_SIZE + length);

    if (to == NULL)
        return false;
    put(to + header, bytes == NULL ? LENGTH_OF_NULL : (uint32_t)size);
    if (length > 0)
        memcpy(to + header + LENGTH_SIZE, bytes, length);
    array->bytes.size += header + LENGTH_SIZE + length;
    array->has_null = array->has_null || bytes == NULL;
    array->count++;
    return true;
}

bool array_add_number(struct array *array, int64_t number)
{
    unsigned char bytes[NUMBER_SIZE];

    put(bytes, (uint32_t)((uint64_t)number >> 32));
    put(bytes + 4, (uint32_t)(uint64_t)number);
    return array_add(array, bytes, sizeof bytes);
}

void array_cut(struct array *array, uint32_t count, size_t size)
{
    array->count = count;
    array->bytes.size = size;
}

void array_finish(struct array *array)
{
    unsigned char *header = array->bytes.bytes;

    put(header, 1);
    put(header + 4, array->has_null);
    put(header + 8, (uint32_t)array->type);
    put(header + 12, array->count);
    put(header + 16, 1);
}

void array_clear(struct array *array, size_t kept)
{
    array_cut(array, 0, 0);
    array->has_null = false;
    if (array->bytes.capacity > kept)
        buffer_free(&array->bytes);
}

void array_free(struct array *array)
{
    buffer_free(&array->bytes);
}
