#include "journal_lines.h"

#include <string.h>

enum { TIME_LENGTH = 27 };

/* By byte. */
static struct {
    bool is_made;
    bool ends_text[256]; /* ends the plain bytes of a message */
    bool ends_json[256];
    signed char base64[256]; /* the value of a letter of base64 (RFC 4648); -1: it is none */
} table;

static void make_table(void)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t byte = 0; byte < 256; byte++) {
        table.ends_text[byte] = byte < ' ' || byte == '\\';
        table.ends_json[byte] = table.ends_text[byte] || byte == '"';
        table.base64[byte] = -1;
    }
    for (size_t value = 0; value < 64; value++)
        table.base64[(unsigned char)letters[value]] = (signed char)value;
    table.is_made = true;
}

/* What is left of a line. */
struct rest {
    const unsigned char *at;
    const unsigned char *end;
};

static bool take_text(struct rest *rest, const char *text)
{
    size_t size = strlen(text);

    if ((size_t)(rest->end - rest->at) < size || memcmp(rest->at, text, size) != 0)
        return false;
    rest->at += size;
    return true;
}

static bool take_number(struct rest *rest, uint64_t *number)
{
    const unsigned char *begin = rest->at;
    const unsigned char *at = begin;

    *number = 0;
    for (; at < rest->end && *at >= '0' && *at <= '9'; at++)
        *number = *number * 10 + (uint64_t)(*at - '0');
    rest->at = at;
    return at > begin && *begin != '0';
}

/* 2026-11-26T01:33:59.123456Z */
static bool take_time(struct rest *rest)
{
    static const char form[] = "0000-00-00T00:00:00.000000Z";
    static char last[TIME_LENGTH]; /* that was one: a batch has one time */
    const unsigned char *text = rest->at;

    if (rest->end - rest->at < TIME_LENGTH)
        return false;
    rest->at += TIME_LENGTH;
    if (memcmp(text, last, TIME_LENGTH) == 0)
        return true;
    for (size_t at = 0; at < TIME_LENGTH; at++) {
        bool digit = text[at] >= '0' && text[at] <= '9';
        if (form[at] == '0' ? !digit : text[at] != (unsigned char)form[at])
            return false;
    }
    memcpy(last, text, TIME_LENGTH);
    return true;
}

static bool is_of_address(unsigned char byte)
{
    return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f') || byte == '.' ||
           byte == ':' || byte == '[' || byte == ']';
}

/* `unix`, or HOST:PORT, up to a blank or a quote; only the port is of interest. */
static bool take_peer(struct rest *rest, int *port)
{
    bool colon = false;
    int number = 0;

    *port = 0;
    if (take_text(rest, "unix"))
        return true;
    const unsigned char *at = rest->at;
    for (; at < rest->end && *at != ' ' && *at != '"'; at++) {
        if (!is_of_address(*at))
            return false;
        colon = colon || *at == ':';
        number = *at == ':' ? 0 : number * 10 + (*at - '0');
        if (number > 65535)
            number = 0; /* digits of the address */
    }
    *port = number;
    rest->at = at;
    return colon;
}

static int hex_digit(unsigned char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20; /* in lower case */
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool put(struct journal_line *line, unsigned byte)
{
    if (line->size == JOURNAL_MESSAGE_MAX)
        return false;
    line->message[line->size++] = (unsigned char)byte;
    return true;
}

/* `digits` hexadecimal digits. */
static int take_hex(struct rest *rest, int digits)
{
    int value = 0;

    if (rest->end - rest->at < digits)
        return -1;
    for (; digits > 0; digits--) {
        int digit = hex_digit(*rest->at++);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* What follows a backslash. */
static bool take_escape(struct rest *rest, struct journal_line *line)
{
    if (rest->at == rest->end)
        return false;
    unsigned char letter = *rest->at++;
    int value = letter == 'x' ? take_hex(rest, 2) : letter == 'u' ? take_hex(rest, 4) : -1;

    switch (letter) {
    case '\\':
    case '"':
    case '/':
        return put(line, letter);
    case 'n':
        return put(line, '\n');
    case 'r':
        return put(line, '\r');
    case 't':
        return put(line, '\t');
    case 'b':
        return put(line, '\b');
    case 'f':
        return put(line, '\f');
    case 'x':
    case 'u':
        return value >= 0 && value < 256 && put(line, (unsigned)value);
    default:
        return false;
    }
}

/* Bytes up to the next escape or, in JSON, quote. */
static bool take_plain(struct rest *rest, bool json, struct journal_line *line)
{
    const bool *ends = json ? table.ends_json : table.ends_text;
    const unsigned char *at = rest->at;
    size_t size = line->size;

    while (at < rest->end && !ends[*at]) {
        if (size == JOURNAL_MESSAGE_MAX)
            return false;
        line->message[size++] = *at++;
    }
    line->size = size;
    rest->at = at;
    return true;
}

/* An escaped text; up to a quote in JSON, to the end otherwise. */
static bool take_escaped(struct rest *rest, bool json, struct journal_line *line)
{
    for (;;) {
        if (!take_plain(rest, json, line))
            return false;
        if (rest->at == rest->end || *rest->at == '"')
            return true;
        if (*rest->at++ != '\\' || !take_escape(rest, line))
            return false;
    }
}

static bool take_base64(struct rest *rest, struct journal_line *line)
{
    const unsigned char *end = rest->end;
    const unsigned char *at = rest->at;
    size_t size = line->size;
    unsigned bits = 0;
    unsigned held = 0;

    for (; at < end && *at != '"' && *at != '='; at++) {
        const signed char digit = table.base64[*at];
        if (digit < 0)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xfffU;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        if (size == JOURNAL_MESSAGE_MAX)
            return false;
        line->message[size++] = (unsigned char)(bits >> held);
    }
    while (at < end && *at == '=')
        at++;
    line->size = size;
    rest->at = at;
    return true;
}

static bool read_json(struct rest rest, struct journal_line *line)
{
    struct journal_line ignored;

    ignored.size = 0;
    if (!take_text(&rest, "{\"seq\":") || !take_number(&rest, &line->seq) ||
        !take_text(&rest, ",\"time\":\"") || !take_time(&rest) ||
        !take_text(&rest, "\",\"peer\":\"") || !take_peer(&rest, &line->port) ||
        !take_text(&rest, "\","))
        return false;
    if (take_text(&rest, "\"listener\":\"") &&
        (!take_escaped(&rest, true, &ignored) || !take_text(&rest, "\",")))
        return false;
    bool good = take_text(&rest, "\"message\":\"")
                    ? take_escaped(&rest, true, line)
                    : take_text(&rest, "\"message_base64\":\"") && take_base64(&rest, line);
    return good && take_text(&rest, "\"}") && rest.at == rest.end;
}

static bool read_text(struct rest rest, struct journal_line *line)
{
    return take_number(&rest, &line->seq) && take_text(&rest, " ") && take_time(&rest) &&
           take_text(&rest, " ") && take_peer(&rest, &line->port) && take_text(&rest, " ") &&
           take_escaped(&rest, false, line) && rest.at == rest.end;
}

bool journal_line_read(const unsigned char *line, size_t size, bool json, struct journal_line *read)
{
    const struct rest rest = {line, line + size};

    if (!table.is_made)
        make_table();
    read->size = 0;
    return json ? read_json(rest, read) : read_text(rest, read);
}
