#include "client/output_format.h"

#include "common/escape.h"
#include "common/json.h"

#include <inttypes.h>

static bool is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

/* Letters and non-ASCII bytes; also a point or a sign, which would change the number. */
static bool is_of_word(unsigned char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte >= 0x80 ||
           byte == '_' || byte == '.' || byte == '-' || byte == '+';
}

/* Reads the digits at bytes[*at]. Returns false if the number exceeds 64 bits. */
static bool read_number(const unsigned char *bytes, size_t size, size_t *at, uint64_t *number)
{
    bool fits = true;

    for (*number = 0; *at < size && is_digit(bytes[*at]); ++*at) {
        uint64_t digit = (uint64_t)(bytes[*at] - '0');
        if (*number > (UINT64_MAX - digit) / 10)
            fits = false;
        else
            *number = *number * 10 + digit;
    }
    return fits;
}

/* A colon between two digits joins them, as in a time of day; `seq:17` is a word and a number. */
static bool begins_word(const unsigned char *bytes, size_t at)
{
    if (at == 0)
        return true;
    if (bytes[at - 1] == ':')
        return at == 1 || !is_digit(bytes[at - 2]);
    return !is_of_word(bytes[at - 1]);
}

/* A full stop at the end of a sentence does not belong to the number before it. */
static bool ends_word(const unsigned char *bytes, size_t size, size_t at)
{
    if (at == size)
        return true;
    if (bytes[at] == ':')
        return at + 1 == size || !is_digit(bytes[at + 1]);
    if (bytes[at] == '.')
        return at + 1 == size || bytes[at + 1] == ' ';
    return !is_of_word(bytes[at]);
}

bool output_format_seq(const unsigned char *reply, size_t size, uint64_t *seq)
{
    for (size_t at = 0; at < size;) {
        size_t begin = at;
        uint64_t number;
        if (!is_digit(reply[at])) {
            at++;
            continue;
        }
        if (read_number(reply, size, &at, &number) && begins_word(reply, begin) &&
            ends_word(reply, size, at)) {
            *seq = number;
            return true;
        }
    }
    return false;
}

static bool append_json(const struct acknowledgement *acknowledgement, struct buffer *out)
{
    uint64_t seq;

    if (!buffer_printf(out, "{\"line\":%" PRIu64 ",", acknowledgement->line))
        return false;
    if (acknowledgement->txnr > 0) { /* its reply, 200 OK, tells no SEQ */
        if (!buffer_printf(out, "\"txnr\":%" PRIu64 ",", acknowledgement->txnr))
            return false;
    } else if (output_format_seq(acknowledgement->reply, acknowledgement->size, &seq) &&
               !buffer_printf(out, "\"seq\":%" PRIu64 ",", seq)) {
        return false;
    }
    return buffer_printf(out, "\"latency_us\":%" PRId64 ",", acknowledgement->latency_us) &&
           json_append_member("reply", acknowledgement->reply, acknowledgement->size, out) &&
           buffer_append(out, "}\n", 2);
}

static bool append(enum output_format format, const struct acknowledgement *acknowledgement,
                   struct buffer *out)
{
    switch (format) {
    case OUTPUT_FORMAT_NONE:
        return true;
    case OUTPUT_FORMAT_RAW:
        return buffer_append(out, acknowledgement->reply, acknowledgement->size) &&
               buffer_append(out, "\n", 1);
    case OUTPUT_FORMAT_ESCAPED:
        return escape_text(acknowledgement->reply, acknowledgement->size, out) &&
               buffer_append(out, "\n", 1);
    case OUTPUT_FORMAT_JSON:
        return append_json(acknowledgement, out);
    }
    return true;
}

bool output_format_append(enum output_format format, const struct acknowledgement *acknowledgement,
                          struct buffer *out)
{
    size_t before = out->size;
    bool appended = append(format, acknowledgement, out);

    if (!appended)
        out->size = before;
    return appended;
}
