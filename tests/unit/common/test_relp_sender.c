/*
 * RELP from the client's side: a message that is numbered wrongly or whose response is taken for
 * another's is lost or resent. And a server that offers something else must be told apart from one
 * that refuses, for whoever reads the error has to mend it.
 */
#include "common/framing/framing.h"
#include "common/framing/relp_offers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void expect_wrapped(uint64_t number, const char *text, const char *wanted)
{
    struct buffer out = {0};

    assert_true(framing_wrap_message(FRAMING_RELP, number, text, strlen(text), &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes, wanted);
    buffer_free(&out);
}

static void messages_are_commands(void **state)
{
    (void)state;
    expect_wrapped(1, "abc", "000000002 syslog 3 abc\n");
    expect_wrapped(2, "", "000000003 syslog 0\n");
    expect_wrapped(3, "abc\n", "000000004 syslog 5 abc\n\n\n"); /* a server takes one LF away */
    expect_wrapped(999999998, "x", "999999999 syslog 1 x\n");
    expect_wrapped(999999999, "x", "000000001 syslog 1 x\n");
    expect_wrapped(UINT64_C(1999999998), "x", "000000001 syslog 1 x\n");
    assert_int_equal(framing_transaction(FRAMING_RELP, 999999999), 1);
    assert_int_equal(framing_transaction(FRAMING_OCTET, 5), 0);
}

static void a_message_gets_another_number(void **state)
{
    unsigned char message[] = "000000123 syslog 3 abc\n";
    unsigned char line[] = "abc\n";

    (void)state;
    framing_renumber(FRAMING_RELP, 3, message);
    assert_string_equal((const char *)message, "000000004 syslog 3 abc\n");
    framing_renumber(FRAMING_LINE, 3, line);
    assert_string_equal((const char *)line, "abc\n");
}

/* A server must take what a sender makes, whatever it is. */
static void a_server_takes_them(void **state)
{
    static const char *const texts[] = {"", "\n", "a\n\n", "1 open 0\n", "2 syslog 3 abc\n"};
    struct framing_state session = {.number = 1};
    struct buffer out = {0};
    struct frame frame;

    (void)state;
    for (size_t at = 0; at < sizeof texts / sizeof texts[0]; at++) {
        out.size = 0;
        assert_true(framing_wrap_message(FRAMING_RELP, at + 1, texts[at], strlen(texts[at]), &out));
        assert_int_equal(
            framing_next(FRAMING_RELP, &session, out.bytes, out.size, false, 100, &frame),
            FRAMING_MESSAGE);
        assert_int_equal(frame.size, strlen(texts[at]));
        assert_memory_equal(frame.message, texts[at], frame.size);
        assert_int_equal(frame.ending, framing_transaction(FRAMING_RELP, at + 1));
    }
    buffer_free(&out);
}

/* The client finds its message again in what it sent, under any number. */
static void a_client_takes_it_back(void **state)
{
    static const char *const texts[] = {"", "abc", "a\n", "\n\n"};
    struct buffer out = {0};
    struct frame frame;

    (void)state;
    for (int framing = FRAMING_AUTO; framing <= FRAMING_RELP; framing++)
        for (size_t at = 0; at < sizeof texts / sizeof texts[0]; at++) {
            size_t size = strlen(texts[at]);
            out.size = 0;
            if (!framing_can_carry((enum framing)framing, texts[at], size))
                continue;
            assert_true(
                framing_wrap_message((enum framing)framing, 999999999, texts[at], size, &out));
            assert_true(framing_unwrap_message((enum framing)framing, out.bytes, out.size, &frame));
            assert_int_equal(frame.size, size);
            assert_memory_equal(frame.message, texts[at], size);
        }
    buffer_free(&out);
}

static void responses(void **state)
{
    static const struct {
        const char *bytes;
        enum framing_result result;
        const char *message; /* NULL: none */
        uint64_t number;
        bool last;
    } cases[] = {
        {"2 rsp 6 200 OK\n", FRAMING_MESSAGE, "200 OK", 2, false},
        {"000000007 rsp 0\n3", FRAMING_MESSAGE, "", 7, false},
        {"0 serverclose 0\n", FRAMING_CONTROL, NULL, 0, true},
        {"0 hint 1 x\n", FRAMING_CONTROL, NULL, 0, false},
        {"2 rsp 6 200 OK", FRAMING_UNFINISHED, NULL, 0, false},
        {"2 rsp 101 ", FRAMING_TOO_LONG, NULL, 0, false},
        {"2 syslog 0\n", FRAMING_MALFORMED, NULL, 0, false},
        {"2 syslog 3 abc\n", FRAMING_MALFORMED, NULL, 0, false},
        {"2 serverclose 0\n", FRAMING_MALFORMED, NULL, 0, false},
        {"OK\n", FRAMING_MALFORMED, NULL, 0, false},
    };
    struct framing_state stream = {0};
    struct frame frame;

    (void)state;
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        assert_int_equal(framing_next_reply(FRAMING_RELP, &stream,
                                            (const unsigned char *)cases[at].bytes,
                                            strlen(cases[at].bytes), 100, &frame),
                         cases[at].result);
        if (cases[at].message != NULL) {
            assert_int_equal(frame.size, strlen(cases[at].message));
            assert_memory_equal(frame.message, cases[at].message, frame.size);
            assert_int_equal(frame.ending, cases[at].number);
        }
        if (cases[at].result == FRAMING_CONTROL)
            assert_int_equal(frame.last, cases[at].last);
    }
}

static void only_200_acknowledges(void **state)
{
    static const char *const accepted[] = {"200 OK", "200", "200 ", "200\n"};
    static const char *const refused[] = {"500 no", "", "20", "2000", "200x", " 200", "201 OK"};

    (void)state;
    for (size_t at = 0; at < sizeof accepted / sizeof accepted[0]; at++)
        assert_true(framing_accepts(FRAMING_RELP, (const unsigned char *)accepted[at],
                                    strlen(accepted[at])));
    for (size_t at = 0; at < sizeof refused / sizeof refused[0]; at++)
        assert_false(
            framing_accepts(FRAMING_RELP, (const unsigned char *)refused[at], strlen(refused[at])));
    assert_true(framing_accepts(FRAMING_LINE, (const unsigned char *)"500 no", 6));
}

static void offers(void **state)
{
    static const struct {
        const char *answer;
        const char *problem; /* NULL: it is accepted */
    } cases[] = {
        {"200 OK\nrelp_version=0\ncommands=syslog", NULL},
        {"200\nrelp_software=x,1,y\ncommands=a,syslog,b\nrelp_version=0\nother\n\n", NULL},
        {"500 no\nrelp_version=0\ncommands=syslog", "it refused: 500 no"},
        {"500 \x1b[2J", "it refused: 500 \\x1B[2J"},
        {"", "it refused: "},
        {"200 OK\nrelp_version=1\ncommands=syslog",
         "tcpack speaks RELP version 0, it offers version 1"},
        {"200 OK\nrelp_version\ncommands=syslog", "it names no version (relp_version)"},
        {"200 OK", "it names no version (relp_version)"},
        {"200 OK\nrelp_version=0\ncommands=sys,syslogs",
         "it takes no syslog messages, its commands are: sys,syslogs"},
        {"200 OK\nrelp_version=0", "it takes no syslog messages, its commands are: "},
    };
    struct problem problem;

    (void)state;
    for (size_t at = 0; at < sizeof cases / sizeof cases[0]; at++) {
        const char *answer = cases[at].answer;
        bool accepted = relp_offers_accept((const unsigned char *)answer, strlen(answer), &problem);
        assert_int_equal(accepted, cases[at].problem == NULL);
        if (!accepted)
            assert_string_equal(problem.text, cases[at].problem);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_commands),
        cmocka_unit_test(a_message_gets_another_number),
        cmocka_unit_test(a_server_takes_them),
        cmocka_unit_test(a_client_takes_it_back),
        cmocka_unit_test(responses),
        cmocka_unit_test(only_200_acknowledges),
        cmocka_unit_test(offers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
