#include "server/journal/pglookup.h"

#include "common/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add(struct pghosts *hosts, const struct pghost *host)
{
    struct pghost *all = realloc(hosts->all, (hosts->count + 1) * sizeof *all);

    if (all == NULL)
        return false;
    all[hosts->count] = *host;
    hosts->all = all;
    hosts->count++;
    return true;
}

static bool is_name(const struct pghost *host)
{
    return host->name[0] != '\0' && host->name[0] != '/' && host->name[0] != '@' &&
           host->address[0] == '\0';
}

static bool out_of_memory(struct problem *problem)
{
    return problem_set(problem, "%s", strerror(ENOMEM));
}

/* ADDRESS of ADDRESS:PORT or [ADDRESS]:PORT. */
static void write_address(const struct address *address, char text[PGHOST_SIZE])
{
    char whole[ADDRESS_TEXT_SIZE];

    (void)address_text(address, whole, sizeof whole);
    int bracket = whole[0] == '[';
    const char *begin = whole + bracket;
    const char *end = strrchr(whole, ':') - bracket;
    (void)snprintf(text, PGHOST_SIZE, "%.*s", (int)(end - begin), begin);
}

/* Adds the host with each address of its name. */
static bool add_addresses(struct pghosts *hosts, const struct pghost *host, struct problem *problem)
{
    struct pghost found = *host;
    struct address_list list;
    struct problem why;
    bool added = true;

    if (!address_resolve(host->name, 0, ADDRESS_TO_CONNECT, &list, &why))
        return problem_set(problem, "cannot look up host \"%s\": %s", host->name, why.text);
    for (size_t at = 0; added && at < list.count; at++) {
        write_address(&list.addresses[at], found.address);
        added = add(hosts, &found);
    }
    address_list_free(&list);
    return added || out_of_memory(problem);
}

bool pglookup(struct pghosts *hosts, struct problem *problem)
{
    struct pghosts found = {0};
    bool done = true;

    for (size_t at = 0; done && at < hosts->count; at++) {
        const struct pghost *host = &hosts->all[at];
        if (is_name(host))
            done = add_addresses(&found, host, problem);
        else
            done = add(&found, host) || out_of_memory(problem);
    }
    if (!done) {
        pghosts_free(&found);
        return false;
    }
    pghosts_free(hosts);
    *hosts = found;
    return true;
}
