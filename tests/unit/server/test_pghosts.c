/* The hosts of a connection string: one by one, or none if libpq must judge the string itself. */
#include "server/journal/pghosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* `count` hosts, of which the last one is this. */
static void expect(const char *names, const char *addresses, const char *ports, size_t count,
                   struct pghost last)
{
    struct pghosts hosts;

    assert_true(pghosts_set(&hosts, names, addresses, ports));
    assert_int_equal(hosts.count, count);
    assert_string_equal(hosts.all[count - 1].name, last.name);
    assert_string_equal(hosts.all[count - 1].address, last.address);
    assert_string_equal(hosts.all[count - 1].port, last.port);
    pghosts_free(&hosts);
}

static void test_several(void **state)
{
    (void)state;
    expect("a,b,c", NULL, NULL, 3, (struct pghost){.name = "c"});
    expect("a,b", NULL, "1", 2, (struct pghost){.name = "b", .port = "1"});
    expect("a,b", "::1,::2", "1,2", 2, (struct pghost){"b", "::2", "2"});
    expect(NULL, "::1,::2", NULL, 2, (struct pghost){.address = "::2"});
}

static void test_one(void **state)
{
    (void)state;
    expect("a", NULL, NULL, 1, (struct pghost){.name = "a"});
    expect("a", "::1", "1", 1, (struct pghost){"a", "::1", "1"});
    expect("", "", "5432", 1, (struct pghost){.port = "5432"});
}

static void test_string_alone(void **state)
{
    char longer[2 * PGHOST_SIZE + 2];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[PGHOST_SIZE] = ',';
    longer[sizeof longer - 1] = '\0';
    expect(NULL, NULL, NULL, 1, (struct pghost){0});
    expect("a", NULL, "1,2", 1, (struct pghost){0});
    expect("a,b", NULL, "1,2,3", 1, (struct pghost){0});
    expect("a,b,c", "::1,::2", NULL, 1, (struct pghost){0});
    expect("a,,c", NULL, NULL, 1, (struct pghost){0});
    expect("a,b", NULL, "1,", 1, (struct pghost){0});
    expect(longer, NULL, NULL, 1, (struct pghost){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_string_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
