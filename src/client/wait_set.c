#include "client/wait_set.h"

#include "client/signals.h"
#include "common/clock.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

static void put(struct descriptor_set *set, int fd, bool in)
{
    if (in)
        descriptor_set_add(set, fd);
    else
        descriptor_set_remove(set, fd);
}

bool wait_set_watch(struct wait_set *wait_set, int fd, bool to_read, bool to_write)
{
    if (fd >= wait_set->count) {
        if (!descriptor_set_grow(&wait_set->watch_read, fd) ||
            !descriptor_set_grow(&wait_set->watch_write, fd) ||
            !descriptor_set_grow(&wait_set->can_read, fd) ||
            !descriptor_set_grow(&wait_set->can_write, fd))
            return false;
        wait_set->count = fd + 1;
    }
    put(&wait_set->watch_read, fd, to_read);
    put(&wait_set->watch_write, fd, to_write);
    return true;
}

void wait_set_forget(struct wait_set *wait_set, int fd)
{
    descriptor_set_remove(&wait_set->watch_read, fd);
    descriptor_set_remove(&wait_set->watch_write, fd);
    descriptor_set_remove(&wait_set->can_read, fd);
    descriptor_set_remove(&wait_set->can_write, fd);
}

static void clear(struct descriptor_set *set)
{
    if (set->count > 0)
        memset(set->words, 0, set->count * sizeof *set->words);
}

enum wait_result wait_set_wait(struct wait_set *wait_set, int64_t due_us)
{
    struct timespec time = {0};

    if (due_us != WAIT_FOREVER) {
        int64_t left = due_us - clock_monotonic_us();
        if (left > 0)
            time = (struct timespec){left / 1000000, left % 1000000 * 1000};
    }
    descriptor_set_copy(&wait_set->can_read, &wait_set->watch_read, wait_set->count);
    descriptor_set_copy(&wait_set->can_write, &wait_set->watch_write, wait_set->count);
    int ready = pselect(wait_set->count, descriptor_set_for_select(&wait_set->can_read),
                        descriptor_set_for_select(&wait_set->can_write), NULL,
                        due_us == WAIT_FOREVER ? NULL : &time, signals_mask_to_wait());
    bool signal = ready >= 0 && signals_let_in();
    if (ready > 0 && !signal)
        return WAIT_READY;
    clear(&wait_set->can_read); /* after an error, the sets are unchanged */
    clear(&wait_set->can_write);
    if (signal)
        return WAIT_SIGNAL;
    if (ready == 0)
        return WAIT_DUE;
    return errno == EINTR ? WAIT_SIGNAL : WAIT_FAILED;
}

bool wait_set_can_read(const struct wait_set *wait_set, int fd)
{
    return descriptor_set_has(&wait_set->can_read, fd);
}

bool wait_set_can_write(const struct wait_set *wait_set, int fd)
{
    return descriptor_set_has(&wait_set->can_write, fd);
}

int wait_set_next(const struct wait_set *wait_set, int from)
{
    int reads = descriptor_set_next(&wait_set->can_read, from, INT_MAX);
    int writes = descriptor_set_next(&wait_set->can_write, from, INT_MAX);

    return writes < 0 || (reads >= 0 && reads < writes) ? reads : writes;
}

enum wait_result wait_for_one(int fd, bool to_read, bool to_write, int64_t due_us)
{
    struct wait_set wait_set = {0};
    enum wait_result result = WAIT_FAILED;

    if (fd < 0 || wait_set_watch(&wait_set, fd, to_read, to_write))
        result = wait_set_wait(&wait_set, due_us);
    wait_set_free(&wait_set);
    return result;
}

void wait_set_free(struct wait_set *wait_set)
{
    descriptor_set_free(&wait_set->watch_read);
    descriptor_set_free(&wait_set->watch_write);
    descriptor_set_free(&wait_set->can_read);
    descriptor_set_free(&wait_set->can_write);
    *wait_set = (struct wait_set){0};
}
