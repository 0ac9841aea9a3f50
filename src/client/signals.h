/*
 * signals.h: the signals that tcpack handles. They are blocked except while it waits (wait_set.h).
 * A signal is therefore never lost between a check and a wait, and interrupts nothing but a wait.
 */
#ifndef TCPACK_CLIENT_SIGNALS_H
#define TCPACK_CLIENT_SIGNALS_H

#include <signal.h>
#include <stdbool.h>

/*
 * Installs handlers for INT, TERM, HUP, WINCH and CONT, except those that are ignored at the start.
 * Called once.
 */
void signals_install(void);

/*
 * Installs a handler for one more signal, unless it is ignored. The handler runs only during a
 * wait.
 */
void signals_catch(int number, void (*handler)(int));

/* The signal mask for pselect(). */
const sigset_t *signals_mask_to_wait(void);

/*
 * Delivers a signal that is pending while signals are blocked. Returns whether there was one.
 * pselect() delivers signals only if it has to wait: a busy descriptor would delay them forever.
 */
bool signals_let_in(void);

/* SIGINT, SIGTERM or SIGHUP: the last one since signals_forget_interrupt(); 0: none. */
int signals_interrupt(void);
void signals_forget_interrupt(void);

/* Whether WINCH or CONT has arrived since the last call: the screen may need repainting. */
bool signals_terminal_changed(void);

#endif
