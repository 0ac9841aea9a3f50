/* Why: a position that is lost or misread loses or repeats records. */
#include "common/position.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static char path[128];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/tcpack-position-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(path, sizeof path, "%s/position", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)unlink(path); /* there may be none */
    return rmdir(folder);
}

static void test_what_is_saved_is_loaded(void **state)
{
    static const struct position positions[] = {
        {.number = 1},
        {.number = UINT64_MAX, .name = "host-1"},
        {.number = 7,
         .name = "a",
         .time = "2026-01-31T23:59:59.123456Z",
         .inode = UINT64_MAX,
         .offset = 4711,
         .line = 8},
        {.number = 8, .time = "2026-01-31T23:59:59.123456Z"},
    };
    struct problem problem;
    struct position loaded;

    (void)state;
    for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
        assert_true(position_save(path, &positions[i], &problem));
        assert_true(position_load(path, &loaded, &problem));
        assert_true(loaded.number == positions[i].number);
        assert_string_equal(loaded.name, positions[i].name);
        assert_string_equal(loaded.time, positions[i].time);
        assert_true(loaded.inode == positions[i].inode);
        assert_true(loaded.offset == positions[i].offset && loaded.line == positions[i].line);
    }
}

static void test_an_absent_file_is_the_beginning(void **state)
{
    struct problem problem;
    struct position loaded = {.number = 5};

    (void)state;
    assert_true(position_load(path, &loaded, &problem));
    assert_int_equal(loaded.number, 0);
}

/* A FIFO would have to be waited for, and any device can be written over. */
static void test_only_a_regular_file_is_read(void **state)
{
    struct problem problem;
    struct position loaded;

    (void)state;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(position_load(path, &loaded, &problem));
    assert_non_null(strstr(problem.text, "/position: it is not a regular file"));
    assert_false(position_load("/dev/null", &loaded, &problem));
    assert_string_equal(problem.text,
                        "cannot read the position in /dev/null: it is not a regular file");
}

static void test_no_positions(void **state)
{
    static const char *const bad[] = {
        "",
        "7",
        "7 a b\n",
        "7 a\n8 a\n",
        "-7 a\n",
        "7 a/b\n",
        "7 a 2026-01-31T23:59:59.123456Z 1 2\n",
        "7 a xxxxxxxxxxxxxxxxxxxxxxxxxxx 1 2 3\n",
        "7 a 2026-01-31T23:59:59.123456Z 1 2 3 4\n",
        "7 a 2026-01-31T23:59:59.123456Z x 2 3\n",
    };
    struct problem problem;
    struct position loaded;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(bad[i], file) >= 0);
        assert_int_equal(fclose(file), 0);
        assert_false(position_load(path, &loaded, &problem));
        assert_non_null(strstr(problem.text, "does not have a position in it"));
    }
}

static void test_faults_are_told(void **state)
{
    const struct position position = {.number = 1};
    struct problem problem;
    struct position loaded;
    char below[160];

    (void)state;
    (void)snprintf(below, sizeof below, "%s/none/position", folder);
    assert_false(position_save(below, &position, &problem));
    assert_non_null(strstr(problem.text, "/none/position: No such file"));
    assert_false(position_load(folder, &loaded, &problem));
    assert_non_null(strstr(problem.text, "cannot read the position in /tmp/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_saved_is_loaded, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_an_absent_file_is_the_beginning, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_only_a_regular_file_is_read, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_no_positions, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_faults_are_told, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
