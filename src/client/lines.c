#include "client/lines.h"

#include <string.h>

unsigned char *lines_room(struct lines *lines, size_t size)
{
    buffer_consume(&lines->bytes, lines->begin);
    lines->begin = 0;
    return buffer_reserve(&lines->bytes, size);
}

void lines_added(struct lines *lines, size_t size)
{
    lines->bytes.size += size;
}

void lines_end(struct lines *lines)
{
    unsigned char ending = lines->nul ? '\0' : '\n';

    lines->ended = true;
    if (!lines->whole)
        return;
    while (lines->bytes.size > lines->begin &&
           lines->bytes.bytes[lines->bytes.size - 1] != ending) {
        lines->bytes.size--;
        lines->unended++;
    }
}

/* Returns whether the next line is complete. *size: its bytes so far, without the LF. */
static bool find(struct lines *lines, size_t *size)
{
    size_t left = lines->bytes.size - lines->begin;

    if (left > lines->scanned) {
        const unsigned char *from = lines->bytes.bytes + lines->begin;
        const unsigned char *end =
            memchr(from + lines->scanned, lines->nul ? '\0' : '\n', left - lines->scanned);
        if (end != NULL) {
            *size = (size_t)(end - from);
            lines->scanned = *size;
            return true;
        }
    }
    *size = left;
    lines->scanned = left;
    return false;
}

bool lines_are_taken(const struct lines *lines)
{
    return lines->begin == lines->bytes.size;
}

bool lines_are_done(const struct lines *lines)
{
    return lines->ended && lines_are_taken(lines);
}

bool lines_take(struct lines *lines, const unsigned char **line, size_t *size)
{
    bool whole = find(lines, size);

    if (!whole && !(lines->ended && *size > 0))
        return false;
    size_t consumed = *size + (whole ? 1 : 0);
    *line = lines->bytes.bytes + lines->begin;
    lines->begin += consumed;
    lines->offset += consumed;
    lines->scanned = 0;
    lines->taken++;
    return true;
}

void lines_free(struct lines *lines)
{
    buffer_free(&lines->bytes);
    *lines = (struct lines){0};
}
