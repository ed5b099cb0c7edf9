/*
 * redact/values.h: the values that passed through the extension, so that no line
 * of this process tells one, whatever statement it belongs to.
 */
#ifndef SECRETS_REDACT_VALUES_H
#define SECRETS_REDACT_VALUES_H

/* A setting that is nobody's to set. */
extern void values_init(void);

/*
 * A value has come in, or goes out; what is a password in it is remembered too
 * (members.h).  For its transaction, and until the next but one that brings values:
 * the lines that tell of a transaction's end come after it.  Never raises.
 */
extern void values_remember(const char *value, Size len);

/* Whether there are any to look for. */
extern bool values_any(void);

/* So many have passed in this transaction that some of them are not known any more: whatever is quoted may be one. */
extern bool values_are_lost(void);

/*
 * One has passed in the client's statement at hand: whatever data that refuses may
 * be a part of it, and parts are not known.
 */
extern bool values_passed_in_statement(void);

/* How many have come so far, in all of this process's life. */
extern uint64 values_counted(void);

/*
 * For redact's own log hook: in place, never raises.  NULL is no text.  A parallel
 * worker knows no values.  Where some have passed in the transaction that it works
 * for it covers all of a text, which is told to its leader, who logs it too.
 */
extern void values_cover(char *text);

/*
 * The same in SQL: in its literals, numbers and comments alone.  Else whoever may
 * bring a value could have what he does next left out of the log, by bringing its text.
 */
extern void values_cover_sql(char *text, Size len);

#endif
