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

static bool append_as_text(const struct record *record, struct buffer *out)
{
    return buffer_append_decimal(out, record->seq) && buffer_append(out, " ", 1) &&
           buffer_append(out, record->time, RECORD_TIME_LENGTH) && buffer_append(out, " ", 1) &&
           buffer_append_text(out, record->peer) && buffer_append(out, " ", 1) &&
           escape_text(record->message, record->size, out) && buffer_append(out, "\n", 1);
}

static bool append_as_json(const struct record *record, struct buffer *out)
{
    bool named = record->listener[0] != '\0';

    return buffer_append_text(out, "{\"seq\":") && buffer_append_decimal(out, record->seq) &&
           buffer_append_text(out, ",\"time\":\"") &&
           buffer_append(out, record->time, RECORD_TIME_LENGTH) &&
           buffer_append_text(out, "\",\"peer\":\"") && buffer_append_text(out, record->peer) &&
           buffer_append_text(out, named ? "\",\"listener\":\"" : "") &&
           buffer_append_text(out, record->listener) && buffer_append_text(out, "\",") &&
           json_append_member("message", record->message, record->size, out) &&
           buffer_append_text(out, "}\n");
}

bool record_append(enum journal_format format, const struct record *record, struct buffer *out)
{
    size_t before = out->size;
    bool appended = (format == JOURNAL_FORMAT_JSON ? append_as_json : append_as_text)(record, out);

    if (!appended)
        out->size = before;
    return appended;
}

/* The rest of a line that is being read; `kind` is what the line can still be. */
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

static void take_literal(struct reader *reader, const char *text)
{
    for (; *text != '\0' && reader->kind == RECORD_OURS; text++) {
        if (reader->left == 0 || *reader->at != (unsigned char)*text)
            reader->kind = reader->left == 0 ? RECORD_PARTIAL : RECORD_FOREIGN;
        else
            reader->at++, reader->left--;
    }
}

static void take_seq(struct reader *reader, uint64_t *seq)
{
    int digits = 0;

    *seq = 0;
    do {
        int digit = take(reader, is_digit);
        if (digit < 0)
            return;
        uint64_t value = (uint64_t)(digit - '0');
        if (*seq > (UINT64_MAX - value) / 10 || (digits == 0 && value == 0)) {
            reader->kind = RECORD_FOREIGN; /* SEQ counts from 1 and has no leading zero */
            return;
        }
        *seq = *seq * 10 + value;
        digits++;
    } while (reader->left == 0 || next_is(reader, is_digit));
}

static void take_time(struct reader *reader)
{
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
    do
        (void)take(reader, is_in_peer); /* the reader's kind has the result */
    while (reader->kind == RECORD_OURS && (reader->left == 0 || next_is(reader, is_in_peer)));
}

enum record_kind record_parse(const unsigned char *line, size_t size, uint64_t *seq)
{
    struct reader reader = {line, size, RECORD_OURS};
    bool json = size > 0 && line[0] == '{';

    take_literal(&reader, json ? "{\"seq\":" : "");
    take_seq(&reader, seq);
    take_literal(&reader, json ? ",\"time\":\"" : " ");
    take_time(&reader);
    take_literal(&reader, json ? "\",\"peer\":\"" : " ");
    take_peer(&reader);
    take_literal(&reader, json ? "\",\"" : " ");
    return reader.kind;
}

const unsigned char *record_time_of(const unsigned char *line)
{
    static const char json_seq[] = "{\"seq\":";
    static const char json_time[] = ",\"time\":\"";
    bool json = line[0] == '{';

    if (json)
        line += strlen(json_seq);
    while (is_digit(*line))
        line++;
    return line + (json ? strlen(json_time) : strlen(" "));
}
