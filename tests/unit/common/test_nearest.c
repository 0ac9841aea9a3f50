/*
 * "Did you mean ...?" helps if it names the intended key, and misleads if it guesses. This tests
 * both with real names.
 */
#include "common/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char *const names[] = {"host",        "port",        "backlog",      "framing",
                                    "max_clients", "max_message", "idle_timeout", "to"};

static const char *nearest_of(const char *wanted)
{
    struct nearest nearest = {.wanted = wanted};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        nearest_offer(&nearest, names[i]);
    return nearest.name;
}

static void test_typing_mistakes(void **unused)
{
    static const char *const pairs[][2] = {
        {"port", "port"},              /* no error */
        {"prt", "port"},               /* missing */
        {"portt", "port"},             /* one added */
        {"pprt", "port"},              /* wrong */
        {"prot", "port"},              /* swapped */
        {"ohst", "host"},              /* swapped at the beginning */
        {"PORT", "port"},              /* upper case */
        {"frmaign", "framing"},        /* two of them */
        {"max-client", "max_clients"}, /* two of different kinds */
        {"idletimeout", "idle_timeout"},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(nearest_of(pairs[i][0]), pairs[i][1]);
}

static void test_no_guess(void **unused)
{
    static const char *const wanted[] = {
        "",         "x",       "tx",      "rt", /* half of a short name is wrong */
        "post_box", "timeout", "frmiagn", "idle_timeoutidle_timeoutidle_timeout",
    };

    (void)unused;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        assert_null(nearest_of(wanted[i]));
}

/* The nearer of two wins, whichever is offered first; of two equally near, the first. */
static void test_best(void **unused)
{
    struct nearest nearest = {.wanted = "hort"};

    (void)unused;
    nearest_offer(&nearest, "hurts");
    assert_string_equal(nearest.name, "hurts");
    nearest_offer(&nearest, "port");
    assert_string_equal(nearest.name, "port");
    assert_int_equal(nearest.distance, 1);
    nearest_offer(&nearest, "fort");
    nearest_offer(&nearest, "hurts");
    assert_string_equal(nearest.name, "port");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typing_mistakes),
        cmocka_unit_test(test_no_guess),
        cmocka_unit_test(test_best),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
