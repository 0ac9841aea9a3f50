/*
 * Every byte that is received, recorded or answered passes through a struct buffer. This tests what
 * buffer.h promises about pointers, sizes and lack of memory; silent errors (a byte after the end)
 * are found by running it under a sanitizer or valgrind.
 */
#include "common/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_holds(const struct buffer *buffer, const char *text)
{
    assert_int_equal(buffer->size, strlen(text));
    assert_memory_equal(buffer->bytes, text, buffer->size);
}

static void test_zeroed_is_empty(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_append(&buffer, NULL, 0));
    assert_int_equal(buffer.size, 0);
    buffer_consume(&buffer, 0);
    buffer_free(&buffer);
    assert_null(buffer.bytes);
    assert_int_equal(buffer.capacity, 0);
}

static void test_keeps_bytes_while_it_grows(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    for (size_t i = 0; i < 100000; i++) {
        unsigned char byte = (unsigned char)(i % 251);
        assert_true(buffer_append(&buffer, &byte, 1));
    }
    assert_int_equal(buffer.size, 100000);
    for (size_t i = 0; i < buffer.size; i++)
        assert_int_equal(buffer.bytes[i], i % 251);
    buffer_free(&buffer);
}

static void test_reserved_room_is_after_the_bytes(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_append(&buffer, "ab", 2));
    unsigned char *room = buffer_reserve(&buffer, 1000);
    assert_ptr_equal(room, buffer.bytes + 2);
    assert_true(buffer.capacity >= 1002);
    assert_int_equal(buffer.size, 2);
    memset(room, 'x', 1000);
    buffer.size += 1000;
    assert_memory_equal(buffer.bytes, "abx", 3);
    buffer_free(&buffer);
}

static void test_room_for_nothing_is_not_null(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_non_null(buffer_reserve(&buffer, 0));
    buffer_free(&buffer);
}

static void test_prints_without_the_final_nul(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_printf(&buffer, "%s", ""));
    assert_int_equal(buffer.size, 0);
    assert_true(buffer_printf(&buffer, "%d-", 7));
    assert_true(buffer_printf(&buffer, "%0200d", 1));
    assert_int_equal(buffer.size, 202);
    assert_memory_equal(buffer.bytes, "7-0", 3);
    assert_int_equal(buffer.bytes[201], '1');
    buffer_free(&buffer);
}

/* A text that fits is formatted at once; one that lacks room, or only that of its NUL, again. */
static void test_prints_up_to_the_room(void **unused)
{
    (void)unused;
    for (int length = 60; length <= 68; length++) {
        struct buffer buffer = {0};
        assert_true(buffer_append(&buffer, "", 1)); /* makes room for 64 bytes */
        assert_true(buffer_printf(&buffer, "%0*d", length, 1));
        assert_int_equal(buffer.size, length + 1);
        assert_int_equal(buffer.bytes[1], '0');
        assert_int_equal(buffer.bytes[length], '1');
        buffer_free(&buffer);
    }
}

static void test_appends_texts_and_numbers(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_append_text(&buffer, ""));
    assert_true(buffer_append_decimal(&buffer, 0));
    assert_true(buffer_append_text(&buffer, " to "));
    assert_true(buffer_append_decimal(&buffer, UINT64_MAX));
    assert_holds(&buffer, "0 to 18446744073709551615");
    buffer_free(&buffer);
}

static void assert_decimal(uint64_t number, const char *text)
{
    struct buffer buffer = {0};

    assert_true(buffer_append_decimal(&buffer, number));
    assert_holds(&buffer, text);
    buffer_free(&buffer);
}

static void test_decimals_of_every_length(void **unused)
{
    char text[21];
    uint64_t power = 1;

    (void)unused;
    for (int digits = 1; digits < 20; digits++, power *= 10) {
        const uint64_t numbers[] = {power - 1, power, power + 1, power * 5, power + power / 10};
        for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++) {
            (void)snprintf(text, sizeof text, "%" PRIu64, numbers[at]);
            assert_decimal(numbers[at], text);
        }
    }
}

static void test_consumes_from_the_front(void **unused)
{
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_append(&buffer, "first second", 12));
    buffer_consume(&buffer, 6);
    assert_holds(&buffer, "second");
    buffer_consume(&buffer, 0);
    assert_holds(&buffer, "second");
    buffer_consume(&buffer, 6);
    assert_holds(&buffer, "");
    assert_true(buffer_append(&buffer, "again", 5));
    assert_holds(&buffer, "again");
    buffer_free(&buffer);
}

static void test_too_much_leaves_it_as_it_was(void **unused)
{
    static const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 4, SIZE_MAX / 2};
    struct buffer buffer = {0};

    (void)unused;
    assert_true(buffer_append(&buffer, "kept", 4));
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        errno = 0;
        assert_null(buffer_reserve(&buffer, impossible[i]));
        assert_int_equal(errno, ENOMEM);
        assert_holds(&buffer, "kept");
    }
    buffer_free(&buffer);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_is_empty),
        cmocka_unit_test(test_keeps_bytes_while_it_grows),
        cmocka_unit_test(test_reserved_room_is_after_the_bytes),
        cmocka_unit_test(test_room_for_nothing_is_not_null),
        cmocka_unit_test(test_prints_without_the_final_nul),
        cmocka_unit_test(test_prints_up_to_the_room),
        cmocka_unit_test(test_appends_texts_and_numbers),
        cmocka_unit_test(test_decimals_of_every_length),
        cmocka_unit_test(test_consumes_from_the_front),
        cmocka_unit_test(test_too_much_leaves_it_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
