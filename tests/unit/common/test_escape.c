/*
 * Escaping protects the terminals of people who read journals and logs from bytes sent by peers,
 * and the journal must lose nothing. This tests every byte, code points on both sides of each edge
 * of UTF-8, cut and overlong forms; and an independent decoder reads all output back.
 */
#include "common/escape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ------------------------------------------------- an independent decoder */

/* The code point of the one character in the bytes; -1: they are not one (RFC 3629). */
static long code_point(const unsigned char *bytes, size_t size)
{
    static const long least[] = {0, 0, 0x80, 0x800, 0x10000};
    long code;

    if (size == 1)
        return bytes[0] < 0x80 ? bytes[0] : -1;
    if (size == 2 && bytes[0] >> 5 == 0x6)
        code = bytes[0] & 0x1f;
    else if (size == 3 && bytes[0] >> 4 == 0xe)
        code = bytes[0] & 0xf;
    else if (size == 4 && bytes[0] >> 3 == 0x1e)
        code = bytes[0] & 0x7;
    else
        return -1;
    for (size_t at = 1; at < size; at++) {
        if (bytes[at] >> 6 != 0x2)
            return -1;
        code = code << 6 | (bytes[at] & 0x3f);
    }
    return code < least[size] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? -1 : code;
}

/* The length of the first character; 0 if there is none. */
static size_t character_size(const unsigned char *bytes, size_t size)
{
    for (size_t length = 1; length <= 4 && length <= size; length++)
        if (code_point(bytes, length) >= 0)
            return length;
    return 0;
}

static bool is_control(long code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

static unsigned hex(const unsigned char *digits)
{
    char text[3] = {(char)digits[0], (char)digits[1], '\0'};
    char *end = NULL;
    unsigned long value = strtoul(text, &end, 16);

    assert_ptr_equal(end, text + 2);
    return (unsigned)value;
}

/* Reads an escape at `at` into *byte and returns its length. */
static size_t unescape_one(const unsigned char *at, size_t size, unsigned char *byte)
{
    static const char letters[] = "\\nrt";
    static const char bytes[] = "\\\n\r\t";

    assert_true(size >= 2);
    if (at[1] == 'x') {
        assert_true(size >= 4);
        *byte = (unsigned char)hex(at + 2);
        return 4;
    }
    const char *letter = at[1] == '\0' ? NULL : strchr(letters, at[1]);
    assert_non_null(letter);
    *byte = (unsigned char)bytes[letter - letters];
    return 2;
}

/* The bytes that a text represents; it must be UTF-8 without control characters. */
static struct buffer unescape(const struct buffer *text)
{
    struct buffer bytes = {0};

    for (size_t at = 0; at < text->size;) {
        unsigned char byte;
        size_t length = character_size(text->bytes + at, text->size - at);
        assert_true(length > 0);
        assert_false(is_control(code_point(text->bytes + at, length)));
        if (text->bytes[at] == '\\') {
            length = unescape_one(text->bytes + at, text->size - at, &byte);
            assert_true(buffer_append(&bytes, &byte, 1));
        } else {
            assert_true(buffer_append(&bytes, text->bytes + at, length));
        }
        at += length;
    }
    return bytes;
}

/* Escapes bytes at the end of an allocated block: reading after them is detected. */
static struct buffer escape(const void *bytes, size_t size)
{
    struct buffer text = {0};
    void *copy = malloc(size > 0 ? size : 1);

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    assert_true(escape_text(copy, size, &text));
    assert_true(text.size <= 4 * size);
    free(copy);
    return text;
}

static void check_lossless(const void *bytes, size_t size)
{
    struct buffer text = escape(bytes, size);
    struct buffer back = unescape(&text);

    assert_int_equal(back.size, size);
    if (size > 0)
        assert_memory_equal(back.bytes, bytes, size);
    buffer_free(&text);
    buffer_free(&back);
}

/* ------------------------------------------------------------------------- exact forms */

struct form {
    const char *bytes;
    size_t size;
    const char *text;
};

#define FORM(bytes, text)                                                                          \
    {                                                                                              \
        (bytes), sizeof(bytes) - 1, (text)                                                         \
    }

static const struct form forms[] = {
    FORM("", ""),
    FORM("hello", "hello"),
    FORM("say \"hello\"", "say \"hello\""),
    FORM("C:\\x41", "C:\\\\x41"),
    FORM("\n\r\t", "\\n\\r\\t"),
    FORM("\0\x01\x1b[2J\x7f", "\\x00\\x01\\x1B[2J\\x7F"),
    FORM("a\0b", "a\\x00b"),
    FORM("\xe4\xbd\xa0\xe5\xa5\xbd", "\xe4\xbd\xa0\xe5\xa5\xbd"),
    FORM("\xff\xfe", "\\xFF\\xFE"),
    FORM("\x80", "\\x80"),            /* a continuation by itself */
    FORM("a\xc3", "a\\xC3"),          /* cut */
    FORM("\xe2\x82", "\\xE2\\x82"),   /* cut */
    FORM("\xe2\x82\x41", "\\xE2\\x82" /* cut by another character */
                         "A"),
    FORM("\xf0\x9f\x98", "\\xF0\\x9F\\x98"),
    FORM("\xc0\x80", "\\xC0\\x80"),                   /* NUL, overlong */
    FORM("\xc1\xbf", "\\xC1\\xBF"),                   /* U+007F, overlong */
    FORM("\xc2\x80", "\\xC2\\x80"),                   /* U+0080, a control character */
    FORM("\xc2\x9b", "\\xC2\\x9B"),                   /* U+009B, begins terminal sequences */
    FORM("\xc2\x9f", "\\xC2\\x9F"),                   /* U+009F, the last of them */
    FORM("\xc2\xa0", "\xc2\xa0"),                     /* U+00A0 */
    FORM("\xdf\xbf", "\xdf\xbf"),                     /* U+07FF */
    FORM("\xe0\x9f\xbf", "\\xE0\\x9F\\xBF"),          /* U+07FF, overlong */
    FORM("\xe0\xa0\x80", "\xe0\xa0\x80"),             /* U+0800 */
    FORM("\xed\x9f\xbf", "\xed\x9f\xbf"),             /* U+D7FF */
    FORM("\xed\xa0\x80", "\\xED\\xA0\\x80"),          /* U+D800, a surrogate */
    FORM("\xed\xbf\xbf", "\\xED\\xBF\\xBF"),          /* U+DFFF, a surrogate */
    FORM("\xee\x80\x80", "\xee\x80\x80"),             /* U+E000 */
    FORM("\xef\xbf\xbd", "\xef\xbf\xbd"),             /* U+FFFD */
    FORM("\xef\xbf\xbf", "\xef\xbf\xbf"),             /* U+FFFF */
    FORM("\xf0\x8f\xbf\xbf", "\\xF0\\x8F\\xBF\\xBF"), /* U+FFFF, overlong */
    FORM("\xf0\x90\x80\x80", "\xf0\x90\x80\x80"),     /* U+10000 */
    FORM("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"),     /* U+10FFFF */
    FORM("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"), /* above U+10FFFF */
    FORM("\xf5\x80\x80\x80", "\\xF5\\x80\\x80\\x80"),
    FORM("\xf8\x88\x80\x80\x80",
         "\\xF8\\x88\\x80\\x80\\x80"), /* five bytes, as UTF-8 once allowed */
};

static void test_forms(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof forms / sizeof *forms; at++) {
        struct buffer text = escape(forms[at].bytes, forms[at].size);
        assert_true(buffer_append(&text, "", 1));
        assert_string_equal((const char *)text.bytes, forms[at].text);
        buffer_free(&text);
        check_lossless(forms[at].bytes, forms[at].size);
    }
}

static void test_appends(void **state)
{
    struct buffer out = {0};

    (void)state;
    assert_true(buffer_append(&out, "<", 1));
    assert_true(escape_text("\n", 1, &out));
    assert_true(escape_text("", 0, &out));
    assert_true(escape_text(">", 1, &out));
    assert_int_equal(out.size, 4);
    assert_memory_equal(out.bytes, "<\\n>", 4);
    buffer_free(&out);
}

/* ------------------------------------------------------------------------- everything */

/* Every sequence of up to three edge bytes. */
static void test_edges_beside_each_other(void **state)
{
    static const unsigned char edges[] = {0x00, 0x09, 0x0a, 0x0d, 0x1f, 0x20, '"',  'A',  '\\',
                                          'n',  'x',  0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                          0xbf, 0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed,
                                          0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf8, 0xff};
    enum { COUNT = sizeof edges };

    (void)state;
    for (size_t one = 0; one < COUNT; one++)
        for (size_t two = 0; two < COUNT; two++)
            for (size_t three = 0; three < COUNT; three++) {
                const unsigned char bytes[] = {edges[one], edges[two], edges[three]};
                check_lossless(bytes, 1);
                check_lossless(bytes, 2);
                check_lossless(bytes, 3);
            }
}

static void test_every_code_point(void **state)
{
    (void)state;
    for (unsigned long code = 0; code < 0x120000; code++) {
        unsigned char bytes[4] = {(unsigned char)code};
        size_t size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        for (size_t at = size; size > 1 && at-- > 0;) {
            unsigned long six = code >> 6 * (size - 1 - at);
            static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
            bytes[at] = (unsigned char)(at == 0 ? marks[size] | six : 0x80 | (six & 0x3f));
        }
        bool valid = code_point(bytes, size) == (long)code;
        assert_int_equal(escape_character(bytes, size), valid ? size : 0);
        assert_int_equal(escape_character(bytes, size - 1), 0);
        if (valid)
            assert_int_equal(escape_is_control(bytes, size), is_control((long)code));
    }
}

/* 64 bytes are examined together, then eight: each byte must be found at each position. */
static void test_plain_at_every_place(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++)
        for (size_t size = 1; size <= 74; size = size == 18 ? 64 : size + 1)
            for (size_t place = 0; place < size; place++) {
                unsigned char *bytes = malloc(size);
                bool plain = byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
                assert_non_null(bytes);
                memset(bytes, byte % 2 == 0 ? '~' : ' ', size);
                bytes[place] = (unsigned char)byte;
                assert_int_equal(escape_plain(bytes, size), plain ? size : place);
                free(bytes);
            }
    assert_int_equal(escape_plain((const unsigned char *)"", 0), 0);
}

/* escape_decode() reads the output of escape_text(), and refuses anything else. */
static void test_decode(void **state)
{
    static const char *const wrong[] = {"\\", "\\q", "a\\x", "\\x1", "\\x1g", "\\xg1"};
    unsigned char bytes[256];
    struct buffer text = {0};
    struct buffer decoded = {0};
    struct problem problem;

    (void)state;
    for (size_t at = 0; at < sizeof bytes; at++)
        bytes[at] = (unsigned char)at;
    assert_true(escape_text(bytes, sizeof bytes, &text));
    assert_true(buffer_append(&decoded, "x", 1));
    assert_true(escape_decode((const char *)text.bytes, text.size, &decoded, &problem));
    assert_int_equal(decoded.size, 1 + sizeof bytes);
    assert_memory_equal(decoded.bytes + 1, bytes, sizeof bytes);
    for (size_t at = 0; at < sizeof wrong / sizeof wrong[0]; at++) {
        assert_false(escape_decode(wrong[at], strlen(wrong[at]), &decoded, &problem));
        assert_int_equal(decoded.size, 1 + sizeof bytes);
    }
    buffer_free(&text);
    buffer_free(&decoded);
}

static void test_random_bytes(void **state)
{
    unsigned char bytes[64];
    uint32_t random = 1;

    (void)state;
    for (int round = 0; round < 20000; round++) {
        for (size_t at = 0; at < sizeof bytes; at++) {
            random = random * 1664525 + 1013904223;
            bytes[at] = (unsigned char)(random >> 24);
        }
        check_lossless(bytes, random % (sizeof bytes + 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_edges_beside_each_other),
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_plain_at_every_place),
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
