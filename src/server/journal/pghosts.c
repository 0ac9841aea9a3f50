#include "server/journal/pghosts.h"

#include <stdlib.h>
#include <string.h>

static size_t count_entries(const char *list)
{
    size_t count = *list == '\0' ? 0 : 1;

    for (; *list != '\0'; list++)
        count += *list == ',';
    return count;
}

/* The entry of that index, or the only one. False, and nothing copied: it is empty or too long. */
static bool copy_entry(const char *list, size_t index, char entry[PGHOST_SIZE])
{
    if (count_entries(list) == 1)
        index = 0;
    for (; index > 0; index--) {
        list += strcspn(list, ",");
        list += *list == ',';
    }
    size_t size = strcspn(list, ",");
    if (size == 0 || size >= PGHOST_SIZE)
        return false;
    memcpy(entry, list, size);
    entry[size] = '\0';
    return true;
}

/* Whether the list is not set, or has an entry for each host. */
static bool fits(const struct pghosts *hosts, const char *list, bool one_for_all)
{
    size_t count = count_entries(list);
    char entry[PGHOST_SIZE];

    for (size_t at = 0; at < count; at++)
        if (!copy_entry(list, at, entry))
            return false;
    return count == 0 || count == hosts->count || (one_for_all && count == 1);
}

bool pghosts_set(struct pghosts *hosts, const char *names, const char *addresses, const char *ports)
{
    const char *name_list = names == NULL ? "" : names;
    const char *address_list = addresses == NULL ? "" : addresses;
    const char *port_list = ports == NULL ? "" : ports;
    size_t named = count_entries(name_list);
    size_t addressed = count_entries(address_list);

    hosts->count = named > addressed ? named : addressed;
    if (hosts->count == 0)
        hosts->count = 1;
    bool fit = fits(hosts, name_list, false) && fits(hosts, address_list, false) &&
               fits(hosts, port_list, true);
    if (!fit)
        hosts->count = 1;
    hosts->all = calloc(hosts->count, sizeof *hosts->all);
    if (hosts->all == NULL)
        return false;
    for (size_t at = 0; fit && at < hosts->count; at++) {
        struct pghost *host = &hosts->all[at];
        copy_entry(name_list, at, host->name);
        copy_entry(address_list, at, host->address);
        copy_entry(port_list, at, host->port);
    }
    return true;
}

void pghosts_free(struct pghosts *hosts)
{
    free(hosts->all);
    *hosts = (struct pghosts){0};
}
