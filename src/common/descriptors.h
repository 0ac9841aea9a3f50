/*
 * descriptors.h: sets of descriptors for select() without fd_set's limit of FD_SETSIZE, and the
 * limit on open descriptors. The kernel reads as many bits as the first argument of select() says,
 * whatever the size of fd_set (select(2), NOTES).
 */
#ifndef TCPACK_COMMON_DESCRIPTORS_H
#define TCPACK_COMMON_DESCRIPTORS_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/select.h>

/* One word of a set; bit N % DESCRIPTOR_WORD_BITS of word N / DESCRIPTOR_WORD_BITS is descriptor N.
 */
typedef unsigned long descriptor_word;
enum { DESCRIPTOR_WORD_BITS = 8 * sizeof(descriptor_word) };

/* A zeroed struct is an empty set. The code that declares it owns it and calls
 * descriptor_set_free(). */
struct descriptor_set {
    descriptor_word *words;
    size_t count; /* words allocated */
};

/* Makes room for descriptor `fd`, not in the set yet. False with errno ENOMEM. */
bool descriptor_set_grow(struct descriptor_set *set, int fd) MUST_USE;

/* There must be room for `fd`: descriptor_set_grow() was called for it, or for a higher one. */
void descriptor_set_add(struct descriptor_set *set, int fd);

/* `fd` may be any number; one without room is not in the set. */
void descriptor_set_remove(struct descriptor_set *set, int fd);
bool descriptor_set_has(const struct descriptor_set *set, int fd);

/*
 * The lowest descriptor of the set that is at least `from` and below `beyond`; -1 if there is none.
 * Takes time for each 64 that it passes over: with a million, `beyond` keeps a search short.
 */
int descriptor_set_next(const struct descriptor_set *set, int from, int beyond);

/*
 * Copies the descriptors of `from` that are below `beyond` to `set`, and perhaps some above, up to
 * the end of a word. `set` must have room for all of them.
 */
void descriptor_set_copy(struct descriptor_set *set, const struct descriptor_set *from, int beyond);

void descriptor_set_free(struct descriptor_set *set);

/* The set as an argument of select(); NULL for a set that never grew. */
fd_set *descriptor_set_for_select(struct descriptor_set *set);

/*
 * Raises the soft limit on descriptors to `wanted`, or as far as the hard limit allows, and returns
 * the new limit. Never lowers it.
 */
uint64_t descriptors_raise_limit(uint64_t wanted);

/*
 * Makes the standard descriptors safe to use; call it first in main(). For each that is closed,
 * opens /dev/null for reading only: otherwise the next socket or file would take its number and
 * receive what the program prints. Ignores SIGPIPE and SIGXFSZ: a write to a pipe without a reader
 * fails with EPIPE, one beyond the limit of file sizes with EFBIG, so that the program ends with
 * the exit status of its error, even if it cannot print it.
 */
void descriptors_prepare_standard(void);

#endif
