/*
 * A stream has no message boundaries: TCP may cut it anywhere. This gives each framing streams
 * whole, cut at every point, and byte by byte; it must find the same messages each time. The limits
 * of max_message, of ended streams and of octet counts are tested one byte on either side.
 */
#include "common/framing/framing.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NO_LIMIT = 1 << 30 };

/* --------------------------------------------------------------- a peer that receives pieces */

struct reader {
    enum framing framing;
    size_t max_message;
    struct framing_state state;
    struct buffer unread; /* of the stream, from the end of the last message */
    struct buffer found;  /* the messages found, as text: see describe() */
    enum framing_result result;
};

/* `[MESSAGE]` and a letter for the ending: none -, LF n, CRLF r, NUL 0, counted #. */
static void describe(struct reader *reader, const struct frame *frame)
{
    static const char endings[] = "-nr0#";

    assert_true(frame->ending < sizeof endings - 1);
    assert_true(buffer_append(&reader->found, "[", 1));
    assert_true(buffer_append(&reader->found, frame->message, frame->size));
    assert_true(buffer_append(&reader->found, "]", 1));
    assert_true(buffer_append(&reader->found, &endings[frame->ending], 1));
}

/* Like the server after each recv(): takes every whole message, keeps the rest. */
static void receive(struct reader *reader, const char *bytes, size_t size, bool ended)
{
    struct frame frame;

    assert_true(buffer_append(&reader->unread, bytes, size));
    for (;;) {
        reader->result = framing_next(reader->framing, &reader->state, reader->unread.bytes,
                                      reader->unread.size, ended, reader->max_message, &frame);
        if (reader->result != FRAMING_MESSAGE)
            return;
        assert_true(frame.consumed > 0);
        assert_true(frame.consumed <= reader->unread.size);
        describe(reader, &frame);
        buffer_consume(&reader->unread, frame.consumed);
    }
}

static struct reader reader_of(enum framing framing, size_t max_message)
{
    return (struct reader){.framing = framing, .max_message = max_message};
}

static void reader_free(struct reader *reader)
{
    buffer_free(&reader->unread);
    buffer_free(&reader->found);
}

static void check(struct reader *reader, enum framing_result result, const char *found)
{
    assert_true(buffer_append(&reader->found, "", 1));
    reader->found.size--;
    assert_string_equal((const char *)reader->found.bytes, found);
    assert_int_equal(reader->result, result);
    reader_free(reader);
}

/* -------------------------------------------------------------------- whole and in any pieces */

struct stream {
    enum framing framing;
    const char *bytes;
    size_t size;
    const char *found;          /* once the stream has ended */
    enum framing_result result; /* the last one */
    size_t uncut;               /* auto: it may be cut only after this many bytes */
};

#define BYTES(text) (text), sizeof(text) - 1

static const struct stream streams[] = {
    {FRAMING_LINE, BYTES(""), "", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("one\n"), "[one]n", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("one\r\ntwo\nthree"), "[one]r[two]n[three]-", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("\n\r\n\n"), "[]n[]r[]n", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("a\rb\r\r\nc\r"), "[a\rb\r]r[c\r]-", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("\r"), "[\r]-", FRAMING_UNFINISHED, 0},
    {FRAMING_LINE, BYTES("\xff\xfe\x1b[2J\n\xe4\xbd\xa0\n"), "[\xff\xfe\x1b[2J]n[\xe4\xbd\xa0]n",
     FRAMING_UNFINISHED, 0},
    {FRAMING_NUL, BYTES(""), "", FRAMING_UNFINISHED, 0},
    {FRAMING_NUL, BYTES("one\0two\0"), "[one]0[two]0", FRAMING_UNFINISHED, 0},
    {FRAMING_NUL, BYTES("\0\0a\nb\r\n\0rest"), "[]0[]0[a\nb\r\n]0[rest]-", FRAMING_UNFINISHED, 0},
    {FRAMING_OCTET, BYTES(""), "", FRAMING_UNFINISHED, 0},
    {FRAMING_OCTET, BYTES("3 one0 11 hello\nworld"), "[one]#[]#[hello\nworld]#", FRAMING_UNFINISHED,
     0},
    {FRAMING_OCTET, BYTES("1 11 21 3"), "[1]#[2]#[3]#", FRAMING_UNFINISHED, 0},
    {FRAMING_OCTET, BYTES("2 \r\n3 abc4"), "[\r\n]#[abc]#", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("3 ab"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("3 "), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("1 x1"), "[x]#", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("1 x\n"), "[x]#", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("1 x 1 y"), "[x]#", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("-1 x"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("+1 x"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("01 x"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("00 "), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("1a x"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("0x1 x"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("<34>a\n"), "", FRAMING_MALFORMED, 0},
    {FRAMING_OCTET, BYTES("1 x99999999999 y"), "[x]#", FRAMING_TOO_LONG, 0},
    {FRAMING_OCTET, BYTES("18446744073709551617 x"), "", FRAMING_TOO_LONG, 0},
    {FRAMING_AUTO, BYTES(""), "", FRAMING_UNFINISHED, 0},
    {FRAMING_AUTO, BYTES("one\ntwo\r\n\nthree"), "[one]n[two]r[]n[three]-", FRAMING_UNFINISHED, 4},
    {FRAMING_AUTO, BYTES("\na\nb"), "[]n[a]n[b]-", FRAMING_UNFINISHED, 0},
    {FRAMING_AUTO, BYTES("\r\na\r\n"), "[]r[a]r", FRAMING_UNFINISHED, 2},
};

enum { STREAMS = sizeof streams / sizeof streams[0] };

static void found_as_expected(struct reader *reader, const struct stream *stream, size_t cut)
{
    if (reader->found.size != strlen(stream->found) ||
        (reader->found.size > 0 &&
         memcmp(reader->found.bytes, stream->found, reader->found.size) != 0) ||
        reader->result != stream->result)
        fail_msg("stream %d, cut at %zu: found %.*s, result %d", (int)(stream - streams), cut,
                 (int)reader->found.size, (const char *)reader->found.bytes, (int)reader->result);
    reader_free(reader);
}

static void test_whole(void **unused)
{
    (void)unused;
    for (const struct stream *stream = streams; stream < streams + STREAMS; stream++) {
        struct reader reader = reader_of(stream->framing, NO_LIMIT);
        receive(&reader, stream->bytes, stream->size, true);
        found_as_expected(&reader, stream, 0);
    }
}

/* The end may arrive with the last bytes, or alone. After an error nothing more is read. */
static void test_cut_at_every_point(void **unused)
{
    (void)unused;
    for (const struct stream *stream = streams; stream < streams + STREAMS; stream++) {
        for (size_t cut = stream->uncut; cut <= stream->size; cut++) {
            struct reader reader = reader_of(stream->framing, NO_LIMIT);
            receive(&reader, stream->bytes, cut, false);
            if (reader.result == FRAMING_UNFINISHED)
                receive(&reader, stream->bytes + cut, stream->size - cut, true);
            found_as_expected(&reader, stream, cut);
        }
    }
}

static void test_cut_at_every_two_points(void **unused)
{
    (void)unused;
    for (const struct stream *stream = streams; stream < streams + STREAMS; stream++) {
        for (size_t first = stream->uncut; first <= stream->size; first++) {
            for (size_t second = first; second <= stream->size; second++) {
                struct reader reader = reader_of(stream->framing, NO_LIMIT);
                receive(&reader, stream->bytes, first, false);
                if (reader.result == FRAMING_UNFINISHED)
                    receive(&reader, stream->bytes + first, second - first, false);
                if (reader.result == FRAMING_UNFINISHED)
                    receive(&reader, stream->bytes + second, stream->size - second, true);
                found_as_expected(&reader, stream, first);
            }
        }
    }
}

static void test_byte_by_byte(void **unused)
{
    (void)unused;
    for (const struct stream *stream = streams; stream < streams + STREAMS; stream++) {
        struct reader reader = reader_of(stream->framing, NO_LIMIT);
        receive(&reader, stream->bytes, stream->uncut, false);
        for (size_t at = stream->uncut; at < stream->size; at++) {
            if (reader.result == FRAMING_UNFINISHED)
                receive(&reader, stream->bytes + at, 1, false);
        }
        if (reader.result == FRAMING_UNFINISHED)
            receive(&reader, "", 0, true);
        found_as_expected(&reader, stream, stream->size);
    }
}

/* ------------------------------------------------------------------------------------- auto */

static void test_auto_takes_what_a_recv_returned(void **unused)
{
    struct reader reader = reader_of(FRAMING_AUTO, NO_LIMIT);

    (void)unused;
    receive(&reader, BYTES("hello"), false);
    receive(&reader, BYTES("world"), false);
    receive(&reader, "", 0, true);
    check(&reader, FRAMING_UNFINISHED, "[hello]-[world]-");
}

static void test_auto_speaks_lines_after_the_first_newline(void **unused)
{
    struct reader reader = reader_of(FRAMING_AUTO, NO_LIMIT);

    (void)unused;
    receive(&reader, BYTES("bare"), false);
    receive(&reader, BYTES("line\nun"), false);
    receive(&reader, BYTES("finished"), false);
    receive(&reader, BYTES("\r"), false);
    receive(&reader, BYTES("\n"), false);
    receive(&reader, BYTES("tail"), false);
    receive(&reader, "", 0, true);
    check(&reader, FRAMING_UNFINISHED, "[bare]-[line]n[unfinished]r[tail]-");
}

/* ------------------------------------------------------------------------------ max_message */

static void check_limit(enum framing framing, const char *bytes, size_t size, bool ended,
                        enum framing_result result, const char *found)
{
    struct reader reader = reader_of(framing, 4);

    receive(&reader, bytes, size, ended);
    check(&reader, result, found);
}

static void test_message_of_exactly_max_message(void **unused)
{
    (void)unused;
    check_limit(FRAMING_LINE, BYTES("abcd\nefgh\r\n"), false, FRAMING_UNFINISHED, "[abcd]n[efgh]r");
    check_limit(FRAMING_LINE, BYTES("abcd"), true, FRAMING_UNFINISHED, "[abcd]-");
    check_limit(FRAMING_LINE, BYTES("abcd"), false, FRAMING_UNFINISHED, "");
    check_limit(FRAMING_LINE, BYTES("abcd\r"), false, FRAMING_UNFINISHED, "");
    check_limit(FRAMING_NUL, BYTES("abcd\0"), false, FRAMING_UNFINISHED, "[abcd]0");
    check_limit(FRAMING_NUL, BYTES("abcd"), true, FRAMING_UNFINISHED, "[abcd]-");
    check_limit(FRAMING_OCTET, BYTES("4 abcd"), false, FRAMING_UNFINISHED, "[abcd]#");
    check_limit(FRAMING_AUTO, BYTES("abcd"), false, FRAMING_UNFINISHED, "[abcd]-");
    check_limit(FRAMING_AUTO, BYTES("abcd\n"), false, FRAMING_UNFINISHED, "[abcd]n");
}

static void test_message_of_one_byte_more(void **unused)
{
    (void)unused;
    check_limit(FRAMING_LINE, BYTES("ok\nabcde\n"), false, FRAMING_TOO_LONG, "[ok]n");
    check_limit(FRAMING_LINE, BYTES("abcde\r\n"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_LINE, BYTES("abcde"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_LINE, BYTES("abcd\rx"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_LINE, BYTES("abcd\r"), true, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_LINE, BYTES("abcde"), true, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_NUL, BYTES("ok\0abcde\0"), false, FRAMING_TOO_LONG, "[ok]0");
    check_limit(FRAMING_NUL, BYTES("abcde"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_NUL, BYTES("abcd\r"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_OCTET, BYTES("2 ok5 "), false, FRAMING_TOO_LONG, "[ok]#");
    check_limit(FRAMING_AUTO, BYTES("abcde"), false, FRAMING_TOO_LONG, "");
    check_limit(FRAMING_AUTO, BYTES("ok\nabcde"), false, FRAMING_TOO_LONG, "[ok]n");
}

static void test_limit_holds_however_it_is_cut(void **unused)
{
    static const char stream[] = "abcd\nabcd\r\nabcde";

    (void)unused;
    for (size_t cut = 0; cut < sizeof stream; cut++) {
        struct reader reader = reader_of(FRAMING_LINE, 4);
        receive(&reader, stream, cut, false);
        if (reader.result == FRAMING_UNFINISHED)
            receive(&reader, stream + cut, sizeof stream - 1 - cut, false);
        check(&reader, FRAMING_TOO_LONG, "[abcd]n[abcd]r");
    }
}

/* A long message that arrives in small pieces must not be searched from its start each time. */
static void test_scans_each_byte_once(void **unused)
{
    struct framing_state state = {0};
    struct frame frame;
    unsigned char bytes[64];

    (void)unused;
    memset(bytes, 'x', sizeof bytes);
    assert_int_equal(framing_next(FRAMING_LINE, &state, bytes, 32, false, NO_LIMIT, &frame),
                     FRAMING_UNFINISHED);
    assert_int_equal(state.scanned, 32);
    bytes[63] = '\n';
    assert_int_equal(framing_next(FRAMING_LINE, &state, bytes, 64, false, NO_LIMIT, &frame),
                     FRAMING_MESSAGE);
    assert_int_equal(frame.size, 63);
    assert_int_equal(state.scanned, 0);
}

/* ------------------------------------------------------------------------------ the way back */

static void check_wrap(enum framing framing, uint64_t ending, const char *text, size_t size,
                       const char *wrapped, size_t wrapped_size)
{
    struct buffer out = {0};

    assert_true(buffer_append(&out, "before", 6));
    assert_true(framing_wrap(framing, ending, text, size, &out));
    assert_int_equal(out.size, 6 + wrapped_size);
    assert_memory_equal(out.bytes, "before", 6);
    assert_memory_equal(out.bytes + 6, wrapped, wrapped_size);
    buffer_free(&out);
}

static void test_reply_ends_as_its_message(void **unused)
{
    (void)unused;
    check_wrap(FRAMING_AUTO, FRAMING_ENDING_NONE, BYTES("ok"), BYTES("ok"));
    check_wrap(FRAMING_AUTO, FRAMING_ENDING_LF, BYTES("ok"), BYTES("ok\n"));
    check_wrap(FRAMING_LINE, FRAMING_ENDING_CRLF, BYTES("ok"), BYTES("ok\r\n"));
    check_wrap(FRAMING_LINE, FRAMING_ENDING_LF, BYTES(""), BYTES("\n"));
    check_wrap(FRAMING_LINE, FRAMING_ENDING_NONE, BYTES("ok"), BYTES("ok"));
    check_wrap(FRAMING_NUL, FRAMING_ENDING_NUL, BYTES("ok"), BYTES("ok\0"));
    check_wrap(FRAMING_NUL, FRAMING_ENDING_NONE, BYTES("ok"), BYTES("ok"));
    check_wrap(FRAMING_OCTET, FRAMING_ENDING_COUNT, BYTES("ok"), BYTES("2 ok"));
    check_wrap(FRAMING_OCTET, FRAMING_ENDING_COUNT, BYTES(""), BYTES("0 "));
}

/* An ending of another framing is an error, not a read after the end of the table. */
static void test_ending_of_another_framing(void **unused)
{
    struct buffer out = {0};

    (void)unused;
    for (uint64_t ending = FRAMING_ENDING_COUNT; ending != 0; ending *= 2) {
        errno = 0;
        assert_false(framing_wrap(FRAMING_LINE, ending, "a", 1, &out));
        assert_int_equal(errno, EINVAL);
        assert_int_equal(out.size, 0);
    }
    buffer_free(&out);
}

static void test_what_is_wrapped_is_found_again(void **unused)
{
    static const enum framing framings[] = {FRAMING_AUTO, FRAMING_LINE, FRAMING_NUL, FRAMING_OCTET};
    static const char letters[] = "nn0#";

    (void)unused;
    for (size_t i = 0; i < sizeof framings / sizeof framings[0]; i++) {
        struct reader reader = reader_of(framings[i], NO_LIMIT);
        struct buffer sent = {0};
        char expected[32];

        for (int message = 0; message < 2; message++)
            assert_true(framing_wrap_message(framings[i], 1, message == 0 ? "a b" : "",
                                             message == 0 ? 3 : 0, &sent));
        receive(&reader, (const char *)sent.bytes, sent.size, false);
        (void)snprintf(expected, sizeof expected, "[a b]%c[]%c", letters[i], letters[i]);
        check(&reader, FRAMING_UNFINISHED, expected);
        buffer_free(&sent);
    }
}

static void test_what_a_framing_can_carry(void **unused)
{
    (void)unused;
    assert_true(framing_can_carry(FRAMING_LINE, BYTES("a\0b\r")));
    assert_false(framing_can_carry(FRAMING_LINE, BYTES("a\nb")));
    assert_false(framing_can_carry(FRAMING_AUTO, BYTES("ab\n")));
    assert_true(framing_can_carry(FRAMING_NUL, BYTES("a\nb")));
    assert_false(framing_can_carry(FRAMING_NUL, BYTES("a\0b")));
    assert_true(framing_can_carry(FRAMING_OCTET, BYTES("a\0\nb")));
    assert_true(framing_can_carry(FRAMING_SYSLOG, BYTES("a\0\nb")));
    assert_true(framing_can_carry(FRAMING_RELP, BYTES("a\0\nb")));
    for (int framing = FRAMING_AUTO; framing <= FRAMING_RELP; framing++)
        assert_int_equal(framing_can_carry((enum framing)framing, NULL, 0),
                         framing != FRAMING_SYSLOG);
}

static void test_what_can_be_a_reply(void **unused)
{
    (void)unused;
    for (int framing = FRAMING_AUTO; framing <= FRAMING_RELP; framing++) {
        bool in_lines = framing == FRAMING_AUTO || framing == FRAMING_LINE ||
                        framing == FRAMING_SYSLOG; /* of syslog's messages, some are lines */
        assert_int_equal(framing_can_reply((enum framing)framing, BYTES("a\nb")), !in_lines);
        assert_int_equal(framing_can_reply((enum framing)framing, BYTES("a\0b")),
                         framing != FRAMING_NUL);
    }
}

static void test_names_are_in_the_order_of_the_enum(void **unused)
{
    (void)unused;
    assert_string_equal(framing_names[FRAMING_AUTO], "auto");
    assert_string_equal(framing_names[FRAMING_LINE], "line");
    assert_string_equal(framing_names[FRAMING_NUL], "nul");
    assert_string_equal(framing_names[FRAMING_OCTET], "octet");
    assert_string_equal(framing_names[FRAMING_SYSLOG], "syslog");
    assert_string_equal(framing_names[FRAMING_RELP], "relp");
    assert_null(framing_names[FRAMING_RELP + 1]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_cut_at_every_point),
        cmocka_unit_test(test_cut_at_every_two_points),
        cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_auto_takes_what_a_recv_returned),
        cmocka_unit_test(test_auto_speaks_lines_after_the_first_newline),
        cmocka_unit_test(test_message_of_exactly_max_message),
        cmocka_unit_test(test_message_of_one_byte_more),
        cmocka_unit_test(test_limit_holds_however_it_is_cut),
        cmocka_unit_test(test_scans_each_byte_once),
        cmocka_unit_test(test_reply_ends_as_its_message),
        cmocka_unit_test(test_ending_of_another_framing),
        cmocka_unit_test(test_what_is_wrapped_is_found_again),
        cmocka_unit_test(test_what_a_framing_can_carry),
        cmocka_unit_test(test_what_can_be_a_reply),
        cmocka_unit_test(test_names_are_in_the_order_of_the_enum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
