/*
 * notify.h: tells the service manager the state of the server, by the protocol of sd_notify(3): a
 * datagram of VARIABLE=value lines to the socket in $NOTIFY_SOCKET. Without that variable each
 * function does nothing and succeeds.
 */
#ifndef TCPACK_SERVER_PROCESS_NOTIFY_H
#define TCPACK_SERVER_PROCESS_NOTIFY_H

#include "common/compiler.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Each sends one datagram. False with errno if that failed; EAGAIN: the manager reads nothing.
 * Waits for it up to half a second, and some milliseconds to send only a status or a sign of life.
 * `status` is one line for people, which systemctl status shows.
 */
bool notify_ready(const char *status) MUST_USE; /* the start, or a reload, is complete */
bool notify_reloading(void) MUST_USE;           /* until notify_ready() */
bool notify_stopping(void) MUST_USE;
bool notify_alive(const char *status) MUST_USE; /* resets the watchdog */
bool notify_status(const char *status) MUST_USE;

/* Whether there is a service manager to notify. */
bool notify_is_wanted(void) MUST_USE;

/*
 * The watchdog's timeout in microseconds; 0: no watchdog. Call notify_alive() at half of it, as
 * sd_watchdog_enabled(3) recommends.
 */
int64_t notify_watchdog_us(void);

#endif
