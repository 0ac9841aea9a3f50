#include "reader/filter.h"

#include "reader/peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands for the rest of a time of which the beginning is given. */
static const char first_of_all[] = "0000-01-01T00:00:00.000000Z";
static const char last_of_all[] = "9999-12-31T23:59:59.999999Z";

/* As many bytes of a time say when it begins: 2026-11-23, then with hour, minute and second. */
static bool is_beginning(size_t size)
{
    enum { DATE = 10, HOUR = 13, MINUTE = 16, SECOND = 19, FRACTION = 21 };

    return size == DATE || size == HOUR || size == MINUTE || size == SECOND ||
           (size >= FRACTION && size < RECORD_TIME_LENGTH);
}

/* Copies the given beginning over `rest`. */
static bool take_time(const char *text, const char *rest, char *time)
{
    size_t size = strlen(text);

    if (size > 0 && text[size - 1] == 'Z')
        size--;
    if (!is_beginning(size))
        return false;
    memcpy(time, rest, RECORD_TIME_LENGTH + 1);
    memcpy(time, text, size);
    if (time[strlen("2026-11-23")] == ' ')
        time[strlen("2026-11-23")] = 'T';
    return record_time_is_form(time) && record_time_exists(time);
}

bool filter_since(struct filter *filter, const char *text)
{
    return take_time(text, first_of_all, filter->since);
}

bool filter_until(struct filter *filter, const char *text)
{
    return take_time(text, last_of_all, filter->until);
}

static bool add_networks(struct network_list *list, const struct network_list *more)
{
    struct network *networks =
        realloc(list->networks, (list->count + more->count) * sizeof *list->networks);

    if (networks == NULL)
        return false;
    memcpy(networks + list->count, more->networks, more->count * sizeof *networks);
    list->networks = networks;
    list->count += more->count;
    return true;
}

bool filter_peers(struct filter *filter, const char *text, struct problem *problem)
{
    struct network_list more;

    filter->some_peers = true;
    if (strcmp(text, "unix") == 0) {
        filter->unix_peers = true;
        return true;
    }
    if (!network_list_parse(text, &more, problem))
        return false;
    bool some = more.count > 0;
    bool added = some && add_networks(&filter->networks, &more);
    if (!some)
        problem_set(problem, "an address, a network or unix is needed, not '%s'", text);
    else if (!added)
        problem_set(problem, "not enough memory");
    network_list_free(&more);
    return added;
}

void filter_listener(struct filter *filter, const char *name)
{
    filter->listener = name;
    filter->listener_size = strlen(name);
}

const char *filter_contradiction(const struct filter *filter)
{
    if (filter->from > filter->to)
        return "--from is higher than --to: no record can be both";
    if (filter->until[0] != '\0' && strcmp(filter->since, filter->until) > 0)
        return "--since is later than --until: no record can be both";
    return NULL;
}

static bool look_up(const struct filter *filter, const char *text, size_t size)
{
    struct sockaddr_storage address;

    if (!peer_parse_address(text, size, &address))
        return false;
    return address.ss_family == AF_UNIX
               ? filter->unix_peers
               : network_list_has(&filter->networks, (const struct sockaddr *)&address);
}

/*
 * Eight bytes at once, the last ones overlapping. Addresses differ in their last bytes, the highest
 * ones of a word: only the highest bits of the product depend on them.
 */
static size_t hash_of(const char *text, size_t size)
{
    uint64_t hash = size;
    uint64_t word = 0;

    for (size_t at = 0; at + sizeof word < size; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    }
    if (size < sizeof word)
        memcpy(&word, text, size);
    else
        memcpy(&word, text + size - sizeof word, sizeof word);
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(hash >> (64 - FILTER_PLACES_BITS));
}

/* Most records are of an address that was seen before: it is looked up once. */
static bool has_peer(struct filter *filter, const struct record_line *record)
{
    const char *text = record->peer;
    size_t size = peer_address_size(text, record->peer_size);

    if (filter->looked_up == NULL)
        filter->looked_up = calloc(FILTER_PLACES, sizeof *filter->looked_up);
    if (filter->looked_up == NULL || size >= FILTER_PEER_SIZE)
        return look_up(filter, text, size);
    struct filter_peer *peer = &filter->looked_up[hash_of(text, size)];
    if (memcmp(peer->text, text, size) != 0 || peer->text[size] != '\0') {
        memcpy(peer->text, text, size);
        peer->text[size] = '\0';
        peer->wanted = look_up(filter, text, size);
    }
    return peer->wanted;
}

bool filter_has(struct filter *filter, const struct record_line *record)
{
    if (record->seq < filter->from || record->seq > filter->to)
        return false;
    if (filter->since[0] != '\0' && memcmp(record->time, filter->since, RECORD_TIME_LENGTH) < 0)
        return false;
    if (filter->until[0] != '\0' && memcmp(record->time, filter->until, RECORD_TIME_LENGTH) > 0)
        return false;
    if (filter->listener != NULL &&
        (filter->listener_size != record->listener_size ||
         memcmp(filter->listener, record->listener, record->listener_size) != 0))
        return false;
    return !filter->some_peers || has_peer(filter, record);
}

void filter_free(struct filter *filter)
{
    network_list_free(&filter->networks);
    free(filter->looked_up);
    filter->looked_up = NULL;
}
