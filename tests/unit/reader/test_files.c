/* Why: the first and the last record of a file tell where records go on. */
#include "reader/files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#define TIME "2026-01-31T23:59:59.123456Z"

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/tcpack-files-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/journal", folder);
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"journal",   "journal.0", "journal.1",
                                        "journal-2", "journalx",  "other.1"};
    char name[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        (void)unlink(name); /* not each test makes each */
    }
    return rmdir(folder);
}

static void write_file(const char *name, const char *text)
{
    char file[128];

    (void)snprintf(file, sizeof file, "%s/%s", folder, name);
    FILE *out = fopen(file, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void check(const char *text, uint64_t first, uint64_t last, uint64_t end)
{
    struct files_record record;

    write_file("journal", text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(files_first(fd, &record));
    assert_true(record.seq == first);
    if (first > 0)
        assert_string_equal(record.time, TIME);
    assert_true(files_last(fd, strlen(text), &record));
    assert_true(record.seq == last && record.end == end);
    if (last > 0)
        assert_string_equal(record.time, TIME);
    (void)close(fd); /* it was only read */
}

static void test_first_and_last(void **state)
{
    static const char line[] = "7 " TIME " unix x\n";
    static const char json[] =
        "{\"seq\":9,\"time\":\"" TIME "\",\"peer\":\"unix\",\"message\":\"\"}\n";
    const uint64_t size = sizeof line - 1;

    (void)state;
    check("", 0, 0, 0);
    check("7 " TIME " unix x", 7, 0, 0);
    check("7 " TIME " unix x\n", 7, 7, size);
    check("7 " TIME " unix x\n8 " TIME " un", 7, 7, size);
    check("7 " TIME " unix x\ngarbage\nmore\n", 7, 7, size);
    check("garbage\n7 " TIME " unix x\n", 7, 7, size + 8);
    check("garbage\n", 0, 0, 0);
    check("\n\n\n", 0, 0, 0);
    check(json, 9, 9, sizeof json - 1);
}

/* Lines of every length around the size of the blocks in which a file is read backwards. */
static void test_blocks(void **state)
{
    char *text = malloc(300000);
    struct files_record record;

    (void)state;
    assert_non_null(text);
    for (size_t length = 65400; length < 65600; length += 7) {
        int head = snprintf(text, 100, "5 " TIME " unix ");
        memset(text + head, 'x', length);
        text[(size_t)head + length] = '\n';
        memset(text + (size_t)head + length + 1, 'y', length);
        text[(size_t)head + 2 * length + 1] = '\0';
        write_file("journal", text);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(files_last(fd, strlen(text), &record));
        assert_true(record.seq == 5 && record.begin == 0);
        assert_true(record.end == (size_t)head + length + 1);
        (void)close(fd); /* it was only read */
    }
    free(text);
}

static void test_look_up(void **state)
{
    char *text = malloc(100000);
    size_t size = 0;
    size_t begins[200];
    struct files_record record;

    (void)state;
    assert_non_null(text);
    for (unsigned seq = 0; seq < 200; seq++) { /* each fourth line is damaged */
        begins[seq] = size;
        size += (size_t)snprintf(text + size, 100, seq % 4 == 3 ? "%udamaged" : "%u " TIME " unix ",
                                 seq * 2 + 10);
        memset(text + size, 'x', seq);
        size += seq;
        text[size++] = '\n';
    }
    text[size] = '\0';
    write_file("journal", text);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    for (unsigned seq = 1; seq < 420; seq++) {
        bool there = seq % 2 == 0 && seq >= 10 && seq < 410 && (seq - 10) / 2 % 4 != 3;
        assert_true(files_look_up(fd, size, seq, &record));
        assert_true(record.seq == (there ? seq : 0));
        assert_true(!there || record.begin == begins[(seq - 10) / 2]);
    }
    assert_true(files_look_up(fd, begins[3], 14, &record) && record.seq == 14);
    assert_true(files_look_up(fd, begins[2], 14, &record) && record.seq == 0);
    assert_true(files_look_up(fd, 0, 14, &record) && record.seq == 0);
    (void)close(fd); /* it was only read */
    free(text);
}

static void test_find(void **state)
{
    char *name;

    (void)state;
    write_file("journal.1", "4 " TIME " unix x\n6 " TIME " unix x\n");
    write_file("journal-2", "1 " TIME " unix x\n3 " TIME " unix x\n");
    write_file("journalx", "7 " TIME " unix x\n");
    write_file("other.1", "8 " TIME " unix x\n");
    assert_true(files_find(path, 5, UINT64_MAX, &name));
    assert_string_equal(name + strlen(folder), "/journal.1");
    free(name);
    assert_true(files_find(path, 3, UINT64_MAX, &name));
    assert_string_equal(name + strlen(folder), "/journal-2");
    free(name);
    assert_false(files_find(path, 7, UINT64_MAX, &name));
    assert_null(name);
    assert_false(files_find(path, 8, UINT64_MAX, &name));
    write_file("journal.0", "9 " TIME " unix x\n12 " TIME " unix x\n");
    assert_true(files_find(path, 7, 10, &name)); /* the numbers in between were skipped */
    assert_string_equal(name + strlen(folder), "/journal.0");
    free(name);
    assert_false(files_find(path, 7, 9, &name));
    assert_false(files_find(path, 0, 4, &name));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_first_and_last, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_blocks, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_look_up, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_find, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
