#include "server/connection/proxy.h"

#include "common/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

enum {
    V1_SIZE_MAX = 107, /* with CR LF; the worst case in the specification */
    V1_FIELDS = 4,     /* source, destination, source port, destination port */
    V2_HEAD_SIZE = 16, /* signature, version and command, family and protocol, length */
};

static const unsigned char v1_signature[] = {'P', 'R', 'O', 'X', 'Y', ' '};
static const unsigned char v2_signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                             0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

static enum proxy_result malformed(struct proxy_header *header, const char *problem)
{
    problem_set(&header->problem, "%s", problem);
    return PROXY_MALFORMED;
}

static struct address ipv4_address(struct in_addr address, in_port_t port)
{
    const struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = port, .sin_addr = address};
    struct address result = {.size = sizeof name};

    memcpy(&result.storage, &name, sizeof name);
    return result;
}

static struct address ipv6_address(struct in6_addr address, in_port_t port)
{
    const struct sockaddr_in6 name = {
        .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = address};
    struct address result = {.size = sizeof name};

    memcpy(&result.storage, &name, sizeof name);
    return result;
}

static struct address unix_address(void)
{
    struct address result = {.size = sizeof(sa_family_t)}; /* a client's socket rarely has a path */

    result.storage.ss_family = AF_UNIX;
    return result;
}

/* Section 2.1: a decimal number without leading zeros. */
static bool read_port(const char *text, in_port_t *port)
{
    uint64_t number;

    if ((text[0] == '0' && text[1] != '\0') || !number_parse(text, 10, 0, UINT16_MAX, &number))
        return false;
    *port = htons((uint16_t)number);
    return true;
}

/* Reads `address` and `port`, texts of a version 1 header, as family `family`. */
static bool read_endpoint(int family, const char *address, const char *port,
                          struct address *endpoint)
{
    struct in_addr ipv4;
    struct in6_addr ipv6;
    in_port_t number;

    if (!read_port(port, &number))
        return false;
    if (family == AF_INET && inet_pton(AF_INET, address, &ipv4) == 1)
        *endpoint = ipv4_address(ipv4, number);
    else if (family == AF_INET6 && inet_pton(AF_INET6, address, &ipv6) == 1)
        *endpoint = ipv6_address(ipv6, number);
    else
        return false;
    return true;
}

/* Parses the text after "PROXY ", without CR LF. Cuts `text` into its fields. */
static enum proxy_result read_v1(char *text, struct proxy_header *header)
{
    char *fields[V1_FIELDS];
    struct address destination;
    int family;

    if (strncmp(text, "UNKNOWN", 7) == 0 && (text[7] == '\0' || text[7] == ' '))
        return PROXY_REAL; /* "the receiver must ignore anything presented before the CRLF" */
    if (strncmp(text, "TCP4 ", 5) == 0)
        family = AF_INET;
    else if (strncmp(text, "TCP6 ", 5) == 0)
        family = AF_INET6;
    else
        return malformed(header, "its protocol is not TCP4, TCP6 or UNKNOWN");
    text += 4;
    for (size_t i = 0; i < V1_FIELDS; i++) {
        if (text == NULL)
            return malformed(header, "an address or port is missing");
        *text++ = '\0';
        fields[i] = text;
        text = strchr(text, ' ');
    }
    if (text != NULL)
        return malformed(header, "it has more than two addresses and two ports");
    if (!read_endpoint(family, fields[0], fields[2], &header->peer) ||
        !read_endpoint(family, fields[1], fields[3], &destination))
        return malformed(header, "an address or port is invalid");
    return PROXY_CLIENT;
}

static enum proxy_result parse_v1(const unsigned char *bytes, size_t size,
                                  struct proxy_header *header)
{
    char text[V1_SIZE_MAX];
    size_t bound = size < V1_SIZE_MAX ? size : V1_SIZE_MAX;
    const unsigned char *end = memchr(bytes, '\n', bound);

    if (end == NULL)
        return size < V1_SIZE_MAX ? PROXY_UNFINISHED
                                  : malformed(header, "its line does not end within 107 bytes");
    if (end[-1] != '\r')
        return malformed(header, "its line does not end with CR LF");
    size_t length = (size_t)(end - bytes) - 1 - sizeof v1_signature;
    memcpy(text, bytes + sizeof v1_signature, length);
    text[length] = '\0';
    if (strlen(text) != length)
        return malformed(header, "it contains a NUL");
    header->consumed = (size_t)(end - bytes) + 1;
    return read_v1(text, header);
}

/* Reads the addresses[0..length) of a version 2 header whose 14th byte is `family`. */
static enum proxy_result read_v2(unsigned family, const unsigned char *addresses, size_t length,
                                 struct proxy_header *header)
{
    enum { IPV4_SIZE = 12, IPV6_SIZE = 36, UNIX_SIZE = 216 };
    struct in_addr ipv4;
    struct in6_addr ipv6;
    in_port_t port;

    if ((family & 0x0fU) > 2 || family >> 4 > 3)
        return malformed(header, "its address family or protocol is unknown");
    if ((family & 0x0fU) == 0 || family >> 4 == 0)
        return PROXY_REAL;
    if (length < (family >> 4 == 1 ? IPV4_SIZE : family >> 4 == 2 ? IPV6_SIZE : UNIX_SIZE))
        return malformed(header, "it is too short for its addresses");
    if (family >> 4 == 1) {
        memcpy(&ipv4, addresses, sizeof ipv4);
        memcpy(&port, addresses + 2 * sizeof ipv4, sizeof port);
        header->peer = ipv4_address(ipv4, port);
    } else if (family >> 4 == 2) {
        memcpy(&ipv6, addresses, sizeof ipv6);
        memcpy(&port, addresses + 2 * sizeof ipv6, sizeof port);
        header->peer = ipv6_address(ipv6, port);
    } else {
        header->peer = unix_address();
    }
    return PROXY_CLIENT;
}

static enum proxy_result parse_v2(const unsigned char *bytes, size_t size,
                                  struct proxy_header *header)
{
    if (size < V2_HEAD_SIZE)
        return PROXY_UNFINISHED;
    unsigned command = bytes[12];
    size_t length = (size_t)bytes[14] << 8 | bytes[15];
    if (command >> 4 != 2)
        return malformed(header, "its version is not 1 or 2");
    if ((command & 0x0fU) > 1)
        return malformed(header, "its command is not LOCAL or PROXY");
    if (size - V2_HEAD_SIZE < length)
        return PROXY_UNFINISHED;
    header->consumed = V2_HEAD_SIZE + length;
    if ((command & 0x0fU) == 0)
        return PROXY_REAL; /* LOCAL: ignore the addresses that follow */
    return read_v2(bytes[13], bytes + V2_HEAD_SIZE, length, header);
}

/* Whether bytes[0..size) begin with the signature, or are the beginning of it. */
static bool may_begin(const unsigned char *bytes, size_t size, const unsigned char *signature,
                      size_t signature_size)
{
    return memcmp(bytes, signature, size < signature_size ? size : signature_size) == 0;
}

enum proxy_result proxy_parse(const unsigned char *bytes, size_t size, struct proxy_header *header)
{
    *header = (struct proxy_header){0};
    if (size == 0)
        return PROXY_UNFINISHED;
    if (may_begin(bytes, size, v1_signature, sizeof v1_signature))
        return size < sizeof v1_signature ? PROXY_UNFINISHED : parse_v1(bytes, size, header);
    if (may_begin(bytes, size, v2_signature, sizeof v2_signature))
        return parse_v2(bytes, size, header);
    return malformed(header, "there is none");
}

bool proxy_begins(const unsigned char *bytes, size_t size)
{
    static const char *const v1[] = {"PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN"};

    for (size_t at = 0; at < sizeof v1 / sizeof v1[0]; at++)
        if (size >= strlen(v1[at]) && memcmp(bytes, v1[at], strlen(v1[at])) == 0)
            return true;
    return size >= sizeof v2_signature && memcmp(bytes, v2_signature, sizeof v2_signature) == 0;
}
