/*
 * redact/members.h: passwords inside a value.
 *
 * Plain C, because the value is anybody's.  It allocates nothing.
 */
#ifndef SECRETS_REDACT_MEMBERS_H
#define SECRETS_REDACT_MEMBERS_H

#include "redact/blot.h"

#define MEMBERS_MOST_TEXT	(64 * 1024)	/* bytes that are looked at */

/*
 * Where the value is a JSON object: its strings, at whatever depth, that stand under a name like
 * password, token, key, uri are remembered too.  Who writes less than JSON, or
 * more, gets what can be found by its quotes.
 */
extern void members_remember(Blotter *blotter, const char *value, size_t len);

#endif
