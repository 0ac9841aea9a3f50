#include "remote.h"

#include "clients.h"
#include "history.h"
#include "network.h"
#include "process.h"
#include "task.h"
#include "trace.h"
#include "virtual_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPLIES_MAX = 8192,
    PIECES_MAX = 512,
    PIECE_MAX = 512, /* a send() of so many bytes arrives in one piece, if it fits in a segment */
    SEGMENT = 1448,
    SMALL_SEGMENT = 100,
    OWN_PORT = 40000,
    SERVER_PORT = 8001,
    REPLY_BYTES = 64,
};

/* One connection at the server's side; its bytes are in network.h's peer of the same slot. */
struct link {
    bool open;    /* the server has not closed it */
    bool is_self; /* there is no server */
    bool silent;  /* the server never acts on it again */
    size_t serial;
    size_t counted;            /* of the bytes sent: whole messages */
    size_t parsed;             /* of the bytes received */
    size_t planned;            /* bytes of replies that were made */
    size_t last;               /* message that was recorded */
    size_t transaction;        /* of the RELP command that is replied to */
    size_t seen;               /* bytes received that nothing more can be made of */
    size_t first_end;          /* of the first reply; 0: there is none */
    size_t pieces[PIECES_MAX]; /* ends of what recv() returns, for REMOTE_BARE */
    size_t pieces_count;
    size_t pieces_read;
    size_t life;     /* bytes received and sent, together, after which it ends */
    int64_t due;     /* when the server acts; 0: that is not decided */
    int64_t connect; /* connect() comes to an end */
};

struct reply {
    size_t message;
    size_t connection;
};

struct remote remote;

static struct link links[NETWORK_PEERS];
static int current; /* the last connection's slot; -1: there was none */
static struct chance chance;
static struct reply replies[REPLIES_MAX + 1];
static size_t replies_count;
static size_t sent_messages[REMOTE_CONNECTIONS_MAX]; /* whole ones, by tcpack */
static size_t serials;
static size_t early; /* the message that an early reply was sent to */

void remote_begin(struct chance *choose, uint64_t seed)
{
    unsigned kind = chance_below(choose, 100);

    remote = (struct remote){
        .kind = kind < 12   ? REMOTE_DOUBLES
                : kind < 20 ? REMOTE_EARLY
                            : REMOTE_HONEST,
        .mortal = chance_percent(choose, 30),
        .whole = chance_percent(choose, 40),
        .think = chance_percent(choose, 50) ? 100 : 20000,
    };
    if (task.load)
        remote.kind = REMOTE_HONEST;
    /* With framing auto, replies that are too many may look like one of several lines. */
    if (task.framing == TASK_AUTO)
        remote.kind = chance_percent(choose, 50) ? REMOTE_BARE : REMOTE_HONEST;
    if (task.framing == TASK_RELP && remote.kind == REMOTE_EARLY)
        remote.kind = REMOTE_HONEST;
    /* With framing auto, a pause of 100 ms within a reply makes two of it: tcpack(1). */
    remote.whole = remote.whole || task.framing == TASK_AUTO;
    remote.disturbed = remote.kind != REMOTE_HONEST;
    chance = chance_from(seed, 7);
    memset(links, 0, sizeof links);
    current = -1;
    replies_count = serials = early = 0;
}

size_t remote_reply_message(size_t serial)
{
    return replies[serial].message;
}

size_t remote_reply_connection(size_t serial)
{
    return replies[serial].connection;
}

size_t remote_replies(void)
{
    return replies_count;
}

size_t remote_sent_messages(size_t connection)
{
    return sent_messages[connection];
}

/* ------------------------------------------------------------------------------------ connections
 */

bool remote_is_true(void)
{
    /* A response of RELP names its message: one that comes twice is not taken for another. */
    return remote.kind == REMOTE_HONEST || remote.kind == REMOTE_BARE || task.framing == TASK_RELP;
}

static struct peer *peer_of(const struct link *link)
{
    return &network_peers[link - links];
}

static struct link *last(void)
{
    return current < 0 || !links[current].open ? NULL : &links[current];
}

/* Whether connect() fails at once. */
static bool is_refused(void)
{
    if (remote.refuses || remote.hangs || remote.is_self || serials + 1 >= REMOTE_CONNECTIONS_MAX)
        remote.disturbed = true;
    return remote.refuses && chance_percent(&chance, 50);
}

int history_connects(void)
{
    if (is_refused()) {
        errno = ECONNREFUSED;
        return -1;
    }
    current = (int)(++serials % NETWORK_PEERS);
    struct link *link = &links[current];
    struct peer *peer = network_make(current);
    *link = (struct link){
        .open = true, .is_self = remote.is_self && !remote.refuses, .serial = serials};
    if (serials + 1 >= REMOTE_CONNECTIONS_MAX)
        process_violation("tcpack has connected %zu times", serials);
    sent_messages[serials] = 0;
    early = 0;
    peer->port = SERVER_PORT;
    peer->own_port = link->is_self ? SERVER_PORT : OWN_PORT + current;
    peer->segment = chance_percent(&chance, 10) ? SMALL_SEGMENT : SEGMENT;
    peer->window = chance_percent(&chance, 30) ? 128 + chance_below(&chance, 500) : 64 * 1024;
    peer->connecting = remote.refuses || remote.hangs || chance_percent(&chance, 70);
    link->connect = remote.hangs ? INT64_MAX : virtual_now() + chance_below(&chance, 1000);
    link->life = remote.mortal && !remote.ends_now ? 20 + chance_below(&chance, 500) : SIZE_MAX;
    if (!peer->connecting && !link->is_self)
        remote.connections++;
    trace_note("  connection %zu%s", link->serial, link->is_self ? " with itself" : "");
    return current;
}

static void finish_connecting(struct link *link)
{
    struct peer *peer = peer_of(link);

    peer->connecting = false;
    if (remote.refuses || link->connect == INT64_MAX) {
        remote.disturbed = true;
        link->open = false;
        peer->reset = true;
        peer->gone = true;
        peer->error = remote.refuses ? ECONNREFUSED : ETIMEDOUT;
    } else if (!link->is_self) {
        remote.connections++;
    }
}

/* Whether tcpack cannot have had a whole reply. */
static bool is_barren(const struct link *link)
{
    return link->first_end == 0 || peer_of(link)->sent < link->first_end;
}

static void lose(struct link *link, bool reset)
{
    trace_note("  the server %s connection %zu", reset ? "resets" : "closes", link->serial);
    remote.disturbed = true;
    remote.barren += is_barren(link);
    remote.refusals = is_barren(link) ? remote.refusals + 1 : 1;
    link->open = false;
    if (reset)
        network_peer_resets((int)(link - links));
    else
        network_peer_closes((int)(link - links));
}

/* tcpack closes. What is under way still comes. */
void clients_closed(int number)
{
    struct link *link = &links[number];

    if (link->open && !link->is_self && !peer_of(link)->connecting)
        remote.barren += is_barren(link);
}

bool client_may_be_cut(int number)
{
    (void)number;
    return remote.kind != REMOTE_BARE; /* its replies have no other ending */
}

/* Bytes that come back, as they do from a socket that is its own peer. */
static void mirror(int number)
{
    struct peer *peer = &network_peers[number];
    size_t size = peer->replied - peer->sent;

    if (size > NETWORK_STREAM - peer->sent)
        size = NETWORK_STREAM - peer->sent;
    memcpy(peer->stream + peer->sent, peer->replies + peer->sent, size);
    network_peer_sends(number, size);
}

/* The same for RELP: TXNR SP COMMAND SP LENGTH [SP DATA] LF. */
static size_t next_command(const unsigned char *bytes, size_t size, const unsigned char **text)
{
    size_t at = 0, length = 0;

    for (int spaces = 0; at < size && spaces < 2; at++)
        spaces += bytes[at] == ' ';
    for (; at < size && bytes[at] >= '0' && bytes[at] <= '9'; at++)
        length = 10 * length + (size_t)(bytes[at] - '0');
    at += length > 0;
    *text = bytes + at;
    return at + length < size ? at + length + 1 : 0;
}

static bool is_counted(void)
{
    return task.framing == TASK_OCTET || task.framing == TASK_SYSLOG;
}

/* The bytes of the next message; 0: it is not whole. Its text in *text. */
static size_t next_message(const unsigned char *bytes, size_t size, const unsigned char **text)
{
    size_t length = 0, at = 0;

    *text = bytes;
    if (task.framing == TASK_RELP)
        return next_command(bytes, size, text);
    if (!is_counted()) {
        const unsigned char *end = memchr(bytes, task.framing == TASK_NUL ? 0 : '\n', size);
        return end == NULL ? 0 : (size_t)(end - bytes) + 1;
    }
    while (at < size && bytes[at] != ' ')
        length = 10 * length + (size_t)(bytes[at++] - '0');
    *text = bytes + at + 1;
    return at < size && size - at - 1 >= length ? at + 1 + length : 0;
}

static void count_sent(struct link *link)
{
    const struct peer *peer = peer_of(link);
    const unsigned char *text;
    size_t size;

    while ((size = next_message(peer->replies + link->counted, peer->replied - link->counted,
                                &text)) > 0) {
        const unsigned char *end = peer->replies + link->counted + size;
        sent_messages[link->serial] += task_number_of(text, (size_t)(end - text)) > 0;
        link->counted += size;
    }
}

/* What one send() sends arrives in one piece or, if it is long, may not. */
void clients_replied(int number)
{
    struct link *link = &links[number];
    struct peer *peer = &network_peers[number];
    size_t begin = link->pieces_count == 0 ? 0 : link->pieces[link->pieces_count - 1];
    size_t size = peer->replied - begin;

    if (link->is_self) {
        mirror(number);
        return;
    }
    count_sent(link);
    while (remote.kind == REMOTE_BARE && link->pieces_count < PIECES_MAX - 1 &&
           (size > PIECE_MAX || size > (size_t)peer->segment)) {
        size_t piece = 1 + chance_below(&chance, (unsigned)size - 1);
        begin += piece;
        size -= piece;
        link->pieces[link->pieces_count++] = begin;
    }
    if (link->pieces_count < PIECES_MAX)
        link->pieces[link->pieces_count++] = peer->replied;
}

/* ----------------------------------------------------------------------------------- the messages
 */

/* With --load, they come over several connections, in order over each of them. */
static void record_load(struct link *link, size_t number)
{
    if (number <= link->last)
        process_violation("message %zu comes after message %zu", number, link->last);
    link->last = number;
    remote.recorded++; /* that none comes twice is seen by their number */
}

static void record(struct link *link, size_t number)
{
    remote.records++;
    if (task.load) {
        record_load(link, number);
        return;
    }
    if (number > remote.recorded + 1 && remote_is_true())
        process_violation("message %zu comes before message %zu", number, remote.recorded + 1);
    if (number == remote.recorded + 1)
        remote.recorded = number;
    trace_note("  the server records message %zu", number);
}

static void add_bytes(struct link *link, const void *bytes, size_t size)
{
    if (link->planned + size > NETWORK_STREAM)
        return;
    memcpy(peer_of(link)->stream + link->planned, bytes, size);
    link->planned += size;
}

/* What a server says to a RELP command that is no message. */
static void answer_command(struct link *link, const unsigned char *command, size_t size)
{
    static const char accepted[] = "1 rsp 37 200 OK\nrelp_version=0\ncommands=syslog\n";
    static const char closed[] = "0 serverclose 0\n";

    if (memmem(command, size, " open ", strlen(" open ")) != NULL)
        add_bytes(link, accepted, strlen(accepted));
    else
        add_bytes(link, closed, strlen(closed));
}

/* Makes a reply, which names the message: 0, if it is for none. */
static void add_reply(struct link *link, size_t message)
{
    char text[REPLY_BYTES], framed[2 * REPLY_BYTES];

    if (replies_count == REPLIES_MAX || link->planned + sizeof framed > NETWORK_STREAM)
        return;
    replies[++replies_count] = (struct reply){message, link->serial};
    size_t size = (size_t)snprintf(text, sizeof text, "%zu m%zu", replies_count, message);
    if (task.framing == TASK_RELP) {
        size = (size_t)snprintf(framed, sizeof framed, "%zu rsp %zu 200 %s\n", link->transaction,
                                size + strlen("200 "), text);
    } else if (is_counted()) {
        size = (size_t)snprintf(framed, sizeof framed, "%zu %s", size, text);
    } else {
        memcpy(framed, text, size);
        if (remote.kind != REMOTE_BARE)
            framed[size++] = task.framing == TASK_NUL ? '\0' : '\n';
    }
    add_bytes(link, framed, size);
    if (link->first_end == 0)
        link->first_end = link->planned;
}

static void reply_to(struct link *link, size_t number)
{
    if (early == number)
        early = 0;
    else
        add_reply(link, number);
    if (remote.kind == REMOTE_DOUBLES && !remote.ends_now && chance_percent(&chance, 10))
        add_reply(link, number);
}

/* Records what has come, and replies. */
static void take_messages(struct link *link)
{
    const struct peer *peer = peer_of(link);
    unsigned most = chance_percent(&chance, 60) ? UINT32_MAX : 1 + chance_below(&chance, 3);

    for (; most > 0; most--) {
        const unsigned char *text, *bytes = peer->replies + link->parsed;
        size_t left = peer->delivered - link->parsed;
        size_t size = left == 0 ? 0 : next_message(bytes, left, &text);
        link->seen = size == 0 ? peer->delivered : link->parsed + size;
        if (size == 0)
            break;
        size_t number = task_number_of(text, left - (size_t)(text - bytes));
        if (number == 0 && task.framing != TASK_RELP)
            process_violation("the server receives what is no message");
        link->parsed += size;
        if (number == 0) {
            answer_command(link, bytes, size);
            continue;
        }
        link->transaction = strtoul((const char *)bytes, NULL, 10);
        record(link, number);
        reply_to(link, number);
    }
    if (remote.kind == REMOTE_EARLY && !remote.ends_now && link == last() && early == 0 &&
        link->parsed == peer->delivered && remote.recorded < task.messages &&
        chance_percent(&chance, 10)) {
        early = remote.recorded + 1;
        add_reply(link, 0);
    }
}

/* Records each piece; the reply names the message that ended in it. */
static void take_pieces(struct link *link)
{
    const struct peer *peer = peer_of(link);

    while (link->pieces_read < link->pieces_count &&
           link->pieces[link->pieces_read] <= peer->delivered) {
        size_t end = link->pieces[link->pieces_read++];
        size_t number = 0, size;
        const unsigned char *text;
        while ((size = next_message(peer->replies + link->parsed, end - link->parsed, &text)) > 0) {
            number = task_number_of(text, size);
            link->parsed += size;
            record(link, number);
        }
        add_reply(link, number);
    }
}

static size_t used_of(const struct link *link)
{
    return link->parsed + peer_of(link)->sent;
}

/* Sends what it has made, or a piece of it. */
static void send_replies(struct link *link)
{
    struct peer *peer = peer_of(link);
    size_t size = link->planned - peer->sent;

    if (size == 0)
        return;
    if (!remote.whole && !remote.ends_now && remote.kind != REMOTE_BARE)
        size = 1 + chance_below(&chance, (unsigned)size);
    size_t room = used_of(link) < link->life ? link->life - used_of(link) : 0;
    if (remote.kind != REMOTE_BARE && size > room)
        size = room;
    network_peer_sends((int)(link - links), size);
    trace_note("  the server has sent %zu bytes of replies", peer->sent);
}

static bool has_work(const struct link *link)
{
    const struct peer *peer = peer_of(link);

    if (!link->open || link->is_self || link->silent || peer->connecting || remote.stalled)
        return false;
    bool has_more = remote.kind == REMOTE_BARE
                        ? link->pieces_read < link->pieces_count &&
                              link->pieces[link->pieces_read] <= peer->delivered
                        : peer->delivered > link->seen;
    return link->planned > peer->sent || has_more;
}

static void serve(struct link *link)
{
    link->due = 0;
    if (remote.kind == REMOTE_BARE)
        take_pieces(link);
    else
        take_messages(link);
    send_replies(link);
    if (used_of(link) >= link->life && link->open)
        lose(link, chance_percent(&chance, 50));
}

static void act(struct link *link)
{
    struct peer *peer = peer_of(link);

    if (peer->connecting && peer->state == PEER_ACCEPTED &&
        (link->connect <= virtual_now() || (remote.ends_now && link->connect == INT64_MAX)))
        finish_connecting(link);
    if (link->open && peer->reset) { /* by a call that was made to fail */
        remote.barren += is_barren(link);
        link->open = false;
    }
    if (link->open && peer->shut && peer->delivered == peer->replied && !has_work(link))
        link->open = false;
    if (link->due > 0 && link->due <= virtual_now() && has_work(link))
        serve(link);
    if (link->due == 0 && has_work(link))
        link->due = virtual_now() + chance_below(&chance, (unsigned)remote.think);
}

/* Also connections that tcpack has closed: what is under way is recorded. */
void remote_act(void)
{
    for (int at = 0; at < NETWORK_PEERS; at++)
        if (links[at].open)
            act(&links[at]);
}

int64_t remote_due(void)
{
    int64_t first = INT64_MAX;

    for (int at = 0; at < NETWORK_PEERS; at++) {
        const struct link *link = &links[at];
        if (!link->open)
            continue;
        if (network_peers[at].connecting && link->connect < first)
            first = link->connect;
        if (has_work(link) && link->due > 0 && link->due < first)
            first = link->due;
    }
    return first;
}

/* ---------------------------------------------------------------------------------------- events
 */

void remote_loses(bool reset, unsigned part)
{
    struct link *link = last();

    if (link == NULL || link->is_self || peer_of(link)->connecting)
        return;
    size_t left = link->planned - peer_of(link)->sent;
    if (left > 0 && remote.kind != REMOTE_BARE)
        network_peer_sends(current, part % (left + 1));
    lose(link, reset);
}

void remote_stall(bool stalled)
{
    remote.stalled = stalled;
    remote.disturbed = remote.disturbed || stalled;
}

static void set_reading(struct link *link, bool reads)
{
    peer_of(link)->reads = reads;
    if (reads && peer_of(link)->replied > peer_of(link)->delivered)
        network_replies_sent((int)(link - links));
}

void remote_read(bool reads)
{
    struct link *link = last();

    if (link == NULL)
        return;
    remote.disturbed = remote.disturbed || !reads;
    set_reading(link, reads);
}

void remote_ends(void)
{
    remote.ends_now = true;
    /* What stalls now never goes on: tcpack has to find out by its time limit. */
    for (int at = 0; at < NETWORK_PEERS; at++)
        links[at].silent = remote.stalled && task.timeout_us > 0;
    remote.stalled = remote.refuses = remote.hangs = remote.is_self = false;
    remote.think = 100;
    for (int at = 0; at < NETWORK_PEERS; at++)
        links[at].life = SIZE_MAX;
    for (int at = 0; at < NETWORK_PEERS; at++)
        if (links[at].open)
            set_reading(&links[at], true);
}
