/*
 * A journal is lossless, and knows itself again. Of each input the first byte chooses the format
 * and the peer; the rest is a message. Whatever it is: its record is one line without a control
 * character, a decoder that shares nothing with the program gets the same bytes out of it, and
 * record_parse() takes it for ours from the end of its head on, before that for a part of it. And
 * with the message itself as a line, record_parse() never takes back what it said of its beginning.
 */
#include "common/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What is left of a line to decode. */
struct text {
    const uint8_t *at;
    size_t left;
};

static uint8_t next(struct text *text)
{
    require(text->left > 0);
    text->left--;
    return *text->at++;
}

static bool begins_with(const struct text *text, const char *prefix)
{
    return text->left >= strlen(prefix) && memcmp(text->at, prefix, strlen(prefix)) == 0;
}

static void skip(struct text *text, const char *prefix)
{
    require(begins_with(text, prefix));
    text->at += strlen(prefix);
    text->left -= strlen(prefix);
}

static unsigned next_hex(struct text *text, int digits)
{
    static const char alphabet[] = "0123456789abcdef";
    unsigned value = 0;

    while (digits-- > 0) {
        int digit = next(text);
        const char *found = memchr(alphabet, digit >= 'A' && digit <= 'F' ? digit + 32 : digit, 16);
        require(found != NULL);
        value = value * 16 + (unsigned)(found - alphabet);
    }
    return value;
}

static void put(struct buffer *out, unsigned byte)
{
    const uint8_t one = (uint8_t)byte;
    require(byte <= 0xff && buffer_append(out, &one, 1));
}

/* The byte that a letter behind a backslash stands for, in text and JSON. */
static unsigned simple_escape(uint8_t letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        require(letter == '\\');
        return '\\';
    }
}

static void decode_text(struct text *text, struct buffer *out)
{
    while (text->left > 0) {
        uint8_t byte = next(text);
        if (byte != '\\') {
            put(out, byte);
        } else if (begins_with(text, "x")) {
            (void)next(text); /* the x */
            put(out, next_hex(text, 2));
        } else {
            put(out, simple_escape(next(text)));
        }
    }
}

static void decode_json_string(struct text *text, struct buffer *out)
{
    uint8_t byte;

    while ((byte = next(text)) != '"') {
        if (byte != '\\') {
            put(out, byte);
        } else if (begins_with(text, "u")) {
            (void)next(text); /* the u */
            unsigned code = next_hex(text, 4);
            require(code < 0x20 || (code >= 0x7f && code < 0xa0));
            if (code >= 0x80)
                put(out, 0xc2);
            put(out, code);
        } else if (begins_with(text, "\"")) {
            put(out, next(text));
        } else {
            put(out, simple_escape(next(text)));
        }
    }
}

static void decode_base64(struct text *text, struct buffer *out)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t byte;
    uint32_t bits = 0;
    int count = 0; /* of bits that are not put yet */
    size_t digits = 0;

    for (; (byte = next(text)) != '"'; digits++) {
        if (byte == '=') {
            require(count > 0 && bits == 0);
            count -= 2;
            continue;
        }
        const char *found = memchr(alphabet, byte, 64);
        require(found != NULL);
        bits = bits << 6 | (uint32_t)(found - alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            put(out, bits >> count);
            bits &= (1U << count) - 1;
        }
    }
    require(digits % 4 == 0 && count == 0);
}

static void decode_message(enum journal_format format, struct text line, struct buffer *out)
{
    if (format == JOURNAL_FORMAT_TEXT) {
        decode_text(&line, out);
        return;
    }
    if (begins_with(&line, "message\":\"")) {
        skip(&line, "message\":\"");
        decode_json_string(&line, out);
    } else {
        skip(&line, "message_base64\":\"");
        decode_base64(&line, out);
    }
    skip(&line, "}");
    require(line.left == 0);
}

/* No control character: neither of ASCII nor, as C2 80 to C2 9F, of those above. */
static void check_printable(const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        require(bytes[at] >= 0x20 && bytes[at] != 0x7f);
        require(at == 0 || bytes[at - 1] != 0xc2 || bytes[at] >= 0xa0);
    }
}

static void check_head(const uint8_t *line, size_t head, size_t size, uint64_t expected)
{
    uint64_t seq = 0;

    for (size_t at = 0; at < head; at++)
        require(record_parse(line, at, &seq) == RECORD_PARTIAL);
    require(record_parse(line, head, &seq) == RECORD_OURS && seq == expected);
    require(record_parse(line, size, &seq) == RECORD_OURS && seq == expected);
}

static size_t count_digits(uint64_t number)
{
    return number < 10 ? 1 : 1 + count_digits(number / 10);
}

static void check_record(enum journal_format format, const struct record *record)
{
    struct buffer line = {0};
    struct buffer message = {0};
    const size_t around =
        format == JOURNAL_FORMAT_TEXT ? strlen("   ") : strlen("{'seq':,'time':'','peer':'','");
    size_t head = count_digits(record->seq) + RECORD_TIME_LENGTH + strlen(record->peer) + around;

    require(record_append(format, record, &line));
    require(line.size > head && line.bytes[line.size - 1] == '\n');
    check_printable(line.bytes, line.size - 1);
    check_head(line.bytes, head, line.size - 1, record->seq);
    decode_message(format, (struct text){line.bytes + head, line.size - 1 - head}, &message);
    require(message.size == record->size);
    require(message.size == 0 || memcmp(message.bytes, record->message, message.size) == 0);
    buffer_free(&line);
    buffer_free(&message);
}

/* Once a front is ours or foreign, it is so whatever follows. */
static void check_any_line(const uint8_t *line, size_t size)
{
    enum record_kind before = RECORD_PARTIAL;
    uint64_t seq_before = 0;

    for (size_t front = 0; front <= size && front <= RECORD_HEAD_MAX; front++) {
        uint64_t seq = 0;
        enum record_kind kind = record_parse(line, front, &seq);
        require(before == RECORD_PARTIAL || kind == before);
        require(before != RECORD_OURS || seq == seq_before);
        before = kind;
        seq_before = seq;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char *const peers[] = {"unix", "192.0.2.1:4711", "[2001:db8::1]:65535",
                                        "[fe80::1%eth0]:1"};

    if (size < 1)
        return 0;
    const struct record record = {
        .seq = (bytes[0] & 8) != 0 ? UINT64_MAX : size,
        .time = "2026-01-31T23:59:59.123456Z",
        .peer = peers[bytes[0] >> 1 & 3],
        .listener = "",
        .message = bytes + 1,
        .size = size - 1,
    };

    check_record((bytes[0] & 1) != 0 ? JOURNAL_FORMAT_JSON : JOURNAL_FORMAT_TEXT, &record);
    check_any_line(bytes + 1, size - 1);
    return 0;
}
