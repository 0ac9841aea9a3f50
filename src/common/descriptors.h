/*
 * descriptors.h: sets of descriptors for select() that go as far as the descriptor limit, where
 * fd_set ends at FD_SETSIZE; and that limit. The kernel looks at as many bits as its first argument
 * says, whatever the size of fd_set (select(2), NOTES).
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

/* A zeroed struct is an empty set. Who declares it owns it and calls descriptor_set_free(). */
struct descriptor_set {
    descriptor_word *words;
    size_t count; /* words allocated */
};

/* Makes room for descriptor `fd`, not in the set yet. False with errno ENOMEM. */
bool descriptor_set_grow(struct descriptor_set *set, int fd) MUST_USE;

/* `fd` must have room: descriptor_set_grow() was called for it, or for a higher one. */
void descriptor_set_add(struct descriptor_set *set, int fd);

/* Any fd; one without room is in no set. */
void descriptor_set_remove(struct descriptor_set *set, int fd);
bool descriptor_set_has(const struct descriptor_set *set, int fd);

/* The lowest descriptor of the set that is at least `from`; -1 where there is none. */
int descriptor_set_next(const struct descriptor_set *set, int from);

/*
 * Copies the descriptors of `from` below `beyond` to `set`; those from there up may come along, to
 * the end of a word. `set` must have room for them all.
 */
void descriptor_set_copy(struct descriptor_set *set, const struct descriptor_set *from, int beyond);

void descriptor_set_free(struct descriptor_set *set);

/* For the arguments of select(). NULL for a set that never grew. */
fd_set *descriptor_set_for_select(struct descriptor_set *set);

/*
 * Raises the soft limit of descriptors to `wanted`, or as far towards it as the hard limit allows,
 * and returns what the limit then is. Never lowers it.
 */
uint64_t descriptors_raise_limit(uint64_t wanted);

/*
 * Opens /dev/null, to read only, for each standard descriptor that the caller of this program left
 * closed: else the next socket or file would be it, and get what was printed. For the beginning of
 * main().
 */
void descriptors_open_standard(void);

#endif
