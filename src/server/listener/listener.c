#include "server/listener/listener.h"

#include "common/log.h"
#include "server/listener/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct address listener_bound_address(const struct listener *listener)
{
    struct address bound = {.size = sizeof bound.storage};

    if (getsockname(listener->fd, (struct sockaddr *)&bound.storage, &bound.size) != 0)
        bound = listener->wanted; /* does not happen: a listening socket has a name */
    return bound;
}

struct address listener_note_address(struct listener *listener)
{
    struct address bound = listener_bound_address(listener);

    (void)address_text(&bound, listener->address, sizeof listener->address);
    return bound;
}

bool listeners_make_room(struct listeners *listeners, size_t more)
{
    struct listener *all = realloc(listeners->all, (listeners->count + more) * sizeof *all);

    if (all == NULL)
        return false;
    listeners->all = all;
    return true;
}

bool listeners_adopt(struct listeners *listeners, const struct activation *activation)
{
    if (activation->count == 0)
        return true;
    if (!listeners_make_room(listeners, activation->count))
        return false;
    for (size_t at = 0; at < activation->count; at++) {
        struct listener *listener = &listeners->all[listeners->count];
        *listener = (struct listener){
            .fd = activation->sockets[at].fd,
            .passed_as = strdup(activation->sockets[at].name),
        };
        if (listener->passed_as == NULL)
            return false;
        listener->wanted = listener_note_address(listener);
        listeners->count++;
    }
    return true;
}

void listener_log_start(const struct listener *listener)
{
    const struct config_listener *section = listener->settings->config;
    char title[CONFIG_TITLE_SIZE];

    if (*section->name == '\0')
        log_notice("server start at %s", listener->address);
    else
        log_notice("server start at %s for %s", listener->address,
                   config_listener_title(section, title));
}

/* Whether the section's host and port are the address of the socket. */
static bool has_wanted_address(const struct listener *listener)
{
    const struct config_listener *section = listener->settings->config;
    const struct address bound = listener_bound_address(listener);
    struct address_list list;
    struct problem problem;
    bool found = false;

    if (!address_resolve(section->host, (unsigned)section->port, ADDRESS_TO_LISTEN_NOW, &list,
                         &problem))
        return false;
    for (size_t at = 0; at < list.count; at++)
        found = found || address_equal(&list.addresses[at], &bound);
    address_list_free(&list);
    return found;
}

bool listener_overrides(const struct listener *listener)
{
    return listener->passed_as != NULL && listener->settings->config->address_given &&
           !has_wanted_address(listener);
}

void listener_warn_overridden(const struct listener *listener)
{
    char title[CONFIG_TITLE_SIZE];

    log_warning("host and port of %s have no effect: the service manager opened %s",
                config_listener_title(listener->settings->config, title), listener->address);
}

static void warn_unchanged(const struct listener *listener, const char *what)
{
    log_warning("cannot change %s of %s, which stays as it was: %s", what, listener->address,
                strerror(errno));
}

static void refresh(const struct listener *listener)
{
    const struct config_listener *config = listener->settings->config;
    bool is_unix = listener->wanted.storage.ss_family == AF_UNIX;

    if (!is_unix && !listener_socket_set_inherited(listener->fd, config))
        warn_unchanged(listener, "keepalive");
    if (listener->passed_as != NULL)
        return;
    if (is_unix &&
        !unix_socket_set_mode(&listener->wanted, &listener->file, (mode_t)config->socket_mode))
        warn_unchanged(listener, "socket_mode");
    if (listen(listener->fd, (int)config->backlog) != 0)
        warn_unchanged(listener, "backlog");
}

void listeners_refresh(const struct listeners *listeners)
{
    for (size_t at = 0; at < listeners->count; at++)
        refresh(&listeners->all[at]);
}

const char *listeners_give(const struct listeners *listeners, uid_t uid, gid_t gid)
{
    const char *kept = NULL;
    int error = 0;

    for (size_t at = 0; at < listeners->count; at++) {
        const struct listener *listener = &listeners->all[at];
        if (listener->wanted.storage.ss_family != AF_UNIX || listener->passed_as != NULL ||
            unix_socket_give(&listener->wanted, &listener->file, uid, gid) || kept != NULL)
            continue;
        kept = listener->address;
        error = errno;
    }
    errno = error;
    return kept;
}

void listeners_warn_of_leftovers(const struct listeners *listeners)
{
    for (size_t at = 0; at < listeners->count; at++) {
        const struct listener *listener = &listeners->all[at];
        if (listener->wanted.storage.ss_family == AF_UNIX && listener->passed_as == NULL &&
            !unix_socket_may_remove(&listener->wanted))
            log_warning(
                "%s cannot be removed when the server ends, nor created again by a reload: %s",
                listener->address, strerror(errno));
    }
}

static void close_listener(struct listener *listener)
{
    if (listener->fd < 0)
        return;
    if (listener->wanted.storage.ss_family == AF_UNIX && listener->passed_as == NULL &&
        !unix_socket_remove(&listener->wanted, &listener->file)) {
        /* If it stays, the next server replaces it. */
    }
    (void)close(listener->fd); /* nothing was written through it */
    free(listener->passed_as);
}

void listeners_close(struct listeners *listeners, const struct listeners *but)
{
    for (size_t at = 0; at < listeners->count; at++)
        if (but == NULL || !listeners_have(but, listeners->all[at].fd))
            close_listener(&listeners->all[at]);
    free(listeners->all);
    *listeners = (struct listeners){0};
}

bool listeners_have(const struct listeners *listeners, int fd)
{
    for (size_t at = 0; at < listeners->count; at++)
        if (listeners->all[at].fd == fd)
            return true;
    return false;
}
