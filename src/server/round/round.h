/*
 * round.h: one turn of the server's loop, and the state that its five steps share. Each step is a
 * file: wait.c, accept.c, read.c, commit.c, answer.c; server.c calls them in turn.
 *
 *   wait     select(): which descriptors are ready
 *   accept   take new connections
 *   read     each ready connection: recv, framing, messages, appended to the journal's batch
 *   commit   one write() for the batch, and one fdatasync() where sync = yes
 *   answer   one send() for each connection with all of its replies
 */
#ifndef TCPACK_SERVER_ROUND_ROUND_H
#define TCPACK_SERVER_ROUND_ROUND_H

#include "common/buffer.h"
#include "common/compiler.h"
#include "server/connection/connection.h"
#include "server/connection/deadlines.h"
#include "server/connection/episode.h"
#include "server/connection/log_limit.h"
#include "server/connection/peer_counts.h"
#include "server/journal/journal.h"
#include "server/listener/listener.h"
#include "server/metrics.h"
#include "server/readiness/readiness.h"
#include "server/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connection that the answer step has to look at, and its replies of this round. */
struct answer {
    struct connection *connection;
    size_t begin;    /* of its replies, in server.replies */
    size_t size;     /* bytes of them */
    size_t messages; /* of the batch that are this connection's */
};

struct server {
    const struct config_source *source; /* what a reload reads; borrowed */
    struct settings *settings;
    struct listeners listeners;
    struct readiness *readiness;
    struct deadlines *deadlines; /* of connections */
    struct journal *journal;
    int signals; /* descriptor that signals make readable */

    struct connection **connections; /* by descriptor; NULL: none; owned */
    size_t connections_size;         /* entries of that table */
    uint64_t connections_count;      /* connections open */
    uint64_t connections_peak;       /* most of them since memory was given back */
    uint64_t connections_max;
    const char *connections_max_why; /* what sets that limit */

    bool accepting;         /* listeners are watched */
    struct episode no_room; /* log lines about that */
    int64_t accept_again;   /* while not accepting: when to try again, or DEADLINE_NEVER */
    int accept_failures;    /* of accept(), in a row, that may concern one connection only */

    int64_t now;            /* of this round: microseconds, monotonic */
    unsigned char *scratch; /* for one recv() */
    size_t scratch_size;    /* bytes: the largest buffer_size */
    struct buffer text;     /* a reply before it is framed */
    struct buffer replies;  /* of this round, connection after connection */
    struct answer *answers; /* of this round */
    size_t answers_count;
    size_t answers_capacity;

    struct peer_counts peers;    /* admitted connections by address */
    struct log_limit refusals;   /* lines about those that were not admitted */
    struct log_limit complaints; /* other warnings that a peer can cause */
    struct log_limit arrivals;   /* lines about those that came */
    struct log_limit proxies;    /* warnings of PROXY headers that are not expected */
    struct metrics metrics;
    bool metrics_failing;   /* the file could not be written last time */
    int64_t metrics_due;    /* when to write the file, or DEADLINE_NEVER */
    int64_t alive_due;      /* when to tell the service manager, or DEADLINE_NEVER */
    int64_t alive_interval; /* microseconds */

    bool journal_failing;      /* the last commit was refused */
    struct episode unwritable; /* log lines about that */
    size_t sockets_looks;      /* looks to come at a part of the sockets */
    int64_t sockets_look_due;  /* when to see next whether a notification was lost */
    int64_t journal_look_due;  /* when to see next whether the journal is lost */
    int64_t journal_failed;    /* when */
    uint64_t batch_messages;   /* in the batch */
    uint64_t batch_bytes;      /* of these messages */
    bool stopping;
    int64_t parting_due; /* when the last connections are closed, once stopping; DEADLINE_NEVER */
    int status;          /* exit status */
};

/* Waits until something is to be done. Closes connections whose time is up, takes signals. */
void round_wait(struct server *server);

/* Takes new connections from the listeners that are ready. */
void round_accept(struct server *server);

/* Reads from connections that are ready, until all were read or the batch is large. */
void round_read(struct server *server);

/* Commits the batch. Where that fails, takes the replies to it back, or stops the server. */
void round_commit(struct server *server);

/* Sends the replies, and decides for each of the round's connections what it waits for next. */
void round_answer(struct server *server);

/* accept.c: goes on accepting, or pauses, as there is room for more connections or not. */
void accept_resume(struct server *server);

/* accept.c: takes those that wait at listeners which are about to be closed, if there is room. */
void accept_last(struct server *server, const struct listeners *listeners,
                 const struct listeners *but);

/*
 * admit.c: whether a connection that was accepted from `peer` may come in: its address has access
 * and no more connections than it may. False: that was logged and counted, and the caller closes
 * it. One from a proxy has to say first who its client is, and gets the state CONNECTION_PROXY.
 */
bool admit_accepted(struct server *server, struct connection *connection,
                    const struct address *peer) MUST_USE;

enum admission {
    ADMISSION_GRANTED, /* the header is the first *used bytes */
    ADMISSION_OPEN,    /* the header is unfinished */
    ADMISSION_REFUSED, /* that was logged and counted: the caller closes */
};

/* admit.c: the same for one in that state, when bytes of its header have come. */
enum admission admit_proxied(struct server *server, struct connection *connection,
                             const unsigned char *bytes, size_t size, size_t *used) MUST_USE;

/*
 * admit.c: the same for a connection whose header left the proxy its peer, at its first message
 * that is no health check: so a proxy may check a server whatever the access lists say, and a check
 * that only connects is not logged. False: logged and counted, the caller refuses it.
 */
bool admit_proxy(struct server *server, struct connection *connection) MUST_USE;

/* admit.c: it will count as refused, not as ended; the caller closes it. */
void admit_refused(struct connection *connection, enum metrics_refusal reason);

/* admit.c: takes it out of the counts; it counts as ended where it was not refused. */
void admit_leave(struct server *server, const struct connection *connection);

/*
 * peer_log.c: logs a warning that the peer caused, that it was refused, or that it came; unless its
 * address causes many. The line names the peer.
 */
void complain(struct server *server, const struct connection *connection, const char *format, ...)
    PRINTF_LIKE(3, 4);
void warn_of_proxy_header(struct server *server, const struct connection *connection);
void log_refusal(struct server *server, const struct connection *connection, const char *why);
void log_arrival(struct server *server, const struct connection *connection);

/* housekeeping.c: tells the service manager that all is well; after a start, and a reload. */
void housekeeping_begin(struct server *server);

/* housekeeping.c: when something is due (DEADLINE_NEVER: nothing is), and doing what is. */
int64_t housekeeping_due(const struct server *server);
void housekeeping(struct server *server);

/* housekeeping.c: says, once an episode, that the journal is lost and could not be opened again. */
void journal_lost(struct server *server);

/* housekeeping.c: USR1: logs a line of figures, and writes the metrics file. */
void housekeeping_report(struct server *server);

/* housekeeping.c: tells the service manager that the end has begun. */
void housekeeping_stopping(void);

/* housekeeping.c: the last figures. */
void housekeeping_end(struct server *server);

/* limits.c: sets connections_max, and says which limits of the system cut the configuration's. */
void limits_apply(struct server *server);

/* reload.c: reads the configuration again. There must be no batch. */
void reload(struct server *server);

/* reload.c: opens the journal as `settings` say. There must be no batch. False: logged. */
bool reopen_journal(struct server *server, const struct settings *settings) MUST_USE;

/* answer.c: puts a connection among the round's answers. False with errno ENOMEM. */
bool answer_add(struct server *server, struct answer answer) MUST_USE;

/*
 * connections.c: a connection on an accepted descriptor, which it owns from now on, watched for
 * reading. NULL: no memory, and the descriptor is still the caller's.
 */
struct connection *connections_add(struct server *server, int fd,
                                   const struct listener_settings *settings) MUST_USE;

/* connections.c: sets what a connection waits for, and its deadline. */
void connections_settle(struct server *server, struct connection *connection);

/* connections.c: closes a connection for `connection->end`; `why`, if not NULL, is logged. */
void connections_close(struct server *server, struct connection *connection, const char *why);

/*
 * connections.c: at the end: closes those that have nothing on its way, and puts the others among
 * the round's answers, for no more to be taken of them. There must be no answers.
 */
void connections_refuse_all(struct server *server);

/* connections.c: closes all. */
void connections_close_all(struct server *server);

#endif
