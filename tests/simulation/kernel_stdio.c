/*
 * Streams of libc on simulated descriptors: libc's own code does the buffering, and reads and
 * writes through these functions (fopencookie(3)). A process cannot end within one: libc would be
 * left in the middle of its work. So no event happens here; before and behind them there is time
 * for it.
 */
#include "calls.h"
#include "descriptors.h"
#include "kernel_files.h"
#include "process.h"
#include "wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { STREAMS_MAX = 8 };

struct stream {
    FILE *file;
    int fd;
};

static struct stream streams[STREAMS_MAX];

REAL(int, fclose, FILE *file);
REAL(int, fileno, FILE *file);
REAL(int, fflush, FILE *file);
REAL(size_t, fwrite, const void *bytes, size_t size, size_t count, FILE *file);
int __wrap_close(int fd);
ssize_t __wrap_write(int fd, const void *bytes, size_t size);

static ssize_t read_stream(void *cookie, char *bytes, size_t size)
{
    const struct stream *stream = cookie;

    if (descriptors[stream->fd].kind != DESCRIPTOR_FILE)
        return 0;
    return files_read(&descriptors[stream->fd], bytes, size);
}

static ssize_t write_stream(void *cookie, const char *bytes, size_t size)
{
    const struct stream *stream = cookie;

    if (!process.running || descriptors[stream->fd].kind != DESCRIPTOR_FILE)
        return (ssize_t)size;
    ssize_t written = files_write(&descriptors[stream->fd], bytes, size);
    return written < 0 ? 0 : written; /* fopencookie(3): 0 is an error */
}

static FILE *open_stream(int fd, const char *mode)
{
    const cookie_io_functions_t functions = {.read = read_stream, .write = write_stream};

    for (size_t at = 0; at < STREAMS_MAX; at++) {
        if (streams[at].file != NULL)
            continue;
        streams[at].fd = fd;
        streams[at].file = fopencookie(&streams[at], mode, functions);
        return streams[at].file;
    }
    errno = ENOMEM;
    return NULL;
}

static struct stream *find(const FILE *file)
{
    for (size_t at = 0; at < STREAMS_MAX; at++)
        if (streams[at].file == file)
            return &streams[at];
    return NULL;
}

/* Closes what a process that was killed has left open. */
void stdio_process_ends(void);
void stdio_process_ends(void)
{
    for (size_t at = 0; at < STREAMS_MAX; at++) {
        if (streams[at].file != NULL)
            (void)__real_fclose(streams[at].file); /* what is in its buffer is lost with it */
        streams[at].file = NULL;
    }
}

WRAP(FILE *, fdopen, int fd, const char *mode)
{
    return calls_lack_memory() ? NULL : open_stream(fd, mode);
}

WRAP(FILE *, fopen, const char *path, const char *mode)
{
    int flags = mode[0] == 'r' ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;

    if (calls_fail(CALL_OPEN))
        return NULL;
    int fd = files_open(path, flags, 0666);
    return fd < 0 ? NULL : open_stream(fd, mode[0] == 'r' ? "r" : "w");
}

WRAP(int, fileno, FILE *file)
{
    const struct stream *stream = find(file);

    return stream == NULL ? __real_fileno(file) : stream->fd;
}

WRAP(int, fflush, FILE *file)
{
    if (find(file) != NULL && calls_fail(CALL_WRITE))
        return EOF;
    process.in_stdio = true;
    int result = __real_fflush(file);
    process.in_stdio = false;
    return result;
}

/* The process's standard output. */
WRAP(size_t, fwrite, const void *bytes, size_t size, size_t count, FILE *file)
{
    if (file != stdout || !process.running)
        return __real_fwrite(bytes, size, count, file);
    return __wrap_write(STDOUT_FILENO, bytes, size * count) == (ssize_t)(size * count) ? count : 0;
}

WRAP(int, fclose, FILE *file)
{
    struct stream *stream = find(file);

    if (stream == NULL)
        return __real_fclose(file);
    int fd = stream->fd;
    process.in_stdio = true;
    int result = __real_fclose(file);
    process.in_stdio = false;
    stream->file = NULL;
    return __wrap_close(fd) == 0 ? result : EOF;
}
