#include "server/readiness/readiness.h"

#include "common/descriptors.h"
#include "server/readiness/sigio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    FAILURES_MAX = 16,     /* failures of select() in a row, for lack of memory, before giving up */
    TAKES_MAX = 64,        /* calls of sigio_take() in one wait, before the sockets are served */
    SIGNALS_ALONE_MAX = 8, /* waits in a row that take signals only, before one calls select() */
    LOOK_RANGE = 1024,     /* descriptors of one readiness_look(): some 100 us */
    LOST_RANGE = 16384,    /* descriptors to look at in one wait after a loss: some 3 ms */
};

/* The state of a descriptor. */
enum {
    ATTACHED = 1,   /* reports by a signal */
    WATCHED = 2,    /* attached, and watched for reading */
    FOUND_READ = 4, /* ready, and not yet returned */
    FOUND_WRITE = 8,
    FOUND_MORE = 16,     /* to be returned with READY_MORE */
    QUEUED = 32,         /* in the queue, though perhaps no longer ready */
    URGENT = 64,         /* received urgent data: a read may stop at it */
    WATCHED_WRITE = 128, /* attached, and watched for writing */
};

struct readiness {
    struct descriptor_set read; /* watched by select() */
    struct descriptor_set write;
    struct descriptor_set read_found; /* for select() to write into */
    struct descriptor_set write_found;
    struct descriptor_set looked; /* empty except during readiness_look() */
    size_t look_next;             /* the first descriptor of the next look */
    size_t look_left;             /* signals were lost: so many descriptors to look at */
    int beyond;                   /* one more than the highest descriptor that select() watches */
    int signals;                  /* the signalfd of sigio.h; -1: select() watches every socket */
    bool signals_often;           /* the last take found several: more may have arrived by now */
    bool busy;                    /* a wait found something, or was interrupted */
    int signals_alone;            /* waits in a row without select() */

    unsigned char *states; /* by descriptor */
    int *queue;            /* circular, first in, first out, each descriptor at most once */
    size_t size;           /* of both: a power of two */
    size_t first;          /* index in the queue */
    size_t queued;
    size_t left; /* of those queued, how many readiness_next() may still return in this round */

    int failures; /* of select(), in a row */
    bool held;    /* connected sockets do not end a wait */
};

static bool wants_signals(void)
{
    const char *way = getenv("TCPACKD_READINESS");

    return way == NULL || strcmp(way, "plain") != 0;
}

struct readiness *readiness_new(void)
{
    struct readiness *readiness = calloc(1, sizeof *readiness);

    if (readiness == NULL)
        return NULL;
    readiness->signals = wants_signals() ? sigio_open() : -1;
    if (readiness->signals >= 0 && !readiness_watch(readiness, readiness->signals, READY_READ)) {
        readiness_free(readiness);
        return NULL;
    }
    return readiness;
}

void readiness_free(struct readiness *readiness)
{
    if (readiness == NULL)
        return;
    if (readiness->signals >= 0)
        (void)close(readiness->signals); /* nothing is written through it */
    descriptor_set_free(&readiness->read);
    descriptor_set_free(&readiness->write);
    descriptor_set_free(&readiness->read_found);
    descriptor_set_free(&readiness->write_found);
    descriptor_set_free(&readiness->looked);
    free(readiness->states);
    free(readiness->queue);
    free(readiness);
}

bool readiness_uses_signals(const struct readiness *readiness)
{
    return readiness->signals >= 0;
}

/* Makes room for descriptor `fd` in the states and in the queue. */
static bool grow(struct readiness *readiness, int fd)
{
    size_t size = readiness->size == 0 ? 64 : readiness->size;

    while (size <= (size_t)fd)
        size *= 2;
    if (size == readiness->size)
        return true;
    int *queue = malloc(size * sizeof *queue);
    unsigned char *states = queue == NULL ? NULL : realloc(readiness->states, size);
    if (states == NULL) {
        free(queue);
        return false;
    }
    memset(states + readiness->size, 0, size - readiness->size);
    for (size_t at = 0; at < readiness->queued; at++)
        queue[at] = readiness->queue[(readiness->first + at) & (readiness->size - 1)];
    free(readiness->queue);
    readiness->states = states;
    readiness->queue = queue;
    readiness->size = size;
    readiness->first = 0;
    if (readiness->look_left > 0)
        readiness->look_left = size; /* the next to look at may be any of them */
    return true;
}

static bool make_room(struct readiness *readiness, int fd)
{
    return descriptor_set_grow(&readiness->read, fd) &&
           descriptor_set_grow(&readiness->write, fd) &&
           descriptor_set_grow(&readiness->read_found, fd) &&
           descriptor_set_grow(&readiness->write_found, fd) &&
           descriptor_set_grow(&readiness->looked, fd) && grow(readiness, fd);
}

/* The state of a descriptor that may be unknown. */
static unsigned state_of(const struct readiness *readiness, int fd)
{
    return (size_t)fd < readiness->size ? readiness->states[fd] : 0;
}

static void add_state(struct readiness *readiness, int fd, unsigned state)
{
    readiness->states[fd] = (unsigned char)(readiness->states[fd] | state);
}

static void drop_state(struct readiness *readiness, int fd, unsigned state)
{
    readiness->states[fd] = (unsigned char)(readiness->states[fd] & ~state);
}

/* Counts a descriptor as ready for `found` and puts it at the end of the queue. */
static void add_found(struct readiness *readiness, int fd, unsigned found)
{
    if ((readiness->states[fd] & QUEUED) == 0) {
        readiness->queue[(readiness->first + readiness->queued) & (readiness->size - 1)] = fd;
        readiness->queued++;
    }
    add_state(readiness, fd, found | QUEUED);
}

static void set_member(struct descriptor_set *set, int fd, bool member)
{
    if (member)
        descriptor_set_add(set, fd);
    else
        descriptor_set_remove(set, fd);
}

static bool is_selected(const struct readiness *readiness, int fd)
{
    return descriptor_set_has(&readiness->read, fd) || descriptor_set_has(&readiness->write, fd);
}

/* The same for a socket that reports by a signal. It may be ready though none will come. */
static void watch_attached(struct readiness *readiness, int fd, bool reading, bool writing)
{
    unsigned before = readiness->states[fd];

    drop_state(readiness, fd, WATCHED | WATCHED_WRITE);
    if (reading)
        add_state(readiness, fd, WATCHED);
    if (writing)
        add_state(readiness, fd, WATCHED_WRITE);
    if (reading && (before & WATCHED) == 0)
        add_found(readiness, fd, FOUND_READ | FOUND_MORE);
    if (writing && (before & WATCHED_WRITE) == 0)
        add_found(readiness, fd, FOUND_WRITE);
}

bool readiness_watch(struct readiness *readiness, int fd, unsigned interest)
{
    if (!make_room(readiness, fd))
        return false;
    bool reading = (interest & READY_READ) != 0;
    bool writing = (interest & READY_WRITE) != 0;
    drop_state(readiness, fd, (reading ? 0U : FOUND_READ) | (writing ? 0U : FOUND_WRITE));
    if ((readiness->states[fd] & ATTACHED) != 0) {
        watch_attached(readiness, fd, reading, writing);
        return true;
    }
    set_member(&readiness->read, fd, reading);
    set_member(&readiness->write, fd, writing);
    if (is_selected(readiness, fd) && readiness->beyond <= fd)
        readiness->beyond = fd + 1;
    return true;
}

bool readiness_add_socket(struct readiness *readiness, int fd)
{
    if (!make_room(readiness, fd))
        return false;
    if (readiness->signals < 0 || !sigio_attach(fd))
        return readiness_watch(readiness, fd, READY_READ);
    add_state(readiness, fd, ATTACHED | WATCHED);
    add_found(readiness, fd, FOUND_READ | FOUND_MORE);
    return true;
}

void readiness_forget(struct readiness *readiness, int fd)
{
    descriptor_set_remove(&readiness->read, fd);
    descriptor_set_remove(&readiness->write, fd);
    if (state_of(readiness, fd) != 0)
        readiness->states[fd] &= QUEUED; /* it stays in the queue, and is skipped there */
    while (readiness->beyond > 0 && !is_selected(readiness, readiness->beyond - 1))
        readiness->beyond--;
}

void readiness_again(struct readiness *readiness, int fd)
{
    add_found(readiness, fd, FOUND_READ);
}

void readiness_write_again(struct readiness *readiness, int fd)
{
    add_found(readiness, fd, FOUND_WRITE);
}

static void add_event(struct readiness *readiness, const struct sigio_event *event)
{
    unsigned state = state_of(readiness, event->fd);
    bool more = !event->data_only || (state & (FOUND_READ | URGENT)) != 0;

    if (event->urgent && (state & ATTACHED) != 0)
        add_state(readiness, event->fd, URGENT);
    if ((state & WATCHED) != 0 && !event->room_only)
        add_found(readiness, event->fd, FOUND_READ | (more ? FOUND_MORE : 0U));
    if ((state & WATCHED_WRITE) != 0 && !event->data_only && !event->urgent)
        add_found(readiness, event->fd, FOUND_WRITE);
}

static void take_signals(struct readiness *readiness)
{
    struct sigio_event events[SIGIO_EVENTS_MAX];
    size_t count = SIGIO_EVENTS_MAX;
    bool lost = false;

    readiness->signals_often = false;
    for (int take = 0; take < TAKES_MAX && count == SIGIO_EVENTS_MAX; take++) {
        count = sigio_take(readiness->signals, events, &lost);
        readiness->signals_often = readiness->signals_often || count > 1;
        for (size_t at = 0; at < count; at++)
            add_event(readiness, &events[at]);
    }
    if (lost)
        readiness->look_left = readiness->size; /* every socket may be ready */
}

static void add_all_found(struct readiness *readiness, const struct descriptor_set *set,
                          unsigned found)
{
    int fd = -1;

    while ((fd = descriptor_set_next(set, fd + 1, readiness->beyond)) >= 0)
        add_found(readiness, fd, found);
}

void readiness_hold(struct readiness *readiness, bool held)
{
    readiness->held = held;
}

/*
 * Removes from what select() watches: the sockets that are known to be ready, and SIGIO, which can
 * wait in the kernel.
 */
static void leave_out_found(struct readiness *readiness)
{
    if (readiness->signals >= 0)
        descriptor_set_remove(&readiness->read_found, readiness->signals);
    for (size_t at = 0; at < readiness->queued; at++) {
        int fd = readiness->queue[(readiness->first + at) & (readiness->size - 1)];
        if (readiness_has(readiness, fd)) {
            descriptor_set_remove(&readiness->read_found, fd);
            descriptor_set_remove(&readiness->write_found, fd);
        }
    }
}

/* One select() over the descriptors that it watches. False with errno. */
static bool find_ready(struct readiness *readiness, int64_t timeout)
{
    struct timeval limit = {0};
    bool may_block = (readiness->queued == 0 && readiness->look_left == 0) || readiness->held;

    if (timeout > 0 && may_block) {
        limit.tv_sec = (time_t)(timeout / 1000000);
        limit.tv_usec = (suseconds_t)(timeout % 1000000);
    }
    descriptor_set_copy(&readiness->read_found, &readiness->read, readiness->beyond);
    descriptor_set_copy(&readiness->write_found, &readiness->write, readiness->beyond);
    if (readiness->held)
        leave_out_found(readiness);
    int found = select(readiness->beyond, descriptor_set_for_select(&readiness->read_found),
                       descriptor_set_for_select(&readiness->write_found), NULL,
                       timeout < 0 && may_block ? NULL : &limit);
    if (found > 0) {
        add_all_found(readiness, &readiness->read_found, FOUND_READ);
        add_all_found(readiness, &readiness->write_found, FOUND_WRITE);
    }
    bool interrupted = found < 0 && errno == EINTR;
    readiness->busy = readiness->busy || found > 0 || interrupted;
    return found >= 0 || interrupted;
}

/*
 * Under load, signals arrive while a round is served, and select() would report nothing else. Takes
 * them without it. False if select() must be called.
 */
static bool take_signals_alone(struct readiness *readiness)
{
    if (!readiness->signals_often || readiness->signals_alone == SIGNALS_ALONE_MAX) {
        readiness->signals_alone = 0;
        return false;
    }
    size_t queued = readiness->queued;
    readiness->signals_alone++;
    take_signals(readiness);
    return readiness->queued > queued;
}

/*
 * Puts the sockets from `from` to `end` that may be ready without a signal into the set `looked`.
 * Returns one more than the last; 0 if there is none.
 */
static int choose_looked(struct readiness *readiness, size_t from, size_t end)
{
    int beyond = 0;

    for (size_t fd = from; fd < end; fd++) {
        if ((readiness->states[fd] & WATCHED_WRITE) != 0)
            add_found(readiness, (int)fd, FOUND_WRITE); /* a send() will tell: they are few */
        if ((readiness->states[fd] & WATCHED) == 0)
            continue;
        if ((readiness->states[fd] & FOUND_READ) != 0) {
            add_state(readiness, (int)fd, FOUND_MORE); /* not all of it was signalled, perhaps */
            continue;
        }
        descriptor_set_add(&readiness->looked, (int)fd);
        beyond = (int)fd + 1;
    }
    return beyond;
}

/*
 * Asks select() about the sockets among the next descriptors, `most` at most. Returns how many
 * descriptors these were; 0 if it failed: the next look tries again.
 */
static size_t look(struct readiness *readiness, size_t most)
{
    size_t from = readiness->look_next < readiness->size ? readiness->look_next : 0;
    size_t end = readiness->size - from > most ? from + most : readiness->size;
    int beyond = choose_looked(readiness, from, end);
    struct timeval no_wait = {0};
    int found = beyond == 0 ? 0
                            : select(beyond, descriptor_set_for_select(&readiness->looked), NULL,
                                     NULL, &no_wait);

    int fd = (int)from - 1;
    while ((fd = descriptor_set_next(&readiness->looked, fd + 1, beyond)) >= 0) {
        if (found > 0)
            add_found(readiness, fd, FOUND_READ | FOUND_MORE);
        descriptor_set_remove(&readiness->looked, fd);
    }
    if (found < 0)
        return 0;
    readiness->busy = readiness->busy || found > 0;
    readiness->look_next = end;
    return end - from;
}

/*
 * Finds sockets whose signals were lost, some in each wait: the others are served meanwhile.
 * select() copies and searches whole sets: few large looks cost less than many.
 */
static void look_for_lost(struct readiness *readiness)
{
    size_t looked = readiness->look_left == 0 ? 0 : look(readiness, LOST_RANGE);

    readiness->look_left -= looked < readiness->look_left ? looked : readiness->look_left;
}

bool readiness_wait(struct readiness *readiness, int64_t timeout)
{
    if (!readiness->held && readiness->look_left == 0 && take_signals_alone(readiness)) {
        readiness->busy = true;
        readiness->left = readiness->queued;
        return true;
    }
    if (find_ready(readiness, timeout))
        readiness->failures = 0;
    else if (errno != ENOMEM || ++readiness->failures == FAILURES_MAX)
        return false;
    if (readiness->signals >= 0 && readiness_take(readiness, readiness->signals))
        take_signals(readiness);
    if (!readiness->held)
        look_for_lost(readiness);
    readiness->left = readiness->queued;
    return true;
}

bool readiness_was_busy(struct readiness *readiness)
{
    bool busy = readiness->busy;

    readiness->busy = false;
    return busy;
}

size_t readiness_looks(const struct readiness *readiness)
{
    return (readiness->size + LOOK_RANGE - 1) / LOOK_RANGE;
}

void readiness_look(struct readiness *readiness)
{
    (void)look(readiness, LOOK_RANGE); /* a failure finds nothing */
}

int readiness_next(struct readiness *readiness, unsigned *events)
{
    while (readiness->left > 0) {
        int fd = readiness->queue[readiness->first];
        unsigned state = readiness->states[fd];
        readiness->first = (readiness->first + 1) & (readiness->size - 1);
        readiness->queued--;
        readiness->left--;
        drop_state(readiness, fd, FOUND_READ | FOUND_WRITE | FOUND_MORE | QUEUED);
        if ((state & (FOUND_READ | FOUND_WRITE)) == 0)
            continue; /* taken, forgotten, or no longer of interest */
        *events = ((state & FOUND_READ) != 0 ? READY_READ : 0U) |
                  ((state & FOUND_WRITE) != 0 ? READY_WRITE : 0U) |
                  ((state & FOUND_MORE) != 0 ? READY_MORE : 0U);
        return fd;
    }
    return -1;
}

size_t readiness_count(const struct readiness *readiness)
{
    return readiness->left;
}

bool readiness_has(const struct readiness *readiness, int fd)
{
    return (state_of(readiness, fd) & (FOUND_READ | FOUND_WRITE)) != 0;
}

bool readiness_take(struct readiness *readiness, int fd)
{
    bool ready = readiness_has(readiness, fd);

    if (ready)
        drop_state(readiness, fd, FOUND_READ | FOUND_WRITE | FOUND_MORE);
    return ready;
}
