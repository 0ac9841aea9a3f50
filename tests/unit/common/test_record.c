/*
 * A record is all that remains of a message, and by its head the server recognises its own journal
 * after a crash. This tests exact lines; that every message can be read back unchanged in both
 * formats; and heads that are cut at every byte, changed in every byte, and followed by anything.
 */
#include "common/record.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TIME      "2026-01-31T23:59:59.123456Z"
#define PEER      "192.0.2.1:4711"
#define TEXT_HEAD "7 " TIME " " PEER " "
#define JSON_HEAD "{\"seq\":7,\"time\":\"" TIME "\",\"peer\":\"" PEER "\",\""

static void append(enum journal_format format, const struct record *record, struct buffer *out)
{
    assert_true(record_append(format, record, out));
}

static struct record record_of(const void *message, size_t size)
{
    return (struct record){
        .seq = 7, .time = TIME, .peer = PEER, .listener = "", .message = message, .size = size};
}

/* -------------------------------------------------------------------------------- exact lines */

struct line {
    const char *message;
    size_t size;
    const char *text; /* after the head */
    const char *json;
};

#define LINE(message, text, json)                                                                  \
    {                                                                                              \
        (message), sizeof(message) - 1, text "\n", json "}\n"                                      \
    }

static const struct line lines[] = {
    LINE("", "", "message\":\"\""),
    LINE("hello", "hello", "message\":\"hello\""),
    LINE(" a b ", " a b ", "message\":\" a b \""),
    LINE("\"\\/", "\"\\\\/", "message\":\"\\\"\\\\/\""),
    LINE("\n\r\t\b\f", "\\n\\r\\t\\x08\\x0C", "message\":\"\\n\\r\\t\\u0008\\u000c\""),
    LINE("\0\x1b\x7f", "\\x00\\x1B\\x7F", "message\":\"\\u0000\\u001b\\u007f\""),
    LINE("\xc2\x80\xc2\x9f", "\\xC2\\x80\\xC2\\x9F", "message\":\"\\u0080\\u009f\""),
    LINE("\xe4\xbd\xa0\xf0\x9f\x98\x80", "\xe4\xbd\xa0\xf0\x9f\x98\x80",
         "message\":\"\xe4\xbd\xa0\xf0\x9f\x98\x80\""),
    LINE("\xff", "\\xFF", "message_base64\":\"/w==\""),
    LINE("\xff\xfe", "\\xFF\\xFE", "message_base64\":\"//4=\""),
    LINE("\xff\xfe\xfd", "\\xFF\\xFE\\xFD", "message_base64\":\"//79\""),
    LINE("hell\xc3", "hell\\xC3", "message_base64\":\"aGVsbMM=\""),
    LINE("\xed\xa0\x80", "\\xED\\xA0\\x80", "message_base64\":\"7aCA\""),
};

static void check_line(enum journal_format format, const struct line *line, const char *head,
                       const char *rest)
{
    struct record record = record_of(line->message, line->size);
    struct buffer out = {0};

    append(format, &record, &out);
    assert_int_equal(out.size, strlen(head) + strlen(rest));
    assert_memory_equal(out.bytes, head, strlen(head));
    assert_memory_equal(out.bytes + strlen(head), rest, strlen(rest));
    buffer_free(&out);
}

static void test_lines(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof lines / sizeof *lines; at++) {
        check_line(JOURNAL_FORMAT_TEXT, &lines[at], TEXT_HEAD, lines[at].text);
        check_line(JOURNAL_FORMAT_JSON, &lines[at], JSON_HEAD, lines[at].json);
    }
}

static void test_seq_and_listener(void **state)
{
    struct record record = record_of("x", 1);
    struct buffer out = {0};

    (void)state;
    record.listener = "scanners";
    record.seq = UINT64_MAX;
    append(JOURNAL_FORMAT_TEXT, &record, &out);
    record.seq = 1;
    append(JOURNAL_FORMAT_JSON, &record, &out);
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes,
                        "18446744073709551615 " TIME " " PEER " x\n"
                        "{\"seq\":1,\"time\":\"" TIME "\",\"peer\":\"" PEER
                        "\",\"listener\":\"scanners\",\"message\":\"x\"}\n");
    buffer_free(&out);
}

static void test_head_max(void **state)
{
    static const char peer[] = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%abcdefghijklmno]:65535";
    struct record record = {.seq = UINT64_MAX, .time = TIME, .peer = peer, .listener = ""};
    struct buffer out = {0};

    (void)state;
    append(JOURNAL_FORMAT_JSON, &record, &out);
    assert_true(out.size <= RECORD_HEAD_MAX);
    buffer_free(&out);
}

/* --------------------------------------------------------------------------------------- time */

static void test_time(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } times[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {999999, "1970-01-01T00:00:00.999999Z"},
        {1000000, "1970-01-01T00:00:01.000000Z"},
        {951782400000000, "2000-02-29T00:00:00.000000Z"},
        {1769903999123456, "2026-01-31T23:59:59.123456Z"},
        {1769904000000000, "2026-02-01T00:00:00.000000Z"},
        {1769903999123457, "2026-01-31T23:59:59.123457Z"}, /* a clock that was set back */
        {4102444799999999, "2099-12-31T23:59:59.999999Z"},
        {253402300799999999, "9999-12-31T23:59:59.999999Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-1000000, "1969-12-31T23:59:59.000000Z"},
        {0, "1970-01-01T00:00:00.000000Z"},
    };
    struct record_time time = {0};

    (void)state;
    for (size_t at = 0; at < sizeof times / sizeof *times; at++) {
        record_time_set(&time, times[at].us);
        assert_string_equal(time.text, times[at].text);
        assert_int_equal(strlen(time.text), RECORD_TIME_LENGTH);
    }
}

/* ------------------------------------------------------------------------------ reading heads */

/* The line is in an allocated block of exactly its size. */
static enum record_kind parse(const char *line, size_t size, uint64_t *seq)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);

    assert_non_null(copy);
    memcpy(copy, line, size);
    enum record_kind kind = record_parse(copy, size, seq);
    free(copy);
    return kind;
}

static void check_cuts(const char *head)
{
    uint64_t seq;

    for (size_t size = 0; size < strlen(head); size++)
        assert_int_equal(parse(head, size, &seq), RECORD_PARTIAL);
    assert_int_equal(parse(head, strlen(head), &seq), RECORD_OURS);
    assert_int_equal(seq, 7);
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    check_cuts(TEXT_HEAD);
    check_cuts(JSON_HEAD);
}

/* With any message, also a torn one. */
static void test_what_follows_does_not_matter(void **state)
{
    uint64_t seq;

    (void)state;
    assert_int_equal(parse(TEXT_HEAD "\0\xff", sizeof TEXT_HEAD + 1, &seq), RECORD_OURS);
    assert_int_equal(parse(JSON_HEAD "}", sizeof JSON_HEAD, &seq), RECORD_OURS);
}

/* A wrong byte is detected as soon as it is seen. */
static void check_changes(const char *head)
{
    static const char wrong[] = "\0\n\x1f\x7f\x80\xff\"\\ ";
    char changed[RECORD_HEAD_MAX];
    uint64_t seq;

    for (size_t at = 0; at < strlen(head); at++)
        for (size_t one = 0; one < sizeof wrong - 1; one++) {
            memcpy(changed, head, strlen(head));
            changed[at] = wrong[one];
            if (changed[at] == head[at] || (wrong[one] == ' ' && strchr(head + at, ' ') != NULL &&
                                            strstr(head, PEER) <= head + at))
                continue; /* a blank ends the peer early */
            if (wrong[one] == '"' && strstr(head, PEER) <= head + at)
                continue; /* a quote ends it too, in JSON */
            assert_int_equal(parse(changed, strlen(head), &seq), RECORD_FOREIGN);
            assert_int_equal(parse(changed, at + 1, &seq), RECORD_FOREIGN);
        }
}

static void test_changed_in_every_byte(void **state)
{
    (void)state;
    check_changes(TEXT_HEAD);
    check_changes(JSON_HEAD);
}

static void test_seqs(void **state)
{
    static const struct {
        const char *line;
        enum record_kind kind;
        uint64_t seq;
    } seqs[] = {
        {"1 " TIME " unix x", RECORD_OURS, 1},
        {"18446744073709551615 " TIME " unix x", RECORD_OURS, UINT64_MAX},
        {"18446744073709551616 " TIME " unix x", RECORD_FOREIGN, 0},
        {"99999999999999999999 " TIME " unix x", RECORD_FOREIGN, 0},
        {"100000000000000000000 " TIME " unix x", RECORD_FOREIGN, 0},
        {"0 " TIME " unix x", RECORD_FOREIGN, 0},
        {"07 " TIME " unix x", RECORD_FOREIGN, 0},
        {"+7 " TIME " unix x", RECORD_FOREIGN, 0},
        {"7  " TIME " unix x", RECORD_FOREIGN, 0},
        {"7 " TIME "  x", RECORD_FOREIGN, 0}, /* no peer */
        {"7 " TIME " unix", RECORD_PARTIAL, 0},
        {"{\"seq\":7,\"time\":\"" TIME "\",\"peer\":\"\",\"message\":\"\"}", RECORD_FOREIGN, 0},
        {"{\"seq\":0,\"time\":\"" TIME "\",\"peer\":\"unix\",\"message\":\"\"}", RECORD_FOREIGN, 0},
        {"{\"seq\":8,\"time\":\"" TIME "\",\"peer\":\"unix\",\"listener\":\"", RECORD_OURS, 8},
        {"{ \"seq\":8,\"time\":\"" TIME "\",\"peer\":\"unix\",\"listener\":\"", RECORD_FOREIGN, 0},
    };
    uint64_t seq;

    (void)state;
    for (size_t at = 0; at < sizeof seqs / sizeof *seqs; at++) {
        assert_int_equal(parse(seqs[at].line, strlen(seqs[at].line), &seq), seqs[at].kind);
        if (seqs[at].kind == RECORD_OURS)
            assert_int_equal(seq, seqs[at].seq);
    }
}

/* ------------------------------------------------------------------------ reading whole lines */

static void check_message(const char *head, const char *rest, const void *message, size_t size)
{
    char text[512];
    struct record_line record;
    struct buffer out = {0};
    int length = snprintf(text, sizeof text, "%s%s", head, rest);

    assert_true(record_read(text, (size_t)length - 1, &record)); /* without its LF */
    assert_int_equal(record.seq, 7);
    assert_memory_equal(record.time, TIME, RECORD_TIME_LENGTH);
    assert_int_equal(record.peer_size, strlen(PEER));
    assert_memory_equal(record.peer, PEER, strlen(PEER));
    assert_true(record_message(&record, &out));
    assert_int_equal(out.size, size);
    if (size > 0)
        assert_memory_equal(out.bytes, message, size);
    buffer_free(&out);
}

static void test_messages_come_back(void **state)
{
    (void)state;
    for (size_t at = 0; at < sizeof lines / sizeof *lines; at++) {
        const struct line *line = &lines[at];
        check_message(TEXT_HEAD, line->text, line->message, line->size);
        check_message(JSON_HEAD, line->json, line->message, line->size);
    }
}

static void test_listener_comes_back(void **state)
{
    static const char line[] = JSON_HEAD "listener\":\"gate\",\"message\":\"x\"}";
    struct record_line record;

    (void)state;
    assert_true(record_read(line, sizeof line - 1, &record));
    assert_int_equal(record.listener_size, 4);
    assert_memory_equal(record.listener, "gate", 4);
    assert_true(record_read(TEXT_HEAD "x", sizeof TEXT_HEAD, &record));
    assert_int_equal(record.listener_size, 0);
}

static void test_no_records(void **state)
{
    static const char *const bad[] = {
        "",
        "{",
        "7 " TIME " unix",
        JSON_HEAD,
        JSON_HEAD "message\":\"x\"",
        JSON_HEAD "message\":\"x\"} ",
        JSON_HEAD "message\":\"",
        JSON_HEAD "messages\":\"x\"}",
        JSON_HEAD "listener\":\"a\"}",
        JSON_HEAD "listener\":\"a\\\",\"message\":\"x\"}",
    };
    struct record_line record;

    (void)state;
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++)
        assert_false(record_read(bad[at], strlen(bad[at]), &record));
    assert_false(record_read(TEXT_HEAD "a\0b", sizeof TEXT_HEAD + 2, &record)); /* a torn one */
    static const char in_name[] = JSON_HEAD "listener\":\"a\0b\",\"message\":\"x\"}";
    assert_false(record_read(in_name, sizeof in_name - 1, &record));
}

/* Whatever follows: a line is a record or not, however much of it was read when that was asked. */
static void test_no_peer_is_longer_than_the_longest(void **state)
{
    static const char front[] = "7 " TIME " ";
    char line[2 * RECORD_HEAD_MAX];
    char *peer = line + strlen(front);
    struct record_line record;
    uint64_t seq;

    (void)state;
    memset(line, 'p', sizeof line);
    memcpy(line, front, strlen(front));
    assert_int_equal(parse(line, strlen(front) + RECORD_PEER_MAX, &seq), RECORD_PARTIAL);
    assert_int_equal(parse(line, strlen(front) + RECORD_PEER_MAX + 1, &seq), RECORD_FOREIGN);
    peer[RECORD_PEER_MAX + 1] = ' ';
    assert_int_equal(parse(line, sizeof line, &seq), RECORD_FOREIGN);
    assert_false(record_read(line, sizeof line, &record));
    peer[RECORD_PEER_MAX] = ' ';
    assert_int_equal(parse(line, RECORD_HEAD_MAX, &seq), RECORD_OURS);
    assert_true(record_read(line, sizeof line, &record));
    assert_int_equal(record.peer_size, RECORD_PEER_MAX);
}

static void test_no_messages(void **state)
{
    static const char *const bad[] = {
        TEXT_HEAD "\\",
        TEXT_HEAD "\\q",
        TEXT_HEAD "\\x4",
        TEXT_HEAD "\\x4g",
        JSON_HEAD "message\":\"a\"b\"}",
        JSON_HEAD "message\":\"a\\\"}",
        JSON_HEAD "message\":\"\\x41\"}",
        JSON_HEAD "message\":\"\\u0041\"}",
        JSON_HEAD "message\":\"\\u0100\"}",
        JSON_HEAD "message\":\"\\u00a0\"}",
        JSON_HEAD "message\":\"\\u008\"}",
        JSON_HEAD "message_base64\":\"/w=\"}",
        JSON_HEAD "message_base64\":\"/x==\"}",
        JSON_HEAD "message_base64\":\"//5=\"}",
        JSON_HEAD "message_base64\":\"/w==/w==\"}",
        JSON_HEAD "message_base64\":\"====\"}",
        JSON_HEAD "message_base64\":\"/-8=\"}",
    };
    struct buffer out = {0};
    struct record_line record;

    (void)state;
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        assert_true(record_read(bad[at], strlen(bad[at]), &record));
        errno = 0;
        assert_false(record_message(&record, &out));
        assert_int_equal(errno, EILSEQ);
        assert_int_equal(out.size, 0);
    }
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_seq_and_listener),
        cmocka_unit_test(test_head_max),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_what_follows_does_not_matter),
        cmocka_unit_test(test_changed_in_every_byte),
        cmocka_unit_test(test_seqs),
        cmocka_unit_test(test_messages_come_back),
        cmocka_unit_test(test_listener_comes_back),
        cmocka_unit_test(test_no_records),
        cmocka_unit_test(test_no_peer_is_longer_than_the_longest),
        cmocka_unit_test(test_no_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
