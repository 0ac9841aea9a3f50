#include "common/record.h"

#include "common/compiler.h"
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

static unsigned two_digits(const char *digits)
{
    return (unsigned)(digits[0] - '0') * 10 + (unsigned)(digits[1] - '0');
}

static unsigned days_of(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return month == 2 && leap ? 29 : days[month - 1];
}

bool record_time_exists(const char *time)
{
    unsigned year = two_digits(time) * 100 + two_digits(time + 2);
    unsigned month = two_digits(time + 5);
    unsigned day = two_digits(time + 8);
    unsigned minute = two_digits(time + 11) * 60 + two_digits(time + 14);
    unsigned second = two_digits(time + 17);
    enum { LAST_MINUTE = 24 * 60 - 1 };

    return month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month) &&
           minute <= LAST_MINUTE && two_digits(time + 14) <= 59 &&
           second <= (minute == LAST_MINUTE ? 60 : 59);
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

static ALWAYS_INLINE void skip(struct reader *reader, size_t size)
{
    reader->at += size;
    reader->left -= size;
}

static bool is_digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_in_peer(int byte)
{
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

/* A run of bytes of one kind was taken: one at least is needed. */
static ALWAYS_INLINE void end_run(struct reader *reader, const unsigned char *begin)
{
    if (reader->left == 0)
        reader->kind = RECORD_PARTIAL; /* it may go on */
    else if (reader->at == begin)
        reader->kind = RECORD_FOREIGN;
}

static ALWAYS_INLINE bool next_are(const struct reader *reader, const char *text)
{
    return reader->left >= strlen(text) && memcmp(reader->at, text, strlen(text)) == 0;
}

/* What does not begin with the model, in which 0 is any digit, may be a part of it. */
static enum record_kind compare(const struct reader *reader, const char *model, bool digits)
{
    for (size_t at = 0; at < reader->left; at++)
        if (digits && model[at] == '0' ? !is_digit(reader->at[at])
                                       : reader->at[at] != (unsigned char)model[at])
            return RECORD_FOREIGN;
    return RECORD_PARTIAL;
}

static ALWAYS_INLINE void take_literal(struct reader *reader, const char *text)
{
    if (reader->kind != RECORD_OURS)
        return;
    if (next_are(reader, text))
        skip(reader, strlen(text));
    else
        reader->kind = compare(reader, text, false);
}

/* Takes digits, at least one; more than 64 bits hold are foreign, and so is a leading zero. */
static ALWAYS_INLINE void take_seq(struct reader *reader, uint64_t *seq)
{
    static const char highest[] = "18446744073709551615";
    const unsigned char *begin = reader->at;
    uint64_t value = 0;

    if (reader->kind != RECORD_OURS)
        return;
    for (; reader->left > 0 && is_digit(*reader->at); skip(reader, 1))
        value = value * 10 + (uint64_t)(*reader->at - '0');
    *seq = value;
    size_t size = (size_t)(reader->at - begin);
    end_run(reader, begin);
    if (size > 0 && *begin == '0')
        reader->kind = RECORD_FOREIGN;
    if (size >= strlen(highest) &&
        (size > strlen(highest) || memcmp(begin, highest, strlen(highest)) > 0))
        reader->kind = RECORD_FOREIGN;
}

static const char time_model[] = "0000-00-00T00:00:00.000000Z";

static ALWAYS_INLINE uint64_t word_at(const void *bytes, size_t at)
{
    uint64_t word;

    memcpy(&word, (const char *)bytes + at, sizeof word);
    return word;
}

/* What is not as the model in eight bytes of a time: 0 if all of it is. */
static ALWAYS_INLINE uint64_t wrong_at(const unsigned char *time, size_t at)
{
    static const char digits[] =
        "\xff\xff\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff\0\xff\xff"
        "\0\xff\xff\xff\xff\xff\xff\0";
    const uint64_t high = UINT64_C(0xf0f0f0f0f0f0f0f0);
    uint64_t word = word_at(time, at);
    uint64_t expected = word_at(time_model, at);
    uint64_t digit = word_at(digits, at);
    /* '0' to '9' are 30 to 39, and with 6 more still below 40. */
    uint64_t above = (word ^ expected) | ((word + UINT64_C(0x0606060606060606)) ^ expected);

    return ((word ^ expected) & ~digit) | (above & high & digit);
}

/* Looks at eight bytes at once, the last ones overlapping. */
static ALWAYS_INLINE bool is_time(const unsigned char *time)
{
    return (wrong_at(time, 0) | wrong_at(time, 8) | wrong_at(time, 16) |
            wrong_at(time, RECORD_TIME_LENGTH - 8)) == 0;
}

bool record_time_is_form(const char *time)
{
    return is_time((const unsigned char *)time);
}

static ALWAYS_INLINE void take_time(struct reader *reader)
{
    if (reader->kind != RECORD_OURS)
        return;
    if (reader->left >= RECORD_TIME_LENGTH && is_time(reader->at))
        skip(reader, RECORD_TIME_LENGTH);
    else
        reader->kind = compare(reader, time_model, true);
}

/* Whether is_in_peer() accepts each of eight bytes: none gets its highest bit set. */
static ALWAYS_INLINE bool are_in_peer(uint64_t word)
{
    const uint64_t one = UINT64_C(0x0101010101010101);
    uint64_t high = word | (word + one) | (word - one * '!') | ((word ^ one * '"') - one) |
                    ((word ^ one * '\\') - one);

    return (high & one << 7) == 0;
}

static ALWAYS_INLINE void take_peer(struct reader *reader)
{
    const unsigned char *begin = reader->at;

    if (reader->kind != RECORD_OURS)
        return;
    while (reader->left >= sizeof(uint64_t) && are_in_peer(word_at(reader->at, 0)))
        skip(reader, sizeof(uint64_t));
    while (reader->left > 0 && is_in_peer(*reader->at))
        skip(reader, 1);
    end_run(reader, begin);
    if (reader->at - begin > RECORD_PEER_MAX)
        reader->kind = RECORD_FOREIGN;
}

/* What is before, between and after SEQ, time and peer. */
struct marks {
    const char *begin, *time, *peer, *end;
};

static ALWAYS_INLINE void take_fields(struct reader *reader, const struct marks *marks,
                                      struct record_line *record)
{
    take_literal(reader, marks->begin);
    take_seq(reader, &record->seq);
    take_literal(reader, marks->time);
    record->time = (const char *)reader->at;
    take_time(reader);
    take_literal(reader, marks->peer);
    record->peer = (const char *)reader->at;
    take_peer(reader);
    record->peer_size = (size_t)((const char *)reader->at - record->peer);
    take_literal(reader, marks->end);
}

/* Up to the message, or in JSON up to the key of what follows the peer. */
static ALWAYS_INLINE void take_head(struct reader *reader, bool json, struct record_line *record)
{
    static const struct marks in_text = {"", " ", " ", " "};
    static const struct marks in_json = {"{\"seq\":", ",\"time\":\"", "\",\"peer\":\"", "\",\""};

    if (json)
        take_fields(reader, &in_json, record);
    else
        take_fields(reader, &in_text, record);
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

static void take_listener(struct reader *reader, struct record_line *record)
{
    take_literal(reader, "listener\":\"");
    record->listener = (const char *)reader->at;
    while (reader->left > 0 && is_in_peer(*reader->at)) /* names have fewer characters still */
        skip(reader, 1);
    record->listener_size = (size_t)((const char *)reader->at - record->listener);
    take_literal(reader, "\",\"");
}

/* What is left of a line of JSON is the message, and what ends string and object. */
static void take_member(struct reader *reader, struct record_line *record)
{
    static const char end[] = "\"}";

    record->coding = next_are(reader, "message_") ? RECORD_BASE64 : RECORD_JSON;
    if (record->coding == RECORD_JSON)
        take_literal(reader, "message\":\"");
    else
        take_literal(reader, "message_base64\":\"");
    if (reader->left < strlen(end) ||
        memcmp(reader->at + reader->left - strlen(end), end, strlen(end)) != 0)
        reader->kind = RECORD_FOREIGN;
    else
        reader->left -= strlen(end);
}

bool record_split(const void *line, size_t size, struct record_line *record)
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
    return reader.kind == RECORD_OURS;
}

bool record_read(const void *line, size_t size, struct record_line *record)
{
    return memchr(line, '\0', size) == NULL && record_split(line, size, record);
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
