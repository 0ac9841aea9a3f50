#include "descriptors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct descriptor descriptors[DESCRIPTORS_MAX];
static int limit;
static bool log_is_full, log_is_promised;
static int highest; /* that was ever in use, in this process */

void descriptors_begin(int wanted)
{
    memset(descriptors, 0, (size_t)(highest + 1) * sizeof *descriptors);
    limit = wanted < DESCRIPTORS_MAX ? wanted : DESCRIPTORS_MAX;
    descriptors[0] = (struct descriptor){.kind = DESCRIPTOR_NULL, .flags = O_RDONLY};
    descriptors[1] = (struct descriptor){.kind = DESCRIPTOR_NULL, .flags = O_WRONLY};
    descriptors[2] = (struct descriptor){.kind = DESCRIPTOR_LOG, .flags = O_WRONLY};
    highest = 2;
    log_is_promised = false;
}

int descriptors_limit(void)
{
    return limit;
}

int descriptors_add(enum descriptor_kind kind, int object, int flags)
{
    for (int fd = 0; fd < limit; fd++) {
        if (descriptors[fd].kind != DESCRIPTOR_FREE)
            continue;
        descriptors[fd] = (struct descriptor){.kind = kind, .object = object, .flags = flags};
        if (fd > highest)
            highest = fd;
        return fd;
    }
    errno = EMFILE;
    return -1;
}

struct descriptor *descriptors_get(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS_MAX && descriptors[fd].kind != DESCRIPTOR_FREE)
        return &descriptors[fd];
    errno = EBADF;
    return NULL;
}

void descriptors_fill_log(bool full)
{
    log_is_full = full;
}

void descriptors_promise_log(bool promised)
{
    log_is_promised = promised;
}

bool descriptors_log_is_promised(void)
{
    return log_is_promised;
}

bool descriptors_log_is_full(void)
{
    return log_is_full;
}

size_t descriptors_count(enum descriptor_kind kind)
{
    size_t count = 0;

    for (int fd = 0; fd <= highest; fd++)
        count += descriptors[fd].kind == kind;
    return count;
}
