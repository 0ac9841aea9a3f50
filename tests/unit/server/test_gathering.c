/*
 * Why: a commit that begins too early records a few messages for the price of many; one that begins
 * too late lets the database idle. Clients that wait for their replies, and a database whose
 * commits take a fixed time and some for each message, are played here.
 */
#include "server/round/gathering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PLAYED_US = 10 * 1000 * 1000 };

struct play {
    size_t clients;
    int64_t commit_us;  /* a commit takes this */
    int64_t message_us; /* and this for each message */
    int64_t return_us;  /* clients send again one after the other, one in this time */
};

/* Microseconds for a message, over many commits. */
static double cost(const struct play *play)
{
    struct gathering gathering = {0};
    size_t waiting = play->clients;
    size_t away = 0;          /* answered, and not returned yet */
    int64_t next = 1;         /* when the next one returns */
    int64_t ends = INT64_MAX; /* of the commit under way; INT64_MAX: none */
    size_t committing = 0;
    uint64_t recorded = 0;
    int64_t begun = 0;

    for (int64_t now = 1; now < PLAYED_US; now++) {
        if (away > 0 && now >= next) {
            away--;
            waiting++;
            next = now + play->return_us;
            gathering_note(&gathering, now, waiting);
        }
        if (now >= ends) {
            gathering_begin(&gathering, now, now - begun, committing, waiting);
            next = away == 0 ? now + play->return_us : next;
            away += committing;
            recorded += committing;
            ends = INT64_MAX;
        }
        if (ends == INT64_MAX && waiting > 0 && !gathering_goes_on(&gathering, now, waiting)) {
            gathering_end(&gathering, now, waiting);
            committing = waiting;
            waiting = 0;
            begun = now;
            ends = now + play->commit_us + play->message_us * (int64_t)committing;
        }
    }
    return PLAYED_US / (double)recorded;
}

/* What it costs if all are waited for each time, or half. */
static double cost_of_all(const struct play *play)
{
    double clients = (double)play->clients;

    return ((double)play->commit_us + clients * (double)(play->message_us + play->return_us)) /
           clients;
}

static double cost_of_half(const struct play *play)
{
    double clients = (double)play->clients / 2;

    return ((double)play->commit_us + clients * (double)play->message_us) / clients;
}

static void test_clients_that_return_quickly_share_a_commit(void **state)
{
    const struct play play = {.clients = 50, .commit_us = 1000, .message_us = 5, .return_us = 4};

    (void)state;
    assert_true(cost(&play) < 1.05 * cost_of_all(&play));
    assert_true(cost(&play) < 0.75 * cost_of_half(&play));
}

/* Half of them are away while the others' commit is under way: the database never waits. */
static void test_clients_that_return_slowly_take_turns(void **state)
{
    const struct play play = {.clients = 500, .commit_us = 500, .message_us = 5, .return_us = 5};

    (void)state;
    assert_true(cost(&play) < 1.05 * cost_of_half(&play));
    assert_true(cost(&play) < 0.75 * cost_of_all(&play));
}

static void test_one_client_never_waits(void **state)
{
    const struct play play = {.clients = 1, .commit_us = 1000, .message_us = 5, .return_us = 50};

    (void)state;
    assert_true(cost(&play) < 1000 + 5 + 50 + 2);
}

static void test_clients_that_do_not_return_are_not_waited_for(void **state)
{
    struct gathering gathering = {0};

    (void)state;
    assert_false(gathering_goes_on(&gathering, 1000, 1));
    gathering_begin(&gathering, 1000, 600, 10, 0);
    assert_true(gathering_goes_on(&gathering, 1001, 1));
    assert_false(gathering_goes_on(&gathering, gathering_due(&gathering), 1));
    assert_true(gathering_due(&gathering) <= 1000 + 600);
    gathering_begin(&gathering, 1000, 60 * 1000000, 10, 0); /* a slow commit */
    assert_true(gathering_due(&gathering) <= 1000 + 20000);
}

static void test_enough_is_not_more(void **state)
{
    struct gathering gathering = {0};

    (void)state;
    assert_false(gathering_is_full(&gathering, 1000, 1));
    gathering_begin(&gathering, 1000, 600, 10, 0);
    assert_false(gathering_is_full(&gathering, 1001, 4));
    gathering_note(&gathering, 1300, 10); /* slow to return */
    gathering_begin(&gathering, 2000, 600, 10, 0);
    assert_false(gathering_is_full(&gathering, 2001, 4));
    assert_true(gathering_is_full(&gathering, 2001, 5));
    assert_false(gathering_is_full(&gathering, 2600, 5)); /* long after it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_that_return_quickly_share_a_commit),
        cmocka_unit_test(test_clients_that_return_slowly_take_turns),
        cmocka_unit_test(test_one_client_never_waits),
        cmocka_unit_test(test_clients_that_do_not_return_are_not_waited_for),
        cmocka_unit_test(test_enough_is_not_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
