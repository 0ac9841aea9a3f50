/*
 * A reply is all that a client sees of the server: a template must produce exactly its bytes, and
 * one with a mistake is refused when the configuration is read.
 */
#include "common/reply.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct reply_values values = {
    .seq = 42, .bytes = 7, .time = "2026-01-02T03:04:05.000006Z and more", .time_size = 27};

static void assert_renders(const char *template, const char *expected, size_t size)
{
    struct problem problem = {""};
    struct reply *reply = reply_compile(template, &problem);
    struct buffer out = {0};

    assert_string_equal(problem.text, "");
    assert_non_null(reply);
    assert_true(buffer_append(&out, ">", 1));
    assert_true(reply_render(reply, &values, &out));
    assert_int_equal(out.size, 1 + size);
    assert_memory_equal(out.bytes + 1, expected, size);
    assert_true(reply_render(reply, &values, &out)); /* once more, after the first */
    assert_int_equal(out.size, 1 + 2 * size);
    assert_memory_equal(out.bytes + 1 + size, expected, size);
    buffer_free(&out);
    reply_free(reply);
}

static void test_what_never_varies_is_constant(void **unused)
{
    struct problem problem = {""};
    struct reply *constant = reply_compile("{{ok}\\n", &problem);
    struct reply *varying = reply_compile("ok{seq}", &problem);
    size_t size = 0;

    (void)unused;
    assert_non_null(constant);
    assert_non_null(varying);
    const void *text = reply_constant(constant, &size);
    assert_int_equal(size, 5);
    assert_memory_equal(text, "{ok}\n", 5);
    assert_null(reply_constant(varying, &size));
    reply_free(constant);
    reply_free(varying);
}

static void test_renders(void **unused)
{
    static const char *const pairs[][2] = {
        {"", ""},
        {"server received you message.", "server received you message."},
        {"{seq}", "42"},
        {"{bytes}{seq}", "742"},
        {"ok {seq} {bytes} {time}!", "ok 42 7 2026-01-02T03:04:05.000006Z!"},
        {"{{seq}", "{seq}"},
        {"{{{seq}}", "{42}"},
        {"{{{{", "{{"},
        {"}", "}"},
        {"}}", "}}"},
        {"{{\"seq\":{seq}}", "{\"seq\":42}"},
        {"a\\nb\\rc\\td\\\\e", "a\nb\rc\td\\e"},
        {"\\x41\\x7B\\x7bseq}", "A{{seq}"},
        {"\\\\n", "\\n"},
        {"\xff\xe8\xaf\xb7", "\xff\xe8\xaf\xb7"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_renders(pairs[i][0], pairs[i][1], strlen(pairs[i][1]));
    assert_renders("a\\x00b\\xff", "a\0b\xff", 4);
}

static void test_numbers(void **unused)
{
    static const struct {
        uint64_t seq;
        const char *text;
    } numbers[] = {{0, "0"}, {9, "9"}, {10, "10"}, {UINT64_MAX, "18446744073709551615"}};
    struct problem problem = {""};
    struct reply *reply = reply_compile("{seq}", &problem);

    (void)unused;
    assert_non_null(reply);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct reply_values these = {.seq = numbers[i].seq, .time = ""};
        struct buffer out = {0};
        assert_true(reply_render(reply, &these, &out));
        assert_int_equal(out.size, strlen(numbers[i].text));
        assert_memory_equal(out.bytes, numbers[i].text, out.size);
        buffer_free(&out);
    }
    reply_free(reply);
}

#define UNKNOWN(name)                                                                              \
    "unknown placeholder " name ": {seq}, {bytes} and {time} are known, a brace is \"{{\""

static void test_refuses(void **unused)
{
    static const char escape[] = "unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known";
    static const char hexadecimal[] = "\"\\x\" needs two hexadecimal digits, as in \\x0a";
    static const char *const pairs[][2] = {
        {"{", UNKNOWN("{")},
        {"{}", UNKNOWN("{}")},
        {"{seq", UNKNOWN("{seq")},
        {"{ seq}", UNKNOWN("{ seq}")},
        {"{SEQ}", UNKNOWN("{SEQ}")},
        {"{seqs}", UNKNOWN("{seqs}")},
        {"a {{{", UNKNOWN("{")},
        {"{message}", UNKNOWN("{message}")},
        {"{abcdefghijklmnopqrstuvwxyz0123456789}", UNKNOWN("{abcdefghijklmnopqrstuvwxyz01234")},
        {"\\", escape},
        {"\\N", escape},
        {"\\0", escape},
        {"\\{seq}", escape},
        {"\\\\\\", escape},
        {"{seq}\\\"", escape},
        {"\\x", hexadecimal},
        {"\\x4", hexadecimal},
        {"\\xg0", hexadecimal},
        {"\\x0g", hexadecimal},
        {"\\x{seq}", hexadecimal},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct problem problem = {""};
        assert_null(reply_compile(pairs[i][0], &problem));
        assert_string_equal(problem.text, pairs[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_renders),
        cmocka_unit_test(test_what_never_varies_is_constant),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
