#include "common/numbered.h"

#include <inttypes.h>

static bool is_in_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

static size_t name_length(const char *text, size_t size)
{
    size_t at = 0;

    while (at < size && at <= NUMBERED_NAME_MAX && is_in_name(text[at]))
        at++;
    return at <= NUMBERED_NAME_MAX ? at : 0;
}

bool numbered_is_name(const char *text, size_t size)
{
    return size > 0 && name_length(text, size) == size;
}

/* Digits at the front of text[0..size), and *number; 0: there is no NUMBER. */
static size_t number_length(const char *text, size_t size, uint64_t *number)
{
    size_t at = 0;

    *number = 0;
    for (; at < size && text[at] >= '0' && text[at] <= '9'; at++) {
        uint64_t digit = (uint64_t)(text[at] - '0');
        if (*number > (NUMBERED_MAX - digit) / 10 || (at == 0 && digit == 0))
            return 0;
        *number = *number * 10 + digit;
    }
    return at;
}

bool numbered_read(const void *message, size_t size, struct numbered *numbered)
{
    const char *text = message;
    size_t name = name_length(text, size);

    if (name == 0 || name == size || text[name] != ' ')
        return false;
    size_t begin = name + 1;
    size_t digits = number_length(text + begin, size - begin, &numbered->number);
    if (digits == 0 || begin + digits == size || text[begin + digits] != ' ')
        return false;
    numbered->name = text;
    numbered->name_size = name;
    numbered->size = begin + digits + 1;
    return true;
}

bool numbered_append(const char *name, uint64_t number, struct buffer *out)
{
    return buffer_printf(out, "%s %" PRIu64 " ", name, number);
}
