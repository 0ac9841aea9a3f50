#include "events.h"

#include "clients.h"
#include "configurations.h"
#include "descriptors.h"
#include "disk.h"
#include "ledger.h"
#include "network.h"
#include "process.h"
#include "signals_simulated.h"
#include "standard.h"
#include "trace.h"
#include "virtual_time.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static unsigned renamed;
static bool has_room;
static bool disk_full; /* it was, since the process started */
static bool power_off;

/* How often: in each history; and in how many of a hundred histories at all. */
static const struct {
    unsigned weight;
    unsigned histories;
} weights[EVENT_KINDS] = {
    [EVENT_CONNECT] = {10, 100},  [EVENT_SEND] = {20, 100},       [EVENT_SEND_MESSAGES] = {25, 100},
    [EVENT_FINISH] = {3, 80},     [EVENT_CLOSE] = {2, 60},        [EVENT_RESET] = {2, 50},
    [EVENT_MISBEHAVE] = {1, 40},  [EVENT_URGENT] = {3, 20},       [EVENT_DEAF] = {3, 40},
    [EVENT_READS] = {3, 60},      [EVENT_DELAY] = {1, 50},        [EVENT_HUP] = {1, 40},
    [EVENT_USR1] = {2, 30},       [EVENT_TERM] = {1, 50},         [EVENT_RELOAD] = {2, 30},
    [EVENT_RELOAD_BAD] = {1, 30}, [EVENT_ROTATE] = {2, 40},       [EVENT_RENAME] = {1, 30},
    [EVENT_FAULT] = {6, 45},      [EVENT_DISK_FULL] = {2, 25},    [EVENT_DISK_FREE] = {3, 25},
    [EVENT_CLOCK] = {1, 20},      [EVENT_PAUSE] = {2, 60},        [EVENT_LOG] = {1, 20},
    [EVENT_DELETE] = {1, 8},      [EVENT_COPYTRUNCATE] = {1, 10}, [EVENT_REMOVE_SOCKET] = {1, 8},
    [EVENT_PIPE] = {3, 50},       [EVENT_KILL] = {2, 40},         [EVENT_POWER_CUT] = {2, 40},
};

void event_choose_weights(struct event_weights *chosen, struct chance *chance)
{
    chosen->sum = 0;
    for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
        bool has = chance_percent(chance, weights[kind].histories);
        chosen->all[kind] = has ? weights[kind].weight : 0;
        chosen->sum += chosen->all[kind];
    }
}

static enum event_kind choose_kind(const struct event_weights *chosen, struct chance *chance)
{
    unsigned choice = chance_below(chance, chosen->sum);
    size_t kind = 0;

    while (choice >= chosen->all[kind])
        choice -= chosen->all[kind++];
    return (enum event_kind)kind;
}

/* Microseconds until the next event, if the server waits: a round's time, mostly. */
static int64_t choose_delay(struct chance *chance)
{
    unsigned kind = chance_below(chance, 100);

    if (kind < 75)
        return chance_below(chance, 300);
    if (kind < 95)
        return chance_below(chance, 20000);
    return chance_below(chance, 1500000);
}

struct event event_make(const struct event_weights *chosen, int *peers, struct chance *chance)
{
    struct event event = {.kind = *peers == 0 ? EVENT_CONNECT : choose_kind(chosen, chance)};

    if (event.kind == EVENT_CONNECT && *peers == NETWORK_PEERS)
        event.kind = EVENT_SEND_MESSAGES;
    event.calls = chance_percent(chance, 30) ? chance_below(chance, 4) : chance_below(chance, 60);
    event.delay = choose_delay(chance);
    if (event.kind == EVENT_CONNECT)
        event.peer = (*peers)++;
    else /* the last ones more often: the first have left */
        event.peer = *peers - 1 - (int)chance_below(chance, (unsigned)(*peers < 8 ? *peers : 8));
    event.number = (unsigned)(chance_next(chance) >> 33);
    if (event.kind == EVENT_FAULT)
        event.fault = calls_choose_fault(chance);
    if (event.kind == EVENT_COPYTRUNCATE)
        event.calls = UINT32_MAX; /* within a write of several calls it would tear a record */
    if (event.kind == EVENT_PAUSE) {
        event.calls = UINT32_MAX;
        event.delay = 1000 * (1 + (int64_t)chance_below(chance, 4000));
        if (chance_percent(chance, 10))
            event.delay = 65 * 1000 * 1000;
    }
    return event;
}

/* ------------------------------------------------------------------------------------ they happen
 */

static void send_signal(int number)
{
    trace_note("event: signal %d", number);
    signals_send(number);
}

/* A name for a file that the journal is renamed or copied to. */
static const char *next_path(void)
{
    static char path[DISK_PATH_MAX];

    (void)snprintf(path, sizeof path, JOURNAL_PATH ".%u", ++renamed);
    return path;
}

int event_new_output(void)
{
    if (disk_find(JOURNAL_PATH) >= 0)
        disk_rename(JOURNAL_PATH, next_path());
    disk_sync_folder("/j");
    disk_put(JOURNAL_PATH, "");
    standard_read_output(); /* by a new reader */
    return disk_find(JOURNAL_PATH);
}

/* The journal, if it is one that the server opens by its name; -1: it is not. */
static int find_journal(void)
{
    return configuration.to_standard ? -1 : disk_find(JOURNAL_PATH);
}

static void stop_pipe(bool stops, unsigned room)
{
    if (!configuration.piped)
        return;
    trace_note("event: standard output is %s", stops ? "not read" : "read");
    process.faults += stops;
    if (stops)
        standard_stop_output(room);
    else
        standard_read_output();
}

static void rename_journal(void)
{
    if (find_journal() < 0)
        return;
    const char *path = next_path();
    trace_note("event: rename the journal to %s", path);
    disk_rename(JOURNAL_PATH, path);
}

static void delete_journal(void)
{
    int inode = find_journal();

    if (inode < 0)
        return;
    trace_note("event: delete the journal");
    process.faults++;
    process.lock_failed = true; /* the lock goes with it */
    ledger_deleted(inode);
    disk_remove(JOURNAL_PATH);
}

static void remove_socket(void)
{
    if (disk_find(SOCKET_PATH) < 0)
        return;
    trace_note("event: remove the socket");
    if (!process.ready)
        process.faults++; /* one that has just been bound: the server may give up */
    disk_remove(SOCKET_PATH);
    send_signal(SIGHUP);
}

static void copy_and_truncate(void)
{
    int inode = find_journal();

    /*
     * After a kill within the first commit the file has records that were not acknowledged and are
     * not noted in FILE.seq. When they are gone, nothing shows that they were there, and their
     * numbers are given again: the copy would have them, too. To note each batch before it is
     * written, too, would cost each commit a system call.
     */
    if (inode < 0 || !process.running)
        return;
    const char *path = next_path();
    trace_note("event: copy the journal to %s and empty it", path);
    disk_sync_folder("/j"); /* the copy's name survives a power cut, as do changes before it */
    disk_copy(inode, path);
    disk_truncate(inode, 0);
    disk_sync(inode);
    ledger_reread();
}

static void fill_disk(unsigned number)
{
    trace_note("event: the disk has room for %u bytes", number % 400);
    disk_set_room(number % 400);
    has_room = false;
    disk_full = true;
}

void event_free_disk(void)
{
    disk_set_room(SIZE_MAX);
    has_room = true;
}

static void jump(unsigned number)
{
    static const int64_t jumps[] = {3600, -3600, -10, 86400};

    trace_note("event: the wall clock jumps");
    virtual_wall_jump(jumps[number % 4] * 1000000);
}

static void end_process(bool power_cut)
{
    if (!process.running)
        return;
    trace_note("event: %s", power_cut ? "power cut" : "kill");
    power_off = power_cut;
    process_kill();
}

static void reload(const struct event *event)
{
    trace_note("event: another configuration%s", event->kind == EVENT_RELOAD ? "" : ", invalid");
    if (event->kind == EVENT_RELOAD)
        configuration_write(event->number);
    else if (process.ready)
        configuration_write_bad(event->number);
    send_signal(SIGHUP);
}

static void add_fault(const struct fault *fault)
{
    trace_note("event: %s fails after %u calls, %u times, with %s", calls_name(fault->call),
               fault->skip, fault->count,
               fault->error == 0 ? "a short count" : strerror(fault->error));
    calls_add_fault(fault);
}

/* Those of a peer. */
static void peer_acts(const struct event *event, uint64_t seed)
{
    switch (event->kind) {
    case EVENT_CONNECT:
        client_connect(event->peer, seed);
        break;
    case EVENT_SEND:
        client_send(event->peer, 1 + event->number % (event->number % 5 == 0 ? 300 : 30));
        break;
    case EVENT_SEND_MESSAGES:
        client_send_messages(event->peer, 1 + event->number % (event->number % 7 == 0 ? 30 : 4));
        break;
    case EVENT_FINISH:
        client_finish(event->peer);
        break;
    case EVENT_CLOSE:
        client_close(event->peer);
        break;
    case EVENT_RESET:
        client_reset(event->peer);
        break;
    case EVENT_MISBEHAVE:
        client_misbehave(event->peer);
        break;
    case EVENT_URGENT:
        client_send_urgent(event->peer);
        break;
    default:
        client_read(event->peer, event->kind == EVENT_READS);
    }
}

/* Those of the machine and its administrator. */
static void machine_acts(const struct event *event)
{
    switch (event->kind) {
    case EVENT_DELAY:
        network_set_delay(event->number % (event->number % 3 == 0 ? 200000 : 500));
        break;
    case EVENT_HUP:
        send_signal(SIGHUP);
        break;
    case EVENT_USR1:
        send_signal(SIGUSR1);
        break;
    case EVENT_TERM:
        send_signal(event->number % 2 == 0 ? SIGTERM : SIGINT);
        break;
    case EVENT_RELOAD:
    case EVENT_RELOAD_BAD:
        reload(event);
        break;
    case EVENT_ROTATE:
        rename_journal();
        send_signal(SIGHUP);
        break;
    case EVENT_RENAME:
        rename_journal();
        break;
    case EVENT_DELETE:
        delete_journal();
        break;
    case EVENT_COPYTRUNCATE:
        copy_and_truncate();
        break;
    case EVENT_REMOVE_SOCKET:
        remove_socket();
        break;
    case EVENT_FAULT:
        add_fault(&event->fault);
        break;
    case EVENT_DISK_FULL:
        fill_disk(event->number);
        break;
    case EVENT_DISK_FREE:
        event_free_disk();
        break;
    case EVENT_CLOCK:
        jump(event->number);
        break;
    case EVENT_PIPE:
        stop_pipe(event->number % 2 == 0, event->number / 2 % 6000);
        break;
    case EVENT_LOG:
        trace_note("event: standard error is %s", event->number % 3 != 0 ? "full" : "read");
        descriptors_fill_log(event->number % 3 != 0);
        break;
    case EVENT_KILL:
    case EVENT_POWER_CUT:
        end_process(event->kind == EVENT_POWER_CUT);
        break;
    default:
        break; /* a pause */
    }
}

void event_happens(const struct event *event, uint64_t seed)
{
    if (event->kind <= EVENT_READS)
        peer_acts(event, seed);
    else
        machine_acts(event);
}

bool event_has_disturbed(void)
{
    return disk_full || process.faults > process.harmless;
}

void event_process_begins(void)
{
    power_off = false;
    disk_full = !has_room;
}

void event_begin(void)
{
    renamed = 0;
    descriptors_fill_log(false);
    disk_full = power_off = false;
    has_room = true;
}

bool event_power_is_off(void)
{
    return power_off;
}
