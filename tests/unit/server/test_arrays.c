/* Arrays for PostgreSQL: the bytes are those that array_recv() reads, NULLs and nothing included.
 */
#include "server/journal/arrays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void expect(const struct array *array, const void *bytes, size_t size)
{
    assert_int_equal(array->bytes.size, size);
    assert_memory_equal(array->bytes.bytes, bytes, size);
}

static void test_texts(void **state)
{
    static const unsigned char bytes[] = "\0\0\0\1\0\0\0\1\0\0\0\31\0\0\0\3\0\0\0\1"
                                         "\0\0\0\2ab\377\377\377\377\0\0\0\0";
    struct array array = {.type = ARRAY_OF_TEXT};

    (void)state;
    assert_true(array_add(&array, "ab", 2));
    assert_true(array_add(&array, NULL, 0));
    assert_true(array_add(&array, "", 0));
    array_finish(&array);
    expect(&array, bytes, sizeof bytes - 1);
    array_free(&array);
}

static void test_numbers(void **state)
{
    static const unsigned char bytes[] = "\0\0\0\1\0\0\0\0\0\0\0\24\0\0\0\2\0\0\0\1"
                                         "\0\0\0\10\177\377\377\377\377\377\377\377"
                                         "\0\0\0\10\0\0\0\1\0\0\0\2";
    struct array array = {.type = ARRAY_OF_BIGINT};

    (void)state;
    assert_true(array_add_number(&array, INT64_MAX));
    assert_true(array_add_number(&array, 0x100000002));
    array_finish(&array);
    expect(&array, bytes, sizeof bytes - 1);
    array_free(&array);
}

static void test_cut_and_cleared(void **state)
{
    static const unsigned char bytes[] = "\0\0\0\1\0\0\0\0\0\0\0\21\0\0\0\1\0\0\0\1\0\0\0\1x";
    struct array array = {.type = ARRAY_OF_BYTEA};

    (void)state;
    assert_true(array_add(&array, NULL, 0));
    array_clear(&array, 1024);
    assert_int_equal(array.bytes.size, 0);
    assert_true(array_add(&array, "x", 1));
    size_t size = array.bytes.size;
    assert_true(array_add(&array, "yz", 2));
    array_cut(&array, 1, size);
    array_finish(&array);
    expect(&array, bytes, sizeof bytes - 1);
    array_cut(&array, 0, 0);
    assert_true(array_add(&array, "x", 1));
    array_finish(&array);
    expect(&array, bytes, sizeof bytes - 1);
    array_clear(&array, 0);
    assert_int_equal(array.bytes.capacity, 0);
    array_free(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_cut_and_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
