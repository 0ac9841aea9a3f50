/* Why: what is printed is what other programs get; each form is exact. */
#include "reader/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct record_line record = {
    .seq = 7,
    .time = "2026-01-31T23:59:59.123456Z",
    .peer = "192.0.2.1:4711",
    .peer_size = 14,
    .listener = "gate",
    .listener_size = 4,
};

static void check(struct form form, const char *expected, size_t size)
{
    const struct form_entry entry = {
        .record = &record, .message = "a\n\x1b", .size = 3, .name = "host", .name_size = 4};
    struct buffer out = {0};

    form.ending = form.ending == 'N' ? '\0' : '\n';
    assert_true(form_append(&form, &entry, &out));
    assert_int_equal(out.size, size);
    assert_memory_equal(out.bytes, expected, size);
    buffer_free(&out);
}

#define CHECK(expected, ...) check((struct form){__VA_ARGS__}, expected, sizeof(expected) - 1)

static void test_forms(void **state)
{
    (void)state;
    CHECK("a\n\x1b\n", .kind = FORM_MESSAGE);
    CHECK("a\n\x1b\0", .kind = FORM_MESSAGE, .ending = 'N');
    CHECK("a\\n\\x1B\n", .kind = FORM_MESSAGE, .escaped = true);
    CHECK("{\"seq\":7,\"time\":\"2026-01-31T23:59:59.123456Z\",\"peer\":\"192.0.2.1:4711\","
          "\"listener\":\"gate\",\"message\":\"a\\n\\u001b\"}\n",
          .kind = FORM_JSON);
    CHECK("dev 7 2026-01-31T23:59:59.123456Z 192.0.2.1:4711 a\\n\\x1B\0", .kind = FORM_NUMBERED,
          .id = "dev", .ending = 'N');
    CHECK("      7 2026-01-31 23:59:59.123456 192.0.2.1:4711        a\\n\\x1B\n",
          .kind = FORM_LONG);
    CHECK("\033[33m      7 \033[32m2026-01-31 23:59:59.123456 \033[36m192.0.2.1:4711       "
          "\033[0m a\\n\\x1B\n",
          .kind = FORM_LONG, .colour = true);
}

static void test_template(void **state)
{
    struct problem problem;
    struct text_template *template =
        form_compile("{seq},{time},{peer},{listener},{message},{text},{bytes},{name}", &problem);

    (void)state;
    assert_non_null(template);
    CHECK("7,2026-01-31T23:59:59.123456Z,192.0.2.1:4711,gate,a\n\x1b,a\\n\\x1B,3,host\n",
          .kind = FORM_TEMPLATE, .template = template);
    template_free(template);
    assert_null(form_compile("{sequence}", &problem));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_template),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
