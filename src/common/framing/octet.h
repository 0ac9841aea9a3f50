/* octet.h: LEN SP MSG, the octet counting of RFC 6587, section 3.4.1; also a count of 0. */
#ifndef TCPACK_COMMON_FRAMING_OCTET_H
#define TCPACK_COMMON_FRAMING_OCTET_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_octet;

#endif
