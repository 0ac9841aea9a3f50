/*
 * simulate: runs the server, or the client, in histories, one for each seed, and says which of them
 * fail. A failing one is made as short as it gets, and printed. See README.
 */
#include "history.h"
#include "trace.h"
#include "wrap.h"

#include "common/number.h"

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    TWICE_EVERY = 64,  /* one history of so many is run twice: it must be the same */
    SECONDS_MAX = 20,  /* of real time that a history may take */
    LOOK_EVERY = 16,   /* histories between two looks at the real clock */
    FAILURES = 5,      /* then it is enough */
    SECONDS = 60,      /* if nothing else is said */
    CHECK_SECONDS = 5, /* with fixed seeds, and as many with fresh ones */
};

struct options {
    uint64_t seed;
    uint64_t seconds;
    uint64_t histories; /* 0: as many as there is time for */
    uint64_t failures;  /* after which it stops */
    bool one;           /* run this seed alone, and print what happens */
    bool hashes;        /* print the hash of each history */
    bool terse;
};

static uint64_t seed;

REAL(int, clock_gettime, clockid_t clock, struct timespec *time);
REAL(int, sigaction, int number, const struct sigaction *action, struct sigaction *before);
REAL(ssize_t, write, int fd, const void *bytes, size_t size);
int __wrap_main(int argc, char **argv);

static double real_seconds(void)
{
    struct timespec now = {0};

    (void)__real_clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t fresh_seed(void)
{
    struct timespec now = {0};

    (void)__real_clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* The program, or the simulation, went down for real. */
static void die(int number)
{
    char text[128];
    int size = snprintf(text, sizeof text, "\nsimulate: %s in seed %" PRIu64 "\n",
                        number == SIGALRM ? "no end" : "a crash", seed);

    (void)__real_write(STDERR_FILENO, text, (size_t)size); /* there is nowhere else to say it */
    _exit(EXIT_FAILURE);
}

static void watch(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGALRM};
    struct sigaction action = {.sa_handler = die};

    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++)
        (void)__real_sigaction(numbers[at], &action, NULL); /* cannot fail */
}

/* ----------------------------------------------------------------------------- making it shorter
 */

/* Whether the history fails in the same way without the events [begin, end). */
static bool fails_without(size_t begin, size_t end, const char *problem)
{
    struct history_result result;
    bool before[HISTORY_EVENTS_MAX];

    for (size_t at = begin; at < end; at++) {
        before[at] = history_is_left_out(at);
        history_leave_out(at, true);
    }
    history_run(&result);
    /* The same kind of problem: its text up to the first number. */
    if (result.failed && strncmp(result.problem, problem, strcspn(problem, "0123456789")) == 0)
        return true;
    for (size_t at = begin; at < end; at++)
        history_leave_out(at, before[at]);
    return false;
}

/* Leaves out halves, quarters and so on, as long as it fails. Returns how many events stay. */
static size_t shrink(size_t events, const char *problem)
{
    size_t left = 0;
    bool shrunk = true;

    while (shrunk) {
        shrunk = false;
        for (size_t size = (events + 1) / 2; size > 0; size /= 2)
            for (size_t begin = 0; begin < events; begin += size) {
                size_t end = begin + size < events ? begin + size : events;
                bool any = false;
                for (size_t at = begin; at < end; at++)
                    any = any || !history_is_left_out(at);
                shrunk = (any && fails_without(begin, end, problem)) || shrunk;
            }
    }
    for (size_t at = 0; at < events; at++)
        left += !history_is_left_out(at);
    return left;
}

static void report(uint64_t failing, const struct history_result *result, bool terse)
{
    struct history_result again;

    printf("FAILED seed %" PRIu64 ": %s\n", failing, result->problem);
    if (terse)
        return;
    size_t events = history_plan(failing);
    size_t left = shrink(events, result->problem);
    printf("  without all but %zu of its %zu events:\n", left, events);
    trace_printing = true;
    history_run(&again);
    trace_printing = false;
    printf("  again: simulate --seed %" PRIu64 " --one\n", failing);
}

/* ----------------------------------------------------------------------------------------- the
 * runs */

static bool run_seed(uint64_t wanted, struct history_result *result)
{
    struct history_result again;

    seed = wanted;
    (void)history_plan(wanted);
    history_run(result);
    if (result->failed || wanted % TWICE_EVERY != 0)
        return !result->failed;
    history_run(&again);
    if (again.hash == result->hash)
        return true;
    (void)snprintf(result->problem, sizeof result->problem,
                   "two runs of this seed differ: it is not the same each time");
    result->failed = true;
    return false;
}

static int run_one(const struct options *options)
{
    struct history_result result;

    seed = options->seed;
    (void)history_plan(seed);
    trace_printing = true;
    history_run(&result);
    trace_printing = false;
    printf("hash %016" PRIx64 ", %zu events, %zu records\n", result.hash, result.events,
           result.records);
    if (result.failed)
        report(seed, &result, options->terse);
    return result.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_many(const struct options *options)
{
    struct history_result result;
    uint64_t failures = 0, events = 0, records = 0, count = 0;
    double begin = real_seconds(), passed = 0;

    while (failures < options->failures &&
           (options->histories == 0 || count < options->histories)) {
        if (count % LOOK_EVERY == 0) {
            (void)alarm(SECONDS_MAX);
            passed = real_seconds() - begin;
            if (options->histories == 0 && passed >= (double)options->seconds)
                break;
        }
        if (!run_seed(options->seed + count, &result)) {
            failures++;
            report(options->seed + count, &result, options->terse);
        }
        if (options->hashes)
            printf("%" PRIu64 " %016" PRIx64 " %zu\n", options->seed + count, result.hash,
                   result.records);
        events += result.events;
        records += result.records;
        count++;
    }
    (void)alarm(0);
    passed = real_seconds() - begin;
    printf("%" PRIu64 " histories, %.0f/s, %" PRIu64 " failed (seeds from %" PRIu64 ", %" PRIu64
           " events, %" PRIu64 " records)\n",
           count, passed > 0 ? (double)count / passed : 0, failures, options->seed, events,
           records);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void exit_usage(void)
{
    (void)fputs("usage: simulate\n"
                "       simulate [--seed N] [--seconds N | --histories N | --one]\n"
                "                [--failures N] [--terse] [--hashes]\n",
                stderr);
    exit(EXIT_FAILURE);
}

static void parse_option(struct options *options, const char *name, const char *value)
{
    uint64_t number;

    if (value == NULL || !number_parse(value, 10, 0, UINT64_MAX, &number))
        exit_usage();
    if (strcmp(name, "--seed") == 0)
        options->seed = number;
    else if (strcmp(name, "--seconds") == 0)
        options->seconds = number;
    else if (strcmp(name, "--histories") == 0)
        options->histories = number;
    else if (strcmp(name, "--failures") == 0)
        options->failures = number;
    else
        exit_usage();
}

static struct options parse_options(int argc, char **argv)
{
    struct options options = {.seed = fresh_seed(), .seconds = SECONDS, .failures = FAILURES};

    for (int at = 1; at < argc; at++) {
        if (strcmp(argv[at], "--one") == 0) {
            options.one = true;
        } else if (strcmp(argv[at], "--terse") == 0) {
            options.terse = true;
        } else if (strcmp(argv[at], "--hashes") == 0) {
            options.hashes = true;
        } else {
            parse_option(&options, argv[at], at + 1 < argc ? argv[at + 1] : NULL);
            at++;
        }
    }
    return options;
}

/* getenv() is the program's, and simulated. */
static bool wants_fresh(void)
{
    for (char **variable = environ; *variable != NULL; variable++)
        if (strcmp(*variable, "SIMULATE_FRESH=no") == 0)
            return false;
    return true;
}

/*
 * What `make check` runs: seeds that are the same each time, and fresh ones unless SIMULATE_FRESH
 * is "no": a gate must judge the change, not find what was there before.
 */
static int check(void)
{
    struct options options = {.seed = 1, .seconds = CHECK_SECONDS, .failures = 1};
    int status = run_many(&options);

    if (!wants_fresh())
        return status;
    options.seed = fresh_seed();
    return run_many(&options) == EXIT_SUCCESS ? status : EXIT_FAILURE;
}

/*
 * The linker makes of the program's main() one that kernel_process.c calls, and of this one the
 * simulation's.
 */
int __wrap_main(int argc, char **argv)
{
    watch();
    history_set_up();
    if (argc == 1)
        return check();
    const struct options options = parse_options(argc, argv);
    return options.one ? run_one(&options) : run_many(&options);
}
