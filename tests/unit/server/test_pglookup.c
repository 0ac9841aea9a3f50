/*
 * Why: libpq gets what this finds as hostaddr, and the name for certificates and passwords. Only
 * addresses are looked up here, which needs no name server.
 */
#include "server/journal/pglookup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_addresses(void **state)
{
    struct pghosts hosts;
    struct problem problem;

    (void)state;
    assert_true(pghosts_set(&hosts, "127.0.0.1,::1,fe80::1%1,/run/x,@x,db", ",,,,,192.0.2.1", "1"));
    assert_int_equal(hosts.count, 1); /* a list with empty entries is libpq's to judge */
    pghosts_free(&hosts);
    assert_true(pghosts_set(&hosts, "127.0.0.1,::1,fe80::1%1,/run/x,@x", NULL, "1"));
    assert_true(pglookup(&hosts, &problem));
    assert_int_equal(hosts.count, 5);
    assert_string_equal(hosts.all[0].name, "127.0.0.1");
    assert_string_equal(hosts.all[0].address, "127.0.0.1");
    assert_string_equal(hosts.all[1].address, "::1");
    assert_string_equal(hosts.all[2].address, "fe80::1%1");
    assert_string_equal(hosts.all[3].address, "");
    assert_string_equal(hosts.all[4].address, "");
    assert_string_equal(hosts.all[4].port, "1");
    pghosts_free(&hosts);
}

static void test_an_address_that_is_given_stays(void **state)
{
    struct pghosts hosts;
    struct problem problem;

    (void)state;
    assert_true(pghosts_set(&hosts, "db.invalid", "192.0.2.1", NULL));
    assert_true(pglookup(&hosts, &problem));
    assert_string_equal(hosts.all[0].name, "db.invalid");
    assert_string_equal(hosts.all[0].address, "192.0.2.1");
    pghosts_free(&hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_an_address_that_is_given_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
