/* Why: each program says the same of the same mistake, and names the option as it was given. */
#include "common/command_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MANY = COMMAND_LINE_LONG, QUIET };

static const struct option options[] = {
    {"number", required_argument, NULL, 'n'},
    {"many", required_argument, NULL, MANY},
    {"quiet", no_argument, NULL, QUIET},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* getopt_long() moves the words of an argv that may be written to. */
static struct command_line line_of(const char *const *words)
{
    static char texts[16][64];
    static char *argv[16 + 1];
    struct command_line line = {.argv = argv, .letters = ":n:h", .options = options};

    optind = 0; /* getopt_long() begins anew */
    for (; words[line.argc] != NULL; line.argc++) {
        assert_true(line.argc < 16);
        (void)snprintf(texts[line.argc], sizeof texts[0], "%s", words[line.argc]);
        argv[line.argc] = texts[line.argc];
    }
    argv[line.argc] = NULL;
    return line;
}

static void test_options_and_words(void **state)
{
    const char *const words[] = {"x",  "-n",      "7",  "word", "--many=8",
                                 "-h", "--quiet", "--", "-n",   NULL};
    struct command_line line = line_of(words);
    struct problem problem;
    uint64_t number = 0;
    size_t count;

    (void)state;
    assert_int_equal(command_line_next(&line, &problem), 'n');
    assert_true(command_line_number(&line, 1, 9, &number, &problem) && number == 7);
    assert_int_equal(command_line_next(&line, &problem), MANY);
    assert_true(command_line_number(&line, 1, 9, &number, &problem) && number == 8);
    assert_int_equal(command_line_next(&line, &problem), 'h');
    assert_int_equal(command_line_next(&line, &problem), QUIET);
    assert_int_equal(command_line_next(&line, &problem), COMMAND_LINE_END);
    char **left = command_line_words(&line, &count);
    assert_int_equal(count, 2);
    assert_string_equal(left[0], "word");
    assert_string_equal(left[1], "-n");
}

static void test_wrong_options(void **state)
{
    static const struct {
        const char *argument;
        const char *text;
    } wrong[] = {
        {"-n", "-n needs a value"},
        {"-hn", "-n needs a value"},
        {"--many", "--many needs a value"},
        {"--number", "--number needs a value"},
        {"--quiet=1", "--quiet takes no value"},
        {"--help=", "--help takes no value"},
        {"-x", "there is no option -x"},
        {"-xn", "there is no option -x"},
        {"--nothing", "there is no option --nothing"},
        {"--nothing=1", "there is no option --nothing=1"},
        {"--nubmer=1", "there is no option --nubmer=1 (did you mean --number?)"},
        {"--quite", "there is no option --quite (did you mean --quiet?)"},
        {"--a-name-that-is-longer-than-any-of-an-option",
         "there is no option --a-name-that-is-longer-than-any-of-an-option"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *const words[] = {"x", wrong[i].argument, NULL};
        struct command_line line = line_of(words);
        struct problem problem;
        int option;
        while ((option = command_line_next(&line, &problem)) == 'h')
            continue;
        assert_int_equal(option, COMMAND_LINE_WRONG);
        assert_string_equal(problem.text, wrong[i].text);
    }
}

static void test_values(void **state)
{
    const char *const words[] = {
        "x", "-n", "", "--many=10", "--many=", "-n", "a b", "-n", "dev-1", NULL};
    struct command_line line = line_of(words);
    struct problem problem;
    const char *text;
    uint64_t number;

    (void)state;
    assert_int_equal(command_line_next(&line, &problem), 'n');
    assert_false(command_line_text(&line, command_line_file, &text, &problem));
    assert_string_equal(problem.text, "-n takes the name of a file, not ''");
    assert_int_equal(command_line_next(&line, &problem), MANY);
    assert_false(command_line_number(&line, 1, 9, &number, &problem));
    assert_string_equal(problem.text, "--many takes a number from 1 to 9, not '10'");
    assert_int_equal(command_line_next(&line, &problem), MANY);
    assert_false(command_line_number(&line, 1, 9, &number, &problem));
    assert_string_equal(problem.text, "--many takes a number from 1 to 9, not ''");
    assert_int_equal(command_line_next(&line, &problem), 'n');
    assert_false(command_line_sender(&line, &text, &problem));
    assert_string_equal(problem.text, "-n takes a name of 1 to 64 letters, digits, '.', '_' and "
                                      "'-', not 'a b'");
    assert_int_equal(command_line_next(&line, &problem), 'n');
    assert_true(command_line_sender(&line, &text, &problem));
    assert_string_equal(text, "dev-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_words),
        cmocka_unit_test(test_wrong_options),
        cmocka_unit_test(test_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
