/*
 * standard.h: the process's standard input and output, if they are pipes: what was written to the
 * one and not read yet, and what came out of the other.
 */
#ifndef TCPACK_SIMULATION_STANDARD_H
#define TCPACK_SIMULATION_STANDARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { STANDARD_INPUT_MAX = 64 * 1024, STANDARD_OUTPUT_MAX = 128 * 1024 };

struct standard {
    char input[STANDARD_INPUT_MAX];
    size_t planned;   /* bytes of the input, */
    size_t available; /* of which so many were written to the pipe, */
    size_t taken;     /* and so many were read */
    bool ended;       /* and the pipe is closed */
    char output[STANDARD_OUTPUT_MAX];
    size_t written;
    bool stopped;  /* nobody reads the output: the pipe has room for `room` more bytes */
    bool promised; /* select() found it writable, and nothing was written since */
    size_t room;
};

extern struct standard standard;

void standard_begin(void);

/* Nobody reads the output any more: the pipe takes `room` bytes. Or somebody reads it again. */
void standard_stop_output(size_t room);
void standard_read_output(void);

/* The calls, without the beginning that each has. -1 with errno. */
ssize_t standard_read(void *bytes, size_t size);
ssize_t standard_write(const void *bytes, size_t size);

/* The same of a pipe whose reader writes all to a file, at once. -1 with errno EAGAIN: it is full.
 */
ssize_t standard_write_pipe(int inode, const void *bytes, size_t size);

/* Whether select() says so. */
bool standard_is_readable(void);
bool standard_is_writable(void);

#endif
