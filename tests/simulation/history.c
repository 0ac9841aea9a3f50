#include "history.h"

#include "calls.h"
#include "clients.h"
#include "configurations.h"
#include "descriptors.h"
#include "disk.h"
#include "events.h"
#include "kernel_sockets.h"
#include "ledger.h"
#include "memory.h"
#include "network.h"
#include "process.h"
#include "signals_simulated.h"
#include "standard.h"
#include "trace.h"
#include "virtual_time.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

enum {
    STARTS_MAX = 64,
    CALLS_MAX = 400 * 1000,
    PROMPT_DELAY_US = 50,           /* of replies at the end */
    PROMPT_US = 400 * 1000,         /* within which everybody is answered when nothing has failed */
    ANSWER_US = 10 * 1000 * 1000,   /* and otherwise */
    PARTING_US = 10 * 1000 * 1000,  /* within which those who have finished are let go */
    STOPPING_US = 10 * 1000 * 1000, /* within which TERM is obeyed */
};

/* When all events have happened, the end comes in these steps. */
enum phase { PHASE_EVENTS, PHASE_ANSWERS, PHASE_PARTING, PHASE_STOPPING };

static struct event events[HISTORY_EVENTS_MAX];
static size_t events_count;
static uint64_t seed;

static size_t next;       /* the event that happens next */
static unsigned calls;    /* since the last event */
static unsigned next_due; /* with which of them it happens; UINT_MAX: none is left */
static unsigned calls_in_all;
static int64_t last_event; /* when */
static enum phase phase;
static int64_t phase_end;     /* by when it has to be over */
static bool was_checked;      /* of the process: its start */
static size_t files_at_start; /* descriptors of files */
static struct chance disk_chance;

void history_set_up(void)
{
    process_prepare();
}

size_t history_plan(uint64_t wanted)
{
    struct chance chance = chance_from(wanted, 2);
    struct event_weights weights;
    int peers = 0;

    seed = wanted;
    event_choose_weights(&weights, &chance);
    events_count = 20 + chance_below(&chance, HISTORY_EVENTS_MAX - 20);
    for (size_t at = 0; at < events_count; at++)
        events[at] = event_make(&weights, &peers, &chance);
    return events_count;
}

void history_leave_out(size_t event, bool left_out)
{
    events[event].left_out = left_out;
}

bool history_is_left_out(size_t event)
{
    return events[event].left_out;
}

bool history_was_disturbed(void)
{
    return event_has_disturbed();
}

bool history_power_is_off(void)
{
    return event_power_is_off();
}

/* ----------------------------------------------------------------------------------------- the end
 */

/* Whether the server may leave it unanswered. */
static bool may_wait(int number)
{
    const struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];

    if (!client_listens(number) || client->ever_deaf || peer->state != PEER_ACCEPTED)
        return true;
    if (client->checker && (history_was_disturbed() || configuration_was_bad()))
        return true;
    return configuration.of_address > 0 && peer->shut;
}

static bool is_answered(int number)
{
    const struct peer *peer = &network_peers[number];

    return may_wait(number) || (clients[number].acknowledged == client_whole(number) &&
                                peer->delivered == peer->replied);
}

static bool all_are_answered(void)
{
    for (int number = 0; number < NETWORK_PEERS; number++)
        if (!is_answered(number))
            return false;
    return true;
}

static bool all_have_left(void)
{
    for (int number = 0; number < NETWORK_PEERS; number++)
        if (clients[number].used && (network_peers[number].state == PEER_ACCEPTED ||
                                     network_peers[number].state == PEER_WAITING))
            return false;
    return true;
}

/* From now on nothing fails any more. */
static void begin_answers(void)
{
    trace_note("all events have happened: everybody is to be answered");
    phase = PHASE_ANSWERS;
    bool prompt = !event_has_disturbed() && !network_is_slow();
    phase_end = virtual_now() + (prompt ? PROMPT_US : ANSWER_US);
    calls_clear_faults();
    network_set_delay(PROMPT_DELAY_US);
    event_free_disk();
    standard_read_output();
    for (int number = 0; number < NETWORK_PEERS; number++)
        if (clients[number].used && !network_peers[number].reads)
            client_read(number, true);
}

static void begin_parting(void)
{
    trace_note("everybody leaves");
    phase = PHASE_PARTING;
    phase_end = virtual_now() + PARTING_US;
    for (int number = 0; number < NETWORK_PEERS; number++)
        client_close(number);
}

static void begin_stopping(void)
{
    size_t files = descriptors_count(DESCRIPTOR_FILE);

    if (descriptors_count(DESCRIPTOR_CONNECTION) != 0)
        process_violation("a connection is open that nobody has");
    if (files != files_at_start)
        process_violation("%zu files are open, and were %zu at the start", files, files_at_start);
    if (!process.lock_failed && !ledger_is_locked())
        process_violation("the journal is not locked");
    if (configuration_has_unix() && disk_find(SOCKET_PATH) < 0 && !event_has_disturbed() &&
        !configuration_is_bad())
        process_violation("the Unix socket is not there");
    phase = PHASE_STOPPING;
    signals_send(SIGTERM);
}

static void check_in_time(const char *what)
{
    if (virtual_now() >= phase_end)
        process_violation("%s", what);
}

static void name_unanswered(void)
{
    for (int number = 0; number < NETWORK_PEERS; number++)
        if (!is_answered(number))
            process_violation("peer %d was not answered in time: %zu of %zu messages", number,
                              clients[number].acknowledged, client_whole(number));
}

static void go_on(void)
{
    if (process.was_asked) {
        if (virtual_now() >= process.asked_at + STOPPING_US)
            process_violation("TERM is not obeyed in time");
        return; /* it will end; the end of the history is for another process */
    }
    switch (phase) {
    case PHASE_EVENTS:
        if (next == events_count)
            begin_answers();
        break;
    case PHASE_ANSWERS:
        if (all_are_answered())
            begin_parting();
        else if (virtual_now() >= phase_end)
            name_unanswered();
        break;
    case PHASE_PARTING:
        if (all_have_left())
            begin_stopping();
        else
            check_in_time("not everybody was let go in time");
        break;
    case PHASE_STOPPING:
        break; /* it was asked */
    }
}

/* -------------------------------------------------------------------------------------- the events
 */

static void set_next(size_t event)
{
    next = event;
    next_due = next < events_count ? events[next].calls : UINT_MAX;
}

static void happen(void)
{
    const struct event *event = &events[next];

    set_next(next + 1);
    calls = 0;
    last_event = virtual_now();
    if (!event->left_out)
        event_happens(event, seed);
}

void history_call(void)
{
    if (++calls_in_all > CALLS_MAX)
        process_violation("the server does not come to rest: %u calls", calls_in_all);
    calls++;
    while (calls >= next_due)
        happen();
}

int64_t history_due(void)
{
    if (next < events_count)
        return last_event + events[next].delay;
    if (process.was_asked)
        return process.asked_at + STOPPING_US;
    return phase == PHASE_EVENTS ? virtual_now() : phase_end;
}

void history_wait(void)
{
    while (next < events_count && virtual_now() >= last_event + events[next].delay)
        happen();
    go_on();
}

void history_ready(void)
{
    if (!was_checked) {
        was_checked = true;
        ledger_reread();
        files_at_start = descriptors_count(DESCRIPTOR_FILE);
    }
    if (phase != PHASE_EVENTS)
        go_on();
}

int history_connects(void)
{
    errno = ECONNREFUSED; /* nothing listens, but the server itself */
    return -1;
}

void history_logged(const void *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}

void history_closed_twice(int fd)
{
    process_violation("close() of descriptor %d, which is not open", fd);
}

/* --------------------------------------------------------------------------------- ends of a
 * process */

/* Who was recorded and listens was answered, before a stop that nothing has disturbed. */
static void check_parting(void)
{
    for (int number = 0; number < NETWORK_PEERS && !network_is_slow(); number++) {
        const struct peer *peer = &network_peers[number];
        if (clients[number].life != process.number || !client_listens(number) ||
            clients[number].ever_deaf)
            continue;
        if (ledger_has_unanswered(number))
            process_violation("peer %d was recorded and not answered before the stop", number);
        if (peer->was_reset && peer->delivered < client_replies_end(number))
            process_violation("peer %d was reset before it had its replies", number);
    }
}

static void check_exit(void)
{
    bool undisturbed = !event_has_disturbed();

    if (process.status == EX_OK && !process.was_asked)
        process_violation("the server stops without being asked");
    if (process.status != EX_OK && process.ready && !process.fault_ends_it)
        process_violation("the server gives up, exit status %d", process.status);
    if (process.status != EX_OK && undisturbed)
        process_violation("the server does not start, exit status %d", process.status);
    if (process.sync_failed && process.ready && process.faults == 1)
        ledger_check_taken_back();
    if (memory_blocks() > 0)
        process_violation("%zu blocks of memory are not given back", memory_blocks());
    if (process.ready)
        ledger_update();
    if (process.status == EX_OK && process.ready && undisturbed) {
        check_parting();
        if (disk_find(SOCKET_PATH) >= 0)
            process_violation("the Unix socket is left behind");
    }
}

/* Some events while no process runs. */
static void happen_between(void)
{
    unsigned count = chance_below(&disk_chance, 4);

    for (; count > 0 && next < events_count; count--)
        happen();
}

/* Runs the server once. False: the history is over. */
static bool run_once(void)
{
    event_process_begins();
    configuration_mend();
    was_checked = false;
    process_start.has_output = configuration.to_standard;
    process_start.piped = configuration.piped;
    if (configuration.to_standard)
        process_start.output = event_new_output();
    calls = 0;
    last_event = virtual_now();
    enum process_end ended = process_run();
    bool power_cut = ended == PROCESS_KILLED && event_power_is_off();
    if (ended == PROCESS_VIOLATION || (ended == PROCESS_EXITED && !process_guard(check_exit)))
        return false;
    if (phase == PHASE_STOPPING)
        return false;
    phase = PHASE_EVENTS; /* if it ended for an earlier reason: the end begins anew */
    if (!process.ready)
        event_free_disk(); /* what the administrator does when the server does not start */
    ledger_process_ended(power_cut);
    if (power_cut)
        disk_power_cut(&disk_chance, chance_percent(&disk_chance, 40));
    return process_guard(happen_between);
}

static void begin(void)
{
    struct chance chance = chance_from(seed, 3);

    process_forget_problem();
    trace_begin();
    virtual_time_begin();
    calls_begin(seed);
    disk_begin();
    network_begin();
    clients_begin();
    ledger_begin();
    event_begin();
    standard_begin();
    disk_chance = chance_from(seed, 4);
    configuration_choose(&chance);
    sockets_set_storm(chance_percent(&chance, 20));
    process = (struct process){0};
    process_start = (struct process_start){
        .arguments = {"tcpackd", "-c", CONFIGURATION_PATH},
        .descriptors = configuration.descriptors,
        .queued_signals = configuration.queued_signals,
        .plain = configuration.plain,
    };
    set_next(0);
    calls_in_all = 0;
    phase = PHASE_EVENTS;
}

void history_run(struct history_result *result)
{
    unsigned starts = 0;

    begin();
    *result = (struct history_result){.events = events_count};
    while (run_once() && ++starts < STARTS_MAX)
        continue;
    result->hash = trace_hash();
    result->records = ledger_records();
    result->failed = phase != PHASE_STOPPING || *process_problem() != '\0';
    (void)snprintf(result->problem, sizeof result->problem, "%s", process_problem());
    if (result->failed && *process_problem() == '\0')
        (void)snprintf(result->problem, sizeof result->problem, "the server was started %u times",
                       starts);
}
