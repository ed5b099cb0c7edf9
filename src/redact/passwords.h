/*
 * redact/passwords.h: PASSWORD '...' of roles and user mappings, and connection
 * strings that have a password.  Plain C.
 */
#ifndef SECRETS_REDACT_PASSWORDS_H
#define SECRETS_REDACT_PASSWORDS_H

#include "redact/cover.h"

extern void passwords_cover(Cover *cover);
extern bool passwords_are_in(const char *text, size_t len);

#endif
