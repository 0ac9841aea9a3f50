/*
 * watch.h: waits until something may have happened to a journal: inotify(7) says so at once;
 * without it, or on a file system that does not tell, a look now and then finds it.
 */
#ifndef TCPACK_READER_WATCH_H
#define TCPACK_READER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct watch {
    int fd;   /* of inotify; -1: there is none */
    int file; /* of the file that is watched; -1: none */
};

/* Watches the folder of `path` for new names. Its owner calls watch_close(). */
void watch_open(struct watch *watch, const char *path);

/* Watches the open file `fd` for what is written to it, and no other one any more. */
void watch_file(struct watch *watch, int fd);

/* So long the watch can be trusted to wake us: microseconds. */
int64_t watch_patience(const struct watch *watch);

/* Waits at most so long. False: the program that reads our output is gone. */
bool watch_wait(struct watch *watch, int64_t timeout_us);

void watch_close(struct watch *watch);

#endif
