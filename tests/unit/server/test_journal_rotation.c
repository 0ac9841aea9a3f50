/*
 * Why: the journal may be renamed, emptied or deleted while the server runs, and then the server
 * may be killed or the power may fail. SEQ must continue, and no record may be in two files. A
 * power cut cannot be made here: the tests count the syncs instead.
 */
#include "journal_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int synced_files;
static int synced_folders;
static int fails_at; /* the fsync() of a folder with this number fails; 0: none */

/* Replaces the library's, also in the journal. */
int fsync(int fd)
{
    struct stat status;

    assert_int_equal(fstat(fd, &status), 0);
    synced_files += S_ISREG(status.st_mode);
    synced_folders += S_ISDIR(status.st_mode);
    if (S_ISDIR(status.st_mode) && synced_folders == fails_at) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    synced_files++;
    return (int)syscall(SYS_fdatasync, fd);
}

/* ----------------------------------------------------------------------------------- rotation */

static void test_rotation(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_true(open_again(journal, folder->file)); /* the same file still */
    record(journal, 2, "two");
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    record(journal, 3, "three");
    assert_true(open_again(journal, folder->file));
    check_text(folder->file, "");
    record(journal, 4, "four");
    journal_free(journal); /* as if killed */
    check_records(folder->rotated, "1 one;2 two;3 three;");
    check_records(folder->file, "4 four;");
}

/* `created`: another program creates the new file. */
static void rotate_and_kill(const struct folder *folder, bool created)
{
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    if (created)
        write_text(folder->file, "");
    assert_true(open_again(journal, folder->file));
    journal_free(journal); /* as if killed */
    journal = open_journal(folder->file);
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "2 two;");
}

static void test_rotation_and_no_message_until_killed(void **state)
{
    rotate_and_kill(*state, false);
}

/* logrotate's `create`. */
static void test_rotation_with_create_and_no_message_until_killed(void **state)
{
    rotate_and_kill(*state, true);
}

/* The server continues, and a note says that no numbers are reserved. */
static void test_rotation_when_no_numbers_can_be_reserved(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    char fresh[2 * PATH_SIZE];

    record(journal, 1, "one");
    (void)snprintf(fresh, sizeof fresh, "%s.new", folder->noted);
    assert_int_equal(symlink(folder->rotated, fresh), 0);
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_true(open_again(journal, folder->file));
    assert_non_null(strstr(journal_note(journal), "cannot reserve numbers in "));
    record(journal, 2, "two");
    journal_free(journal);
    (void)unlink(fresh); /* if it still exists */
    check_records(folder->file, "2 two;");
}

/* The other file has later records. SEQ never decreases. */
static void test_change_to_a_file_with_records(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    write_text(folder->rotated, "7" TIME PEER " seven\n");
    assert_true(open_again(journal, folder->rotated));
    record(journal, 8, "eight");
    assert_true(open_again(journal, folder->file));
    record(journal, 9, "nine");
    journal_free(journal);
    check_records(folder->file, "1 one;9 nine;");
    check_records(folder->rotated, "7 seven;8 eight;");
}

static void test_failed_reopening_changes_nothing(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    write_text(folder->rotated, "hello\n");
    assert_false(open_again(journal, folder->rotated));
    assert_false(open_again(journal, "/nonexistent/journal"));
    record(journal, 2, "two");
    journal_free(journal);
    check_text(folder->rotated, "hello\n");
    check_records(folder->file, "1 one;2 two;");
}

static bool open_as_json(struct journal *journal, const char *file)
{
    struct journal_options options = options_of(file);

    options.format = JOURNAL_FORMAT_JSON;
    return journal_open(journal, &options);
}

/* Records of two formats never meet in one file. */
static void test_other_format(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_false(open_as_json(journal, folder->file));
    assert_non_null(strstr(journal_problem(journal), "cannot change format of journal "));
    record(journal, 2, "two"); /* as before */
    close_journal(journal);
    check_records(folder->file, "1 one;2 two;");

    journal = journal_new();
    assert_non_null(journal);
    assert_false(open_as_json(journal, folder->file));
    assert_non_null(strstr(journal_problem(journal), "its records are format = text, not json"));
    assert_true(open_again(journal, folder->file));
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_true(open_as_json(journal, folder->file)); /* a new file */
    record(journal, 3, "three");
    close_journal(journal);
    check_refused(folder->file, "its records are format = json, not text");
    check_records(folder->rotated, "1 one;2 two;");
}

/* A file without records can change its format. */
static void test_other_format_of_an_empty_file(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    assert_true(open_as_json(journal, folder->file));
    record(journal, 1, "one");
    journal_free(journal);
    struct buffer bytes = read_file(folder->file);
    assert_non_null(strstr((const char *)bytes.bytes, "{\"seq\":1,"));
    buffer_free(&bytes);
}

/* logrotate's copytruncate, without a HUP. */
static void test_emptied_meanwhile(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(truncate(folder->file, 0), 0);
    record(journal, 2, "two");
    close_journal(journal);
    check_records(folder->file, "2 two;");
}

static enum journal_result try_to_record(struct journal *journal, const char *message)
{
    (void)append(journal, message);
    return journal_commit(journal);
}

/* A record in a file without a name is gone: it must not be acknowledged. */
static void test_deleted(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_false(journal_is_lost(journal));
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_false(journal_is_lost(journal)); /* it has another name, so nothing is lost */
    record(journal, 2, "two");
    assert_int_equal(unlink(folder->rotated), 0);
    assert_true(journal_is_lost(journal));
    assert_int_equal(try_to_record(journal, "lost"), JOURNAL_REFUSED);
    assert_non_null(strstr(journal_problem(journal), "was deleted"));
    assert_int_equal(journal_seq(journal), 2);
    assert_int_equal(try_to_record(journal, "lost"), JOURNAL_REFUSED);
    assert_true(open_again(journal, folder->file));
    assert_false(journal_is_lost(journal));
    record(journal, 3, "three");
    journal_free(journal);
    check_records(folder->file, "3 three;");
}

/* The server cannot open the new file: wrong owner (logrotate's `create`), or it is a directory. */
static void test_renamed_and_not_opened_again(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_int_equal(mkdir(folder->file, 0700), 0);
    record(journal, 2, "two"); /* no HUP has come yet */
    assert_false(open_again(journal, folder->file));
    assert_true(journal_is_lost(journal));
    assert_int_equal(try_to_record(journal, "lost"), JOURNAL_REFUSED);
    assert_non_null(strstr(journal_problem(journal), "is no longer at its path"));
    assert_int_equal(rmdir(folder->file), 0);
    write_text(folder->file, "hello\n");
    assert_false(open_again(journal, folder->file));
    assert_int_equal(try_to_record(journal, "lost"), JOURNAL_REFUSED);
    check_text(folder->file, "hello\n");
    assert_int_equal(rename(folder->rotated, folder->file), 0); /* back to where it was */
    assert_true(open_again(journal, folder->file));
    record(journal, 3, "three");
    journal_free(journal);
    check_records(folder->file, "1 one;2 two;3 three;");
}

/* --------------------------------------------------------------------- killed, and then changed */

enum { BEYOND = 1000000 }; /* numbers reserved in advance */

/* Three records, and the server is killed. */
static void kill_after_three(const struct folder *folder)
{
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    record(journal, 2, "two");
    record(journal, 3, "three");
    journal_free(journal);
}

static void check_next_seq(const char *file, uint64_t expected)
{
    struct journal *journal = open_journal(file);

    record(journal, expected, "next");
    journal_free(journal);
}

static void test_killed_and_nothing_else(void **state)
{
    const struct folder *folder = *state;

    kill_after_three(folder);
    check_next_seq(folder->file, 4);
}

static void test_killed_and_renamed(void **state)
{
    const struct folder *folder = *state;

    kill_after_three(folder);
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    check_next_seq(folder->file, BEYOND + 1);
}

/* The same file, made shorter. */
static void test_killed_and_cut(void **state)
{
    const struct folder *folder = *state;

    kill_after_three(folder);
    struct buffer bytes = read_file(folder->file);
    const char *third = strstr((const char *)bytes.bytes, "\n3 ");
    assert_non_null(third);
    assert_int_equal(truncate(folder->file, third + 1 - (const char *)bytes.bytes), 0);
    buffer_free(&bytes);
    check_next_seq(folder->file, BEYOND + 1);
}

static void test_killed_and_emptied(void **state)
{
    const struct folder *folder = *state;

    kill_after_three(folder);
    assert_int_equal(truncate(folder->file, 0), 0);
    check_next_seq(folder->file, BEYOND + 1);
}

/* An older state, from a backup. */
static void test_killed_and_put_back(void **state)
{
    const struct folder *folder = *state;

    kill_after_three(folder);
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    write_text(folder->file, "1" TIME PEER " one\n");
    check_next_seq(folder->file, BEYOND + 1);
}

/* Numbers are reserved again before they are used up. */
static void test_more_numbers_than_were_reserved(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    for (uint64_t seq = 1; seq <= BEYOND + 1; seq++) {
        assert_int_equal(append(journal, ""), seq);
        if (seq % 1000 == 0)
            assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    }
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    journal_free(journal);
    assert_int_equal(unlink(folder->file), 0);
    check_next_seq(folder->file, 2 * BEYOND + 2);
}

/* If that fails, nothing is acknowledged whose SEQ could be given twice. */
static void test_no_more_numbers_can_be_reserved(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    char fresh[2 * PATH_SIZE];

    (void)snprintf(fresh, sizeof fresh, "%s.new", folder->noted);
    assert_int_equal(mkdir(fresh, 0700), 0);
    for (uint64_t seq = 1; seq <= BEYOND; seq++)
        assert_int_equal(append(journal, ""), seq);
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(try_to_record(journal, "x"), JOURNAL_REFUSED);
    assert_non_null(strstr(journal_problem(journal), "cannot reserve numbers in "));
    assert_int_equal(rmdir(fresh), 0);
    record(journal, BEYOND + 1, "x");
    journal_free(journal);
}

/* ------------------------------------------------------------------------------ power failures */

/* Otherwise FILE.seq could be empty or absent, and SEQ would begin with 1. */
static void test_noted_seq_is_synced(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    synced_files = synced_folders = 0;
    close_journal(journal);
    assert_int_equal(synced_files, 1);
    assert_int_equal(synced_folders, 1);
}

/*
 * The new FILE.seq is there, but its folder could not be synced. It must show what is recorded from
 * then on, or the next server takes an emptied journal for one that was never written to.
 */
static void test_noted_in_the_new_file(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    synced_folders = 0;
    fails_at = 2; /* the first one is for the journal */
    assert_true(open_again(journal, folder->file));
    fails_at = 0;
    assert_non_null(strstr(journal_note(journal), "cannot reserve numbers in "));
    record(journal, 2, "two");
    assert_int_equal(truncate(folder->file, 0), 0);
    journal_free(journal); /* killed */
    journal = open_journal(folder->file);
    record(journal, 1000002, "three");
    journal_free(journal);
}

/* The server cannot start, and changes nothing that it has, if the same happens at first. */
static void test_no_numbers_reserved_at_first(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    synced_folders = 0;
    fails_at = 2;
    assert_false(open_again(journal, folder->rotated));
    fails_at = 0;
    record(journal, 2, "two");
    close_journal(journal);
    check_text(folder->noted, "2\n");
    synced_folders = 0;
    fails_at = 2;
    check_refused(folder->file, "cannot reserve numbers in ");
    fails_at = 0;
    journal = open_journal(folder->file);
    record(journal, 3, "three");
    journal_free(journal);
}

/* Otherwise what was cut off could reappear, with the next record in the middle of it. */
static void test_cut_is_synced(void **state)
{
    const struct folder *folder = *state;

    write_text(folder->file, "1" TIME PEER " one\n2 20");
    synced_files = 0;
    struct journal *journal = open_journal(folder->file);
    assert_int_equal(synced_files, 2); /* and FILE.seq */
    journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_rotation),
        TEST_IN_FOLDER(test_rotation_and_no_message_until_killed),
        TEST_IN_FOLDER(test_rotation_with_create_and_no_message_until_killed),
        TEST_IN_FOLDER(test_rotation_when_no_numbers_can_be_reserved),
        TEST_IN_FOLDER(test_change_to_a_file_with_records),
        TEST_IN_FOLDER(test_failed_reopening_changes_nothing),
        TEST_IN_FOLDER(test_other_format),
        TEST_IN_FOLDER(test_emptied_meanwhile),
        TEST_IN_FOLDER(test_other_format_of_an_empty_file),
        TEST_IN_FOLDER(test_deleted),
        TEST_IN_FOLDER(test_renamed_and_not_opened_again),
        TEST_IN_FOLDER(test_killed_and_nothing_else),
        TEST_IN_FOLDER(test_killed_and_renamed),
        TEST_IN_FOLDER(test_killed_and_cut),
        TEST_IN_FOLDER(test_killed_and_emptied),
        TEST_IN_FOLDER(test_killed_and_put_back),
        TEST_IN_FOLDER(test_more_numbers_than_were_reserved),
        TEST_IN_FOLDER(test_no_more_numbers_can_be_reserved),
        TEST_IN_FOLDER(test_noted_seq_is_synced),
        TEST_IN_FOLDER(test_noted_in_the_new_file),
        TEST_IN_FOLDER(test_no_numbers_reserved_at_first),
        TEST_IN_FOLDER(test_cut_is_synced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
