/*
 * Why: the server decides from FILE.seq and the journal whether the journal's last record has the
 * last SEQ that was given. If that is uncertain, it must skip numbers: a SEQ given twice would name
 * two messages.
 */
#include "server/journal/seq.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define TWO_LINES "100007\ninode 131 from 7 last 00000000000000000019 synced yes boot 1b4e-28ba\n"

static const struct journal_seq_note running = {
    .reserved = 100007,
    .running = true,
    .inode = 131,
    .from = 7,
    .last = 19,
    .synced = true,
    .boot = "1b4e-28ba",
};

/* In place of the library's, for FILE.seq too: one byte at a time. */
ssize_t read(int fd, void *bytes, size_t size)
{
    return syscall(SYS_read, fd, bytes, size > 1 ? 1 : size);
}

static void test_text(void **state)
{
    char text[JOURNAL_SEQ_TEXT_MAX];
    struct journal_seq_note note;

    (void)state;
    size_t at = journal_seq_format(&running, text);
    assert_string_equal(text, TWO_LINES);
    assert_memory_equal(text + at, "00000000000000000019 ", 21);
    assert_true(journal_seq_parse(text, strlen(text), &note));
    assert_int_equal(note.reserved, 100007);
    assert_true(note.running && note.synced);
    assert_int_equal(note.inode, 131);
    assert_int_equal(note.from, 7);
    assert_int_equal(note.last, 19);
    assert_string_equal(note.boot, "1b4e-28ba");

    assert_int_equal(journal_seq_format(&(struct journal_seq_note){.reserved = 19}, text), 0);
    assert_string_equal(text, "19\n");
    assert_true(journal_seq_parse(text, strlen(text), &note));
    assert_int_equal(note.reserved, 19);
    assert_false(note.running);
}

static void test_largest_text(void **state)
{
    struct journal_seq_note note = running;
    struct journal_seq_note again;
    char text[JOURNAL_SEQ_TEXT_MAX];

    (void)state;
    note.reserved = note.inode = note.from = note.last = UINT64_MAX;
    note.synced = false;
    memset(note.boot, 'b', sizeof note.boot - 1);
    (void)journal_seq_format(&note, text);
    assert_true(strlen(text) < JOURNAL_SEQ_TEXT_MAX - 1);
    assert_true(journal_seq_parse(text, strlen(text), &again));
    assert_int_equal(again.last, UINT64_MAX);
    assert_false(again.synced);
    assert_string_equal(again.boot, note.boot);
}

/* Damaged text is refused; text that is cut short is refused or gives no lower number. */
static void test_other_texts(void **state)
{
    static const char *const bad[] = {
        "",
        "\n",
        " 5\n",
        "5 \n",
        "5\n\n",
        "5\n6\n",
        "-5\n",
        "5\ninode 131 from 7 last 19 synced yes boot x\n\n",
        "5\ninode 131 from 7 last 19 synced yes boot x\ny",
        "5\ninode 131 from 7 last 19 synced maybe boot x\n",
        "5\ninode 131 from 7 last 19 synced yes boot \n",
        "5\ninode 131 from 7 last  synced yes boot x\n",
        "5\ninode 131 from 7 last 18446744073709551616 synced yes boot x\n",
        "5\ninode 131  from 7 last 19 synced yes boot x\n",
        "5\njournal 131 from 7 last 19 synced yes boot x\n",
    };
    struct journal_seq_note note;
    char text[JOURNAL_SEQ_TEXT_MAX];

    (void)state;
    for (size_t at = 0; at < sizeof bad / sizeof *bad; at++)
        if (journal_seq_parse(bad[at], strlen(bad[at]), &note))
            fail_msg("\"%s\" was accepted", bad[at]);
    (void)journal_seq_format(&running, text);
    assert_false(journal_seq_parse("5\0", 2, &note));
    for (size_t size = strlen("100007\n") + 1; size < strlen(text) - 1; size++)
        if (journal_seq_parse(text, size, &note))
            assert_true(size >
                        strlen(text) - strlen(running.boot) - 1); /* cut within the BOOT_ID */
}

struct expected {
    const char *what;
    uint64_t last_record;
    uint64_t inode;
    const char *boot;
    bool synced;
    uint64_t seq;
};

static void test_resume(void **state)
{
    static const struct expected cases[] = {
        {"killed", 19, 131, "1b4e-28ba", true, 19},
        {"killed between commit and note", 23, 131, "1b4e-28ba", true, 23},
        {"killed, without syncs", 19, 131, "1b4e-28ba", false, 19},
        {"power cut", 25, 131, "other", true, 25},
        {"power cut, without syncs", 25, 131, "other", false, 100007},
        {"no BOOT_ID, without syncs", 25, 131, "-", false, 100007},
        {"no BOOT_ID", 25, 131, "-", true, 25},
        {"the last records are missing", 18, 131, "1b4e-28ba", true, 100007},
        {"another file", 25, 132, "1b4e-28ba", true, 100007},
        {"a new file", 0, 132, "1b4e-28ba", true, 100007},
        {"emptied", 0, 131, "1b4e-28ba", true, 100007},
        {"higher than reserved", 100008, 132, "other", true, 100008},
    };
    struct journal_seq_note note;

    (void)state;
    for (size_t at = 0; at < sizeof cases / sizeof *cases; at++) {
        const struct expected *one = &cases[at];
        note = running;
        note.synced = one->synced;
        if (journal_seq_resume(&note, one->last_record, one->inode, one->boot) != one->seq)
            fail_msg("%s", one->what);
    }
    note = running; /* a new file, killed before the first commit */
    note.from = note.last;
    assert_int_equal(journal_seq_resume(&note, 0, 131, "1b4e-28ba"), 19);
    assert_int_equal(journal_seq_resume(&note, 0, 131, "other"), 100007);
    memcpy(note.boot, "-", sizeof "-");
    assert_int_equal(journal_seq_resume(&note, 0, 131, "-"), 100007);

    note = (struct journal_seq_note){.reserved = 19}; /* stopped */
    assert_int_equal(journal_seq_resume(&note, 19, 131, "x"), 19);
    assert_int_equal(journal_seq_resume(&note, 0, 131, "x"), 19);
    assert_int_equal(journal_seq_resume(&note, 21, 131, "x"), 21);
    note = (struct journal_seq_note){0}; /* absent */
    assert_int_equal(journal_seq_resume(&note, 21, 131, "x"), 21);
    assert_int_equal(journal_seq_resume(&note, 0, 131, "x"), 0);
}

static void test_boot(void **state)
{
    char boot[JOURNAL_BOOT_ID_MAX];
    char again[JOURNAL_BOOT_ID_MAX];

    (void)state;
    journal_seq_boot(boot);
    journal_seq_boot(again);
    assert_true(strlen(boot) > 0);
    assert_null(strpbrk(boot, " \n"));
    assert_string_equal(boot, again);
}

/* "19", of which the first read() gives "1", is not 1. */
static void test_short_reads(void **state)
{
    char path[] = "/tmp/test_journal_seq.XXXXXX";
    struct problem problem;
    struct journal_seq_note note;
    char name[sizeof path + 4];

    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    (void)snprintf(name, sizeof name, "%s.seq", path);
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs("19\n", file) >= 0);
    assert_int_equal(fclose(file), 0);
    bool understood = journal_seq_read(path, &note, &problem);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(unlink(path), 0);
    assert_true(understood);
    assert_int_equal(note.reserved, 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),         cmocka_unit_test(test_short_reads),
        cmocka_unit_test(test_largest_text), cmocka_unit_test(test_other_texts),
        cmocka_unit_test(test_resume),       cmocka_unit_test(test_boot),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
