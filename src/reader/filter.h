/* filter.h: which records are wanted. Pure. */
#ifndef TCPACK_READER_FILTER_H
#define TCPACK_READER_FILTER_H

#include "common/compiler.h"
#include "common/network.h"
#include "common/problem.h"
#include "common/record.h"

#include <stdbool.h>
#include <stdint.h>

/* Peers that were looked up in the networks; of those that share a place the last one stays. */
enum { FILTER_PLACES_BITS = 13, FILTER_PLACES = 1 << FILTER_PLACES_BITS, FILTER_PEER_SIZE = 47 };

struct filter_peer {
    char text[FILTER_PEER_SIZE]; /* without its port; "": none */
    bool wanted;
};

/* Zeroed and with `to` at its highest it wants all. Its owner calls filter_free(). */
struct filter {
    uint64_t from, to;                  /* SEQ */
    char since[RECORD_TIME_LENGTH + 1]; /* filter_since() and filter_until(); "": any */
    char until[RECORD_TIME_LENGTH + 1];
    bool some_peers; /* only those of the networks, */
    bool unix_peers; /* and those of Unix sockets */
    struct network_list networks;
    const char *listener; /* filter_listener(); NULL: any */
    size_t listener_size;

    struct filter_peer *looked_up; /* FILTER_PLACES of them; NULL: none yet */
};

/*
 * Reads the beginning of a time as records have it, `2026-11-23`, `2026-11-23 04:12`,
 * `2026-11-23T04:12:07.5Z`: since its first, or until its last microsecond. False: it is none, or
 * there is no such time; then the filter is of no use.
 */
bool filter_since(struct filter *filter, const char *text) MUST_USE;
bool filter_until(struct filter *filter, const char *text) MUST_USE;

/* Adds addresses and networks, or `unix`. False with the problem. */
bool filter_peers(struct filter *filter, const char *text, struct problem *problem) MUST_USE;

/* Only records of this listener; "": of [server]. The name must stay valid. */
void filter_listener(struct filter *filter, const char *name);

/* Why no record can be wanted; NULL: some can. */
const char *filter_contradiction(const struct filter *filter);

/* Whether the record is wanted. */
bool filter_has(struct filter *filter, const struct record_line *record);

void filter_free(struct filter *filter);

#endif
