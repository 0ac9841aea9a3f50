#include "server/journal/recovery.h"

#include "common/record.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 65536 }; /* bytes of one read, at a multiple of this offset */

/* The source, with one block of it in memory. */
struct reader {
    const struct recovery_source *source;
    unsigned char *block;
    off_t begin; /* of the block; -1: no block is in memory */
    size_t size; /* bytes in it */
};

static bool open_reader(struct reader *reader, const struct recovery_source *source)
{
    *reader = (struct reader){.source = source, .block = malloc(BLOCK_SIZE), .begin = -1};
    return reader->block != NULL;
}

/* The *size bytes from `offset` to the end of its block; NULL with errno. */
static const unsigned char *bytes_at(struct reader *reader, off_t offset, size_t *size)
{
    off_t begin = offset - offset % BLOCK_SIZE;

    if (begin != reader->begin) {
        off_t left = reader->source->size - begin;
        reader->size = left < BLOCK_SIZE ? (size_t)left : BLOCK_SIZE;
        reader->begin = -1;
        if (!reader->source->read(reader->source->context, reader->block, reader->size, begin))
            return NULL;
        reader->begin = begin;
    }
    *size = reader->size - (size_t)(offset - begin);
    return reader->block + (offset - begin);
}

/* -------------------------------------------------------------------- lines, from the end back */

static const unsigned char *last_newline(const unsigned char *bytes, size_t size)
{
    while (size > 0)
        if (bytes[--size] == '\n')
            return bytes + size;
    return NULL;
}

/* Sets *begin to the offset after the last LF before `end`; 0 if there is none. */
static bool find_line_begin(struct reader *reader, off_t end, off_t *begin)
{
    *begin = 0;
    while (end > 0) {
        off_t block = (end - 1) - (end - 1) % BLOCK_SIZE;
        size_t ignored;
        const unsigned char *bytes = bytes_at(reader, block, &ignored);
        if (bytes == NULL)
            return false;
        const unsigned char *newline = last_newline(bytes, (size_t)(end - block));
        if (newline != NULL) {
            *begin = block + (newline - bytes) + 1;
            return true;
        }
        end = block;
    }
    return true;
}

/* The beginning of a line, up to its end or first NUL, as far as needed to recognize a record. */
struct head {
    unsigned char bytes[RECORD_HEAD_MAX];
    size_t size;
};

/* Reads the head of the line [begin, end), which includes its LF if there is one. */
static bool read_head(struct reader *reader, off_t begin, off_t end, struct head *head)
{
    head->size = 0;
    while (begin < end && head->size < sizeof head->bytes) {
        size_t size;
        const unsigned char *bytes = bytes_at(reader, begin, &size);
        if (bytes == NULL)
            return false;
        for (size_t at = 0; at < size && begin < end && head->size < sizeof head->bytes; at++) {
            if (bytes[at] == '\0' || bytes[at] == '\n')
                return true;
            head->bytes[head->size++] = bytes[at];
            begin++;
        }
    }
    return true;
}

/* Sets *begin to the beginning of the first line that must be examined. */
static bool find_window(struct reader *reader, bool synced, off_t *begin)
{
    off_t size = reader->source->size;
    off_t enough = synced ? size : size - RECOVERY_UNSYNCED;
    char time[RECORD_TIME_LENGTH] = "";
    struct head head;
    struct record_line line;

    *begin = size;
    while (*begin > 0) {
        off_t end = *begin;
        if (!find_line_begin(reader, end - 1, begin) || !read_head(reader, *begin, end, &head))
            return false;
        enum record_kind kind = record_head(head.bytes, head.size, &line);
        if (kind == RECORD_FOREIGN)
            return true; /* examine_lines() will find it */
        if (kind != RECORD_OURS)
            continue;
        if (*time == '\0')
            memcpy(time, line.time, sizeof time);
        else if (memcmp(time, line.time, sizeof time) != 0 && *begin <= enough)
            return true;
    }
    return true;
}

/* --------------------------------------------------------------------------- lines, one by one */

struct line {
    off_t begin;
    off_t end;  /* with its LF */
    bool ended; /* it has one */
    struct head head;
    bool damaged;      /* it contains a NUL */
    off_t hole;        /* bytes of its first run of NULs */
    bool hole_is_open; /* that run has not ended yet */
    bool control;      /* after it there are bytes that no record contains */
};

static void add_head(struct head *head, const unsigned char *bytes, size_t size)
{
    size_t room = sizeof head->bytes - head->size;

    memcpy(head->bytes + head->size, bytes, size < room ? size : room);
    head->size += size < room ? size : room;
}

/* Adds bytes of a line from its first NUL on. */
static void add_damaged(struct line *line, const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        if (bytes[at] == '\0')
            line->hole += line->hole_is_open;
        else
            line->hole_is_open = false;
        line->control |= (bytes[at] > 0 && bytes[at] < ' ') || bytes[at] == 0x7f;
    }
}

/* Adds bytes of a line, without its LF. */
static void add_bytes(struct line *line, const unsigned char *bytes, size_t size)
{
    const unsigned char *nul = line->damaged || size == 0 ? NULL : memchr(bytes, '\0', size);
    size_t intact = line->damaged ? 0 : size;

    if (nul != NULL) {
        intact = (size_t)(nul - bytes);
        line->damaged = line->hole_is_open = true;
    }
    add_head(&line->head, bytes, intact);
    add_damaged(line, bytes + intact, size - intact);
}

/* Reads the line that begins at `begin`, which is before the end. */
static bool read_line(struct reader *reader, off_t begin, struct line *line)
{
    *line = (struct line){.begin = begin, .end = begin};
    while (!line->ended && line->end < reader->source->size) {
        size_t size;
        const unsigned char *bytes = bytes_at(reader, line->end, &size);
        if (bytes == NULL)
            return false;
        const unsigned char *newline = memchr(bytes, '\n', size);
        line->ended = newline != NULL;
        size_t length = line->ended ? (size_t)(newline - bytes) : size;
        add_bytes(line, bytes, length);
        line->end += (off_t)length + line->ended;
    }
    return true;
}

enum judgement {
    LINE_RECORD,
    LINE_DAMAGED, /* a crash may have left it */
    LINE_FOREIGN,
};

/* Classifies a line. `known`: there is a record before it. Sets *seq for a record. */
static enum judgement judge(const struct line *line, bool known, uint64_t *seq)
{
    enum record_kind kind = record_parse(line->head.bytes, line->head.size, seq);
    bool hole_to_end = line->hole_is_open && !line->ended;

    if (kind == RECORD_FOREIGN || line->control)
        return LINE_FOREIGN;
    if (line->damaged) {
        bool likely = known || hole_to_end || line->hole >= RECOVERY_SECTOR;
        return likely ? LINE_DAMAGED : LINE_FOREIGN;
    }
    if (!line->ended)
        return LINE_DAMAGED;
    return kind == RECORD_OURS ? LINE_RECORD : LINE_FOREIGN;
}

/* ------------------------------------------------------------------------------ the examination */

static void keep_record(struct recovery *found, const struct line *line, uint64_t seq)
{
    found->last_seq = seq;
    found->format = line->head.bytes[0] == '{' ? JOURNAL_FORMAT_JSON : JOURNAL_FORMAT_TEXT;
}

static enum recovery_result examine_lines(struct reader *reader, bool synced, off_t begin,
                                          struct recovery *found)
{
    off_t size = reader->source->size;
    struct line line;

    found->keep = size;
    for (; begin < size; begin = line.end) {
        uint64_t seq;
        if (!read_line(reader, begin, &line))
            return RECOVERY_UNREADABLE;
        bool after_damage = found->keep < size;
        switch (judge(&line, found->last_seq > 0, &seq)) {
        case LINE_RECORD:
            if (!after_damage || !synced)
                keep_record(found, &line, seq);
            found->salvaged += after_damage && !synced;
            break;
        case LINE_DAMAGED:
            found->keep = after_damage ? found->keep : line.begin;
            break;
        case LINE_FOREIGN:
            return RECOVERY_FOREIGN;
        }
    }
    return found->keep < size ? RECOVERY_DAMAGED : RECOVERY_WHOLE;
}

enum recovery_result journal_recovery_examine(const struct recovery_source *source, bool synced,
                                              struct recovery *found)
{
    struct reader reader;
    enum recovery_result result = RECOVERY_UNREADABLE;

    *found = (struct recovery){0};
    if (open_reader(&reader, source) && find_window(&reader, synced, &found->begin))
        result = examine_lines(&reader, synced, found->begin, found);
    free(reader.block);
    return result;
}

/* Appends the bytes [begin, end) of the source. */
static bool append_bytes(const struct recovery_source *source, off_t begin, off_t end,
                         struct buffer *out)
{
    size_t size = (size_t)(end - begin);
    unsigned char *room = buffer_reserve(out, size);

    if (room == NULL || !source->read(source->context, room, size, begin))
        return false;
    out->size += size;
    return true;
}

bool journal_recovery_salvage(const struct recovery_source *source, const struct recovery *found,
                              struct buffer *out)
{
    struct reader reader;
    bool done = open_reader(&reader, source);
    struct line line = {.end = found->keep};
    uint64_t seq;

    while (done && found->salvaged > 0 && line.end < source->size) {
        done = read_line(&reader, line.end, &line);
        if (done && judge(&line, true, &seq) == LINE_RECORD)
            done = append_bytes(source, line.begin, line.end, out);
    }
    free(reader.block);
    return done;
}
