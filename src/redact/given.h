/*
 * redact/given.h: what was bound to a statement that brings a secret, remembered
 * before it has passed: for lines of statements within it, and of the commit.
 *
 * Not so its literals: among them are names of roles and tables, which warnings are
 * about, and in a function that takes the value it is remembered anyhow.
 */
#ifndef SECRETS_REDACT_GIVEN_H
#define SECRETS_REDACT_GIVEN_H

#include "nodes/params.h"

/* What was bound to the statement of this text, but for names of secrets. */
extern void given_remember_params(const char *text, ParamListInfo params);

#endif
