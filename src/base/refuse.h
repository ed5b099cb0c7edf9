/*
 * base/refuse.h: words of refusal.
 *
 * A value is in no message, and neither is input that may be one: arguments get
 * swapped, and a bad name is often a good password.  So no message quotes its
 * input, and the statement and the context, which do, are kept out of the
 * log line of every error of ours; the context also out of what the client is
 * told, whose application may log that.
 */
#ifndef SECRETS_BASE_REFUSE_H
#define SECRETS_BASE_REFUSE_H

#include "utils/elog.h"

#include "base/compat.h"

/* REFUSE(ERRCODE_..., errmsg("..."), errhint("...")) */
#define REFUSE(sqlstate, ...) \
	do { \
		(void) hush(); \
		ereport(ERROR, (errcode(sqlstate), errhidestmt(true), errhidecontext(true), __VA_ARGS__)); \
	} while (0)

/* The contract's "check-and-set lost", 40002. */
#define ERRCODE_LOST_UPDATE ERRCODE_T_R_INTEGRITY_CONSTRAINT_VIOLATION

pg_noreturn extern void refuse_null(const char *argument);
pg_noreturn extern void refuse_crypto(void);

/*
 * While a value is in hand, errors carry no context: callers' context callbacks
 * print bound parameters ("unnamed portal with parameters") and the line that
 * COPY is at, to the log and to the client.  Undone by unhush(), or by the
 * error itself, whose catcher puts its own callbacks back.
 */
extern ErrorContextCallback *hush(void);
extern void unhush(ErrorContextCallback *callbacks);

/* A cancel, a timeout, a shutdown: what was done apart, and might have failed alone, ends with all the rest. */
extern bool error_ends_everything(const ErrorData *error);

#endif
