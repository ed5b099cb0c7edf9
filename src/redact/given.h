/*
 * redact/given.h: what a statement that brings a secret was given, remembered
 * before it has passed: for lines of statements within it, and of the commit.
 */
#ifndef SECRETS_REDACT_GIVEN_H
#define SECRETS_REDACT_GIVEN_H

#include "nodes/params.h"

/* What was bound to the statement of this text, but for names of secrets. */
extern void given_remember_params(const char *text, ParamListInfo params);

/* What was covered in the client's statement. */
extern void given_remember_literals(const char *text, const char *masked);

#endif
