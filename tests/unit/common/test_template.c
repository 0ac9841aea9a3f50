/* Why: templates come from people; each mistake must be told, and none may write too far. */
#include "common/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const name_list[] = {"{x}", "{name}", NULL};
static const struct template_names names = {.names = name_list, .known = "KNOWN"};

static bool put(const void *values, size_t name, struct buffer *out)
{
    const char *const *texts = values;

    return buffer_append_text(out, texts[name]);
}

static void check(const char *text, const char *expected)
{
    static const char *const values[] = {"1", "two"};
    struct problem problem;
    struct text_template *template = template_compile(text, &names, &problem);
    struct buffer out = {0};

    assert_non_null(template);
    assert_true(template_render(template, put, values, &out) && buffer_append(&out, "", 1));
    assert_string_equal((const char *)out.bytes, expected);
    buffer_free(&out);
    template_free(template);
}

static void test_templates(void **state)
{
    (void)state;
    check("", "");
    check("plain", "plain");
    check("{x}", "1");
    check("{x}{x}{name}{x}", "11two1");
    check("a{x}b{name}c", "a1btwoc");
    check("{{x}} {{{x}}", "{x}} {1}");
    check("\\n\\t\\\\\\x41", "\n\t\\A");
}

static void test_mistakes(void **state)
{
    static const char *const wrong[][2] = {
        {"{y}", "unknown placeholder {y}: KNOWN"},
        {"{x", "unknown placeholder {x: KNOWN"},
        {"{", "unknown placeholder {: KNOWN"},
        {"\\q", "unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known"},
        {"\\", "unknown escape: \\n, \\r, \\t, \\\\ and \\xHH are known"},
        {"\\x4", "\"\\x\" needs two hexadecimal digits, as in \\x0a"},
    };
    struct problem problem;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_null(template_compile(wrong[i][0], &names, &problem));
        assert_string_equal(problem.text, wrong[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_templates),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
