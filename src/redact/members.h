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
 * Of a JSON object the strings, at whatever depth, that stand under a name like
 * password, token, key or uri; and the password of an address, in such a string or
 * where the value is one.  In what is not quite JSON strings are found by their quotes.
 */
extern void members_remember(Blotter *blotter, const char *value, size_t len);

#endif
