#include "client/load.h"

#include "client/exchange.h"
#include "client/progress.h"
#include "client/signals.h"
#include "client/totals.h"
#include "client/wait_set.h"
#include "common/clock.h"
#include "common/descriptors.h"
#include "common/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS = 10,
    CHECK_US = 500 * 1000,     /* maximum time between two checks of all time-outs */
    DESCRIPTORS_RESERVED = 16, /* for everything except connections */
};

struct load_client {
    struct exchange exchange;
    uint64_t added; /* messages added to the exchange; the first is message `index` of the load */
};

struct load {
    const struct load_settings *settings;
    struct load_client *clients;
    size_t opened;              /* clients initialized */
    struct load_client **by_fd; /* the client of a descriptor */
    size_t by_fd_count;
    struct totals *totals;
    struct wait_set wait_set;
    struct progress progress;
    char *text;        /* the message being generated */
    uint64_t released; /* messages due to be sent */
    int64_t check_us;  /* when to check all time-outs again */
};

/*
 * Writes message `number` to text[0..size): its number in ten digits (the last `size` digits if the
 * message is shorter). The filling after it does not change.
 */
static void make_message(uint64_t number, char *text, size_t size)
{
    char digits[DIGITS];
    size_t shown = size < DIGITS ? size : DIGITS;

    for (size_t at = DIGITS; at > 0; number /= 10)
        digits[--at] = (char)('0' + number % 10);
    memcpy(text, digits + DIGITS - shown, shown);
}

static bool ignore_acknowledgement(void *context, const struct acknowledgement *acknowledgement)
{
    (void)context;
    (void)acknowledgement;
    return true;
}

static enum outcome failed(const char *what)
{
    log_error("%s: %s", what, strerror(errno));
    return OUTCOME_FAILED;
}

static bool remember_descriptor(struct load *load, int fd, struct load_client *client)
{
    if (load->by_fd == NULL || (size_t)fd >= load->by_fd_count) {
        size_t count = ((size_t)fd + 1) * 2;
        struct load_client **by_fd = realloc(load->by_fd, count * sizeof(struct load_client *));
        if (by_fd == NULL)
            return false;
        load->by_fd = by_fd;
        load->by_fd_count = count;
    }
    load->by_fd[fd] = client;
    return true;
}

static enum outcome open_client(struct load *load, struct load_client *client)
{
    const struct exchange_settings settings = {
        .framing = load->settings->framing,
        .window = load->settings->window,
        .window_bytes = load->settings->window_bytes,
        .timeout_us = load->settings->target.timeout_us,
        .acknowledged = ignore_acknowledgement,
    };
    struct buffer problems = {0};
    struct client_connection connection;

    exchange_init(&client->exchange, &settings, load->totals);
    load->opened++;
    enum outcome outcome = connect_open(&load->settings->target, &connection, &problems);
    if (outcome == OUTCOME_DONE) {
        exchange_begin(&client->exchange, &connection, clock_monotonic_us());
        if (!remember_descriptor(load, connection.fd, client) ||
            !wait_set_watch(&load->wait_set, connection.fd, true, false))
            outcome = failed("cannot watch that many connections (--clients)");
    } else if (outcome != OUTCOME_INTERRUPTED) {
        connect_log_problems(&problems, log_error);
        log_error("%zu of %" PRIu64 " connections had been opened", load->opened - 1,
                  load->settings->clients);
    }
    buffer_free(&problems);
    return outcome;
}

static enum outcome open_clients(struct load *load)
{
    enum outcome outcome = OUTCOME_DONE;

    load->clients = calloc(load->settings->clients, sizeof *load->clients);
    load->text = malloc(load->settings->size + 1);
    if (load->clients == NULL || load->text == NULL)
        return failed("cannot allocate that many connections (--clients) or messages of that size "
                      "(--size)");
    memset(load->text, 'x', load->settings->size);
    (void)descriptors_raise_limit(load->settings->clients + DESCRIPTORS_RESERVED);
    for (uint64_t i = 0; i < load->settings->clients && outcome == OUTCOME_DONE; i++)
        outcome = open_client(load, &load->clients[i]);
    return outcome;
}

/* When message `number` is due to be sent. */
static int64_t send_time(const struct load *load, uint64_t number)
{
    return load->totals->begin_us + (int64_t)((double)number * 1e6 / (double)load->settings->rate);
}

/* The number of the client's next message. */
static uint64_t next_number(const struct load *load, const struct load_client *client)
{
    return (uint64_t)(client - load->clients) + client->added * load->settings->clients;
}

/*
 * Sets what to wait for on the client's connection: a reply, room to send, a time-out. Once all of
 * its messages are acknowledged there is nothing to wait for, and the server may close the
 * connection.
 */
static enum outcome watch(struct load *load, const struct load_client *client)
{
    const struct exchange *exchange = &client->exchange;
    bool done = exchange->window.count == 0 && next_number(load, client) >= load->settings->count;

    if (exchange_due(exchange) < load->check_us)
        load->check_us = exchange_due(exchange);
    return wait_set_watch(&load->wait_set, exchange->connection.fd, !done,
                          exchange_wants_to_send(exchange))
               ? OUTCOME_DONE
               : failed("cannot wait");
}

/* Sends the client's messages that are due, as many as its window has room for. */
static enum outcome feed(struct load *load, struct load_client *client, int64_t now_us)
{
    const struct load_settings *settings = load->settings;

    for (;;) {
        uint64_t number = next_number(load, client);
        if (number >= load->released || !exchange_has_room(&client->exchange))
            break;
        make_message(number, load->text, settings->size);
        int64_t start_us = settings->rate > 0 ? send_time(load, number) : now_us;
        if (!exchange_add(&client->exchange, number + 1, start_us, now_us, load->text,
                          settings->size))
            return failed("cannot keep a message until it is acknowledged");
        client->added++;
    }
    exchange_send(&client->exchange, now_us);
    return watch(load, client);
}

/* Sends the messages that have become due since the last call. */
static enum outcome release(struct load *load, int64_t now_us)
{
    const struct load_settings *settings = load->settings;

    while (load->released < settings->count && send_time(load, load->released) <= now_us) {
        struct load_client *client = &load->clients[load->released % settings->clients];
        load->released++;
        enum outcome outcome = feed(load, client, now_us);
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return OUTCOME_DONE;
}

static enum outcome lost(struct load *load, const struct load_client *client)
{
    progress_hide(&load->progress);
    log_error("connection %zu: %s", (size_t)(client - load->clients) + 1,
              client->exchange.problem.text);
    return OUTCOME_LOST;
}

/* Reads the clock for each client: with many clients, the last one is served much later. */
static enum outcome serve(struct load *load, int fd)
{
    struct load_client *client = load->by_fd[fd];
    enum outcome outcome = OUTCOME_DONE;
    int64_t now_us = clock_monotonic_us();

    if (wait_set_can_read(&load->wait_set, fd))
        outcome = exchange_receive(&client->exchange, now_us);
    if (outcome == OUTCOME_LOST)
        return lost(load, client);
    if (outcome != OUTCOME_DONE)
        return failed("cannot keep a reply");
    return feed(load, client, now_us);
}

static enum outcome serve_ready(struct load *load)
{
    enum outcome outcome = OUTCOME_DONE;
    int fd = -1;

    while (outcome == OUTCOME_DONE && (fd = wait_set_next(&load->wait_set, fd + 1)) >= 0)
        outcome = serve(load, fd);
    return outcome;
}

/* Checks the time-outs of all clients, if it is time. */
static enum outcome check_all(struct load *load, int64_t now_us)
{
    if (now_us < load->check_us)
        return OUTCOME_DONE;
    load->check_us = now_us + CHECK_US;
    for (size_t i = 0; i < load->opened; i++) {
        now_us = clock_monotonic_us();
        enum outcome outcome = exchange_tick(&load->clients[i].exchange, now_us);
        if (outcome == OUTCOME_LOST)
            return lost(load, &load->clients[i]);
        if (outcome != OUTCOME_DONE)
            return failed("cannot keep a reply");
        outcome = feed(load, &load->clients[i], now_us); /* taking a bare reply makes room */
        if (outcome != OUTCOME_DONE)
            return outcome;
    }
    return OUTCOME_DONE;
}

static struct progress_view view_of(const struct load *load)
{
    return (struct progress_view){
        .messages = load->totals->acknowledged,
        .acknowledged = load->totals->acknowledged,
        .done = load->totals->acknowledged,
        .total = load->settings->count,
    };
}

static int64_t next_due(const struct load *load)
{
    int64_t due_us = load->check_us;

    if (progress_due(&load->progress) < due_us)
        due_us = progress_due(&load->progress);
    if (load->settings->rate > 0 && load->released < load->settings->count &&
        send_time(load, load->released) < due_us)
        due_us = send_time(load, load->released);
    return due_us;
}

/* Waits once, then does what can be done without waiting. */
static enum outcome turn(struct load *load)
{
    enum outcome outcome = OUTCOME_DONE;

    switch (wait_set_wait(&load->wait_set, next_due(load))) {
    case WAIT_SIGNAL:
        return signals_interrupt() != 0 ? OUTCOME_INTERRUPTED : OUTCOME_DONE;
    case WAIT_FAILED:
        return failed("cannot wait");
    case WAIT_READY:
        outcome = serve_ready(load);
        break;
    case WAIT_DUE:
        break;
    }
    int64_t now_us = clock_monotonic_us();
    struct progress_view view = view_of(load);
    progress_paint(&load->progress, &view, now_us);
    if (outcome == OUTCOME_DONE && load->settings->rate > 0)
        outcome = release(load, now_us);
    return outcome == OUTCOME_DONE ? check_all(load, now_us) : outcome;
}

static enum outcome send_all(struct load *load)
{
    enum outcome outcome = OUTCOME_DONE;

    load->totals->begin_us = clock_monotonic_us();
    load->released = load->settings->rate > 0 ? 0 : load->settings->count;
    if (load->settings->progress)
        progress_start(&load->progress, load->totals->begin_us);
    while (outcome == OUTCOME_DONE && load->totals->acknowledged < load->settings->count)
        outcome = turn(load);
    struct progress_view view = view_of(load);
    progress_end(&load->progress, &view, clock_monotonic_us());
    return outcome;
}

static enum outcome print_summary(struct load *load)
{
    struct totals *totals = load->totals;
    struct buffer text = {0};

    totals->sent = totals->acknowledged;
    for (size_t i = 0; i < load->opened; i++)
        totals->sent += window_count_sent(&load->clients[i].exchange.window);
    bool printed = totals_summary(totals, &text) && buffer_append(&text, "\n", 1) &&
                   fwrite(text.bytes, 1, text.size, stdout) == text.size && fflush(stdout) == 0;
    buffer_free(&text);
    return printed ? OUTCOME_DONE : failed("cannot write to standard output");
}

static void close_clients(struct load *load)
{
    for (size_t i = 0; i < load->opened; i++)
        exchange_free(&load->clients[i].exchange);
    free(load->clients);
    free(load->by_fd);
    free(load->text);
    wait_set_free(&load->wait_set);
}

enum outcome load_run(const struct load_settings *settings, struct totals *totals)
{
    struct load load = {.settings = settings, .totals = totals};
    enum outcome outcome = open_clients(&load);

    if (outcome == OUTCOME_DONE) {
        outcome = send_all(&load);
        enum outcome printed = print_summary(&load);
        if (outcome == OUTCOME_DONE)
            outcome = printed;
    }
    close_clients(&load);
    return outcome;
}
