/*
 * Why: a reply taken too early, or twice, acknowledges a message that is not recorded. The tests
 * check what auto decides from the first bytes, and replies split at every position.
 */
#include "client/replies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct replies *replies, const char *bytes, size_t size)
{
    unsigned char *room = replies_room(replies, size);

    assert_non_null(room);
    memcpy(room, bytes, size);
    replies_added(replies, size);
}

static void add_text(struct replies *replies, const char *text)
{
    add(replies, text, strlen(text));
}

static void expect(struct replies *replies, bool settled, const char *text)
{
    struct frame reply;

    assert_int_equal(replies_next(replies, settled, &reply), FRAMING_MESSAGE);
    assert_int_equal(reply.size, strlen(text));
    assert_memory_equal(reply.message, text, reply.size);
}

static void expect_none(struct replies *replies, bool settled)
{
    struct frame reply;

    assert_int_equal(replies_next(replies, settled, &reply), FRAMING_UNFINISHED);
}

static void test_a_newline_decides_for_lines(void **state)
{
    struct replies replies;

    (void)state;
    replies_init(&replies, FRAMING_AUTO);
    expect_none(&replies, true);
    assert_int_equal(replies.mode, REPLIES_UNDECIDED);
    add_text(&replies, "ok");
    expect_none(&replies, false);
    assert_int_equal(replies.mode, REPLIES_UNDECIDED);
    add_text(&replies, "\r\n");
    expect(&replies, false, "ok");
    assert_int_equal(replies.mode, REPLIES_FRAMED);
    add_text(&replies, "half");
    expect_none(&replies, true); /* settled or not, half a line is not a reply */
    replies_restart(&replies);
    assert_int_equal(replies.mode, REPLIES_FRAMED);
    add_text(&replies, "whole\n");
    expect(&replies, false, "whole");
    replies_free(&replies);
}

static void test_silence_decides_for_bare(void **state)
{
    struct replies replies;

    (void)state;
    replies_init(&replies, FRAMING_AUTO);
    add_text(&replies, "line\nand more");
    expect_none(&replies, false); /* only a newline at the end decides */
    expect(&replies, true, "line\nand more");
    assert_int_equal(replies.mode, REPLIES_BARE);
    expect_none(&replies, true);
    add_text(&replies, "again");
    expect_none(&replies, false);
    add_text(&replies, " and more");
    expect(&replies, true, "again and more");
    assert_int_equal(replies_left(&replies), 0);
    replies_free(&replies);
}

/* A newline at the end of a later reply shows that the first one was incomplete after all. */
static void test_a_newline_disproves_bare(void **state)
{
    struct replies replies;
    struct frame reply;

    (void)state;
    replies_init(&replies, FRAMING_AUTO);
    add_text(&replies, "half a");
    expect(&replies, true, "half a");
    add_text(&replies, " reply\n");
    assert_int_equal(replies_next(&replies, true, &reply), FRAMING_MALFORMED);
    replies_restart(&replies);
    assert_int_equal(replies.mode, REPLIES_UNDECIDED);
    add_text(&replies, "a whole one\n");
    expect(&replies, false, "a whole one");
    replies_free(&replies);
}

static void check_cut_anywhere(enum framing framing, const char *stream, size_t size,
                               const char *const *texts, size_t count)
{
    for (size_t piece = 1; piece <= size; piece++) {
        struct replies replies;
        struct frame reply;
        size_t taken = 0;
        replies_init(&replies, framing);
        for (size_t at = 0; at < size; at += piece) {
            add(&replies, stream + at, size - at < piece ? size - at : piece);
            while (replies_next(&replies, false, &reply) == FRAMING_MESSAGE) {
                const char *text = taken < count ? texts[taken] : "none";
                assert_int_equal(reply.size, strlen(text));
                assert_memory_equal(reply.message, text, reply.size);
                taken++;
            }
        }
        assert_int_equal(taken, count);
        assert_int_equal(replies_left(&replies), 0);
        replies_free(&replies);
    }
}

static void test_cut_anywhere(void **state)
{
    static const char *const texts[] = {"first", "", "the third"};
    static const char lines[] = "first\n\nthe third\n", crlf[] = "first\r\n\r\nthe third\r\n";
    static const char nul[] = "first\0\0the third", octet[] = "5 first0 9 the third";

    (void)state;
    check_cut_anywhere(FRAMING_LINE, lines, sizeof lines - 1, texts, 3);
    check_cut_anywhere(FRAMING_LINE, crlf, sizeof crlf - 1, texts, 3);
    check_cut_anywhere(FRAMING_AUTO, lines, sizeof lines - 1, texts, 3);
    check_cut_anywhere(FRAMING_NUL, nul, sizeof nul, texts, 3);
    check_cut_anywhere(FRAMING_OCTET, octet, sizeof octet - 1, texts, 3);
}

static void add_more_than_a_reply(struct replies *replies)
{
    for (size_t size = 0; size <= REPLIES_SIZE_MAX; size += 64)
        add_text(replies, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
}

static void test_too_long(void **state)
{
    static const enum replies_mode modes[] = {REPLIES_UNDECIDED, REPLIES_BARE, REPLIES_FRAMED};

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct replies replies;
        struct frame reply;
        replies_init(&replies, FRAMING_AUTO);
        replies.mode = modes[i];
        add_more_than_a_reply(&replies);
        assert_int_equal(replies_next(&replies, false, &reply), FRAMING_TOO_LONG);
        replies_free(&replies);
    }
}

static void test_what_is_no_reply(void **state)
{
    struct replies replies;
    struct frame reply;

    (void)state;
    replies_init(&replies, FRAMING_OCTET);
    add_text(&replies, "ok\n");
    assert_int_equal(replies_next(&replies, false, &reply), FRAMING_MALFORMED);
    replies_free(&replies);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_newline_decides_for_lines),
        cmocka_unit_test(test_silence_decides_for_bare),
        cmocka_unit_test(test_a_newline_disproves_bare),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_what_is_no_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
