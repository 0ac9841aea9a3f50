#include "client/output.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

/* A writable pipe takes at least this many bytes without blocking (pipe(7)). */
enum { PIECE_SIZE = PIPE_BUF };

void output_init(struct output *output, int fd)
{
    struct stat status;

    *output = (struct output){
        .fd = fd,
        .file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode),
        .terminal = isatty(fd) != 0,
    };
}

size_t output_pending(const struct output *output)
{
    return output->pending.size - output->begin;
}

static void forget(struct output *output)
{
    output->pending.size = 0;
    output->begin = 0;
}

bool output_write(struct output *output)
{
    size_t size = output_pending(output);

    if (size == 0)
        return true;
    if (!output->file && size > PIECE_SIZE)
        size = PIECE_SIZE;
    ssize_t written = write(output->fd, output->pending.bytes + output->begin, size);
    if (written < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
            return true;
        forget(output);
        return false;
    }
    output->begin += (size_t)written;
    if (output_pending(output) == 0) {
        forget(output);
    } else if (output->begin >= OUTPUT_PENDING_MAX) {
        buffer_consume(&output->pending, output->begin);
        output->begin = 0;
    }
    return true;
}

void output_free(struct output *output)
{
    buffer_free(&output->pending);
}
