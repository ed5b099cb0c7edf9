/*
 * redact/line.h: a line for the server's log, before it is written anywhere.
 */
#ifndef SECRETS_REDACT_LINE_H
#define SECRETS_REDACT_LINE_H

extern void line_init(void);

/*
 * A function of ours that takes a value, or a view of ours: a printed plan that has
 * it is not shown, for the value in it is neither a literal nor text.
 */
extern void line_watch_object(Oid object);

#endif
