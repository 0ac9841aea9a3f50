/* Why: by NAME and NUMBER a repeat is known; what is none must not be taken for one. */
#include "common/numbered.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool read_text(const char *text, struct numbered *numbered)
{
    return numbered_read(text, strlen(text), numbered);
}

static void test_numbered(void **state)
{
    static const struct {
        const char *message;
        const char *name;
        uint64_t number;
        const char *rest;
    } good[] = {
        {"a 1 x", "a", 1, "x"},
        {"A-Z.a_9 42 two words", "A-Z.a_9", 42, "two words"},
        {"- 9223372036854775807 ", "-", 9223372036854775807, ""},
    };
    struct numbered numbered;

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(read_text(good[i].message, &numbered));
        assert_int_equal(numbered.name_size, strlen(good[i].name));
        assert_memory_equal(numbered.name, good[i].name, numbered.name_size);
        assert_true(numbered.number == good[i].number);
        assert_string_equal(good[i].message + numbered.size, good[i].rest);
    }
}

static void test_not_numbered(void **state)
{
    static const char *const bad[] = {
        "",        "a",
        "a ",      "a 1",
        " 1 x",    "a 0 x",
        "a 01 x",  "a -1 x",
        "a +1 x",  "a  1 x",
        "a 1x x",  "a 9223372036854775808 x",
        "a\t1 x",  "\xc3\xa9 1 x",
        "a/b 1 x", "a 99999999999999999999 x",
    };
    struct numbered numbered;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(read_text(bad[i], &numbered));
}

static void test_names(void **state)
{
    char name[NUMBERED_NAME_MAX + 2];
    struct numbered numbered;
    char message[sizeof name + 4];

    (void)state;
    memset(name, 'n', sizeof name);
    assert_true(numbered_is_name(name, NUMBERED_NAME_MAX));
    assert_false(numbered_is_name(name, NUMBERED_NAME_MAX + 1));
    assert_false(numbered_is_name("", 0));
    assert_false(numbered_is_name("a b", 3));
    for (size_t size = NUMBERED_NAME_MAX; size <= NUMBERED_NAME_MAX + 1; size++) {
        (void)snprintf(message, sizeof message, "%.*s 1 ", (int)size, name);
        assert_int_equal(read_text(message, &numbered), size == NUMBERED_NAME_MAX);
    }
}

static void test_what_is_appended_is_read(void **state)
{
    struct buffer out = {0};
    struct numbered numbered;

    (void)state;
    assert_true(numbered_append("dev-1", 7, &out));
    assert_memory_equal(out.bytes, "dev-1 7 ", out.size);
    assert_true(numbered_read(out.bytes, out.size, &numbered));
    assert_int_equal(numbered.size, out.size);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbered),
        cmocka_unit_test(test_not_numbered),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_what_is_appended_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
