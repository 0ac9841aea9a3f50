/*
 * The two framings of syslog senders. `relp` numbers its commands and answers each; what a client
 * may send out of order, too long or twice must neither be recorded nor acknowledged. `syslog`
 * takes lines and counted frames in one stream.
 */
#include "common/framing/framing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What a stream comes to: messages as `[MESSAGE]`, and each answer as it is sent. */
struct session {
    enum framing framing;
    struct framing_state state;
    struct buffer found;
    size_t used;
    bool last;
};

static enum framing_result take_all(struct session *session, const char *stream, size_t size,
                                    bool ended, size_t max_message)
{
    const char *reply = framing_reply(session->framing);
    enum framing_result result;
    struct frame frame;

    for (;;) {
        result = framing_next(session->framing, &session->state,
                              (const unsigned char *)stream + session->used, size - session->used,
                              ended, max_message, &frame);
        if (result != FRAMING_MESSAGE && result != FRAMING_CONTROL)
            return result;
        session->used += frame.consumed;
        if (result == FRAMING_MESSAGE) {
            assert_true(buffer_append(&session->found, "[", 1));
            assert_true(buffer_append(&session->found, frame.message, frame.size));
            assert_true(buffer_append(&session->found, "]", 1));
        }
        const void *text =
            result == FRAMING_MESSAGE && reply != NULL ? reply : (const void *)frame.message;
        size_t length = result == FRAMING_MESSAGE && reply != NULL ? strlen(reply) : frame.size;
        if (result == FRAMING_CONTROL || reply != NULL)
            assert_true(
                framing_wrap(session->framing, frame.ending, text, length, &session->found));
        session->last = frame.last;
        if (frame.last)
            return result;
    }
}

static void check_stream(enum framing framing, const char *stream, size_t size, size_t max_message,
                         enum framing_result result, const char *found)
{
    struct session session = {.framing = framing};

    assert_int_equal(take_all(&session, stream, size, true, max_message), result);
    assert_true(buffer_append(&session.found, "", 1));
    assert_string_equal((const char *)session.found.bytes, found);
    buffer_free(&session.found);
    for (size_t cut = 0; cut <= size; cut++) { /* cut anywhere, it comes to the same */
        struct session pieces = {.framing = framing};
        enum framing_result first = take_all(&pieces, stream, cut, false, max_message);
        if (first == FRAMING_UNFINISHED)
            first = take_all(&pieces, stream, size, true, max_message);
        assert_int_equal(first, result);
        assert_true(buffer_append(&pieces.found, "", 1));
        assert_string_equal((const char *)pieces.found.bytes, found);
        buffer_free(&pieces.found);
    }
}

static void check_relp(const char *stream, size_t max_message, enum framing_result result,
                       const char *found)
{
    static const char open[] = "1 open 14 relp_version=0\n";
    char whole[512];
    int size = snprintf(whole, sizeof whole, "%s%s", open, stream);
    char answer[512];

    assert_true(size > 0 && (size_t)size < sizeof whole);
    (void)snprintf(answer, sizeof answer,
                   "1 rsp %zu 200 OK\nrelp_version=0\nrelp_software=tcpackd,%s\n"
                   "commands=syslog\n%s",
                   strlen("200 OK\nrelp_version=0\nrelp_software=tcpackd,\ncommands=syslog") +
                       strlen(PACKAGE_VERSION),
                   PACKAGE_VERSION, found);
    check_stream(FRAMING_RELP, whole, (size_t)size, max_message, result, answer);
}

static void relp_answers_each_command(void **state)
{
    (void)state;
    check_relp("2 syslog 4 abc\n\n3 syslog 3 def\n4 syslog 0\n5 close 0\n", 100, FRAMING_CONTROL,
               "[abc]2 rsp 6 200 OK\n[def]3 rsp 6 200 OK\n[]4 rsp 6 200 OK\n5 rsp 0\n");
    /* One LF is the sender's; a second one is the message's. */
    check_relp("2 syslog 5 abc\n\n\n", 100, FRAMING_UNFINISHED, "[abc\n]2 rsp 6 200 OK\n");
}

static void relp_passes_over_responses_and_hints(void **state)
{
    (void)state;
    check_relp("2 rsp 6 200 OK\n0 hint 0\n2 syslog 1 x\n", 100, FRAMING_UNFINISHED,
               "[x]2 rsp 6 200 OK\n");
}

static void relp_knows_no_other_command(void **state)
{
    (void)state;
    check_relp("2 starttls 0\n3 syslog 1 x\n", 100, FRAMING_UNFINISHED,
               "2 rsp 19 500 unknown command\n[x]3 rsp 6 200 OK\n");
    check_relp("2 open 0\n3 syslog 1 x\n", 100, FRAMING_CONTROL,
               "2 rsp 31 500 the session is open already\n");
}

static void relp_insists_on_the_order(void **state)
{
    (void)state;
    check_relp("3 syslog 1 x\n", 100, FRAMING_MALFORMED, "");
    check_relp("1 syslog 1 x\n", 100, FRAMING_MALFORMED, "");
    check_relp("2 syslog 1 x\n2 syslog 1 y\n", 100, FRAMING_MALFORMED, "[x]2 rsp 6 200 OK\n");
    check_stream(FRAMING_RELP, "1 syslog 1 x\n", 13, 100, FRAMING_MALFORMED, "");
    check_relp("0 syslog 1 x\n", 100, FRAMING_MALFORMED, ""); /* nothing could acknowledge it */
    check_stream(FRAMING_RELP, "2 open 0\n", 9, 100, FRAMING_MALFORMED, "");
}

static void relp_says_once_that_the_server_ends_it(void **state)
{
    struct framing_state session = {.number = 7};
    struct framing_state nothing = {0};

    (void)state;
    assert_string_equal(framing_farewell(FRAMING_RELP, &session), "0 serverclose 0\n");
    assert_null(framing_farewell(FRAMING_RELP, &session));
    assert_null(framing_farewell(FRAMING_RELP, &nothing)); /* it was never opened */
    assert_null(framing_farewell(FRAMING_SYSLOG, &nothing));
}

static void relp_numbers_wrap(void **state)
{
    struct session session = {.framing = FRAMING_RELP, .state = {.number = 999999998}};
    static const char stream[] = "999999999 syslog 1 x\n1 syslog 1 y\n";

    (void)state;
    assert_int_equal(take_all(&session, stream, sizeof stream - 1, false, 100), FRAMING_UNFINISHED);
    assert_true(buffer_append(&session.found, "", 1));
    assert_string_equal((const char *)session.found.bytes,
                        "[x]999999999 rsp 6 200 OK\n[y]1 rsp 6 200 OK\n");
    buffer_free(&session.found);
}

static void relp_judges_the_length_before_the_data(void **state)
{
    struct session session = {.framing = FRAMING_RELP, .state = {.number = 1}};

    (void)state;
    assert_int_equal(take_all(&session, "2 syslog 12 ", 12, false, 10), FRAMING_TOO_LONG);
    check_relp("2 syslog 11 0123456789\n\n", 10, FRAMING_UNFINISHED,
               "[0123456789]2 rsp 6 200 OK\n");
    check_relp("2 syslog 11 0123456789a\n", 10, FRAMING_TOO_LONG, "");
    check_relp("2 foo 32769 ", 10, FRAMING_MALFORMED, ""); /* max_message does not apply */
}

static void relp_refuses_what_is_no_frame(void **state)
{
    static const char *const streams[] = {
        "2 syslog x",   "2  syslog 1 x\n",         "x",
        "2 sys1og 0\n", "2 syslog 1 xy\n",         "2 syslog 1x\n",
        "2 0\n",        "2222222222 syslog 1 x\n", "2 syslog 0 \n",
        "2 syslog\n",   "2 syslog 0000000001 x\n", "2 abcdefghijklmnopqrstuvwxyzabcdefg 0\n",
        "2 syslog 1 x", /* the end of sending inside a frame */
    };

    (void)state;
    for (size_t at = 0; at < sizeof streams / sizeof streams[0]; at++)
        check_relp(streams[at], 100, FRAMING_MALFORMED, "");
}

static void syslog_takes_lines_and_counts(void **state)
{
    static const char stream[] = "5 hello\n3 a\nbline one\n\n\0\0line 2\r\n4 wxyz1 q";

    (void)state;
    check_stream(FRAMING_SYSLOG, stream, sizeof stream - 1, 100, FRAMING_UNFINISHED,
                 "[hello][a\nb][line one][line 2][wxyz][q]");
}

static void syslog_limits_both(void **state)
{
    (void)state;
    check_stream(FRAMING_SYSLOG, "11 01234567890", 14, 10, FRAMING_TOO_LONG, "");
    check_stream(FRAMING_SYSLOG, "<13>4567890\n", 12, 10, FRAMING_TOO_LONG, "");
    check_stream(FRAMING_SYSLOG, "5x hello", 8, 10, FRAMING_MALFORMED, "");
    check_stream(FRAMING_SYSLOG, "\n<13>x", 6, 10, FRAMING_UNFINISHED, "[<13>x]");
}

static void syslog_answers_in_kind(void **state)
{
    struct buffer out = {0};

    (void)state;
    assert_true(framing_wrap(FRAMING_SYSLOG, FRAMING_ENDING_COUNT, "ok", 2, &out));
    assert_true(framing_wrap(FRAMING_SYSLOG, FRAMING_ENDING_LF, "ok", 2, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes, "2 okok\n");
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relp_answers_each_command),
        cmocka_unit_test(relp_passes_over_responses_and_hints),
        cmocka_unit_test(relp_knows_no_other_command),
        cmocka_unit_test(relp_insists_on_the_order),
        cmocka_unit_test(relp_says_once_that_the_server_ends_it),
        cmocka_unit_test(relp_numbers_wrap),
        cmocka_unit_test(relp_judges_the_length_before_the_data),
        cmocka_unit_test(relp_refuses_what_is_no_frame),
        cmocka_unit_test(syslog_takes_lines_and_counts),
        cmocka_unit_test(syslog_limits_both),
        cmocka_unit_test(syslog_answers_in_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
