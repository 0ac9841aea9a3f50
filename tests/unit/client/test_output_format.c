/*
 * Why: scripts parse the output of --json, and the bytes of a reply come from a peer. The tests
 * check the exact text of each format, and which number in a reply is taken as the SEQ.
 */
#include "client/output_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(enum output_format format, const char *reply, size_t size, const char *wanted)
{
    struct buffer out = {0};
    const struct acknowledgement acknowledgement = {
        .line = 7,
        .latency_us = 345,
        .reply = (const unsigned char *)reply,
        .size = size,
    };

    assert_true(buffer_append(&out, "before|", 7));
    assert_true(output_format_append(format, &acknowledgement, &out));
    assert_int_equal(out.size - 7, strlen(wanted));
    if (wanted[0] != '\0')
        assert_memory_equal(out.bytes + 7, wanted, out.size - 7);
    buffer_free(&out);
}

static void expect_text(enum output_format format, const char *reply, const char *wanted)
{
    expect(format, reply, strlen(reply), wanted);
}

static void test_forms(void **state)
{
    (void)state;
    expect_text(OUTPUT_FORMAT_NONE, "ok", "");
    expect_text(OUTPUT_FORMAT_RAW, "ok \x1b[2J\xff", "ok \x1b[2J\xff\n");
    expect_text(OUTPUT_FORMAT_RAW, "", "\n");
    expect_text(OUTPUT_FORMAT_ESCAPED, "ok \x1b[2J\xff", "ok \\x1B[2J\\xFF\n");
    expect_text(OUTPUT_FORMAT_ESCAPED, "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f\n");
}

static void test_json(void **state)
{
    (void)state;
    expect_text(OUTPUT_FORMAT_JSON, "server received you message.",
                "{\"line\":7,\"latency_us\":345,\"reply\":\"server received you message.\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "OK 12",
                "{\"line\":7,\"seq\":12,\"latency_us\":345,\"reply\":\"OK 12\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "", "{\"line\":7,\"latency_us\":345,\"reply\":\"\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "\"\\\t\n\r\x01\x7f\xc2\x9b\xc3\xa4",
                "{\"line\":7,\"latency_us\":345,\"reply\":\"\\\"\\\\\\t\\n\\r"
                "\\u0001\\u007f\\u009b\xc3\xa4\"}\n");
    expect(OUTPUT_FORMAT_JSON, "a\0b", 3,
           "{\"line\":7,\"latency_us\":345,\"reply\":\"a\\u0000b\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "\xff",
                "{\"line\":7,\"latency_us\":345,\"reply_base64\":\"/w==\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "\xff\xfe",
                "{\"line\":7,\"latency_us\":345,\"reply_base64\":\"//4=\"}\n");
    expect_text(OUTPUT_FORMAT_JSON, "\xff\xfe\xfd",
                "{\"line\":7,\"latency_us\":345,\"reply_base64\":\"//79\"}\n");
}

static void test_json_of_relp(void **state)
{
    const struct acknowledgement acknowledgement = {
        .line = 7,
        .txnr = 999999999,
        .latency_us = 345,
        .reply = (const unsigned char *)"200 OK",
        .size = 6,
    };
    struct buffer out = {0};

    (void)state;
    assert_true(output_format_append(OUTPUT_FORMAT_JSON, &acknowledgement, &out));
    assert_true(buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes, /* the 200 is no SEQ */
                        "{\"line\":7,\"txnr\":999999999,\"latency_us\":345,"
                        "\"reply\":\"200 OK\"}\n");
    buffer_free(&out);
}

static void test_seq(void **state)
{
    static const struct {
        const char *reply;
        bool found;
        uint64_t seq;
    } cases[] = {
        {"", false, 0},
        {"none", false, 0},
        {"1", true, 1},
        {"OK 17 bytes=3", true, 17},
        {"seq=17", true, 17},
        {"[17]", true, 17},
        {"seq:17", true, 17},
        {"recorded as 17.", true, 17},
        {"17, thanks", true, 17},
        {"v2 17", true, 17},
        {"2a 17", true, 17},
        {"1.5 17", true, 17},
        {"-3 17", true, 17},
        {"2026-11-23T04:00:00.000000Z 17", true, 17},
        {"127.0.0.1 is not it", false, 0},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999 5", true, 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t seq = 0;
        const unsigned char *reply = (const unsigned char *)cases[i].reply;
        bool found = output_format_seq(reply, strlen(cases[i].reply), &seq);
        if (found != cases[i].found || seq != cases[i].seq)
            fail_msg("%s: %d %llu", cases[i].reply, found, (unsigned long long)seq);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_of_relp),
        cmocka_unit_test(test_seq),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
