/*
 * Why: a message must be the unchanged line of the input, however read() splits it. Each input is
 * read in pieces of every size, and in two pieces with every split.
 */
#include "client/lines.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void add(struct lines *lines, const char *bytes, size_t size)
{
    unsigned char *room = lines_room(lines, size);

    assert_non_null(room);
    memcpy(room, bytes, size);
    lines_added(lines, size);
}

static const char input[] = "one\n\ntwo\r\n\0three\xff\n\n\nlast";
static const struct {
    const char *text;
    size_t size;
} wanted[] = {{"one", 3}, {"", 0}, {"two\r", 4}, {"\0three\xff", 7}, {"", 0}, {"", 0}, {"last", 4}};

enum { INPUT_SIZE = sizeof input - 1, WANTED = sizeof wanted / sizeof *wanted };

static void take(struct lines *lines, size_t *taken)
{
    const unsigned char *line;
    size_t size;

    while (lines_take(lines, &line, &size)) {
        assert_true(*taken < WANTED);
        assert_int_equal(size, wanted[*taken].size);
        assert_memory_equal(line, wanted[*taken].text, size);
        ++*taken;
        assert_int_equal(lines->taken, *taken);
    }
}

static void finish(struct lines *lines, size_t taken)
{
    assert_int_equal(taken, WANTED - 1);
    assert_false(lines_are_done(lines));
    lines_end(lines);
    assert_false(lines_are_done(lines));
    take(lines, &taken);
    assert_int_equal(taken, WANTED);
    assert_true(lines_are_done(lines));
    lines_free(lines);
}

/* What a program that was killed left of its last line is no message. */
static void test_only_whole_lines(void **state)
{
    struct lines lines = {.whole = true};
    const unsigned char *line;
    size_t size;

    (void)state;
    add(&lines, "one\ntwo\nth", 10);
    assert_true(lines_take(&lines, &line, &size));
    add(&lines, "re", 2);
    assert_true(lines_take(&lines, &line, &size));
    assert_false(lines_take(&lines, &line, &size));
    lines_end(&lines);
    assert_false(lines_take(&lines, &line, &size));
    assert_true(lines_are_done(&lines));
    assert_int_equal(lines.unended, 4);
    lines_free(&lines);
}

static void test_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= INPUT_SIZE; piece++) {
        struct lines lines = {0};
        size_t taken = 0;
        for (size_t at = 0; at < INPUT_SIZE; at += piece) {
            add(&lines, input + at, INPUT_SIZE - at < piece ? INPUT_SIZE - at : piece);
            take(&lines, &taken);
        }
        assert_int_equal(lines.offset, INPUT_SIZE - 4);
        finish(&lines, taken);
    }
}

static void test_every_split(void **state)
{
    (void)state;
    for (size_t split = 0; split <= INPUT_SIZE; split++) {
        struct lines lines = {0};
        size_t taken = 0;
        add(&lines, input, split);
        take(&lines, &taken);
        add(&lines, input + split, INPUT_SIZE - split);
        take(&lines, &taken);
        finish(&lines, taken);
    }
}

static void test_ends(void **state)
{
    struct lines lines = {0};
    const unsigned char *line;
    size_t size;

    (void)state;
    assert_false(lines_take(&lines, &line, &size));
    lines_end(&lines);
    assert_false(lines_take(&lines, &line, &size)); /* an empty input has no line */
    assert_true(lines_are_done(&lines));
    lines_free(&lines);
    add(&lines, "a\n", 2);
    lines_end(&lines);
    assert_true(lines_take(&lines, &line, &size));
    assert_false(lines_take(&lines, &line, &size)); /* no empty line after the last newline */
    lines_free(&lines);
}

static void test_memory_stays_small(void **state)
{
    struct lines lines = {0};
    const unsigned char *line;
    size_t size;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        add(&lines, "a line\nhalf", 11);
        while (lines_take(&lines, &line, &size))
            assert_true(size == 6 || size == 10);
    }
    assert_true(lines.bytes.capacity <= 64);
    lines_free(&lines);
}

static void test_lines_that_end_with_nul(void **state)
{
    static const char *const texts[] = {"one\ntwo\r\n", "", "last"};
    struct lines lines = {.nul = true};
    const unsigned char *line;
    size_t size;

    (void)state;
    add(&lines, "one\ntwo\r\n\0\0last", 15);
    lines_end(&lines);
    for (size_t at = 0; at < sizeof texts / sizeof *texts; at++) {
        assert_true(lines_take(&lines, &line, &size));
        assert_int_equal(size, strlen(texts[at]));
        assert_memory_equal(line, texts[at], size);
    }
    assert_true(lines_are_done(&lines));
    assert_int_equal(lines.offset, 15);
    lines_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_that_end_with_nul),
        cmocka_unit_test(test_only_whole_lines),
        cmocka_unit_test(test_pieces_of_every_size),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_memory_stays_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
