#include "clients.h"

#include "history.h"
#include "ledger.h"
#include "network.h"
#include "process.h"
#include "trace.h"
#include "virtual_time.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_WHOLE_MAX = 400, /* a message that must come in one piece */
    HEADER_ROOM = 200,     /* for a PROXY header */
    LONG_MESSAGE = 700,    /* longer than the max_message of those that have a small one */
    FEW = 20,              /* messages; more of them are a burst where there are bursts */
    MANY = 400,
    MOMENT_US = 1000,
    STREAM_RESERVE = 3000, /* free bytes of the stream below which no message is planned */
};

/* What a RELP client sends first. */
#define RELP_OPEN "1 open 30 relp_version=0\ncommands=syslog\n"

struct client clients[NETWORK_PEERS];

void clients_begin(void)
{
    for (int at = 0; at < NETWORK_PEERS; at++)
        clients[at].used = false;
}

/* ---------------------------------------------------------------------------------------- messages
 */

static void put(int number, const void *bytes, size_t size)
{
    memcpy(network_peers[number].stream + clients[number].planned, bytes, size);
    clients[number].planned += size;
}

static void put_number(int number, size_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do
        digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    put(number, digits + at, sizeof digits - at);
}

static enum ending choose_ending(struct client *client)
{
    switch (client->framing) {
    case FRAMED_NUL:
        return ENDING_NUL;
    case FRAMED_OCTET:
        return ENDING_COUNT;
    case FRAMED_RELP:
        return ENDING_RELP;
    case FRAMED_SYSLOG:
        if (!client->checker && chance_percent(&client->chance, 50))
            return ENDING_COUNT;
        break;
    case FRAMED_AUTO:
    case FRAMED_LINE:
    case FRAMINGS:
        break;
    }
    if (client->classroom)
        return ENDING_NOTHING;
    if (client->checker)
        return ENDING_LF; /* one for all: some may not be answered */
    return chance_percent(&client->chance, 25) ? ENDING_CRLF : ENDING_LF;
}

static size_t choose_size(struct client *client)
{
    unsigned kind = chance_below(&client->chance, 100);

    if (kind < 5 && !client->classroom && client->framing != FRAMED_SYSLOG && !client->is_unix)
        return 0;
    if (configuration.bursty)
        return 1 + chance_below(&client->chance, 16);
    if (kind < 80 || configuration.small_messages)
        return 1 + chance_below(&client->chance, 40);
    if (kind < 95 || client->framing == FRAMED_AUTO)
        return 1 + chance_below(&client->chance, FIRST_WHOLE_MAX);
    return 400 + chance_below(&client->chance, 1200);
}

enum { BYTES = 64 }; /* of which a message is made */

/* Letters, and some bytes that are not, all of which the framing carries within a message. */
static const unsigned char *bytes_of(enum simulated_framing framing)
{
    static const unsigned char odd[] = {'\\', '\t', 0x01, 0x7f, 0xff, 0xc3,
                                        0xa9, '"',  '\r', 0,    '\n'};
    static unsigned char all[FRAMINGS][BYTES];
    unsigned char *bytes = all[framing];
    bool has_newline = framing == FRAMED_NUL || framing == FRAMED_OCTET;

    for (size_t at = 0; bytes[BYTES - 1] == '\0' && at < BYTES; at++) {
        bytes[at] = at < sizeof odd ? odd[at] : (unsigned char)('a' + at % 26);
        if (bytes[at] == '\0' && framing == FRAMED_NUL)
            bytes[at] = 'x';
        if (bytes[at] == '\n' && !has_newline)
            bytes[at] = 'y';
    }
    return bytes;
}

static void put_text(int number, size_t size)
{
    struct client *client = &clients[number];
    unsigned char *to = network_peers[number].stream + client->planned;
    const unsigned char *from = bytes_of(client->framing);
    uint64_t bits;

    for (size_t at = 0; at < size;) {
        size_t end = at + 10 < size ? at + 10 : size; /* ten times six bits */
        for (bits = chance_next(&client->chance); at < end; bits /= BYTES)
            to[at++] = from[bits % BYTES];
    }
    client->planned += size;
}

/* Takes out of the message what would make something else of it. */
static void make_fit(int number, const struct message *message)
{
    const struct client *client = &clients[number];
    unsigned char *stream = network_peers[number].stream;

    if (client->planned > message->begin && stream[client->planned - 1] == '\r')
        stream[client->planned - 1] = 'z'; /* it would belong to the ending */
    if (client->is_unix)
        stream[message->begin] = (unsigned char)(CLIENT_FIRST_LETTER + number);
    else if (client->framing == FRAMED_SYSLOG)
        stream[message->begin] = 'm'; /* neither a digit nor a separator */
    if (client->classroom && strchr("GPHD", stream[message->begin]) != NULL)
        stream[message->begin] = 'm';
}

/* Plans the next message; false where there is no room for another. */
static bool plan(int number)
{
    struct client *client = &clients[number];
    unsigned char *stream = network_peers[number].stream;

    if (client->count == CLIENT_MESSAGES || client->planned + STREAM_RESERVE > NETWORK_STREAM)
        return false;
    if (client->framing == FRAMED_RELP && client->count == 0)
        put(number, RELP_OPEN, sizeof RELP_OPEN - 1);
    struct message *message = &client->messages[client->count++];
    size_t size = client->checker ? strlen(HEALTH_CHECK) : choose_size(client);
    *message = (struct message){.ending = choose_ending(client)};
    if (message->ending == ENDING_RELP) {
        put_number(number, client->count + 1);
        put(number, " syslog ", 8);
    }
    if (message->ending == ENDING_RELP || message->ending == ENDING_COUNT)
        put_number(number, size);
    if (message->ending == ENDING_COUNT || (message->ending == ENDING_RELP && size > 0))
        put(number, " ", 1);
    message->begin = client->planned;
    put_text(number, size);
    if (client->checker)
        memcpy(stream + message->begin, HEALTH_CHECK, size);
    else
        make_fit(number, message);
    message->end = client->planned;
    if (message->ending == ENDING_CRLF)
        put(number, "\r\n", 2);
    else if (message->ending == ENDING_LF || message->ending == ENDING_RELP)
        put(number, "\n", 1);
    else if (message->ending == ENDING_NUL)
        put(number, "", 1);
    message->whole = client->planned;
    return true;
}

/* -------------------------------------------------------------------------------------- connecting
 */

static void plan_header_v2(int number, const char *host, uint16_t port)
{
    unsigned char header[28] = "\r\n\r\n\0\r\nQUIT\n";
    uint16_t size = htons(12);
    uint16_t to = htons(CONFIGURATION_FIRST_PORT + 2);

    header[12] = host == NULL ? 0x20 : 0x21; /* LOCAL, PROXY */
    header[13] = 0x11;                       /* TCP over IPv4 */
    port = htons(port);
    memcpy(header + 14, &size, sizeof size);
    (void)inet_pton(AF_INET, host == NULL ? "0.0.0.0" : host, header + 16); /* both are addresses */
    memcpy(header + 24, &port, sizeof port);
    memcpy(header + 26, &to, sizeof to);
    put(number, header, sizeof header);
}

/* The header that a proxy sends first. */
static void plan_header(int number)
{
    struct client *client = &clients[number];
    const char *host = client->denied ? DENIED_CLIENT : PROXIED_CLIENT;
    unsigned kind =
        client->denied ? chance_below(&client->chance, 2) : chance_below(&client->chance, 4);
    char text[HEADER_ROOM];

    client->named_by_proxy = kind < 2;
    if (kind == 0) {
        int size = snprintf(text, sizeof text, "PROXY TCP4 %s 127.0.0.1 %d 8003\r\n", host,
                            CLIENT_FIRST_PORT + number);
        put(number, text, (size_t)size);
    } else if (kind == 1) {
        plan_header_v2(number, host, (uint16_t)(CLIENT_FIRST_PORT + number));
    } else if (kind == 2) {
        put(number, "PROXY UNKNOWN\r\n", 15);
    } else {
        plan_header_v2(number, NULL, 0);
    }
}

void client_connect(int number, uint64_t seed)
{
    struct client *client = &clients[number];
    struct peer *peer = &network_peers[number];
    static const size_t windows[] = {40, 100, 500, 4096, 20000};

    memset(client, 0, offsetof(struct client, messages));
    client->used = true;
    client->life = process.number;
    client->count = client->planned = client->recorded = client->acknowledged = client->parsed = 0;
    client->chance = chance_from(seed, (uint64_t)number + 100);
    client->listener = chance_below(&client->chance, CONFIGURATION_LISTENERS);
    const struct configured_listener *listener = &configuration.listeners[client->listener];
    client->framing = listener->framing;
    client->acknowledges = listener->acknowledges;
    client->is_unix = listener->is_unix;
    client->classroom = client->framing == FRAMED_AUTO && client->acknowledges &&
                        !client->is_unix && chance_percent(&client->chance, 50);
    client->checker = configuration.health_check && chance_percent(&client->chance, 20);
    client->denied = !listener->ipv6 && !listener->is_unix && chance_percent(&client->chance, 8);
    peer->family = listener->is_unix ? FAMILY_UNIX : listener->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
    peer->port = (listener->proxied ? PROXY_FIRST_PORT : CLIENT_FIRST_PORT) + number;
    peer->window = windows[configuration.bursty ? 4 : chance_below(&client->chance, 5)];
    peer->reads = true;
    peer->host = listener->proxied ? PROXY_HOST
                 : client->denied  ? DENIED_HOST
                 : listener->ipv6  ? "::1"
                                   : "127.0.0.1";
    if (listener->proxied)
        plan_header(number);
    int port = client->is_unix ? NETWORK_UNIX : CONFIGURATION_FIRST_PORT + (int)client->listener;
    bool connected = network_connect(number, port);
    trace_note("event: peer %d connects to port %d%s", number, port, connected ? "" : ": refused");
}

/* ----------------------------------------------------------------------------------------- sending
 */

static bool may_send(int number)
{
    const struct peer *peer = &network_peers[number];

    return clients[number].used && !clients[number].misbehaves && !peer->finished && !peer->gone &&
           (peer->state == PEER_WAITING || peer->state == PEER_ACCEPTED);
}

static void send_planned(int number, size_t until)
{
    const struct peer *peer = &network_peers[number];

    if (until <= peer->sent)
        return;
    trace_note("event: peer %d sends %zu bytes", number, until - peer->sent);
    clients[number].last_sent = virtual_now();
    network_peer_sends(number, until - peer->sent);
}

/* Whether an earlier message without an ending still waits for its reply, or to be received. */
static bool waits_for_reply(int number)
{
    const struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];

    return client->classroom && client->count > 0 &&
           (client->acknowledged < client->count || peer->delivered < client_replies_end(number));
}

void client_send_messages(int number, unsigned count)
{
    struct client *client = &clients[number];

    if (!may_send(number))
        return;
    if (configuration.bursty && count > FEW)
        count = MANY;
    for (; count > 0 && !waits_for_reply(number); count--) {
        bool fresh = client->count == 0 ||
                     network_peers[number].sent >= client->messages[client->count - 1].whole;
        if (fresh && !plan(number))
            break;
        send_planned(number, client->messages[client->count - 1].whole);
    }
}

void client_send(int number, size_t bytes)
{
    struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    size_t until = peer->sent + bytes;

    if (!may_send(number))
        return;
    if (client->framing == FRAMED_AUTO && (client->classroom || client->count == 0)) {
        client_send_messages(number, 1); /* in one piece: the server takes the first so */
        return;
    }
    while (client->planned < until && plan(number))
        continue;
    send_planned(number, until < client->planned ? until : client->planned);
}

size_t client_whole(int number)
{
    struct client *client = &clients[number];
    size_t count = client->acknowledged;

    if (client->whole > count && client->whole <= client->count)
        count = client->whole;
    while (count < client->count && client->messages[count].whole <= network_peers[number].sent)
        count++;
    client->whole = count;
    return count;
}

size_t client_replies_end(int number)
{
    const struct client *client = &clients[number];

    return client->acknowledged == 0 ? 0 : client->messages[client->acknowledged - 1].reply_end;
}

/* Makes of the message that is unfinished what the server makes of it at the end of sending. */
static void cut_last(int number)
{
    struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    size_t whole = client_whole(number);

    if (whole == client->count)
        return;
    struct message *message = &client->messages[whole];
    client->count = whole;
    if (message->ending == ENDING_COUNT || message->ending == ENDING_RELP) {
        client->misbehaves = peer->sent > (whole == 0 ? 0 : client->messages[whole - 1].whole);
        return;
    }
    if (peer->sent <= message->begin)
        return;
    message->end = message->whole = peer->sent;
    message->ending = ENDING_NOTHING;
    client->count++;
}

/* Whether the last byte sent is a CR that belongs to an ending. */
static bool is_amid_ending(int number)
{
    const struct client *client = &clients[number];
    size_t whole = client_whole(number);

    return whole < client->count && client->messages[whole].ending == ENDING_CRLF &&
           network_peers[number].sent > client->messages[whole].end;
}

/* Whether its proxy has not said yet who it is. */
static bool is_amid_header(int number)
{
    const struct client *client = &clients[number];

    return configuration.listeners[client->listener].proxied &&
           (client->count == 0 || network_peers[number].sent <= client->messages[0].begin);
}

void client_finish(int number)
{
    if (!may_send(number))
        return;
    const struct client *client = &clients[number];
    if (is_amid_header(number) || is_amid_ending(number) || client->checker)
        client_send_messages(number, 1);
    /* Bytes of it that look like the end of a line would be taken for it. */
    while (network_peers[number].sent > 0 && !client->classroom &&
           client_whole(number) < client->count &&
           network_peers[number].stream[network_peers[number].sent - 1] == '\r')
        client_send_messages(number, 1);
    cut_last(number);
    trace_note("event: peer %d finishes sending", number);
    network_peer_finishes(number);
}

void client_misbehave(int number)
{
    struct client *client = &clients[number];
    struct peer *peer = &network_peers[number];

    if (!may_send(number) || client->is_unix)
        return;
    if (is_amid_header(number))
        client_send_messages(number, 1);
    if (client->planned + LONG_MESSAGE > NETWORK_STREAM)
        return;
    size_t whole = client_whole(number);
    if (whole < client->count)
        client->count = whole;
    client->misbehaves = true;
    client->planned = peer->sent;
    if (client->framing == FRAMED_OCTET && chance_percent(&client->chance, 50)) {
        put(number, "x1 bad", 6);
    } else {
        memset(peer->stream + client->planned, 'l', LONG_MESSAGE);
        client->planned += LONG_MESSAGE;
    }
    trace_note("event: peer %d misbehaves", number);
    network_peer_sends(number, client->planned - peer->sent);
}

void client_read(int number, bool reads)
{
    if (!clients[number].used)
        return;
    trace_note("event: peer %d %s", number, reads ? "reads" : "does not read");
    network_peers[number].reads = reads;
    clients[number].ever_deaf = clients[number].ever_deaf || !reads;
}

void client_send_urgent(int number)
{
    if (!may_send(number) || clients[number].framing == FRAMED_AUTO || clients[number].is_unix)
        return;
    if (network_peers[number].sent == clients[number].planned && !plan(number))
        return;
    trace_note("event: peer %d sends an urgent byte", number);
    clients[number].last_sent = virtual_now();
    network_peer_sends_urgent(number);
}

static bool is_open(int number)
{
    return clients[number].used && (network_peers[number].state == PEER_WAITING ||
                                    network_peers[number].state == PEER_ACCEPTED);
}

void client_reset(int number)
{
    if (!is_open(number) || network_peers[number].reset)
        return;
    trace_note("event: peer %d resets", number);
    if (!network_peers[number].finished)
        cut_last(number);
    network_peer_resets(number);
}

void client_close(int number)
{
    if (!is_open(number) || network_peers[number].gone)
        return;
    client_finish(number);
    trace_note("event: peer %d closes", number);
    network_peer_closes(number);
}

bool client_may_be_cut(int number)
{
    return clients[number].framing != FRAMED_AUTO;
}

bool client_listens(int number)
{
    const struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];

    return client->used && !client->misbehaves && !client->denied && !client->refused &&
           client->acknowledges && peer->reads && !peer->gone && !peer->reset;
}

/* ----------------------------------------------------------------------------------------- replies
 */

/*
 * Reads a reply's text. False: it is none that the configuration has. *seq is 0 where the reply
 * does not tell the number; `unrecorded`: it has to be 0 in any case.
 */
static bool read_reply(const unsigned char *text, size_t size, bool unrecorded, uint64_t *seq,
                       size_t *bytes)
{
    static const char fixed[] = "server received you message";
    char copy[256];
    char *end;

    *seq = 0;
    *bytes = SIZE_MAX;
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (strcmp(copy, fixed) == 0)
        return true;
    const char *number = strncmp(copy, "stored ", 7) == 0 ? copy + 7 : copy;
    if (*number != 'n')
        return false;
    *seq = strtoull(number + 1, &end, 10);
    if (end[0] == ' ' && end[1] != 'x')
        *bytes = strtoull(end, &end, 10);
    return end[strspn(end, " x")] == '\0' && (*seq == 0) == unrecorded;
}

/* Bytes of the ending at `at`; -1 where that is no such ending, or not there as a whole. */
static int match_ending(enum ending ending, const unsigned char *at, size_t size)
{
    switch (ending) {
    case ENDING_LF:
        return size >= 1 && at[0] == '\n' ? 1 : -1;
    case ENDING_CRLF:
        return size >= 2 && at[0] == '\r' && at[1] == '\n' ? 2 : -1;
    case ENDING_NUL:
        return size >= 1 && at[0] == '\0' ? 1 : -1;
    case ENDING_COUNT:
    case ENDING_RELP:
    case ENDING_NOTHING:
        break;
    }
    return 0;
}

/* A number and what follows it, which *rest is set to. */
static unsigned long read_number(const char *text, const char *follows, const char **rest)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    *rest = strncmp(end, follows, strlen(follows)) == 0 ? end + strlen(follows) : NULL;
    return number;
}

void clients_offered(int number, size_t size)
{
    if (!ledger_is_failing() && size > clients[number].offered)
        clients[number].offered = size;
}

/* Connections that are served, of the peer's address. */
static int count_served(int number)
{
    int count = 0;

    for (int at = 0; at < NETWORK_PEERS; at++)
        count += clients[at].used && !clients[at].is_unix &&
                 network_peers[at].state == PEER_ACCEPTED && clients[at].acknowledged > 0 &&
                 strcmp(network_peers[at].host, network_peers[number].host) == 0;
    return count;
}

/* The reply to the next message is whole. */
static void take_acknowledgement(int number, uint64_t seq)
{
    struct client *client = &clients[number];
    bool has_address = !client->is_unix && !configuration.listeners[client->listener].proxied;

    client->acknowledged++;
    if (configuration.of_address > 0 && has_address &&
        count_served(number) > configuration.of_address)
        process_violation("peer %d is one too many of its address", number);
    if (!client->checker)
        ledger_acknowledged(number, client->acknowledged - 1, seq);
    else if (ledger_is_failing() &&
             client->messages[client->acknowledged - 1].reply_end > client->offered)
        process_violation("the health check of peer %d is answered, and nothing is recorded",
                          number);
}

static void take_syslog_response(int number, unsigned long txnr, const char *data, size_t size)
{
    struct client *client = &clients[number];

    if (client->checker && txnr > client->acknowledged + 2 && txnr <= client_whole(number) + 1)
        client->acknowledged = txnr - 2; /* those between were not answered */
    if (client->acknowledged >= client_whole(number) || txnr != client->acknowledged + 2 ||
        size != strlen("200 OK") || memcmp(data, "200 OK", size) != 0)
        process_violation("peer %d gets a wrong response %lu: %.*s", number, txnr, (int)size, data);
    client->messages[client->acknowledged].reply_end = client->parsed;
    take_acknowledgement(number, 0);
}

/* Looks at the RELP response that begins at `parsed`; true if it is whole. */
static bool take_response(int number)
{
    static const char farewell[] = "0 serverclose 0\n";
    struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    const char *begin = (const char *)peer->replies + client->parsed;
    size_t size = peer->replied - client->parsed;
    const char *length;
    const char *data;

    if (client->misbehaves || size == 0 || memchr(begin, '\n', size) == NULL)
        return false;
    if (size >= sizeof farewell - 1 && memcmp(begin, farewell, sizeof farewell - 1) == 0) {
        client->parsed += sizeof farewell - 1;
        return true;
    }
    unsigned long txnr = read_number(begin, " rsp ", &length);
    unsigned long bytes = length == NULL ? 0 : read_number(length, " ", &data);
    if (length == NULL || data == NULL)
        process_violation("peer %d gets no RELP response", number);
    size_t whole = (size_t)(data - begin) + bytes + 1;
    if (size < whole)
        return false;
    if (begin[whole - 1] != '\n')
        process_violation("peer %d gets a RELP response without its end", number);
    client->parsed += whole;
    if (txnr > 1)
        take_syslog_response(number, txnr, data, bytes);
    return true;
}

/*
 * Whether the reply that begins at `parsed`, or what is there of it, is the reason why the server
 * closes; no other reply begins with the same letter.
 */
static bool is_refusal(int number)
{
    static const char text[] = "refused: ";
    const struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    size_t at = client->parsed;

    if (!configuration.explain)
        return false;
    if (client->framing == FRAMED_OCTET || client->framing == FRAMED_SYSLOG) /* it is counted */
        while (at < peer->replied && strchr("0123456789 ", peer->replies[at]) != NULL)
            at++;
    if (at >= peer->replied)
        return client->denied; /* nothing else may come */
    size_t size = peer->replied - at;
    return memcmp(peer->replies + at, text, size < strlen(text) ? size : strlen(text)) == 0;
}

/* Looks at the reply that begins at `parsed`; true where it is whole and fits its message. */
static bool take_reply(int number)
{
    struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    const unsigned char *begin = peer->replies + client->parsed;
    size_t size = peer->replied - client->parsed;
    const unsigned char *dot = size == 0 ? NULL : memchr(begin, '.', size);
    uint64_t seq;
    size_t bytes;

    if (dot == NULL || client->misbehaves)
        return false;
    if (client->acknowledged >= client_whole(number))
        process_violation("peer %d gets more replies than it has sent messages", number);
    struct message *message = &client->messages[client->acknowledged];
    const unsigned char *text = begin;
    if (message->ending == ENDING_COUNT) {
        char *blank;
        unsigned long count = strtoul((const char *)begin, &blank, 10);
        text = (const unsigned char *)blank + 1;
        if (*blank != ' ' || count != (size_t)(dot + 1 - text))
            process_violation("peer %d gets a reply with a wrong count", number);
    }
    int ending = match_ending(message->ending, dot + 1, size - (size_t)(dot + 1 - begin));
    if (ending < 0) {
        if (size - (size_t)(dot + 1 - begin) >= 2)
            process_violation("peer %d gets a reply with a wrong ending", number);
        return false;
    }
    if (!read_reply(text, (size_t)(dot - text), client->checker, &seq, &bytes) ||
        (bytes != SIZE_MAX && bytes != message->end - message->begin))
        process_violation("peer %d gets a wrong reply: %.*s", number, (int)(dot - text),
                          (const char *)text);
    client->parsed += (size_t)(dot + 1 - begin) + (size_t)ending;
    message->reply_end = client->parsed;
    take_acknowledgement(number, seq);
    return true;
}

/* Whether the server has no reason to close the connection, or had none a moment ago. */
static bool has_no_reason(int number)
{
    const struct client *client = &clients[number];
    const struct peer *peer = &network_peers[number];
    size_t whole = client_whole(number);
    bool amid = peer->sent > (whole == 0 ? 0 : client->messages[whole - 1].whole);

    return !process.was_asked && !history_was_disturbed() && !client->misbehaves &&
           !client->denied && !client->ever_deaf && virtual_now() - client->last_sent > MOMENT_US &&
           !peer->finished && !peer->gone && !peer->reset && !amid && !configuration.idle &&
           configuration.of_address == 0 && !configuration.listeners[client->listener].proxied;
}

void clients_replied(int number)
{
    if (!clients[number].acknowledges)
        process_violation("peer %d gets a reply in spite of acknowledge = no", number);
    if (!clients[number].refused && is_refusal(number)) {
        clients[number].refused = true;
        if (has_no_reason(number))
            process_violation("peer %d is refused without a reason", number);
    }
    if (clients[number].refused) /* the line may come in pieces */
        return;
    if (clients[number].denied)
        process_violation("peer %d gets a reply and is denied", number);
    while (clients[number].framing == FRAMED_RELP ? take_response(number) : take_reply(number))
        continue;
}

void clients_closed(int number)
{
    const struct peer *peer = &network_peers[number];

    trace_note("peer %d is closed by the server%s", number,
               peer->sent > peer->read ? ", with a reset" : "");
    if (process.running && has_no_reason(number))
        process_violation("the server closes the connection of peer %d without a reason", number);
}
