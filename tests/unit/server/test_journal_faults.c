/*
 * Why: a write may fail at any byte, and cutting off its remains may fail, too. Whatever fails: a
 * refused message leaves no trace among the records, later records are whole, and SEQ continues.
 */
#include "journal_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* ------------------------------------------------------------------------ calls that can fail */

/* How many of the next ftruncate() fail; -1: the next one fails after it has cut the file. */
static int ftruncate_failures;

/* Replaces the library's, also in the journal. */
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

static size_t write_room = SIZE_MAX; /* bytes that write() still takes */
static int write_error;              /* errno of the write() after them */

/* Replaces the library's, also in the journal. */
ssize_t write(int fd, const void *bytes, size_t size)
{
    if (size > 0 && write_room == 0) {
        errno = write_error;
        return -1;
    }
    size_t room = size < write_room ? size : write_room;
    if (write_room != SIZE_MAX)
        write_room -= room;
    return syscall(SYS_write, fd, bytes, room);
}

static bool fdatasync_fails;
static int fdatasync_interrupts; /* so many calls are interrupted by a signal */

/* In place of the library's, for the journal too. */
int fdatasync(int fd)
{
    if (!fdatasync_fails && fdatasync_interrupts == 0)
        return (int)syscall(SYS_fdatasync, fd);
    errno = fdatasync_fails ? EIO : EINTR;
    fdatasync_interrupts -= !fdatasync_fails;
    return -1;
}

static char put_back[256];             /* the last bytes that pwrite() wrote */
static size_t pwrite_short = SIZE_MAX; /* the next pwrite() takes at most so many bytes */
static bool pwrite_fails;              /* every one after that */

/* In place of the library's, for the journal too. */
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t offset)
{
    if (pwrite_short == SIZE_MAX && pwrite_fails) {
        errno = EIO;
        return -1;
    }
    size = size < pwrite_short ? size : pwrite_short;
    pwrite_short = SIZE_MAX;
    (void)snprintf(put_back, sizeof put_back, "%.*s", (int)size, (const char *)bytes);
    return syscall(SYS_pwrite64, fd, bytes, size, offset);
}

static int fstat_error;                     /* errno of every fstat(); 0: they work */
static const struct folder *renamed_folder; /* its journal is renamed when fstat() is next called */
static const struct folder *deleted_folder; /* or deleted */

/* In place of the library's, for the journal too. */
int fstat(int fd, struct stat *status)
{
    const struct folder *folder = renamed_folder;

    if (deleted_folder != NULL)
        assert_int_equal(unlink(deleted_folder->file), 0);
    renamed_folder = deleted_folder = NULL;
    if (folder != NULL)
        assert_int_equal(rename(folder->file, folder->rotated), 0);
    if (fstat_error == 0)
        return fstatat(fd, "", status, AT_EMPTY_PATH);
    errno = fstat_error;
    return -1;
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
        assert_int_equal(journal_batch(journal).size, 0);
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

/* A short write, then an error: as on a disk that becomes full. */
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

/* Commits with room for only `room` bytes. If they cannot be cut off, they keep their numbers. */
static void tear(struct journal *journal, const char *path, rlim_t room)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    rlim_t before = limit_file_size((rlim_t)status.st_size + room);
    bool stays = ftruncate_failures != 0;
    enum journal_result result = journal_commit(journal);
    (void)limit_file_size(before);
    assert_int_equal(result, stays ? JOURNAL_UNKNOWN : JOURNAL_REFUSED);
}

/* Before the first commit, the end of the file is known only from opening it. */
static void test_first_commit_refused(void **state)
{
    const struct folder *folder = *state;

    write_text(folder->file, "7" TIME PEER " seven\n");
    struct journal *journal = open_journal(folder->file);
    assert_int_equal(append(journal, "eight"), 8);
    tear(journal, folder->file, 3);
    record(journal, 8, "eight");
    journal_free(journal);
    check_records(folder->file, "7 seven;8 eight;");
}

/* What could not be cut off at once is cut off before the next write. */
static void test_cut_back_later(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    ftruncate_failures = 2;
    assert_int_equal(append(journal, "two"), 2);
    tear(journal, folder->file, 9);
    assert_int_equal(append(journal, "two"), 3);
    assert_int_equal(journal_commit(journal), JOURNAL_REFUSED);
    record(journal, 3, "two");
    journal_free(journal);
    check_records(folder->file, "1 one;3 two;");
}

/* A torn record that is whole keeps its number, though it was never acknowledged. */
static void test_torn_and_a_new_file(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    assert_int_equal(append(journal, "three"), 3);
    ftruncate_failures = 2; /* after the write, and when the file is replaced */
    tear(journal, folder->file, sizeof "2" TIME PEER " two\n3" - 1);
    assert_true(open_again(journal, folder->rotated));
    record(journal, 4, "four");
    close_journal(journal);
    check_records(folder->rotated, "4 four;");
}

/* The same if the server stops, and the next one begins a new file. */
static void test_torn_and_stopped(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    assert_int_equal(append(journal, "three"), 3);
    ftruncate_failures = 2; /* after the write, and at the end */
    tear(journal, folder->file, sizeof "2" TIME PEER " two\n3" - 1);
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    close_journal(journal);
    journal = open_journal(folder->file);
    record(journal, 4, "four");
    close_journal(journal);
    check_records(folder->file, "4 four;");
}

/* The torn record is in the old file: nothing is cut off the new one. */
static void test_torn_and_another_file(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    write_text(folder->rotated, "7" TIME PEER " seven\n");
    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    ftruncate_failures = 2; /* after the failed write, and when the file is closed */
    tear(journal, folder->file, 9);
    assert_true(open_again(journal, folder->rotated));
    assert_int_equal(ftruncate_failures, 0);
    record(journal, 8, "eight");
    close_journal(journal);
    check_records(folder->rotated, "7 seven;8 eight;");
}

/*
 * The file shows what was written, but it may never reach the disk. The next server must not find
 * it: it would append to what the next power cut takes away.
 */
static void test_batch_that_is_not_synced(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    fdatasync_fails = true;
    assert_int_equal(journal_commit(journal), JOURNAL_BROKEN);
    fdatasync_fails = false;
    assert_non_null(strstr(journal_problem(journal), "cannot sync journal"));
    journal_free(journal);
    check_records(folder->file, "1 one;");
}

/*
 * A server may have been killed before its last commit was synced, and after a sync that failed
 * (the one of the next server's first commit, say), the kernel holds that commit for written. So
 * the next server writes it again, and syncs it, before it appends to it.
 */
static void test_last_commit_after_a_kill(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    record(journal, 2, "two");
    journal_free(journal); /* killed: it does not close its journal */
    put_back[0] = '\0';
    fdatasync_fails = true;
    check_refused(folder->file, "cannot sync");
    assert_non_null(strstr(put_back, " two\n"));
    fdatasync_fails = false;
    fdatasync_interrupts = 2;
    journal = open_journal(folder->file);
    assert_int_equal(fdatasync_interrupts, 0);
    record(journal, 3, "three");
    close_journal(journal);
    check_records(folder->file, "1 one;2 two;3 three;");
    put_back[0] = '\0';
    close_journal(open_journal(folder->file));
    assert_string_equal(put_back, ""); /* after a stop in order nothing is */
}

/*
 * Without sync, whole records may follow a hole, and are moved to where it began. The file has to
 * be cut on the disk first: a second power cut may leave old sectors and new ones side by side.
 */
static void test_cut_before_records_are_moved(void **state)
{
    static const char holed[] = "1" TIME PEER " one\n\0\0\0\0\n3" TIME PEER " three\n";
    const struct folder *folder = *state;
    struct journal_options options = options_of(folder->file);
    struct journal *journal = journal_new();

    assert_non_null(journal);
    options.sync = false;
    write_file(folder->file, holed, sizeof holed - 1);
    fdatasync_fails = true;
    assert_false(journal_open(journal, &options));
    fdatasync_fails = false;
    check_records(folder->file, "1 one;");
    journal_free(journal);

    write_file(folder->file, holed, sizeof holed - 1);
    journal = journal_new();
    assert_non_null(journal);
    assert_true(journal_open(journal, &options));
    journal_free(journal);
    check_records(folder->file, "1 one;3 three;");
}

/* logrotate may rename the file while the server starts: then a new file is created. */
static void test_renamed_while_it_is_opened(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    close_journal(journal);
    renamed_folder = folder;
    journal = open_journal(folder->file);
    record(journal, 2, "two");
    close_journal(journal);
    check_records(folder->rotated, "1 one;");
    check_records(folder->file, "2 two;");
}

/*
 * Records must not go to a file that lost its name before the server knew that it had one. With
 * sync = yes, syncing the directory notices it.
 */
static void test_deleted_while_it_is_opened(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);
    struct journal_options options = options_of(folder->file);

    record(journal, 1, "one");
    close_journal(journal);
    deleted_folder = folder;
    options.sync = false;
    journal = journal_new();
    assert_non_null(journal);
    assert_true(journal_open(journal, &options));
    record(journal, 2, "two");
    close_journal(journal);
    check_records(folder->file, "2 two;");
}

/* A failed fstat() does not mean that the file was deleted. */
static void test_file_that_cannot_be_examined(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    fstat_error = ENOMEM;
    record(journal, 1, "one");
    fstat_error = 0;
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "1 one;2 two;");
}

/* ESTALE does: another machine has deleted it on an NFS server. It was never created again. */
static void test_file_that_is_stale(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(unlink(folder->file), 0);
    assert_int_equal(append(journal, "two"), 2);
    write_room = 0;
    fstat_error = write_error = ESTALE;
    assert_int_equal(journal_commit(journal), JOURNAL_REFUSED);
    assert_true(journal_is_lost(journal));
    write_room = SIZE_MAX;
    fstat_error = 0;
    assert_true(open_again(journal, folder->file));
    record(journal, 2, "two");
    journal_free(journal);
    check_records(folder->file, "2 two;");
}

/*
 * A device cannot be cut back: the server must stop after a partial write, and after an error that
 * will not go away.
 */
static void test_device_that_fails(void **state)
{
    static const struct {
        size_t room;
        int error;
        enum journal_result result;
    } cases[] = {
        {0, ENOSPC, JOURNAL_REFUSED}, {5, ENOSPC, JOURNAL_BROKEN}, {0, EIO, JOURNAL_BROKEN},
        {0, EBADF, JOURNAL_BROKEN},   {0, EPIPE, JOURNAL_BROKEN},
    };

    (void)state;
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        struct journal *journal = open_journal("/dev/null");
        assert_int_equal(append(journal, "one"), 1);
        write_room = cases[at].room;
        write_error = cases[at].error;
        enum journal_result result = journal_commit(journal);
        write_room = SIZE_MAX;
        assert_int_equal(result, cases[at].result);
        journal_free(journal);
    }
}

/*
 * The remains of a failed write could not be cut off, and then an administrator cut them off or
 * emptied the file. The next attempt must not cut off a record instead. The administrator may have
 * made a copy first, so their numbers are not used again.
 */
static void test_cut_by_another_program(void **state)
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
        record(journal, 3, "two");
        record(journal, 4, "three");
        journal_free(journal);
        check_records(folder->file, emptied ? "3 two;4 three;" : "1 one;3 two;4 three;");
        assert_int_equal(unlink(folder->file), 0);
        assert_int_equal(unlink(folder->noted), 0);
    }
}

/*
 * The last SEQ in FILE.seq is all that shows after a kill that the journal was emptied. So no
 * message is acknowledged before it is there; otherwise numbers would be given again.
 */
static void test_seq_that_cannot_be_noted(void **state)
{
    static const size_t sizes[] = {SIZE_MAX, 19};
    const struct folder *folder = *state;

    for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
        struct journal *journal = open_journal(folder->file);
        assert_int_equal(append(journal, "one"), 1);
        pwrite_short = sizes[at];
        pwrite_fails = true;
        enum journal_result result = journal_commit(journal);
        pwrite_fails = false;
        assert_int_equal(result, JOURNAL_REFUSED);
        assert_non_null(strstr(journal_problem(journal), "cannot write the last SEQ to "));
        check_records(folder->file, "");
        record(journal, 1, "one");
        assert_int_equal(truncate(folder->file, 0), 0);
        journal_free(journal); /* killed */
        journal = open_journal(folder->file);
        record(journal, 1000001, "two"); /* after the reserved numbers */
        journal_free(journal);
        assert_int_equal(unlink(folder->file), 0);
        assert_int_equal(unlink(folder->noted), 0);
    }
}

/* Part of a number would be another number. */
static void test_seq_that_is_noted_in_two_steps(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    pwrite_short = 19;
    record(journal, 1, "one");
    assert_int_equal(truncate(folder->file, 0), 0);
    journal_free(journal); /* killed */
    journal = open_journal(folder->file);
    record(journal, 1000001, "two");
    journal_free(journal);
}

/*
 * The same before the first commit, and then the server is killed: the next one must not take the
 * emptied file for one that was never written to.
 */
static void test_cut_by_another_program_and_killed(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    assert_int_equal(append(journal, "one"), 1);
    assert_int_equal(append(journal, "two"), 2);
    ftruncate_failures = 1;
    tear(journal, folder->file, sizeof "1" TIME PEER " one\n2" TIME - 1); /* > FILE.seq */
    assert_int_equal(truncate(folder->file, 0), 0);
    journal_free(journal);
    journal = open_journal(folder->file);
    record(journal, 1000001, "three");
    journal_free(journal);
}

/* ftruncate() failed but did cut the file: the cut is not repeated. */
static void test_cut_back_once(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = open_journal(folder->file);

    record(journal, 1, "one");
    assert_int_equal(append(journal, "two"), 2);
    ftruncate_failures = -1;
    tear(journal, folder->file, 9);
    record(journal, 3, "two");
    journal_free(journal);
    check_records(folder->file, "1 one;3 two;");
}

/* Another program's line after the torn record stays; nothing is acknowledged until a HUP. */
static void test_written_after_by_another_program(void **state)
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
    assert_int_equal(append(journal, "two"), 3);
    assert_int_equal(journal_commit(journal), JOURNAL_REFUSED);
    assert_non_null(strstr(journal_problem(journal), "another program has written after it"));
    assert_int_equal(rename(folder->file, folder->rotated), 0);
    assert_true(open_again(journal, folder->file));
    record(journal, 3, "two"); /* the torn record keeps its number */
    journal_free(journal);
    struct buffer bytes = read_file(folder->rotated);
    assert_non_null(strstr((const char *)bytes.bytes, "important\n"));
    buffer_free(&bytes);
    check_records(folder->file, "3 two;");
}

/* --------------------------------------------------------------------------- standard output */

/* No assertion may fail before restore_output(): cmocka would write to the journal. */
static int redirect_output(int fd)
{
    int before = dup(STDOUT_FILENO);

    assert_true(before >= 0);
    assert_int_equal(fflush(stdout), 0);
    assert_int_equal(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    return before;
}

static void restore_output(int before)
{
    (void)dup2(before, STDOUT_FILENO);
    (void)close(before);
}

/* Like `>` in a shell, without O_APPEND. */
static int redirect_output_to_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    int before = redirect_output(fd);
    (void)close(fd);
    return before;
}

/* Appends a message and commits. */
static enum journal_result try_to_record(struct journal *journal, const char *message)
{
    uint64_t seq;

    return journal_append(journal, PEER, "", message, strlen(message), &seq)
               ? journal_commit(journal)
               : JOURNAL_BROKEN;
}

/* The remains of a short write are cut off; the next record follows without a hole. */
static void test_short_write_on_standard_output(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = journal_new();

    assert_non_null(journal);
    int before = redirect_output_to_file(folder->file);
    bool opened = open_again(journal, "-");
    rlim_t limit = limit_file_size(10);
    enum journal_result torn = try_to_record(journal, "torn");
    (void)limit_file_size(limit);
    enum journal_result whole = try_to_record(journal, "one");
    journal_free(journal);
    restore_output(before);
    assert_true(opened);
    assert_int_equal(torn, JOURNAL_REFUSED);
    assert_int_equal(whole, JOURNAL_COMMITTED);
    check_records(folder->file, "1 one;");
}

/* FILE.seq needs the name of a file; "standard output" is not one. */
static void test_standard_output_has_no_noted_seq(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = journal_new();
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_non_null(journal);
    assert_true(here >= 0);
    assert_int_equal(chdir(folder->path), 0);
    int before = redirect_output_to_file(folder->file);
    bool opened = open_again(journal, "-");
    enum journal_result result = try_to_record(journal, "one");
    bool closed = journal_close(journal);
    journal_free(journal);
    restore_output(before);
    bool noted = access("standard output.seq", F_OK) == 0;
    assert_int_equal(fchdir(here), 0);
    (void)close(here);
    assert_true(opened);
    assert_int_equal(result, JOURNAL_COMMITTED);
    assert_true(closed);
    assert_false(noted);
}

/* Standard output stays open while the journal is another file, and can be used again. */
static void test_standard_output_again(void **state)
{
    const struct folder *folder = *state;
    struct journal *journal = journal_new();

    assert_non_null(journal);
    int before = redirect_output_to_file(folder->rotated);
    bool opened = open_again(journal, "-") && try_to_record(journal, "one") == JOURNAL_COMMITTED &&
                  open_again(journal, folder->file) &&
                  try_to_record(journal, "two") == JOURNAL_COMMITTED && open_again(journal, "-") &&
                  try_to_record(journal, "three") == JOURNAL_COMMITTED;
    journal_free(journal);
    restore_output(before);
    assert_true(opened);
    check_records(folder->file, "2 two;");
    check_records(folder->rotated, "1 one;3 three;");
}

/* The reader of the pipe has closed it. */
static void test_broken_pipe(void **state)
{
    struct journal *journal = journal_new();
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    int before = redirect_output(ends[1]);
    bool opened = open_again(journal, "-");
    enum journal_result whole = try_to_record(journal, "one");
    (void)close(ends[0]);
    (void)close(ends[1]);
    enum journal_result broken = try_to_record(journal, "two");
    restore_output(before);
    assert_true(opened);
    assert_int_equal(whole, JOURNAL_COMMITTED);
    assert_int_equal(broken, JOURNAL_BROKEN);
    assert_string_equal(journal_problem(journal),
                        "cannot write journal standard output: Broken pipe");
    journal_free(journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_IN_FOLDER(test_full_device),
        TEST_IN_FOLDER(test_short_write),
        TEST_IN_FOLDER(test_first_commit_refused),
        TEST_IN_FOLDER(test_cut_back_later),
        TEST_IN_FOLDER(test_torn_and_another_file),
        cmocka_unit_test(test_device_that_fails),
        TEST_IN_FOLDER(test_torn_and_a_new_file),
        TEST_IN_FOLDER(test_torn_and_stopped),
        TEST_IN_FOLDER(test_batch_that_is_not_synced),
        TEST_IN_FOLDER(test_last_commit_after_a_kill),
        TEST_IN_FOLDER(test_cut_before_records_are_moved),
        TEST_IN_FOLDER(test_file_that_cannot_be_examined),
        TEST_IN_FOLDER(test_file_that_is_stale),
        TEST_IN_FOLDER(test_renamed_while_it_is_opened),
        TEST_IN_FOLDER(test_deleted_while_it_is_opened),
        TEST_IN_FOLDER(test_cut_by_another_program),
        TEST_IN_FOLDER(test_seq_that_cannot_be_noted),
        TEST_IN_FOLDER(test_seq_that_is_noted_in_two_steps),
        TEST_IN_FOLDER(test_cut_by_another_program_and_killed),
        TEST_IN_FOLDER(test_cut_back_once),
        TEST_IN_FOLDER(test_written_after_by_another_program),
        TEST_IN_FOLDER(test_short_write_on_standard_output),
        TEST_IN_FOLDER(test_standard_output_has_no_noted_seq),
        TEST_IN_FOLDER(test_standard_output_again),
        cmocka_unit_test(test_broken_pipe),
    };

    (void)signal(SIGXFSZ, SIG_IGN);
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
