/*
 * Why: what is acknowledged is what this part says it has written. So, with real files: SEQ goes on
 * whatever happens in between; a file is mended where a crash has torn it, wherever that was; a
 * file that is not ours stays as it is, byte for byte; and a batch that does not fit leaves no
 * trace.
 */
#include "server/journal.h"

#include "common/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME " 2026-01-31T23:59:59.123456Z "
#define PEER "192.0.2.1:4711"

static const char first[] = "1" TIME PEER " one\n";
static const char second[] = "2" TIME PEER " two \\n \\xFF \xe4\xbd\xa0\n";
static const char third[] = "3" TIME PEER " three";
static const char third_json[] =
    "{\"seq\":3,\"time\":\"2026-01-31T23:59:59.123456Z\",\"peer\":\"" PEER
    "\",\"message\":\"three\"}";

/* --------------------------------------------------------------------- a call that can fail */

/* How many of the next ftruncate() fail; -1: the next one does, though it has cut the file. */
static int ftruncate_failures;

/* In place of the library's, for the journal too. */
int ftruncate(int fd, off_t size)
{
    if (ftruncate_failures > 0) {
        ftruncate_failures--;
        errno = EIO;
        return -1;
    }
    char path[32];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int result = truncate(path, size);
    if (ftruncate_failures < 0 && result == 0) {
        ftruncate_failures = 0;
        errno = EIO;
        result = -1;
    }
    return result;
}

/* ------------------------------------------------------------------ a folder for each test */

enum { PATH_SIZE = 64 };

struct folder {
    char path[PATH_SIZE - 16];
    char file[PATH_SIZE];
    char noted[PATH_SIZE]; /* FILE.seq */
    char rotated[PATH_SIZE];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);

    if (folder == NULL)
        return -1;
    *state = folder;
    memcpy(folder->path, "/tmp/test_journal.XXXXXX", sizeof "/tmp/test_journal.XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    (void)snprintf(folder->file, sizeof folder->file, "%s/journal", folder->path);
    (void)snprintf(folder->noted, sizeof folder->noted, "%s/journal.seq", folder->path);
    (void)snprintf(folder->rotated, sizeof folder->rotated, "%s/rotated", folder->path);
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    char *const names[] = {folder->file, folder->noted, folder->rotated};

    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        (void)unlink(names[at]); /* not every test makes each */
    int result = rmdir(folder->path);
    free(folder);
    return result;
}

/* ------------------------------------------------------------------------- files and journals */

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* The file's bytes, with a NUL behind them; the caller gives them to buffer_free(). */
static struct buffer read_file(const char *path)
{
    struct buffer bytes = {0};
    FILE *file = fopen(path, "r");
    size_t got = 0;

    assert_non_null(file);
    do {
        unsigned char *room = buffer_reserve(&bytes, BUFSIZ);
        assert_non_null(room);
        got = fread(room, 1, BUFSIZ, file);
        bytes.size += got;
    } while (got > 0);
    assert_int_equal(fclose(file), 0);
    assert_true(buffer_append(&bytes, "", 1));
    bytes.size--;
    return bytes;
}

static void check_file(const char *path, const void *expected, size_t size)
{
    struct buffer bytes = read_file(path);

    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.bytes, expected, size);
    buffer_free(&bytes);
}

static void check_text(const char *path, const char *expected)
{
    check_file(path, expected, strlen(expected));
}

static struct journal_options options_of(const char *file)
{
    return (struct journal_options){
        .file = file, .format = JOURNAL_FORMAT_TEXT, .sync = true, .mode = 0640};
}

static bool open_again(struct journal *journal, const char *file)
{
    const struct journal_options options = options_of(file);
    return journal_open(journal, &options);
}

static struct journal *open_journal(const char *file)
{
    struct journal *journal = journal_new();

    assert_non_null(journal);
    if (!open_again(journal, file))
        fail_msg("%s", journal_problem(journal));
    return journal;
}

/* Opening must fail, with `problem` in what is said of it. */
static void check_refused(const char *file, const char *problem)
{
    struct journal *journal = journal_new();

    assert_non_null(journal);
    assert_false(open_again(journal, file));
    if (strstr(journal_problem(journal), problem) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", problem, journal_problem(journal));
    assert_null(strchr(journal_problem(journal), '\n'));
    journal_free(journal);
}

static uint64_t append(struct journal *journal, const char *message)
{
    uint64_t seq = 0;

    assert_true(journal_append(journal, PEER, "", message, strlen(message), &seq));
    assert_int_equal(journal_seq(journal), seq);
    return seq;
}

/* Records a message under the SEQ given. */
static void record(struct journal *journal, uint64_t seq, const char *message)
{
    assert_int_equal(append(journal, message), seq);
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(journal_seq(journal), seq);
}

static void close_journal(struct journal *journal)
{
    assert_true(journal_close(journal));
    journal_free(journal);
}

/* The SEQs and messages of a text journal, as `1 one;2 two;`. */
static void check_records(const char *path, const char *expected)
{
    struct buffer bytes = read_file(path);
    struct buffer found = {0};

    for (char *line = (char *)bytes.bytes; *line != '\0';) {
        char *end = strchr(line, '\n');
        assert_non_null(end);
        *end = '\0';
        const char *message = strstr(line, " " PEER " ");
        assert_non_null(message);
        assert_true(buffer_printf(&found, "%.*s%s;", (int)strcspn(line, " "), line,
                                  message + strlen(" " PEER)));
        line = end + 1;
    }
    assert_true(buffer_append(&found, "", 1));
    assert_string_equal((const char *)found.bytes, expected);
    buffer_free(&bytes);
    buffer_free(&found);
}

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
    assert_true(journal_batch_size(journal) > 0);
    check_text(folder->file, "");
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(journal_batch_size(journal), 0);
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

/* ------------------------------------------------------------------- where SEQ goes on */

static void test_seq_goes_on(void **state)
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

/* The last line may be longer than what is read of the file at once. */
static void test_seq_behind_long_messages(void **state)
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
    assert_int_equal(unlink(folder->file), 0); /* rotated while nobody records */
    journal = open_journal(folder->file);
    record(journal, 3, "three");
    journal_free(journal);
    check_records(folder->file, "3 three;");
}

/* In a folder where others may write: what they can change, and what they put there. */
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

    write_text(folder->rotated, "precious");
    (void)snprintf(fresh, sizeof fresh, "%s.new", folder->noted);
    assert_int_equal(symlink(folder->rotated, fresh), 0);
    journal = open_journal(folder->file);
    record(journal, 2, "two");
    assert_false(journal_close(journal));
    journal_free(journal);
    assert_int_equal(unlink(fresh), 0);
    check_text(folder->rotated, "precious");
}

/* Somebody may have written the file by hand. */
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
        journal_free(journal);
    }
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++) {
        write_text(folder->noted, bad[at]);
        check_refused(folder->file, "/journal.seq does not say a SEQ");
    }
    write_text(folder->file, first); /* its records are what counts */
    struct journal *journal = open_journal(folder->file);
    assert_int_equal(journal_seq(journal), 1);
    journal_free(journal);
}

/* ---------------------------------------------------------------------- what a crash has torn */

/* Opens a file of `whole` and the first `cut` bytes of `torn`: exactly these must go. */
static void check_torn(const struct folder *folder, const char *whole, const char *torn, size_t cut,
                       uint64_t last_seq)
{
    struct buffer bytes = {0};
    char note[64];

    assert_true(buffer_append(&bytes, whole, strlen(whole)));
    assert_true(buffer_append(&bytes, torn, cut));
    write_file(folder->file, bytes.bytes, bytes.size);
    buffer_free(&bytes);
    struct journal *journal = open_journal(folder->file);
    (void)snprintf(note, sizeof note, " unfinished record of %zu bytes", cut);
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

/* What a power cut can leave where the disk had only the new size of the file. */
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

/* ---------------------------------------------------------------------- what is not ours */

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
    CONTENT("\0"),
    CONTENT("1\n"),
    CONTENT("1" TIME PEER "\n"), /* no blank: a message is missing */
    CONTENT("0" TIME PEER " zero\n"),
    CONTENT("01" TIME PEER " one\n"),
    CONTENT("18446744073709551616" TIME PEER " too high\n"),
    CONTENT(" 1" TIME PEER " one\n"),
    CONTENT("1" TIME PEER " one\n\n"),
    CONTENT("1" TIME PEER " one\nhello\n"),
    CONTENT("1" TIME PEER " one\nhello\n2" TIME PEER " tw"),
    CONTENT("1" TIME PEER " one\nhello, this is not torn"), /* behind a record, too */
    CONTENT("2" TIME "\0\0\0"),                             /* without one, nobody knows */
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
        check_refused(folder->file, "its last line is no record of tcpackd");
        check_file(folder->file, foreign[at].bytes, foreign[at].size);
    }
}

/* It would be followed by 0, which is no SEQ. */
static void test_the_last_seq(void **state)
{
    const struct folder *folder = *state;

    write_text(folder->file, "18446744073709551615" TIME PEER " last\n");
    check_refused(folder->file, "there is no SEQ behind its last record's");
    write_text(folder->file, "");
    write_text(folder->noted, "18446744073709551615\n");
    check_refused(folder->file, "there is no SEQ behind its last record's");
}

/* The link's target is made, and not the link a file. */
static void test_link_to_what_is_not_there_yet(void **state)
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

static void test_what_is_no_file(void **state)
{
    const struct folder *folder = *state;

    check_refused(folder->path, "Is a directory");
    check_refused("/nonexistent/journal",
                  "cannot open journal /nonexistent/journal: No such file or directory");
    assert_int_equal(mkfifo(folder->file, 0600), 0);
    check_refused(folder->file, "it is neither a file nor a character device");
}

static void test_lock(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    check_refused(folder->file, "another tcpackd records into it");
    record(journal, 2, "two");
    assert_true(journal_close(journal));
    struct journal *next = open_journal(folder->file);
    record(next, 3, "three");
    journal_free(journal);
    journal_free(next);
    check_records(folder->file, "1 one;2 two;3 three;");
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
    check_text(folder->noted, "3\n");
    check_text(folder->file, "");
    record(journal, 4, "four");
    journal_free(journal); /* as if killed */
    check_records(folder->rotated, "1 one;2 two;3 three;");
    check_records(folder->file, "4 four;");
}

static void test_rotation_and_no_message_until_killed(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_true(open_again(journal, folder->file));
    journal_free(journal); /* as if killed */
    journal = open_journal(folder->file);
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "2 two;");
}

/* Another file that has later records: SEQ never goes back. */
static void test_go_over_to_a_file_with_records(void **state)
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

static void test_other_format(void **state)
{
    const struct folder *folder = *state;
    struct journal_options options = options_of(folder->file);
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    options.format = JOURNAL_FORMAT_JSON;
    assert_true(journal_open(journal, &options));
    record(journal, 2, "two");
    journal_free(journal);
    struct buffer bytes = read_file(folder->file);
    assert_non_null(strstr((const char *)bytes.bytes, " one\n{\"seq\":2,"));
    buffer_free(&bytes);
    journal = open_journal(folder->file);
    record(journal, 3, "three");
    journal_free(journal);
}

/* logrotate's copytruncate, from behind our back. */
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

/* ----------------------------------------------------------------------- when writing fails */

static void test_full_device(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_true(open_again(journal, "/dev/full"));
    for (int attempt = 0; attempt < 2; attempt++) {
        assert_int_equal(append(journal, "two"), 2);
        assert_int_equal(journal_commit(journal), JOURNAL_REFUSED);
        assert_string_equal(journal_problem(journal),
                            "cannot write journal /dev/full: No space left on device");
        assert_int_equal(journal_seq(journal), 1);
        assert_int_equal(journal_batch_size(journal), 0);
    }
    assert_true(open_again(journal, "/dev/null"));
    record(journal, 2, "two");
    assert_true(open_again(journal, folder->file));
    record(journal, 3, "three");
    journal_free(journal);
    check_records(folder->file, "1 one;3 three;");
}

static rlim_t limit_file_size(rlim_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return before;
}

/* A short write first, then an error: as on a disk that gets full. */
static void test_short_write(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    struct stat status;

    record(journal, 1, "one");
    assert_int_equal(stat(folder->file, &status), 0);
    rlim_t size = (rlim_t)status.st_size;
    rlim_t before = limit_file_size(size);
    for (rlim_t room = 0; room < 2 * size; room++) {
        assert_int_equal(append(journal, "two"), 2);
        assert_int_equal(append(journal, "3.."), 3);
        (void)limit_file_size(size + room);
        enum journal_result result = journal_commit(journal);
        (void)limit_file_size(before);
        assert_int_equal(result, JOURNAL_REFUSED);
        assert_non_null(strstr(journal_problem(journal), ": File too large"));
        assert_int_equal(journal_seq(journal), 1);
        check_records(folder->file, "1 one;");
    }
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "1 one;2 two;");
}

/* Lets one write() of the batch get no further than `room` bytes; it is refused. */
static void tear(struct journal *journal, const char *path, rlim_t room)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    rlim_t before = limit_file_size((rlim_t)status.st_size + room);
    enum journal_result result = journal_commit(journal);
    (void)limit_file_size(before);
    assert_int_equal(result, JOURNAL_REFUSED);
}

/*
 * What a failed write left could not be cut, and somebody else has cut it, or has emptied the file,
 * before it is tried again: then no record may be cut instead of it.
 */
static void test_cut_by_somebody_else(void **state)
{
    const struct folder *folder = *state;
    struct stat status;

    for (int emptied = 0; emptied < 2; emptied++) {
        struct journal *journal = open_journal(folder->file);
        record(journal, 1, "one");
        assert_int_equal(stat(folder->file, &status), 0);
        assert_int_equal(append(journal, "two"), 2);
        ftruncate_failures = 1;
        tear(journal, folder->file, 9);
        assert_non_null(strstr(journal_problem(journal), "cannot cut back journal"));
        assert_int_equal(truncate(folder->file, emptied ? 0 : status.st_size), 0);
        record(journal, 2, "two");
        record(journal, 3, "three");
        journal_free(journal);
        check_records(folder->file, emptied ? "2 two;3 three;" : "1 one;2 two;3 three;");
        assert_int_equal(unlink(folder->file), 0);
    }
}

/* The cut was done, though it seemed to fail: it is not done once more. */
static void test_cut_back_once(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    ftruncate_failures = -1;
    tear(journal, folder->file, 9);
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "1 one;2 two;");
}

/* Another program's line behind what is torn stays; nothing is acknowledged until somebody acts. */
static void test_written_behind_by_somebody_else(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    ftruncate_failures = 1;
    tear(journal, folder->file, 9);
    FILE *other = fopen(folder->file, "a");
    assert_non_null(other);
    assert_true(fputs("important\n", other) >= 0);
    assert_int_equal(fclose(other), 0);
    assert_int_equal(append(journal, "two"), 2);
    assert_int_equal(journal_commit(journal), JOURNAL_REFUSED);
    assert_non_null(strstr(journal_problem(journal), "another program has written behind it"));
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_true(open_again(journal, folder->file));
    record(journal, 2, "two");
    journal_free(journal);
    struct buffer bytes = read_file(folder->rotated);
    assert_non_null(strstr((const char *)bytes.bytes, "important\n"));
    buffer_free(&bytes);
    check_records(folder->file, "2 two;");
}

static void test_deleted(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_false(journal_is_deleted(journal));
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_false(journal_is_deleted(journal)); /* it has another name, and is no loss */
    assert_int_equal(unlink(folder->rotated), 0);
    assert_true(journal_is_deleted(journal));
    assert_true(open_again(journal, folder->file));
    assert_false(journal_is_deleted(journal));
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "2 two;");
}

/* Standard output that nobody reads any more. */
static void test_broken_pipe(void **state)
{
    struct journal *journal = journal_new();
    int ends[2];
    int before = dup(STDOUT_FILENO);

    (void)state;
    assert_true(before >= 0);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fflush(stdout), 0);
    assert_int_equal(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    bool opened = open_again(journal, "-");
    uint64_t seq = 0;
    bool appended = journal_append(journal, PEER, "", "one", 3, &seq);
    enum journal_result whole = journal_commit(journal);
    (void)close(ends[0]);
    (void)close(ends[1]);
    appended = appended && journal_append(journal, PEER, "", "two", 3, &seq);
    enum journal_result broken = journal_commit(journal);
    (void)dup2(before, STDOUT_FILENO);
    (void)close(before);
    assert_true(opened);
    assert_true(appended);
    assert_int_equal(whole, JOURNAL_COMMITTED);
    assert_int_equal(broken, JOURNAL_BROKEN);
    assert_string_equal(journal_problem(journal),
                        "cannot write journal standard output: Broken pipe");
    journal_free(journal);
}

#define TEST_IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_batch),
        TEST_IN_FOLDER(test_uncommitted_is_not_written),
        TEST_IN_FOLDER(test_mode),
        TEST_IN_FOLDER(test_seq_goes_on),
        TEST_IN_FOLDER(test_seq_behind_long_messages),
        TEST_IN_FOLDER(test_noted_seq),
        TEST_IN_FOLDER(test_noted_seq_among_others),
        TEST_IN_FOLDER(test_noted_seq_by_hand),
        TEST_IN_FOLDER(test_torn_tails),
        TEST_IN_FOLDER(test_torn_tails_of_nuls),
        TEST_IN_FOLDER(test_long_torn_tail),
        TEST_IN_FOLDER(test_foreign_files),
        TEST_IN_FOLDER(test_the_last_seq),
        TEST_IN_FOLDER(test_link_to_what_is_not_there_yet),
        TEST_IN_FOLDER(test_what_is_no_file),
        TEST_IN_FOLDER(test_lock),
        TEST_IN_FOLDER(test_rotation),
        TEST_IN_FOLDER(test_rotation_and_no_message_until_killed),
        TEST_IN_FOLDER(test_go_over_to_a_file_with_records),
        TEST_IN_FOLDER(test_failed_reopening_changes_nothing),
        TEST_IN_FOLDER(test_other_format),
        TEST_IN_FOLDER(test_emptied_meanwhile),
        TEST_IN_FOLDER(test_full_device),
        TEST_IN_FOLDER(test_short_write),
        TEST_IN_FOLDER(test_cut_by_somebody_else),
        TEST_IN_FOLDER(test_cut_back_once),
        TEST_IN_FOLDER(test_written_behind_by_somebody_else),
        TEST_IN_FOLDER(test_deleted),
        cmocka_unit_test(test_broken_pipe),
    };

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
