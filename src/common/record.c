#include "common/record.h"

#include "common/escape.h"
#include "common/json.h"

#include <string.h>
#include <time.h>

static void put_digits(char *text, unsigned number, int digits)
{
    while (digits > 0) {
        text[--digits] = (char)('0' + number % 10);
        number /= 10;
    }
}

void record_time_set(struct record_time *time, int64_t wall_us)
{
    int64_t second = wall_us / 1000000;
    int64_t microsecond = wall_us % 1000000;

    if (microsecond < 0) { /* before 1970: the clock was never set */
        microsecond += 1000000;
        second--;
    }
    if (second != time->second || time->text[0] == '\0') {
        struct tm utc = {0};
        time_t seconds = (time_t)second;
        (void)gmtime_r(&seconds, &utc); /* fails only after the year 2^31 */
        (void)strftime(time->text, sizeof time->text, "%Y-%m-%dT%H:%M:%S.000000Z", &utc);
        time->second = second;
    }
    put_digits(time->text + 20, (unsigned)microsecond, 6);
}

/* Reserves once for the line as it is if nothing in the message is escaped. */
static bool append_as_text(const struct record_line *record, const void *message, size_t size,
                           struct buffer *out)
{
    if (!buffer_append_decimal(out, record->seq))
        return false;
    unsigned char *to =
        buffer_reserve(out, strlen(" ") + RECORD_TIME_LENGTH + strlen(" ") + record->peer_size +
                                strlen(" ") + size + strlen("\n"));
    if (to == NULL)
        return false;
    *to++ = ' ';
    memcpy(to, record->time, RECORD_TIME_LENGTH);
    to += RECORD_TIME_LENGTH;
    *to++ = ' ';
    memcpy(to, record->peer, record->peer_size);
    to += record->peer_size;
    *to++ = ' ';
    out->size = (size_t)(to - out->bytes);
    return escape_text(message, size, out) && buffer_append(out, "\n", 1);
}

static bool append_as_json(const struct record_line *record, const void *message, size_t size,
                           struct buffer *out)
{
    bool named = record->listener_size > 0;

    return buffer_append_text(out, "{\"seq\":") && buffer_append_decimal(out, record->seq) &&
           buffer_append_text(out, ",\"time\":\"") &&
           buffer_append(out, record->time, RECORD_TIME_LENGTH) &&
           buffer_append_text(out, "\",\"peer\":\"") &&
           buffer_append(out, record->peer, record->peer_size) &&
           buffer_append_text(out, named ? "\",\"listener\":\"" : "") &&
           buffer_append(out, record->listener, record->listener_size) &&
           buffer_append_text(out, "\",") && json_append_member("message", message, size, out) &&
           buffer_append_text(out, "}\n");
}

bool record_write(enum journal_format format, const struct record_line *record, const void *message,
                  size_t size, struct buffer *out)
{
    size_t before = out->size;
    bool appended = (format == JOURNAL_FORMAT_JSON ? append_as_json
                                                   : append_as_text)(record, message, size, out);

    if (!appended)
        out->size = before;
    return appended;
}

bool record_append(enum journal_format format, const struct record *record, struct buffer *out)
{
    const struct record_line line = {
        .seq = record->seq,
        .time = record->time,
        .peer = record->peer,
        .peer_size = strlen(record->peer),
        .listener = record->listener,
        .listener_size = strlen(record->listener),
    };

    return record_write(format, &line, record->message, record->size, out);
}

/* A line that is read from its front; `kind` is what it can still be. */
struct reader {
    const unsigned char *at;
    size_t left;
    enum record_kind kind;
};

/* The next byte if `accepted` accepts it; otherwise -1, and the reader's kind says why. */
static int take(struct reader *reader, bool (*accepted)(int byte))
{
    if (reader->kind != RECORD_OURS)
        return -1;
    if (reader->left == 0 || !accepted(*reader->at)) {
        reader->kind = reader->left == 0 ? RECORD_PARTIAL : RECORD_FOREIGN;
        return -1;
    }
    reader->left--;
    return *reader->at++;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_in_peer(int byte)
{
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

static bool next_is(const struct reader *reader, bool (*accepted)(int byte))
{
    return reader->left > 0 && accepted(*reader->at);
}

/* Bytes from `begin` on were taken while they were of one kind: one at least is needed. */
static void end_run(struct reader *reader, const unsigned char *begin)
{
    if (reader->kind != RECORD_OURS)
        return;
    if (reader->left == 0)
        reader->kind = RECORD_PARTIAL; /* it may go on */
    else if (reader->at == begin)
        reader->kind = RECORD_FOREIGN;
}

static void take_literal(struct reader *reader, const char *text)
{
    for (; *text != '\0' && reader->kind == RECORD_OURS; text++) {
        if (reader->left == 0 || *reader->at != (unsigned char)*text)
            reader->kind = reader->left == 0 ? RECORD_PARTIAL : RECORD_FOREIGN;
        else
            reader->at++, reader->left--;
    }
}

/* Takes digits, at least one; more than 64 bits hold are foreign, and so is a leading zero. */
static void take_seq(struct reader *reader, uint64_t *seq)
{
    enum { SAFE = 19 }; /* so many digits fit into 64 bits, whatever they are */
    const unsigned char *begin = reader->at;
    uint64_t value = 0;

    while (next_is(reader, is_digit)) {
        uint64_t digit = (uint64_t)(*reader->at - '0');
        if ((reader->at == begin && digit == 0) ||
            (reader->at - begin >= SAFE && value > (UINT64_MAX - digit) / 10)) {
            reader->kind = RECORD_FOREIGN;
            return;
        }
        value = value * 10 + digit;
        reader->at++;
        reader->left--;
    }
    *seq = value;
    end_run(reader, begin);
}

static uint64_t word_at(const void *bytes, size_t at)
{
    uint64_t word;

    memcpy(&word, (const char *)bytes + at, sizeof word);
    return word;
}

/* Looks at eight bytes at once, the last ones overlapping. */
static bool is_time(const unsigned char *time)
{
    static const char model[] = "0000-00-00T00:00:00.000000Z";
    static const char digits[] =
        "\xff\xff\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff"
        "\0\xff\xff\xff\xff\xff\xff\0";
    static const size_t words[] = {0, 8, 16, RECORD_TIME_LENGTH - 8};
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    uint64_t wrong = 0;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        uint64_t word = word_at(time, words[i]);
        uint64_t expected = word_at(model, words[i]);
        uint64_t digit = word_at(digits, words[i]);
        uint64_t other = (word ^ expected) & ~digit;
        /* '0' to '9' are 30 to 39, and with 6 more still below 40. */
        uint64_t above = ((word ^ expected) | ((word + UINT64_C(0x0606060606060606)) ^ expected));
        wrong |= other | (above & high & digit);
    }
    return wrong == 0;
}

static void take_time(struct reader *reader)
{
    if (reader->kind == RECORD_OURS && reader->left >= RECORD_TIME_LENGTH && is_time(reader->at)) {
        reader->at += RECORD_TIME_LENGTH;
        reader->left -= RECORD_TIME_LENGTH;
        return;
    }
    for (const char *at = "dddd-dd-ddTdd:dd:dd.ddddddZ"; *at != '\0'; at++) {
        const char literal[2] = {*at, '\0'};
        if (*at == 'd')
            (void)take(reader, is_digit); /* the reader's kind has the result */
        else
            take_literal(reader, literal);
    }
}

static void take_peer(struct reader *reader)
{
    const unsigned char *begin = reader->at;

    while (next_is(reader, is_in_peer))
        reader->at++, reader->left--;
    end_run(reader, begin);
}

/* Up to the message, or in JSON up to the key of what follows the peer. */
static void take_head(struct reader *reader, bool json, struct record_line *record)
{
    take_literal(reader, json ? "{\"seq\":" : "");
    take_seq(reader, &record->seq);
    take_literal(reader, json ? ",\"time\":\"" : " ");
    record->time = (const char *)reader->at;
    take_time(reader);
    take_literal(reader, json ? "\",\"peer\":\"" : " ");
    record->peer = (const char *)reader->at;
    take_peer(reader);
    record->peer_size = (size_t)((const char *)reader->at - record->peer);
    take_literal(reader, json ? "\",\"" : " ");
}

enum record_kind record_head(const void *line, size_t size, struct record_line *record)
{
    struct reader reader = {line, size, RECORD_OURS};

    take_head(&reader, size > 0 && *reader.at == '{', record);
    return reader.kind;
}

enum record_kind record_parse(const unsigned char *line, size_t size, uint64_t *seq)
{
    struct record_line record;
    enum record_kind kind = record_head(line, size, &record);

    *seq = record.seq;
    return kind;
}

static bool next_are(const struct reader *reader, const char *text)
{
    return reader->left >= strlen(text) && memcmp(reader->at, text, strlen(text)) == 0;
}

static bool is_in_name(int byte)
{
    return byte != '"' && byte != '\\';
}

static void take_listener(struct reader *reader, struct record_line *record)
{
    take_literal(reader, "listener\":\"");
    record->listener = (const char *)reader->at;
    while (next_is(reader, is_in_name))
        (void)take(reader, is_in_name); /* it is one */
    record->listener_size = (size_t)((const char *)reader->at - record->listener);
    take_literal(reader, "\",\"");
}

/* What is left of a line of JSON is the message, and what ends string and object. */
static void take_member(struct reader *reader, struct record_line *record)
{
    static const char end[] = "\"}";

    record->coding = next_are(reader, "message_") ? RECORD_BASE64 : RECORD_JSON;
    take_literal(reader, record->coding == RECORD_JSON ? "message\":\"" : "message_base64\":\"");
    if (reader->left < strlen(end) ||
        memcmp(reader->at + reader->left - strlen(end), end, strlen(end)) != 0)
        reader->kind = RECORD_FOREIGN;
    else
        reader->left -= strlen(end);
}

bool record_read(const void *line, size_t size, struct record_line *record)
{
    struct reader reader = {line, size, RECORD_OURS};
    bool json = size > 0 && *reader.at == '{';

    record->listener = "";
    record->listener_size = 0;
    record->coding = RECORD_TEXT;
    take_head(&reader, json, record);
    if (json && next_are(&reader, "listener"))
        take_listener(&reader, record);
    if (json)
        take_member(&reader, record);
    record->coded = reader.at;
    record->coded_size = reader.left;
    /* A power cut can leave NULs of a record's rest; nothing else writes one. */
    return reader.kind == RECORD_OURS && memchr(reader.at, '\0', reader.left) == NULL;
}

bool record_message(const struct record_line *record, struct buffer *out)
{
    size_t before = out->size;
    struct problem problem; /* errno says it, too */
    bool decoded = false;

    switch (record->coding) {
    case RECORD_TEXT:
        return escape_decode(record->coded, record->coded_size, out, &problem);
    case RECORD_JSON:
        decoded = json_undo_string(record->coded, record->coded_size, out);
        break;
    case RECORD_BASE64:
        decoded = json_undo_base64(record->coded, record->coded_size, out);
        break;
    }
    if (!decoded)
        out->size = before;
    return decoded;
}
