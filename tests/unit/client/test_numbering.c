/* Why: a number that is noted too early is a message lost; one given twice, a message dropped. */
#include "client/numbering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

static struct numbering_message message_of(const char *text)
{
    return (struct numbering_message){text, strlen(text)};
}

static void test_numbers_are_those_of_the_lines(void **state)
{
    struct numbering numbering = {.id = "dev", .first = 5};
    struct numbering_message message = message_of("one");

    (void)state;
    assert_null(numbering_apply(&numbering, 1, &message));
    assert_int_equal(message.size, strlen("dev 5 one"));
    assert_memory_equal(message.text, "dev 5 one", message.size);
    message = message_of("");
    assert_null(numbering_apply(&numbering, 7, &message));
    assert_memory_equal(message.text, "dev 11 ", message.size);
    numbering_free(&numbering);
}

static void test_numbers_end(void **state)
{
    struct numbering numbering = {.id = "dev", .first = NUMBERED_MAX};
    struct numbering_message message = message_of("one");

    (void)state;
    assert_null(numbering_apply(&numbering, 1, &message));
    assert_non_null(numbering_apply(&numbering, 2, &message));
    numbering_free(&numbering);
}

static void test_without_an_id_they_stay_as_they_are(void **state)
{
    struct numbering numbering = {.first = 1};
    struct numbering_message message = message_of("one");

    (void)state;
    assert_null(numbering_apply(&numbering, 1, &message));
    assert_string_equal(message.text, "one");
    numbering.position = "unused";
    assert_non_null(numbering_apply(&numbering, 1, &message));
    message = message_of("dev 7 one");
    assert_null(numbering_apply(&numbering, 1, &message));
    assert_string_equal(message.text, "dev 7 one");
}

static void acknowledge(struct numbering *numbering, enum framing framing, const char *bytes)
{
    const struct acknowledgement acknowledgement = {
        .message = (const unsigned char *)bytes,
        .message_size = strlen(bytes),
        .txnr = framing == FRAMING_RELP ? 12 : 0,
    };

    numbering_acknowledged(numbering, framing, &acknowledgement);
}

static void test_what_is_acknowledged_is_saved(void **state)
{
    char path[] = "/tmp/tcpack-numbering-XXXXXX";
    struct numbering numbering = {.first = 1, .position = path};
    struct problem problem;
    struct position loaded;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);                                   /* nothing was written */
    assert_true(numbering_save(&numbering, &problem)); /* nothing new */
    acknowledge(&numbering, FRAMING_OCTET, "9 dev 7 one");
    acknowledge(&numbering, FRAMING_LINE, "other 8 \n");
    assert_true(numbering_save(&numbering, &problem));
    assert_true(position_load(path, &loaded, &problem));
    assert_int_equal(loaded.number, 8);
    acknowledge(&numbering, FRAMING_RELP, "12 syslog 11 other 9 two\n");
    assert_true(numbering_save(&numbering, &problem));
    assert_true(position_load(path, &loaded, &problem));
    assert_int_equal(loaded.number, 9);
    assert_string_equal(loaded.name, "other");
    assert_int_equal(unlink(path), 0);
    assert_true(numbering_save(&numbering, &problem)); /* nothing new: it is not made again */
    assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_those_of_the_lines),
        cmocka_unit_test(test_numbers_end),
        cmocka_unit_test(test_without_an_id_they_stay_as_they_are),
        cmocka_unit_test(test_what_is_acknowledged_is_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
