/*
 * signals.h: the signals that tcpack takes. They are blocked but while it waits (wait_set.h), so
 * none is lost between looking and waiting, and none interrupts anything else.
 */
#ifndef TCPACK_CLIENT_SIGNALS_H
#define TCPACK_CLIENT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Takes over INT, TERM, HUP, WINCH and CONT, but for those that the caller ignores, and ignores
 * PIPE. Called once, at the start.
 */
void signals_install(void);

/*
 * Takes over one more signal; not one that the caller ignores. The handler runs while we wait, when
 * nothing else is interrupted.
 */
void signals_catch(int number, void (*handler)(int));

/* The mask with which pselect() waits. */
const sigset_t *signals_mask_to_wait(void);

/*
 * Lets a signal in that came while all were blocked. True: one was. For pselect() does so only
 * where it has to wait: a busy descriptor would keep signals out.
 */
bool signals_let_in(void);

/* SIGINT, SIGTERM or SIGHUP, whichever came last since signals_forget_interrupt(); 0: neither. */
int signals_interrupt(void);
void signals_forget_interrupt(void);

/* Whether the terminal may look different (resized, or we were stopped) since the last call. */
bool signals_terminal_changed(void);

#endif
