/*
 * redact/redact.h: keeps plaintext out of whatever writes statements down.
 *
 * Statements that name a function which takes a value are masked wherever the
 * server or another extension shows them: what comes by the log hook (log.c), and
 * what is read from the statement's text itself, as statistics do
 * (statement.c).  Rooms say which of their functions take values.
 *
 * A second layer (values.h) knows values that have passed, by fingerprints.
 */
#ifndef SECRETS_REDACT_REDACT_H
#define SECRETS_REDACT_REDACT_H

/* Settings and hooks; before any other room's. */
extern void redact_init(void);

/*
 * A function of ours, or a view, that takes a value: argument number n (from 1)
 * of those whose names these are.  To be called by <room>_init() only.
 */
extern void redact_guard_call(const char *function, int value_argument);
extern void redact_guard_relation(const char *relation, const char *value_column);

#endif
