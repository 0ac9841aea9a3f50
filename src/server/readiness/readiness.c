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
    FAILURES_MAX =
        16, /* select() may lack memory for a moment; so often in a row, it is for good */
    BELL_TAKES_MAX = 64, /* takes of BELL_RINGS_MAX rings in one wait: then it is time to serve */
    RINGS_ALONE_MAX = 8, /* waits in a row that find rings alone: then select() for the others */
    LOOK_RANGE = 1024,   /* descriptors of one readiness_look(): some 100 us */
};

/* What is known of a descriptor. */
enum {
    RINGS = 1,      /* attached to the bell */
    HEEDED = 2,     /* and watched for reading: its rings count */
    FOUND_READ = 4, /* ready, and not yet returned */
    FOUND_WRITE = 8,
    FOUND_MORE = 16, /* to be returned with READY_MORE */
    QUEUED = 32,     /* in the queue, though perhaps not ready any more */
    URGENT = 64,     /* had urgent data: a read may stop at it */
};

struct readiness {
    struct descriptor_set read; /* watched by select() */
    struct descriptor_set write;
    struct descriptor_set read_found; /* for select() to write into */
    struct descriptor_set write_found;
    struct descriptor_set looked; /* empty but within readiness_look() */
    size_t look_next;             /* the first descriptor of the next look */
    int beyond;       /* one more than the highest descriptor that is given to select() */
    int bell;         /* -1: none */
    bool rings_often; /* the last take found several: by now there may be some again */
    bool busy;        /* a wait found something, or was interrupted */
    int rings_alone;  /* waits in a row without select() */

    unsigned char *states; /* by descriptor */
    int *queue;            /* a ring of descriptors, first in, first out, each at most once */
    size_t size;           /* of both: a power of two */
    size_t first;          /* index in the queue */
    size_t queued;
    size_t left; /* of those queued, how many this round's walk may still look at */

    int failures; /* of select(), in a row */
};

static bool wants_bell(void)
{
    const char *way = getenv("TCPACKD_READINESS");

    return way == NULL || strcmp(way, "plain") != 0;
}

struct readiness *readiness_new(void)
{
    struct readiness *readiness = calloc(1, sizeof *readiness);

    if (readiness == NULL)
        return NULL;
    readiness->bell = wants_bell() ? bell_open() : -1; /* without one, select() does it all */
    if (readiness->bell >= 0 && !readiness_watch(readiness, readiness->bell, READY_READ)) {
        readiness_free(readiness);
        return NULL;
    }
    return readiness;
}

void readiness_free(struct readiness *readiness)
{
    if (readiness == NULL)
        return;
    if (readiness->bell >= 0)
        (void)close(readiness->bell); /* nothing is written through it */
    descriptor_set_free(&readiness->read);
    descriptor_set_free(&readiness->write);
    descriptor_set_free(&readiness->read_found);
    descriptor_set_free(&readiness->write_found);
    descriptor_set_free(&readiness->looked);
    free(readiness->states);
    free(readiness->queue);
    free(readiness);
}

bool readiness_rings(const struct readiness *readiness)
{
    return readiness->bell >= 0;
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

/* Counts a descriptor as ready for `found`, behind the others. */
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

bool readiness_watch(struct readiness *readiness, int fd, unsigned interest)
{
    if (!make_room(readiness, fd))
        return false;
    bool reading = (interest & READY_READ) != 0;
    bool writing = (interest & READY_WRITE) != 0;
    bool rings = (readiness->states[fd] & RINGS) != 0;
    bool heeded = (readiness->states[fd] & HEEDED) != 0;
    drop_state(readiness, fd, HEEDED | (reading ? 0U : FOUND_READ) | (writing ? 0U : FOUND_WRITE));
    if (rings && reading)
        add_state(readiness, fd, HEEDED);
    if (rings && reading && !heeded)
        add_found(readiness, fd, FOUND_READ | FOUND_MORE);
    set_member(&readiness->read, fd, !rings && reading);
    set_member(&readiness->write, fd, writing);
    if (is_selected(readiness, fd) && readiness->beyond <= fd)
        readiness->beyond = fd + 1;
    return true;
}

bool readiness_add_socket(struct readiness *readiness, int fd)
{
    if (!make_room(readiness, fd))
        return false;
    if (readiness->bell < 0 || !bell_attach(fd))
        return readiness_watch(readiness, fd, READY_READ);
    add_state(readiness, fd, RINGS | HEEDED);
    add_found(readiness, fd, FOUND_READ | FOUND_MORE);
    return true;
}

void readiness_forget(struct readiness *readiness, int fd)
{
    descriptor_set_remove(&readiness->read, fd);
    descriptor_set_remove(&readiness->write, fd);
    if (state_of(readiness, fd) != 0)
        readiness->states[fd] &= QUEUED; /* its place in the queue stays, and is passed over */
    while (readiness->beyond > 0 && !is_selected(readiness, readiness->beyond - 1))
        readiness->beyond--;
}

void readiness_again(struct readiness *readiness, int fd)
{
    add_found(readiness, fd, FOUND_READ);
}

static void heed(struct readiness *readiness, const struct bell_ring *ring)
{
    unsigned state = state_of(readiness, ring->fd);
    bool more = !ring->data_only || (state & (FOUND_READ | URGENT)) != 0;

    if (ring->urgent && (state & RINGS) != 0)
        add_state(readiness, ring->fd, URGENT);
    if ((state & HEEDED) != 0)
        add_found(readiness, ring->fd, FOUND_READ | (more ? FOUND_MORE : 0U));
}

/* Rings are missing: everybody may have something. */
static void heed_all(struct readiness *readiness)
{
    for (size_t fd = 0; fd < readiness->size; fd++)
        if ((readiness->states[fd] & HEEDED) != 0)
            add_found(readiness, (int)fd, FOUND_READ | FOUND_MORE);
}

static void take_rings(struct readiness *readiness)
{
    struct bell_ring rings[BELL_RINGS_MAX];
    size_t count = BELL_RINGS_MAX;
    bool lost = false;

    readiness->rings_often = false;
    for (int take = 0; take < BELL_TAKES_MAX && count == BELL_RINGS_MAX; take++) {
        count = bell_take(readiness->bell, rings, &lost);
        readiness->rings_often = readiness->rings_often || count > 1;
        for (size_t at = 0; at < count; at++)
            heed(readiness, &rings[at]);
    }
    if (lost)
        heed_all(readiness);
}

static void add_all_found(struct readiness *readiness, const struct descriptor_set *set,
                          unsigned found)
{
    int fd = -1;

    while ((fd = descriptor_set_next(set, fd + 1)) >= 0 && fd < readiness->beyond)
        add_found(readiness, fd, found);
}

/* One select() over what is given to it. False with errno. */
static bool find_ready(struct readiness *readiness, int64_t timeout)
{
    struct timeval limit = {0};
    bool may_block = readiness->queued == 0;

    if (timeout > 0 && may_block) {
        limit.tv_sec = (time_t)(timeout / 1000000);
        limit.tv_usec = (suseconds_t)(timeout % 1000000);
    }
    descriptor_set_copy(&readiness->read_found, &readiness->read, readiness->beyond);
    descriptor_set_copy(&readiness->write_found, &readiness->write, readiness->beyond);
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
 * Under load, somebody has rung while the last round was served: then select() would only say so.
 * False when it is to be asked.
 */
static bool rings_again(struct readiness *readiness)
{
    if (!readiness->rings_often || readiness->rings_alone == RINGS_ALONE_MAX) {
        readiness->rings_alone = 0;
        return false;
    }
    size_t queued = readiness->queued;
    readiness->rings_alone++;
    take_rings(readiness);
    return readiness->queued > queued;
}

bool readiness_wait(struct readiness *readiness, int64_t timeout)
{
    if (rings_again(readiness)) {
        readiness->busy = true;
        readiness->left = readiness->queued;
        return true;
    }
    if (find_ready(readiness, timeout))
        readiness->failures = 0;
    else if (errno != ENOMEM || ++readiness->failures == FAILURES_MAX)
        return false;
    if (readiness->bell >= 0 && readiness_take(readiness, readiness->bell))
        take_rings(readiness);
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
    size_t from = readiness->look_next < readiness->size ? readiness->look_next : 0;
    size_t end = readiness->size - from > LOOK_RANGE ? from + LOOK_RANGE : readiness->size;
    int beyond = 0; /* 0: none is to be looked at */
    struct timeval no_wait = {0};

    readiness->look_next = end;
    for (size_t fd = from; fd < end; fd++)
        if ((readiness->states[fd] & HEEDED) != 0 && (readiness->states[fd] & FOUND_READ) == 0) {
            descriptor_set_add(&readiness->looked, (int)fd);
            beyond = (int)fd + 1;
        }
    int found = beyond == 0 ? 0
                            : select(beyond, descriptor_set_for_select(&readiness->looked), NULL,
                                     NULL, &no_wait);
    for (int fd = (int)from; fd < beyond; fd++) {
        if (found > 0 && descriptor_set_has(&readiness->looked, fd))
            add_found(readiness, fd, FOUND_READ | FOUND_MORE);
        descriptor_set_remove(&readiness->looked,
                              fd); /* also after a failure: the next one tries */
    }
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
            continue; /* taken, forgotten, or of no interest any more */
        *events = ((state & FOUND_READ) != 0 ? READY_READ : 0U) |
                  ((state & FOUND_WRITE) != 0 ? READY_WRITE : 0U) |
                  ((state & FOUND_MORE) != 0 ? READY_MORE : 0U);
        return fd;
    }
    return -1;
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
