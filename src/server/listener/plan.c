#include "server/listener/plan.h"

#include "server/listener/socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Opens the listener's socket. False with errno. */
static bool open_socket(struct listener *listener, const struct address *address, bool beside)
{
    listener->fd =
        listener_socket_open(address, listener->settings->config, beside, &listener->file);
    return listener->fd >= 0;
}

/* How often to ask the kernel for another port if one is not free on all addresses. */
enum { OTHER_PORTS_MAX = 100 };

/* Adds a copy of a listener with other settings. */
static struct listener *keep(struct listeners *listeners, const struct listener *listener,
                             const struct listener_settings *settings)
{
    struct listener *kept = &listeners->all[listeners->count++];

    *kept = *listener;
    kept->settings = settings;
    return kept;
}

/* Whether the listener serves the address; port 0 matches the port that the kernel chose for it. */
static bool serves(const struct listener *listener, const struct address *wanted)
{
    const struct address bound = listener_bound_address(listener);

    if (wanted->storage.ss_family == AF_UNIX)
        return address_equal(&listener->wanted, wanted) &&
               !unix_socket_is_gone(wanted, &listener->file);
    return address_equal(&listener->wanted, wanted) || address_equal(&bound, wanted);
}

/*
 * The socket in `current` for an address that a section asks for; NULL: there is none. A port that
 * the kernel chose belongs to the section for which it was chosen.
 */
static const struct listener *find_open(const struct listeners *current,
                                        const struct listeners *taken, const struct address *wanted,
                                        const struct listener_settings *settings)
{
    bool chosen = address_port(wanted) == 0;

    for (size_t at = 0; at < current->count; at++) {
        const struct listener *listener = &current->all[at];
        if (listener->passed_as == NULL && serves(listener, wanted) &&
            !listeners_have(taken, listener->fd) &&
            (!chosen || strcmp(listener->settings->config->name, settings->config->name) == 0))
            return listener;
    }
    return NULL;
}

/* Whether another section already has the address; then fills `problem`. */
static bool is_taken(const struct listeners *listeners, const struct address *wanted,
                     const struct listener_settings *settings, struct problem *problem)
{
    char text[ADDRESS_TEXT_SIZE];
    char first[CONFIG_TITLE_SIZE], second[CONFIG_TITLE_SIZE];

    for (size_t at = 0; address_port(wanted) != 0 && at < listeners->count; at++) {
        const struct config_listener *other = listeners->all[at].settings->config;
        if (!address_equal(&listeners->all[at].wanted, wanted))
            continue;
        (void)address_text(wanted, text, sizeof text);
        problem_set(problem, "cannot listen on %s twice: for %s and %s", text,
                    config_listener_title(other, first),
                    config_listener_title(settings->config, second));
        return true;
    }
    return false;
}

/* The addresses that `current` has for a host. False: it has none, or out of memory. */
static bool find_known(const struct listeners *current, const struct config_listener *config,
                       struct address_list *list)
{
    *list = (struct address_list){0};
    for (size_t at = 0; at < current->count; at++) {
        const struct listener *listener = &current->all[at];
        if (listener->passed_as != NULL ||
            strcmp(listener->settings->config->host, config->host) != 0)
            continue;
        struct address address = listener->wanted;
        address_set_port(&address, (int)config->port);
        if (!address_list_add(list, &address)) {
            address_list_free(list);
            return false;
        }
    }
    return list->count > 0;
}

/* The addresses of a section's host. False with the reason in *why. */
static bool find_addresses(const struct config_listener *config, const struct listeners *current,
                           enum listener_lookup lookup, struct address_list *list,
                           struct problem *problem)
{
    enum address_use use = lookup == LISTENER_RUNNING ? ADDRESS_TO_LISTEN_NOW : ADDRESS_TO_LISTEN;

    return address_resolve(config->host, (unsigned)config->port, use, list, problem) ||
           (lookup == LISTENER_RUNNING && find_known(current, config, list));
}

/* Adds a listener for each address of a section: an open one, or one with fd -1 to be opened. */
static bool plan_section(struct listeners *listeners, const struct listener_settings *settings,
                         const struct listeners *current, enum listener_lookup lookup,
                         struct problem *problem)
{
    const struct config_listener *config = settings->config;
    struct address_list list;
    if (!find_addresses(config, current, lookup, &list, problem))
        return problem_set(problem, "cannot listen on %s port %u: %s", config->host,
                           (unsigned)config->port, problem->text);
    bool planned = listeners_make_room(listeners, list.count);
    if (!planned)
        problem_set(problem, "cannot listen on %s: %s", config->host, strerror(errno));
    for (size_t at = 0; planned && at < list.count; at++) {
        const struct address *wanted = &list.addresses[at];
        const struct listener *open = find_open(current, listeners, wanted, settings);
        const struct listener fresh = {.fd = -1, .wanted = *wanted};
        planned = !is_taken(listeners, wanted, settings, problem);
        if (planned)
            keep(listeners, open != NULL ? open : &fresh, settings)->wanted = *wanted;
    }
    address_list_free(&list);
    return planned;
}

/*
 * Lets the sockets that are about to be closed share `port`, or ends that. False if none of them
 * has the port.
 */
static bool share_port(const struct listeners *current, const struct listeners *wanted, int port,
                       bool share)
{
    bool found = false;

    for (size_t at = 0; at < current->count; at++) {
        const struct address bound = listener_bound_address(&current->all[at]);
        if (address_port(&bound) != port || listeners_have(wanted, current->all[at].fd))
            continue;
        found = listener_socket_share(current->all[at].fd, share) || found;
    }
    return found;
}

/*
 * Listens on the address that is wanted. If its port is in use by sockets of `current` that are not
 * in `listeners` (for example, a change from 127.0.0.1 to *), shares the port with them. If the
 * kernel may choose the port and *port is not 0, uses *port: all addresses of a section have the
 * same port. False with errno.
 */
static bool listen_on(struct listener *listener, int *port, const struct listeners *listeners,
                      const struct listeners *current)
{
    struct address address = listener->wanted;

    if (address_port(&address) == 0)
        address_set_port(&address, *port);
    int own = address_port(&address);
    bool done = open_socket(listener, &address, false);
    if (!done && errno == EADDRINUSE && own >= 0 && share_port(current, listeners, own, true)) {
        done = open_socket(listener, &address, true);
        int saved = errno;
        (void)share_port(current, listeners, own, false); /* it worked a moment ago */
        errno = saved;
    }
    if (!done) {
        (void)address_text(&address, listener->address, sizeof listener->address);
        return false;
    }
    address = listener_note_address(listener);
    if (own >= 0)
        *port = address_port(&address);
    return true;
}

/* Whether the error means that the system has no IPv6, or that it is turned off. */
static bool is_without_ipv6(const struct listener *listener, int error)
{
    return error == EAFNOSUPPORT ||
           (error == EADDRNOTAVAIL && listener->wanted.storage.ss_family == AF_INET6);
}

/*
 * Drops the listener at `at`, which failed with `error`, if the system has no IPv6 and the section
 * has other addresses. False if the error counts.
 */
static bool drop_unsupported(struct listeners *listeners, size_t at, int error)
{
    const struct listener_settings *settings = listeners->all[at].settings;
    bool alone = (at == 0 || listeners->all[at - 1].settings != settings) &&
                 (at + 1 == listeners->count || listeners->all[at + 1].settings != settings);

    if (!is_without_ipv6(&listeners->all[at], error) || alone)
        return false;
    listeners->count--;
    memmove(&listeners->all[at], &listeners->all[at + 1],
            (listeners->count - at) * sizeof *listeners->all);
    return true;
}

/*
 * The port that the kernel chose for this section is in use on the address at `at`: closes the
 * section's new sockets. Returns the index of its first listener.
 */
static size_t give_up_port(struct listeners *listeners, size_t at, const struct listeners *current)
{
    const struct listener_settings *settings = listeners->all[at].settings;

    while (at > 0 && listeners->all[at - 1].settings == settings) {
        struct listener *listener = &listeners->all[--at];
        if (listeners_have(current, listener->fd))
            continue;
        (void)close(listener->fd); /* it was never used */
        listener->fd = -1;
    }
    return at;
}

/* What to do about an error that the address causes. */
static const char *advice(const struct address *address, int error)
{
    bool is_unix = address->storage.ss_family == AF_UNIX;

    switch (error) {
    case EEXIST:
        return " (it is not a socket: remove it, or set another host)";
    case EADDRINUSE:
        return is_unix ? " (another server listens there)" : " (by which program: ss -ltnp)";
    case EACCES:
        return is_unix ? " (the server's user may not write to its directory)"
                       : " (a port below 1024 needs root, or tcpackd.socket)";
    case EADDRNOTAVAIL:
        return " (this machine does not have the address: set another host)";
    default:
        return "";
    }
}

/* Opens the listeners that are only planned. */
static bool open_planned(struct listeners *listeners, const struct listeners *current,
                         struct problem *problem)
{
    int port = 0;
    int other_ports = OTHER_PORTS_MAX;

    for (size_t at = 0; at < listeners->count;) {
        struct listener *listener = &listeners->all[at];
        if (at == 0 || listener[-1].settings != listener->settings)
            port = 0; /* another section */
        if (listener->fd >= 0 || listen_on(listener, &port, listeners, current)) {
            at++;
            continue;
        }
        int error = errno;
        if (error == EADDRINUSE && address_port(&listener->wanted) == 0 && port != 0 &&
            other_ports-- > 0) {
            at = give_up_port(listeners, at, current);
            continue;
        }
        problem_set(problem, "cannot listen on %s: %s%s", listener->address, strerror(error),
                    advice(&listener->wanted, error));
        if (!drop_unsupported(listeners, at, error))
            return false;
    }
    return true;
}

/* The section of a passed socket: the one with its name, or else [server]. */
static const struct listener_settings *section_of(const struct listener *passed,
                                                  const struct settings *settings)
{
    const struct listener_settings *named = settings_find(settings, passed->passed_as);

    return named != NULL ? named : &settings->sections[0];
}

/* Adds the passed sockets of a section, and sets *count to their number. */
static bool keep_passed(struct listeners *listeners, const struct listener_settings *settings,
                        const struct listeners *current, size_t *count, struct problem *problem)
{
    *count = 0;
    for (size_t at = 0; at < current->count; at++) {
        const struct listener *listener = &current->all[at];
        if (listener->passed_as == NULL || section_of(listener, settings->all) != settings)
            continue;
        if (!listeners_make_room(listeners, 1))
            return problem_set(problem, "cannot listen on %s: %s", listener->address,
                               strerror(errno));
        (void)keep(listeners, listener, settings);
        (*count)++;
    }
    return true;
}

static bool plan(struct listeners *listeners, const struct settings *settings,
                 const struct listeners *current, enum listener_lookup lookup,
                 struct problem *problem)
{
    size_t passed;

    for (size_t at = 0; at < settings->count; at++) {
        const struct listener_settings *section = &settings->sections[at];
        if (!keep_passed(listeners, section, current, &passed, problem) ||
            (passed == 0 && !plan_section(listeners, section, current, lookup, problem)))
            return false;
    }
    return true;
}

bool listeners_open(struct listeners *listeners, const struct settings *settings,
                    const struct listeners *current, enum listener_lookup lookup,
                    struct problem *problem)
{
    *listeners = (struct listeners){0};
    if (plan(listeners, settings, current, lookup, problem) &&
        open_planned(listeners, current, problem))
        return true;
    listeners_close(listeners, current);
    return false;
}
