/*
 * Why: the server acknowledges what the journal reports as written. These tests use real files. SEQ
 * continues whatever happens between two runs. A file that a crash tore at any byte is repaired. A
 * file of another program stays unchanged, byte for byte. test_journal_faults has the failing
 * calls; test_journal_rotation has changes to the file while the server runs.
 */
#include "journal_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char first[] = "1" TIME PEER " one\n";
static const char second[] = "2" TIME PEER " two \\n \\xFF \xe4\xbd\xa0\n";
static const char third[] = "3" TIME PEER " three";
static const char third_json[] =
    "{\"seq\":3,\"time\":\"2026-01-31T23:59:59.123456Z\",\"peer\":\"" PEER
    "\",\"message\":\"three\"}";

/* ---------------------------------------------------------------------------------- recording */

static void test_batch(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    char expected[256];

    assert_int_equal(journal_seq(journal), 0);
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(append(journal, "one"), 1);
    assert_int_equal(append(journal, ""), 2);
    assert_true(journal_batch(journal).size > 0);
    check_text(folder->file, "");
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(journal_batch(journal).size, 0);
    (void)snprintf(expected, sizeof expected, "1 %s " PEER " one\n2 %s " PEER " \n",
                   journal_time(journal), journal_time(journal));
    check_text(folder->file, expected);
    close_journal(journal);
}

static void test_uncommitted_is_not_written(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    assert_int_equal(append(journal, "one"), 1);
    journal_free(journal);
    check_text(folder->file, "");
}

static void test_mode(void **state)
{
    const struct folder *folder = *state;
    struct journal_options options = options_of(folder->file);
    struct journal *journal = journal_new();
    struct stat status;
    mode_t before = umask(0777);

    options.mode = 0604;
    assert_true(journal_open(journal, &options));
    (void)umask(before);
    assert_int_equal(stat(folder->file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0604);
    journal_free(journal);
}

/* ------------------------------------------------------------------- SEQ continues */

static void test_seq_continues(void **state)
{
    const struct folder *folder = *state;

    for (uint64_t seq = 1; seq < 12; seq++) {
        struct journal *journal = open_journal(folder->file);
        assert_string_equal(journal_note(journal), "");
        assert_int_equal(journal_seq(journal), seq - 1);
        record(journal, seq, "x");
        if (seq % 2 == 0)
            close_journal(journal);
        else
            journal_free(journal); /* as if killed */
    }
    check_records(folder->file, "1 x;2 x;3 x;4 x;5 x;6 x;7 x;8 x;9 x;10 x;11 x;");
}

/* The last line may be longer than one read of the file. */
static void test_seq_after_long_messages(void **state)
{
    const struct folder *folder = *state;
    const size_t sizes[] = {65000, 65535, 65536, 65537, 131072, 300000};
    struct journal *journal = open_journal(folder->file);
    char *message = malloc(300001);

    assert_non_null(message);
    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        memset(message, 'x', sizes[at]);
        message[sizes[at]] = '\0';
        record(journal, at + 1, message);
        journal_free(journal);
        journal = open_journal(folder->file);
        assert_int_equal(journal_seq(journal), at + 1);
    }
    journal_free(journal);
    free(message);
}

static void test_noted_seq(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    record(journal, 2, "two");
    close_journal(journal);
    check_text(folder->noted, "2\n");
    assert_int_equal(unlink(folder->file), 0); /* rotated while the server is stopped */
    journal = open_journal(folder->file);
    record(journal, 3, "three");
    journal_free(journal);
    check_records(folder->file, "3 three;");
}

/* Other users can write to the folder: FILE.seq is not writable for them; they may create links. */
static void test_noted_seq_among_others(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    char fresh[2 * PATH_SIZE];
    struct stat status;
    mode_t before = umask(0);

    record(journal, 1, "one");
    bool closed = journal_close(journal);
    (void)umask(before);
    assert_true(closed);
    journal_free(journal);
    assert_int_equal(stat(folder->noted, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);

    /* Nothing is written through a link, and a FIFO is not waited for. */
    write_text(folder->rotated, "precious");
    (void)snprintf(fresh, sizeof fresh, "%s.new", folder->noted);
    for (int fifo = 0; fifo < 2; fifo++) {
        assert_int_equal(fifo ? mkfifo(fresh, 0600) : symlink(folder->rotated, fresh), 0);
        check_refused(folder->file, "journal.seq: there is something other than a regular file");
        assert_int_equal(unlink(fresh), 0);
        check_text(folder->noted, "1\n");
    }
    check_text(folder->rotated, "precious");
}

/* A crash may have left a FILE.seq.new that is longer. */
static void test_noted_seq_beside_a_stale_one(void **state)
{
    const struct folder *folder = *state;
    char fresh[2 * PATH_SIZE];

    (void)snprintf(fresh, sizeof fresh, "%s.new", folder->noted);
    write_text(fresh, "123456789\n");
    struct journal *journal = open_journal(folder->file);
    record(journal, 1, "one");
    close_journal(journal);
    check_text(folder->noted, "1\n");
}

/* An administrator may have written the file by hand. */
static void test_noted_seq_by_hand(void **state)
{
    static const char *const good[] = {"500", "500\n"};
    static const char *const bad[] = {"",
                                      "\n",
                                      "x\n",
                                      "-1\n",
                                      "500 \n",
                                      "500\n\n",
                                      "5\n00",
                                      "500\n501\n",
                                      " 500\n",
                                      "0x5\n",
                                      "18446744073709551616\n",
                                      "000000000000000000000000000000000000000500\n"};
    const struct folder *folder = *state;

    for (size_t at = 0; at < sizeof good / sizeof *good; at++) {
        write_text(folder->noted, good[at]);
        struct journal *journal = open_journal(folder->file);
        assert_int_equal(journal_seq(journal), 500);
        close_journal(journal);
        check_text(folder->noted, "500\n");
    }
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        write_text(folder->noted, bad[at]);
        check_refused(folder->file, "/journal.seq does not contain a SEQ");
        write_text(folder->file, first); /* higher numbers than its record's may have been given */
        check_refused(folder->file, "/journal.seq does not contain a SEQ");
        assert_int_equal(unlink(folder->file), 0);
    }
}

static void test_noted_seq_that_is_not_a_file(void **state)
{
    const struct folder *folder = *state;

    assert_int_equal(mkfifo(folder->noted, 0600), 0);
    check_refused(folder->file,
                  "journal.seq: it is not a regular file (remove it, or move it away)");
    assert_int_equal(unlink(folder->noted), 0);
    write_text(folder->rotated, "500\n");
    assert_int_equal(symlink(folder->rotated, folder->noted), 0);
    check_refused(folder->file, "journal.seq: it is not a regular file");
    check_text(folder->rotated, "500\n");
}

/* ---------------------------------------------------------------------- torn by a crash */

/* Opens a file with `whole` and the first `cut` bytes of `torn`: exactly those must be cut off. */
static void check_torn(const struct folder *folder, const char *whole, const char *torn, size_t cut,
                       uint64_t last_seq)
{
    struct buffer bytes = {0};
    char note[64];

    assert_true(buffer_append(&bytes, whole, strlen(whole)));
    assert_true(buffer_append(&bytes, torn, cut));
    write_file(folder->file, bytes.bytes, bytes.size);
    buffer_free(&bytes);
    (void)unlink(folder->noted); /* of the previous file, if any */
    struct journal *journal = open_journal(folder->file);
    (void)snprintf(note, sizeof note, ": cut %zu bytes of unfinished records", cut);
    assert_non_null(strstr(journal_note(journal), note));
    assert_int_equal(journal_seq(journal), last_seq);
    check_text(folder->file, whole);
    journal_free(journal);
}

static void test_torn_tails(void **state)
{
    const struct folder *folder = *state;
    char whole[sizeof first + sizeof second];

    (void)snprintf(whole, sizeof whole, "%s%s", first, second);
    for (size_t cut = 1; cut < sizeof third; cut++) {
        check_torn(folder, whole, third, cut, 2);
        check_torn(folder, "", third, cut, 0);
    }
    for (size_t cut = 1; cut < sizeof third_json; cut++) {
        check_torn(folder, whole, third_json, cut, 2);
        check_torn(folder, "", third_json, cut, 0);
    }
}

/* After a power cut the disk may have only the new size of the file. */
static void test_torn_tails_of_nuls(void **state)
{
    const struct folder *folder = *state;
    char torn[sizeof third + 8];

    for (size_t cut = 0; cut < sizeof third; cut++) {
        memset(torn, 0, sizeof torn);
        memcpy(torn, third, cut);
        check_torn(folder, first, torn, sizeof torn, 1);
    }
}

static void test_long_torn_tail(void **state)
{
    enum { SIZE = 200000 };
    char *torn = malloc(SIZE);

    assert_non_null(torn);
    memset(torn, 'x', SIZE);
    memcpy(torn, third, sizeof third - 1);
    check_torn(*state, second, torn, SIZE, 2);
    check_torn(*state, "", torn, SIZE, 0);
    free(torn);
}

/* ------------------------------------------------------------------- files of others */

struct content {
    const char *bytes;
    size_t size;
};

#define CONTENT(text)                                                                              \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct content foreign[] = {
    CONTENT("\n"),
    CONTENT("hello\n"),
    CONTENT("hello"),
    CONTENT("\x7f\x45LF\0\0\0"),
    CONTENT("1\n"),
    CONTENT("1" TIME PEER "\n"), /* no space: the message is missing */
    CONTENT("0" TIME PEER " zero\n"),
    CONTENT("01" TIME PEER " one\n"),
    CONTENT("18446744073709551616" TIME PEER " too high\n"),
    CONTENT(" 1" TIME PEER " one\n"),
    CONTENT("1" TIME PEER " one\n\n"),
    CONTENT("1" TIME PEER " one\nhello\n"),
    CONTENT("1" TIME PEER " one\nhello\n2" TIME PEER " tw"),
    CONTENT("1" TIME PEER " one\nhello, this is not torn"), /* also after a record */
    CONTENT("\0h\0e\0l\0l\0o\0\n"),                         /* UTF-16 */
    CONTENT("1" TIME PEER " one\n\0\0\0\n\0\0\0hello\nhello\n"),
    CONTENT("1" TIME PEER " one\n\0\0\0\x01\x02\n"), /* no record contains these bytes */
    CONTENT("{}\n"),
    CONTENT("{\"seq\":1}\n"),
    CONTENT("{\"seq\":\"1\"}\n"),
    CONTENT("{\"se"
            "k\":1"),
    CONTENT("Jan 31 23:59:59 host program: text\n"),
    CONTENT("2026-01-31T23:59:59.123456Z host program: text\n"),
};

static void test_foreign_files(void **state)
{
    const struct folder *folder = *state;

    for (size_t at = 0; at < sizeof foreign / sizeof *foreign; at++) {
        write_file(folder->file, foreign[at].bytes, foreign[at].size);
        check_refused(folder->file, "it does not end with records of tcpackd");
        check_file(folder->file, foreign[at].bytes, foreign[at].size);
    }
}

/* After the highest number would come 0, which is not a SEQ. */
static void test_the_last_seq(void **state)
{
    const struct folder *folder = *state;

    write_text(folder->file, "18446744073709551615" TIME PEER " last\n");
    check_refused(folder->file, "no SEQ is left after its last one");
    write_text(folder->file, "");
    write_text(folder->noted, "18446744073709551615\n");
    check_refused(folder->file, "no SEQ is left after its last one");

    write_text(folder->noted, "18446744073709551614\n");
    struct journal *journal = open_journal(folder->file);
    record(journal, UINT64_MAX, "last");
    uint64_t seq = 0;
    assert_false(journal_append(journal, PEER, "", "x", 1, &seq));
    assert_string_equal(journal_problem(journal), "no SEQ is left");
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    close_journal(journal);
    check_refused(folder->file, "no SEQ is left after its last one");
}

/* The target of the link is created; the link stays. */
static void test_link_to_an_absent_file(void **state)
{
    const struct folder *folder = *state;
    struct stat status;

    assert_int_equal(symlink(folder->rotated, folder->file), 0);
    struct journal *journal = open_journal(folder->file);
    record(journal, 1, "one");
    journal_free(journal);
    check_records(folder->rotated, "1 one;");
    assert_int_equal(lstat(folder->file, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
}

static void test_not_a_file(void **state)
{
    const struct folder *folder = *state;

    check_refused(folder->path, "Is a directory");
    check_refused("/nonexistent/journal",
                  "cannot open journal /nonexistent/journal: No such file or directory");
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    check_refused(folder->file, "it is neither a file nor a character device");
}

/* In another process: a POSIX lock does not exclude its own process. */
static void check_refused_elsewhere(const char *file)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        struct journal *journal = journal_new();
        bool opened = journal != NULL && open_again(journal, file);
        const char *problem = journal == NULL ? "" : journal_problem(journal);
        _exit(!opened && strstr(problem, "another tcpackd is using it") != NULL ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_lock(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    check_refused_elsewhere(folder->file);
    record(journal, 1, "one");
    check_refused_elsewhere(folder->file);
    assert_true(open_again(journal, folder->file)); /* must keep the lock */
    check_refused_elsewhere(folder->file);
    record(journal, 2, "two");
    assert_true(journal_close(journal));
    struct journal *next = open_journal(folder->file);
    record(next, 3, "three");
    journal_free(journal);
    check_refused_elsewhere(folder->file);
    journal_free(next);
    check_records(folder->file, "1 one;2 two;3 three;");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_batch),
        TEST_IN_FOLDER(test_uncommitted_is_not_written),
        TEST_IN_FOLDER(test_mode),
        TEST_IN_FOLDER(test_seq_continues),
        TEST_IN_FOLDER(test_seq_after_long_messages),
        TEST_IN_FOLDER(test_noted_seq),
        TEST_IN_FOLDER(test_noted_seq_among_others),
        TEST_IN_FOLDER(test_noted_seq_beside_a_stale_one),
        TEST_IN_FOLDER(test_noted_seq_by_hand),
        TEST_IN_FOLDER(test_noted_seq_that_is_not_a_file),
        TEST_IN_FOLDER(test_torn_tails),
        TEST_IN_FOLDER(test_torn_tails_of_nuls),
        TEST_IN_FOLDER(test_long_torn_tail),
        TEST_IN_FOLDER(test_foreign_files),
        TEST_IN_FOLDER(test_the_last_seq),
        TEST_IN_FOLDER(test_link_to_an_absent_file),
        TEST_IN_FOLDER(test_not_a_file),
        TEST_IN_FOLDER(test_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
