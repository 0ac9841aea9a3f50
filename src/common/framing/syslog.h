/*
 * syslog.h: what a syslog sender may use over TCP, one way or the other for each message (RFC
 * 6587): a digit from 1 to 9 begins a count as in octet, anything else a line. LF and NUL between
 * two frames are passed over, as rsyslog does: so an empty line is no message.
 */
#ifndef TCPACK_COMMON_FRAMING_SYSLOG_H
#define TCPACK_COMMON_FRAMING_SYSLOG_H

#include "common/framing/protocol.h"

extern const struct framing_protocol framing_syslog;

#endif
