/*
 * Why: a power cut can leave any sector of the last commit as zeros. Whatever it leaves, the server
 * must start, keep each record that may have been acknowledged, and keep nothing that is not whole.
 * It must refuse a file that no crash can have left.
 */
#include "server/journal/recovery.h"

#include "common/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PEER "192.0.2.1:4711"

static bool read_memory(void *context, unsigned char *bytes, size_t size, off_t offset)
{
    const struct buffer *journal = context;

    assert_true((size_t)offset + size <= journal->size);
    memcpy(bytes, journal->bytes + offset, size);
    return true;
}

static struct recovery_source source_of(struct buffer *journal)
{
    return (struct recovery_source){read_memory, journal, (off_t)journal->size};
}

static enum recovery_result examine(struct buffer *journal, bool synced, struct recovery *found)
{
    const struct recovery_source source = source_of(journal);

    return journal_recovery_examine(&source, synced, found);
}

/* Appends records of one commit: `count` of them, with messages of `size` bytes. */
static void add_commit(struct buffer *journal, enum journal_format format, uint64_t *seq,
                       size_t count, size_t size)
{
    struct record_time time = {0};
    char *message = malloc(size + 1);

    assert_non_null(message);
    memset(message, 'm', size);
    record_time_set(&time, (int64_t)*seq * 1000 + 1);
    for (size_t at = 0; at < count; at++) {
        ++*seq;
        const struct record record = {.seq = *seq,
                                      .time = time.text,
                                      .peer = PEER,
                                      .listener = "",
                                      .message = message,
                                      .size = size};
        assert_true(record_append(format, &record, journal));
    }
    free(message);
}

/* The size of the whole lines in bytes[0..size). */
static size_t whole_lines(const struct buffer *journal, size_t size)
{
    while (size > 0 && journal->bytes[size - 1] != '\n')
        size--;
    return size;
}

static uint64_t count_lines(const struct buffer *journal, size_t size)
{
    uint64_t lines = 0;

    for (size_t at = 0; at < size; at++)
        lines += journal->bytes[at] == '\n';
    return lines;
}

/* ---------------------------------------------------------------------- the last commit's holes */

/*
 * Copies the first `size` bytes and overwrites [begin, end) with zeros. Exactly the lines before
 * the first damaged one must be kept.
 */
static void check_hole(const struct buffer *whole, size_t begin, size_t end, size_t size)
{
    struct buffer journal = {0};
    struct recovery found;

    assert_true(buffer_append(&journal, whole->bytes, size));
    memset(journal.bytes + begin, 0, end - begin);
    size_t keep = whole_lines(whole, begin);
    assert_int_equal(examine(&journal, true, &found), RECOVERY_DAMAGED);
    assert_int_equal(found.keep, keep);
    assert_int_equal(found.last_seq, count_lines(whole, keep));
    assert_int_equal(found.salvaged, 0);
    buffer_free(&journal);
}

/* Tries every run of sectors in the last commit, with sectors of this size. */
static void check_all_holes(enum journal_format format, size_t count, size_t message, size_t sector)
{
    struct buffer whole = {0};
    uint64_t seq = 0;

    add_commit(&whole, format, &seq, 3, 100);
    add_commit(&whole, format, &seq, 2, 100);
    size_t synced = whole.size;
    add_commit(&whole, format, &seq, count, message);
    for (size_t begin = synced; begin < whole.size; begin = (begin / sector + 1) * sector)
        for (size_t end = begin; end < whole.size;) {
            end = (end / sector + 1) * sector;
            check_hole(&whole, begin, end < whole.size ? end : whole.size, whole.size);
        }
    buffer_free(&whole);
}

static void test_holes(void **state)
{
    static const enum journal_format formats[] = {JOURNAL_FORMAT_TEXT, JOURNAL_FORMAT_JSON};

    (void)state;
    for (size_t at = 0; at < 2; at++) {
        check_all_holes(formats[at], 1, 10, 512);
        check_all_holes(formats[at], 40, 100, 512);
        check_all_holes(formats[at], 300, 30, 4096);
        check_all_holes(formats[at], 1, 30000, 4096);
        check_all_holes(formats[at], 2, 40000, 4096);
    }
}

/* The new size reached the disk, but no data did. */
static void test_zeros_to_the_end(void **state)
{
    struct buffer whole = {0};
    uint64_t seq = 0;

    (void)state;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 3, 100);
    size_t synced = whole.size;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 3, 100000);
    for (size_t end = synced + 1; end <= whole.size; end += 997)
        check_hole(&whole, synced, end, end);
    buffer_free(&whole);
}

/* Several holes, and the file ends in the middle of a record. */
static void test_several_holes(void **state)
{
    struct buffer whole = {0};
    struct recovery found;
    uint64_t seq = 0;

    (void)state;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 3, 100);
    size_t synced = whole.size;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 300, 100);
    for (size_t at = 1; at < 9; at += 2)
        memset(whole.bytes + at * 4096, 0, 4096);
    whole.size -= 50;
    assert_int_equal(examine(&whole, true, &found), RECOVERY_DAMAGED);
    assert_int_equal(found.keep, whole_lines(&whole, 4096));
    assert_true((size_t)found.keep > synced);
    buffer_free(&whole);
}

static void test_whole(void **state)
{
    struct buffer journal = {0};
    struct recovery found;
    uint64_t seq = 0;

    (void)state;
    assert_int_equal(examine(&journal, true, &found), RECOVERY_WHOLE);
    assert_int_equal(found.last_seq, 0);
    for (int commit = 0; commit < 50; commit++) {
        add_commit(&journal, JOURNAL_FORMAT_JSON, &seq, 1 + (size_t)commit % 3,
                   (size_t)commit * 3000);
        assert_int_equal(examine(&journal, commit % 2 == 0, &found), RECOVERY_WHOLE);
        assert_int_equal(found.last_seq, seq);
        assert_int_equal(found.keep, journal.size);
        assert_int_equal(found.format, JOURNAL_FORMAT_JSON);
    }
    buffer_free(&journal);
}

/* ------------------------------------------------------------------------ the first commit ever */

static void test_nothing_but_zeros(void **state)
{
    struct buffer journal = {0};
    struct recovery found;

    (void)state;
    assert_non_null(buffer_reserve(&journal, 200000));
    memset(journal.bytes, 0, 200000);
    for (size_t size = 1; size < 200000; size = size * 3 + 1) {
        journal.size = size;
        assert_int_equal(examine(&journal, true, &found), RECOVERY_DAMAGED);
        assert_int_equal(found.keep, 0);
        assert_int_equal(found.last_seq, 0);
    }
    buffer_free(&journal);
}

static void test_hole_in_the_first_commit(void **state)
{
    struct buffer whole = {0};
    uint64_t seq = 0;

    (void)state;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 1, 20000);
    check_hole(&whole, 0, 4096, whole.size);
    check_hole(&whole, 0, 512, whole.size);
    check_hole(&whole, 4096, 8192, whole.size);
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 10, 20000);
    whole.size = 0;
    seq = 0;
    add_commit(&whole, JOURNAL_FORMAT_TEXT, &seq, 100, 200);
    check_hole(&whole, 0, 4096, whole.size);
    check_hole(&whole, 4096, whole.size, whole.size);
    buffer_free(&whole);
}

/* ----------------------------------------------------------------------------- without any sync */

static void test_without_sync_whole_records_stay(void **state)
{
    struct buffer journal = {0};
    struct buffer salvaged = {0};
    struct buffer expected = {0};
    struct recovery found;
    uint64_t seq = 0;

    (void)state;
    for (int commit = 0; commit < 100; commit++)
        add_commit(&journal, JOURNAL_FORMAT_TEXT, &seq, 2, 100);
    add_commit(&journal, JOURNAL_FORMAT_TEXT, &seq, 1, 100000);
    size_t keep = whole_lines(&journal, 8192);
    size_t after = 16384 +
                   (size_t)((unsigned char *)memchr(journal.bytes + 16384, '\n', 4096) -
                            (journal.bytes + 16384)) +
                   1;
    assert_true(buffer_append(&expected, journal.bytes + after, journal.size - after));
    memset(journal.bytes + 8192, 0, 8192);
    assert_true(buffer_append(&journal, "x", 1)); /* an unfinished line */
    journal.bytes[journal.size - 1] = '2';
    assert_int_equal(examine(&journal, false, &found), RECOVERY_DAMAGED);
    assert_int_equal(found.keep, keep);
    assert_int_equal(found.last_seq, seq);
    assert_int_equal(found.salvaged, count_lines(&expected, expected.size));
    const struct recovery_source source = source_of(&journal);
    assert_true(journal_recovery_salvage(&source, &found, &salvaged));
    assert_int_equal(salvaged.size, expected.size);
    assert_memory_equal(salvaged.bytes, expected.bytes, expected.size);
    buffer_free(&journal);
    buffer_free(&salvaged);
    buffer_free(&expected);
}

/* ------------------------------------------------------------------------------- other programs */

static void test_foreign(void **state)
{
    static const char *const tails[] = {
        "hello\n", "hello", "\n", "7\n", "{}\n", "Nov 26 01:02:03 host program: text\n",
    };
    struct buffer journal = {0};
    struct recovery found;
    uint64_t seq = 0;

    (void)state;
    add_commit(&journal, JOURNAL_FORMAT_TEXT, &seq, 3, 100);
    size_t ours = journal.size;
    for (size_t at = 0; at < sizeof tails / sizeof *tails; at++)
        for (size_t hole = 0; hole < 2; hole++) {
            journal.size = ours;
            if (hole > 0) /* also after a hole and the rest of a record */
                assert_true(buffer_append(&journal, "\0\0\0rest of a record\n", 20));
            assert_true(buffer_append_text(&journal, tails[at]));
            assert_int_equal(examine(&journal, true, &found), RECOVERY_FOREIGN);
            assert_int_equal(examine(&journal, false, &found), RECOVERY_FOREIGN);
        }
    buffer_free(&journal);
}

/* A disk image also begins with zeros. */
static void test_image(void **state)
{
    struct buffer journal = {0};
    struct recovery found;

    (void)state;
    assert_non_null(buffer_reserve(&journal, 65536));
    memset(journal.bytes, 0, 65536);
    journal.size = 65536;
    memcpy(journal.bytes + 32768, "\1CD001\1", 7);
    assert_int_equal(examine(&journal, true, &found), RECOVERY_FOREIGN);
    buffer_free(&journal);
}

/* Like a failing disk. */
static bool read_nothing(void *context, unsigned char *bytes, size_t size, off_t offset)
{
    (void)context;
    memset(bytes, 0, size);
    return offset < 0;
}

static void test_unreadable(void **state)
{
    const struct recovery_source source = {read_nothing, NULL, 100};
    struct recovery found;

    (void)state;
    assert_int_equal(journal_recovery_examine(&source, true, &found), RECOVERY_UNREADABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holes),
        cmocka_unit_test(test_zeros_to_the_end),
        cmocka_unit_test(test_several_holes),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_nothing_but_zeros),
        cmocka_unit_test(test_hole_in_the_first_commit),
        cmocka_unit_test(test_without_sync_whole_records_stay),
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_image),
        cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
