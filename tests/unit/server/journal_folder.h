/* journal_folder.h: a separate folder for each test, and checks of the files in it. */
#ifndef TCPACK_TESTS_JOURNAL_FOLDER_H
#define TCPACK_TESTS_JOURNAL_FOLDER_H

#include "common/buffer.h"
#include "server/journal/journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TIME " 2026-01-31T23:59:59.123456Z "
#define PEER "192.0.2.1:4711"

/* ------------------------------------------------------------------ a folder for each test */

enum { PATH_SIZE = 64 };

struct folder {
    char path[PATH_SIZE - 16];
    char file[PATH_SIZE];
    char noted[PATH_SIZE]; /* FILE.seq */
    char rotated[PATH_SIZE];
    char rotated_noted[PATH_SIZE];
};

static inline int make_folder(void **state)
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
    (void)snprintf(folder->rotated_noted, sizeof folder->rotated_noted, "%s/rotated.seq",
                   folder->path);
    return 0;
}

static inline int remove_folder(void **state)
{
    struct folder *folder = *state;
    char *const names[] = {folder->file, folder->noted, folder->rotated, folder->rotated_noted};

    for (size_t at = 0; at < sizeof names / sizeof *names; at++)
        (void)unlink(names[at]); /* not every test creates each file */
    int result = rmdir(folder->path);
    free(folder);
    return result;
}

/* ------------------------------------------------------------------------- files and journals */

static inline void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* The file's bytes, with a NUL after them; the caller frees them with buffer_free(). */
static inline struct buffer read_file(const char *path)
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

static inline void check_file(const char *path, const void *expected, size_t size)
{
    struct buffer bytes = read_file(path);

    assert_int_equal(bytes.size, size);
    assert_memory_equal(bytes.bytes, expected, size);
    buffer_free(&bytes);
}

static inline void check_text(const char *path, const char *expected)
{
    check_file(path, expected, strlen(expected));
}

static inline struct journal_options options_of(const char *file)
{
    return (struct journal_options){
        .file = file, .format = JOURNAL_FORMAT_TEXT, .sync = true, .mode = 0640};
}

static inline bool open_again(struct journal *journal, const char *file)
{
    const struct journal_options options = options_of(file);
    return journal_open(journal, &options);
}

static inline struct journal *open_journal(const char *file)
{
    struct journal *journal = journal_new();

    assert_non_null(journal);
    if (!open_again(journal, file))
        fail_msg("%s", journal_problem(journal));
    return journal;
}

/* Opening must fail, and its problem must contain `problem`. */
static inline void check_refused(const char *file, const char *problem)
{
    struct journal *journal = journal_new();

    assert_non_null(journal);
    assert_false(open_again(journal, file));
    if (strstr(journal_problem(journal), problem) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", problem, journal_problem(journal));
    assert_null(strchr(journal_problem(journal), '\n'));
    journal_free(journal);
}

static inline uint64_t append(struct journal *journal, const char *message)
{
    uint64_t seq = 0;

    assert_true(journal_append(journal, PEER, "", message, strlen(message), &seq));
    assert_int_equal(journal_seq(journal), seq);
    return seq;
}

/* Records a message, which must get this SEQ. */
static inline void record(struct journal *journal, uint64_t seq, const char *message)
{
    assert_int_equal(append(journal, message), seq);
    assert_int_equal(journal_commit(journal), JOURNAL_COMMITTED);
    assert_int_equal(journal_seq(journal), seq);
}

static inline void close_journal(struct journal *journal)
{
    assert_true(journal_close(journal));
    journal_free(journal);
}

/* The SEQs and messages of a text journal, as `1 one;2 two;`. */
static inline void check_records(const char *path, const char *expected)
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

#define TEST_IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
