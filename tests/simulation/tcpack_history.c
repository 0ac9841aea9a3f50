/*
 * What a history of tcpack is: history.h says it of the server's. The calls are the same ones; the
 * rest of the world is a server (remote.h), somebody at standard input and output, and signals.
 */
#include "history.h"

#include "calls.h"
#include "clients.h"
#include "disk.h"
#include "ledger.h"
#include "memory.h"
#include "network.h"
#include "process.h"
#include "remote.h"
#include "signals_simulated.h"
#include "standard.h"
#include "task.h"
#include "trace.h"
#include "virtual_time.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
    DESCRIPTORS = 64,
    CALLS_MAX = 400 * 1000,
    END_US = 120 * 1000 * 1000,   /* within which it ends, when the server behaves at last */
    INTERRUPT_US = 1500 * 1000,   /* within which INT is obeyed */
    PROMPT_DELAY_US = 100 * 1000, /* of the network, which nobody may complain about */
    REFUSALS = 3,                 /* of a message, and then it is not sent again */
};

enum event_kind {
    EVENT_INPUT, /* some bytes */
    EVENT_INPUT_LINES,
    EVENT_INPUT_END,
    EVENT_RESET, /* by the server */
    EVENT_CLOSE,
    EVENT_STALL,
    EVENT_GO_ON,
    EVENT_DEAF,
    EVENT_READS,
    EVENT_REFUSE, /* connections, or no longer */
    EVENT_HANG,
    EVENT_SELF,
    EVENT_ACCEPT,
    EVENT_DELAY, /* of what tcpack sends */
    EVENT_STOP_OUTPUT,
    EVENT_READ_OUTPUT,
    EVENT_INTERRUPT,
    EVENT_WINCH,
    EVENT_KILL,
    EVENT_FAULT,
    EVENT_PAUSE,
    EVENT_KINDS,
};

/* How often: in each history; and in how many of a hundred histories at all. */
static const struct {
    unsigned weight;
    unsigned histories;
} weights[EVENT_KINDS] = {
    [EVENT_INPUT] = {10, 60},      [EVENT_INPUT_LINES] = {20, 100}, [EVENT_INPUT_END] = {1, 50},
    [EVENT_RESET] = {4, 40},       [EVENT_CLOSE] = {3, 40},         [EVENT_STALL] = {2, 30},
    [EVENT_GO_ON] = {4, 100},      [EVENT_DEAF] = {2, 20},          [EVENT_READS] = {3, 100},
    [EVENT_REFUSE] = {2, 25},      [EVENT_HANG] = {1, 15},          [EVENT_SELF] = {2, 15},
    [EVENT_ACCEPT] = {5, 100},     [EVENT_DELAY] = {1, 40},         [EVENT_STOP_OUTPUT] = {2, 20},
    [EVENT_READ_OUTPUT] = {2, 30}, [EVENT_INTERRUPT] = {1, 8},      [EVENT_WINCH] = {1, 10},
    [EVENT_KILL] = {1, 8},         [EVENT_FAULT] = {4, 25},         [EVENT_PAUSE] = {3, 40},
};

struct event {
    enum event_kind kind;
    bool left_out;
    unsigned calls; /* as in events.h */
    int64_t delay;
    unsigned number;
    struct fault fault;
};

static struct event events[HISTORY_EVENTS_MAX];
static size_t events_count;
static uint64_t seed;

static size_t next;    /* the event that happens next */
static unsigned calls; /* since the last event */
static unsigned calls_in_all;
static int64_t last_event; /* when */
static bool ends;          /* all have happened */
static int64_t end;        /* and by then it has to be over */
static bool interrupted;

void history_set_up(void)
{
    process_prepare();
}

/* ------------------------------------------------------------------------------------- the plan */

/* Calls of tcpack, and what they can meet; 0: a short count. */
static struct fault choose_fault(struct chance *chance)
{
    static const struct fault faults[] = {
        {CALL_MALLOC, ENOMEM, 0, 1},
        {CALL_SEND, EAGAIN, 0, 1},
        {CALL_SEND, EINTR, 0, 1},
        {CALL_SEND, ECONNRESET, 0, 1},
        {CALL_SEND, EPIPE, 0, 1},
        {CALL_SEND, 0, 0, 1},
        {CALL_SEND, 0, 0, 1},
        {CALL_SEND, ENOBUFS, 0, 1},
        {CALL_RECV, EINTR, 0, 1},
        {CALL_RECV, ECONNRESET, 0, 1},
        {CALL_RECV, ETIMEDOUT, 0, 1},
        {CALL_RECV, 0, 0, 1},
        {CALL_RECV, 0, 0, 1},
        {CALL_READ, EINTR, 0, 1},
        {CALL_READ, EIO, 0, 1},
        {CALL_READ, 0, 0, 1},
        {CALL_READ, 0, 0, 1},
        {CALL_WRITE, EINTR, 0, 1},
        {CALL_WRITE, ENOSPC, 0, 1},
        {CALL_WRITE, 0, 0, 1},
        {CALL_WRITE, 0, 0, 1},
        {CALL_SELECT, EINTR, 0, 1},
        {CALL_SELECT, ENOMEM, 0, 1},
        {CALL_SOCKET, EMFILE, 0, 1},
        {CALL_CONNECT, ENETUNREACH, 0, 1},
        {CALL_FCNTL, ENOMEM, 0, 1},
        {CALL_SETSOCKOPT, ENOMEM, 0, 1},
        {CALL_FSTAT, EIO, 0, 1},
        {CALL_GETSOCKNAME, ENOBUFS, 0, 1},
    };
    struct fault fault = faults[chance_below(chance, sizeof faults / sizeof *faults)];

    fault.skip = chance_below(chance, fault.call == CALL_MALLOC ? 40 : 6);
    if (chance_percent(chance, 20))
        fault.count = 1 + chance_below(chance, 20);
    return fault;
}

static int64_t choose_delay(struct chance *chance)
{
    unsigned kind = chance_below(chance, 100);

    if (kind < 70)
        return chance_below(chance, 500);
    return chance_below(chance, kind < 92 ? 20000 : 700000);
}

static struct event make(const unsigned *chosen, unsigned sum, struct chance *chance)
{
    struct event event = {0};
    unsigned choice = chance_below(chance, sum);
    size_t kind = 0;

    while (choice >= chosen[kind])
        choice -= chosen[kind++];
    event.kind = (enum event_kind)kind;
    event.calls = chance_percent(chance, 30) ? chance_below(chance, 4) : chance_below(chance, 60);
    event.delay = choose_delay(chance);
    event.number = (unsigned)(chance_next(chance) >> 33);
    if (event.kind == EVENT_FAULT)
        event.fault = choose_fault(chance);
    if (event.kind == EVENT_PAUSE) {
        event.calls = UINT32_MAX;
        event.delay = 1000 * (1 + (int64_t)chance_below(chance, 8000));
    }
    return event;
}

size_t history_plan(uint64_t wanted)
{
    struct chance chance = chance_from(wanted, 2);
    unsigned chosen[EVENT_KINDS], sum = 0;
    bool calm = chance_percent(&chance, 15); /* nothing happens that tcpack may complain about */

    seed = wanted;
    for (size_t kind = 0; kind < EVENT_KINDS; kind++) {
        bool has = chance_percent(&chance, weights[kind].histories);
        bool is_calm = kind <= EVENT_INPUT_END || kind == EVENT_DELAY || kind == EVENT_PAUSE ||
                       kind == EVENT_STOP_OUTPUT || kind == EVENT_READ_OUTPUT;
        chosen[kind] = has && (!calm || is_calm) ? weights[kind].weight : 0;
        sum += chosen[kind];
    }
    events_count = 5 + chance_below(&chance, 75);
    for (size_t at = 0; at < events_count; at++)
        events[at] = make(chosen, sum, &chance);
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

/* ----------------------------------------------------------------------------------- the events */

static void give_input(size_t bytes)
{
    size_t left = standard.planned - standard.available;

    if (!standard.ended)
        standard.available += bytes < left ? bytes : left;
}

/* Whole lines: as far as the `count`-th ending from here. */
static void give_lines(unsigned count)
{
    char ending = task.nul ? '\0' : '\n';
    size_t at = standard.available;

    while (at < standard.planned && count > 0)
        count -= standard.input[at++] == ending;
    give_input(at - standard.available);
}

static void end_input(void)
{
    give_input(SIZE_MAX);
    standard.ended = true;
}

static void set_delay(unsigned number)
{
    network_set_delay(number % (number % 3 == 0 ? PROMPT_DELAY_US : 500));
}

static void send_signal(int number)
{
    trace_note("event: signal %d", number);
    interrupted = interrupted || number != SIGWINCH;
    signals_send(number);
}

static void set_listening(bool refuses, bool hangs, bool is_self)
{
    remote.refuses = refuses;
    remote.hangs = hangs;
    remote.is_self = is_self;
}

/* What the server does. */
static void server_acts(const struct event *event)
{
    trace_note("event: the server, %u", (unsigned)event->kind);
    switch (event->kind) {
    case EVENT_RESET:
    case EVENT_CLOSE:
        remote_loses(event->kind == EVENT_RESET, event->number);
        break;
    case EVENT_STALL:
    case EVENT_GO_ON:
        remote_stall(event->kind == EVENT_STALL);
        break;
    case EVENT_DEAF:
    case EVENT_READS:
        remote_read(event->kind == EVENT_READS);
        break;
    default:
        set_listening(event->kind == EVENT_REFUSE, event->kind == EVENT_HANG,
                      event->kind == EVENT_SELF);
    }
}

static void user_acts(const struct event *event)
{
    switch (event->kind) {
    case EVENT_INPUT:
        give_input(1 + event->number % 40);
        break;
    case EVENT_INPUT_LINES:
        give_lines(1 + event->number % (event->number % 5 == 0 ? 50 : 5));
        break;
    case EVENT_INPUT_END:
        end_input();
        break;
    case EVENT_DELAY:
        set_delay(event->number);
        break;
    case EVENT_STOP_OUTPUT:
        if (!task.load) /* it writes one line at its end, and may wait then */
            standard_stop_output(event->number % (2 * PIPE_BUF));
        break;
    case EVENT_READ_OUTPUT:
        standard_read_output();
        break;
    case EVENT_INTERRUPT:
        send_signal(event->number % 2 == 0 ? SIGINT : SIGTERM);
        break;
    case EVENT_WINCH:
        send_signal(SIGWINCH);
        break;
    case EVENT_KILL:
        process_kill();
    case EVENT_FAULT:
        calls_add_fault(&event->fault);
        break;
    default:
        break; /* a pause */
    }
}

static void happen(void)
{
    const struct event *event = &events[next++];

    calls = 0;
    last_event = virtual_now();
    if (event->left_out)
        return;
    if (event->kind >= EVENT_RESET && event->kind <= EVENT_ACCEPT)
        server_acts(event);
    else
        user_acts(event);
}

/* All have happened: now nothing is wrong any more, and tcpack has to come to its end. */
static void begin_end(void)
{
    trace_note("all events have happened");
    ends = true;
    end = virtual_now() + END_US;
    calls_clear_faults();
    remote_ends();
    standard_read_output();
    end_input();
}

static void go_on(void)
{
    if (!ends && next == events_count)
        begin_end();
    remote_act();
    if (process.was_asked && virtual_now() > process.asked_at + INTERRUPT_US)
        process_violation("the signal is not obeyed in time");
    if (ends && virtual_now() > end)
        process_violation("tcpack does not come to its end");
}

void history_call(void)
{
    if (++calls_in_all > CALLS_MAX)
        process_violation("tcpack does not come to rest: %u calls", calls_in_all);
    calls++;
    while (next < events_count && calls >= events[next].calls)
        happen();
    go_on();
}

int64_t history_due(void)
{
    int64_t due = next < events_count ? last_event + events[next].delay : end + 1;

    if (next == events_count && !ends)
        due = virtual_now();
    if (process.was_asked && process.asked_at + INTERRUPT_US + 1 < due)
        due = process.asked_at + INTERRUPT_US + 1;
    return remote_due() < due ? remote_due() : due;
}

void history_wait(void)
{
    while (next < events_count && virtual_now() >= last_event + events[next].delay)
        happen();
    go_on();
}

void history_ready(void)
{
}

void history_logged(const void *bytes, size_t size)
{
    task_logged(bytes, size);
}

void history_closed_twice(int fd)
{
    process_violation("close() of descriptor %d, which is not open", fd);
}

void clients_offered(int number, size_t size)
{
    (void)number;
    (void)size;
}

/* tcpack has no journal. */
void ledger_wrote(bool all)
{
    (void)all;
}

void ledger_truncated(int inode, size_t size)
{
    (void)inode;
    (void)size;
}

bool history_power_is_off(void)
{
    return false;
}

/* ------------------------------------------------------------------------------- what must hold */

/*
 * The number of the reply that the line is, after reply `before`; 0: it is none. With framing auto,
 * the beginning of a reply counts as one, if nothing follows: tcpack(1).
 */
static size_t serial_of(const char *line, size_t size, size_t before)
{
    char text[64];

    for (size_t serial = before + 1; serial <= remote_replies(); serial++) {
        const char *code = task.framing == TASK_RELP ? "200 " : "";
        int whole =
            snprintf(text, sizeof text, "%s%zu m%zu", code, serial, remote_reply_message(serial));
        bool is_right = size == (size_t)whole ||
                        (task.framing == TASK_AUTO && size > 0 && size < (size_t)whole);
        if (is_right && memcmp(text, line, size) == 0)
            return serial;
    }
    return 0;
}

static void check_line(size_t line, size_t serial)
{
    static size_t yields[REMOTE_CONNECTIONS_MAX];
    size_t connection = remote_reply_connection(serial);
    size_t message = remote_reply_message(serial);

    if (line == 1)
        memset(yields, 0, sizeof yields);
    if (serial == 0)
        process_violation("line %zu of the output is no reply, or an earlier one", line);
    if (++yields[connection] > remote_sent_messages(connection))
        process_violation("more replies than messages of connection %zu", connection);
    if (message != line && remote_is_true())
        process_violation("line %zu of the output is the reply to message %zu", line, message);
}

/*
 * Each line of the output is a reply, in their order, and no reply is there twice. Line N is the
 * reply to message N, if the server replies once to each message. If it does not, a connection
 * yields no more replies than messages were sent over it. Returns the number of lines.
 */
static size_t check_output(void)
{
    size_t at = 0, lines = 0, serial = 0;

    while (at < standard.written) {
        const char *line = standard.output + at;
        const char *newline = memchr(line, '\n', standard.written - at);
        if (newline == NULL)
            break; /* the rest could not be written */
        serial = serial_of(line, (size_t)(newline - line), serial);
        check_line(++lines, serial);
        at += (size_t)(newline - line) + 1;
    }
    return lines;
}

/* What was acknowledged was recorded. */
static void check_acknowledged(size_t acknowledged, const char *who)
{
    if (remote_is_true() && acknowledged > remote.recorded)
        process_violation("%s: %zu acknowledged, and only %zu recorded", who, acknowledged,
                          remote.recorded);
    if (acknowledged > task.messages)
        process_violation("%s: %zu acknowledged of %zu", who, acknowledged, task.messages);
}

static void check_duplicates(void)
{
    size_t most =
        task.resend ? 2 * task.messages + TASK_WINDOW_FIRST + remote.barren : task.messages;

    if (remote.records > most)
        process_violation("%zu messages were recorded %zu times, over %zu connections of which %zu "
                          "yielded nothing",
                          task.messages, remote.records, remote.connections, remote.barren);
}

/* Whether there is a reason to give up. */
static bool may_give_up(void)
{
    if (interrupted || process.faults > 0)
        return true;
    if (!task.resend || task.limited || remote.kind != REMOTE_HONEST || task.framing == TASK_AUTO)
        return remote.disturbed;
    return false; /* it has to try again */
}

static void check_status(size_t lines)
{
    switch (process.status) {
    case EX_OK:
        check_acknowledged(task.messages, "exit status 0");
        if (task.first > 0 && task_position() != task.messages)
            process_violation("exit status 0, and the position is %zu", task_position());
        if (task.load && (!task_load_summary(&lines) || lines != task.messages))
            process_violation("exit status 0, and the summary is: %.*s", (int)standard.written,
                              standard.output);
        if (!task.quiet && lines != task.messages)
            process_violation("exit status 0 after %zu replies to %zu messages", lines,
                              task.messages);
        if (memory_blocks() > 0)
            process_violation("%zu blocks of memory are not given back", memory_blocks());
        break;
    case EX_TEMPFAIL:
        if (!may_give_up())
            process_violation("exit status 75 without a reason");
        break;
    case EX_DATAERR:
        /* With framing auto, a reply that a reset follows is none. */
        if (task.first > 0 && process.faults > 0)
            break; /* no memory for the message with its number */
        if (!task.resend ||
            (remote.refusals < REFUSALS && process.faults == 0 && task.framing != TASK_AUTO))
            process_violation("exit status 65, and no message was refused");
        break;
    case EX_UNAVAILABLE:
        /* A RELP session is open only when the server has answered. */
        if (remote.connections > 0 && process.faults == 0 && task.framing != TASK_RELP &&
            !task.load)
            process_violation("exit status 69 after it was connected");
        if (!may_give_up())
            process_violation("exit status 69 without a reason");
        break;
    default:
        if (process.faults == 0)
            process_violation("exit status %d", process.status);
    }
}

/* What holds also if it was killed. */
static size_t check_progress(void)
{
    size_t lines = task.load ? 0 : check_output();

    check_acknowledged(lines, "the output");
    check_acknowledged(task_position(), "the position");
    return lines;
}

static void check_killed(void)
{
    (void)check_progress();
}

static void check_exit(void)
{
    size_t lines = check_progress();
    size_t acknowledged, line;

    if (task_load_summary(&acknowledged))
        check_acknowledged(acknowledged, "the summary of --load");
    check_duplicates();
    check_status(lines);
    if (task_has_counted(&acknowledged)) {
        check_acknowledged(acknowledged, "the summary");
        if (task.first > 0 && process.faults == 0 && task_position() != acknowledged)
            process_violation("%zu acknowledged, and the position is %zu", acknowledged,
                              task_position());
        if (acknowledged < lines)
            process_violation("%zu acknowledged, and %zu replies", acknowledged, lines);
        if (task_can_resume(&line) && line != acknowledged + 1)
            process_violation("%zu acknowledged: to resume from line %zu", acknowledged, line);
    }
}

/* ---------------------------------------------------------------------------------- the history */

static void begin(void)
{
    struct chance chance = chance_from(seed, 3);

    process_forget_problem();
    trace_begin();
    virtual_time_begin();
    calls_begin(seed);
    disk_begin();
    network_begin();
    process = (struct process){0};
    process_start = (struct process_start){.descriptors = DESCRIPTORS, .streams = true};
    task_choose(&chance);
    remote_begin(&chance, seed);
    next = 0;
    calls = calls_in_all = 0;
    ends = interrupted = false;
    end = INT64_MAX - 1;
    last_event = virtual_now();
}

void history_run(struct history_result *result)
{
    begin();
    for (size_t at = 0; trace_printing && process_start.arguments[at] != NULL; at++)
        trace_note("argument: %s", process_start.arguments[at]);
    enum process_end ended = process_run();
    if (ended != PROCESS_VIOLATION)
        (void)process_guard(ended == PROCESS_EXITED ? check_exit : check_killed);
    *result = (struct history_result){
        .events = events_count,
        .hash = trace_hash(),
        .records = remote.records,
        .failed = *process_problem() != '\0',
    };
    (void)snprintf(result->problem, sizeof result->problem, "%s", process_problem());
}
