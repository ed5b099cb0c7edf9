/*
 * rotation/sessions.h: what happens to the sessions of a role that got another
 * password.  A password counts when one logs in; who is in stays in.
 */
#ifndef SECRETS_ROTATION_SESSIONS_H
#define SECRETS_ROTATION_SESSIONS_H

#include "datatype/timestamp.h"

#define SESSIONS_KEEP		(-1)
#define SESSIONS_AT_ONCE	0

/* "keep", "terminate", "terminate_after 10 minutes": after how many microseconds; 22023 for anything else. */
extern int64 sessions_read(const char *option);

/* Ends those that began before that time; how many. */
extern int	sessions_end(Oid role, TimestampTz began_before);

#endif
