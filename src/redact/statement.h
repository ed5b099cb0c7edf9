/*
 * redact/statement.h: the statement that the client sent, as it may be shown.
 *
 * The server keeps its text in debug_query_string, which every log line of it
 * and current_query() print.  Where it brings a secret, that is pointed at a masked
 * copy; the server parses from elsewhere.
 */
#ifndef SECRETS_REDACT_STATEMENT_H
#define SECRETS_REDACT_STATEMENT_H

#include "redact/mask.h"

/* Whether the text is the client's statement, masked or not: by its place in memory. */
extern bool statement_is(const char *text);

/*
 * Judges it, and hides what it brings.  May be called at any time, as often as
 * one likes, also while an error is reported.
 */
extern MaskJudgement statement_hide(void);

/*
 * The same for a line that may come before the statement is analysed: looks for
 * EXECUTE in its text, too.  Where a value may be taken for a word, since it was not
 * quoted, words that stand where a value does are hidden as well.
 */
extern MaskJudgement statement_hide_for_line(bool may_be_misread);

/* It has been analysed, or one of its parts; of utility statements that says little. */
extern void statement_understood(void);
extern bool statement_is_understood(void);

/* The same where its text does not say so: it executes what was prepared by one that does. */
extern void statement_hide_all(void);

/*
 * A query that brings a secret is run for the client's statement, which does not
 * say so: it fetches from a cursor, or calls a function.
 */
extern void statement_runs_secret(void);
extern bool statement_has_run_secret(void);

/* Its parameters that are names; after statement_hide(). */
extern MaskParams statement_params(void);

/*
 * Whether there was anything to mask in it; and the masked text, as long as it,
 * which is there until the statement has ended.  NULL: there was no memory for it.
 */
extern bool statement_is_masked(void);
extern const char *statement_masked(void);

/*
 * Its text without the values that have passed, for one line of the log: a session
 * that could ask for it (current_query()) would learn which words they are.  False:
 * nothing of it is to be shown.  *covered is NULL where there is nothing to cover.
 */
extern bool statement_cover_values(const char **covered);

/* Of its text, masked or not; 0: there is none. */
extern Size statement_length(void);

/* What other sessions see of it; after statement_hide(). */
extern void statement_report(void);

/* The same where only that is left of it: it has failed, perhaps before it was understood. */
extern void statement_report_failed(void);

#endif
