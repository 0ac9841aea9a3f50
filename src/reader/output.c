#include "reader/output.h"

#include "common/descriptors.h"

#include <errno.h>
#include <sys/select.h>
#include <unistd.h>

enum { KEPT_MAX = 1024 * 1024 }; /* bytes of a buffer that are kept: a huge message must not stay */

/* Somebody else may have made it non-blocking: then write() does not wait by itself. */
static void wait_until_writable(void)
{
    struct descriptor_set set = {0};

    if (descriptor_set_grow(&set, STDOUT_FILENO)) {
        descriptor_set_add(&set, STDOUT_FILENO);
        /* Whatever it returns, the next write() tells what is the matter. */
        (void)select(STDOUT_FILENO + 1, NULL, descriptor_set_for_select(&set), NULL, NULL);
    }
    descriptor_set_free(&set);
}

bool output_write(struct buffer *bytes)
{
    size_t written = 0;

    while (written < bytes->size) {
        ssize_t count = write(STDOUT_FILENO, bytes->bytes + written, bytes->size - written);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            wait_until_writable();
        else if (count < 0 && errno != EINTR)
            return false;
        else if (count > 0)
            written += (size_t)count;
    }
    bytes->size = 0;
    if (bytes->capacity > KEPT_MAX)
        buffer_free(bytes);
    return true;
}
