#include "client/wait_set.h"

#include "client/signals.h"
#include "common/clock.h"

#include <errno.h>
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

bool waiting_watch(struct waiting *waiting, int fd, bool to_read, bool to_write)
{
    if (fd >= waiting->count) {
        if (!descriptor_set_grow(&waiting->watch_read, fd) ||
            !descriptor_set_grow(&waiting->watch_write, fd) ||
            !descriptor_set_grow(&waiting->can_read, fd) ||
            !descriptor_set_grow(&waiting->can_write, fd))
            return false;
        waiting->count = fd + 1;
    }
    put(&waiting->watch_read, fd, to_read);
    put(&waiting->watch_write, fd, to_write);
    return true;
}

void waiting_forget(struct waiting *waiting, int fd)
{
    descriptor_set_remove(&waiting->watch_read, fd);
    descriptor_set_remove(&waiting->watch_write, fd);
    descriptor_set_remove(&waiting->can_read, fd);
    descriptor_set_remove(&waiting->can_write, fd);
}

static void clear(struct descriptor_set *set)
{
    if (set->count > 0)
        memset(set->words, 0, set->count * sizeof *set->words);
}

enum waiting_result waiting_wait(struct waiting *waiting, int64_t due_us)
{
    struct timespec time = {0};

    if (due_us != WAITING_FOREVER) {
        int64_t left = due_us - clock_monotonic_us();
        if (left > 0)
            time = (struct timespec){left / 1000000, left % 1000000 * 1000};
    }
    descriptor_set_copy(&waiting->can_read, &waiting->watch_read, waiting->count);
    descriptor_set_copy(&waiting->can_write, &waiting->watch_write, waiting->count);
    int ready = pselect(waiting->count, descriptor_set_for_select(&waiting->can_read),
                        descriptor_set_for_select(&waiting->can_write), NULL,
                        due_us == WAITING_FOREVER ? NULL : &time, signals_mask_to_wait());
    bool signal = ready >= 0 && signals_let_in();
    if (ready > 0 && !signal)
        return WAITING_READY;
    clear(&waiting->can_read); /* after an error they would still say what was asked */
    clear(&waiting->can_write);
    if (signal)
        return WAITING_SIGNAL;
    if (ready == 0)
        return WAITING_DUE;
    return errno == EINTR ? WAITING_SIGNAL : WAITING_FAILED;
}

bool waiting_can_read(const struct waiting *waiting, int fd)
{
    return descriptor_set_has(&waiting->can_read, fd);
}

bool waiting_can_write(const struct waiting *waiting, int fd)
{
    return descriptor_set_has(&waiting->can_write, fd);
}

int waiting_next(const struct waiting *waiting, int from)
{
    int reads = descriptor_set_next(&waiting->can_read, from);
    int writes = descriptor_set_next(&waiting->can_write, from);

    return writes < 0 || (reads >= 0 && reads < writes) ? reads : writes;
}

enum waiting_result waiting_for_one(int fd, bool to_read, bool to_write, int64_t due_us)
{
    struct waiting waiting = {0};
    enum waiting_result result = WAITING_FAILED;

    if (fd < 0 || waiting_watch(&waiting, fd, to_read, to_write))
        result = waiting_wait(&waiting, due_us);
    waiting_free(&waiting);
    return result;
}

void waiting_free(struct waiting *waiting)
{
    descriptor_set_free(&waiting->watch_read);
    descriptor_set_free(&waiting->watch_write);
    descriptor_set_free(&waiting->can_read);
    descriptor_set_free(&waiting->can_write);
    *waiting = (struct waiting){0};
}
